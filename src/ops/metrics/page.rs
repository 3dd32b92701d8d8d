//! **Job:** writes one metric after the other in the format of OpenMetrics.
//! **Owns:** how a kind of metric is encoded.
//! **Never:** knows what is measured.

use std::fmt::{Display, Error};

use doorbuster_actors::observe::Distribution;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::http::answer_times::{BOUNDS_US, Times};

/// The labels of one time series.
pub(super) type Labels = Vec<(&'static str, String)>;

const MICROS_PER_SECOND: f64 = 1e6;

/// One label.
pub(super) fn label(name: &'static str, value: impl Display) -> Labels {
    vec![(name, value.to_string())]
}

/// A page of metrics.
pub(super) struct Page<'e> {
    encoder: DescriptorEncoder<'e>,
}

#[expect(clippy::needless_pass_by_value, reason = "values are numbers, and read better as such where they are given")]
impl<'e> Page<'e> {
    pub(super) fn on(encoder: DescriptorEncoder<'e>) -> Self {
        Self { encoder }
    }

    fn describe(&mut self, name: &'static str, help: &str, kind: MetricType) -> Result<MetricEncoder<'_>, Error> {
        self.encoder.encode_descriptor(name, help, None, kind)
    }

    /// A counter without labels; `_total` is added to its name.
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &str,
        value: impl EncodeCounterValue,
    ) -> Result<(), Error> {
        self.describe(name, help, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// A counter for each set of labels.
    pub(super) fn counters<V: EncodeCounterValue>(
        &mut self,
        name: &'static str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, V)>,
    ) -> Result<(), Error> {
        let mut metric = self.describe(name, help, MetricType::Counter)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str, value: impl EncodeGaugeValue) -> Result<(), Error> {
        self.describe(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// A gauge for each set of labels.
    pub(super) fn gauges<V: EncodeGaugeValue>(
        &mut self,
        name: &'static str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, V)>,
    ) -> Result<(), Error> {
        let mut metric = self.describe(name, help, MetricType::Gauge)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// A histogram of numbers.
    pub(super) fn sizes(
        &mut self,
        name: &'static str,
        help: &str,
        of: &Distribution,
        bounds: &[u64],
    ) -> Result<(), Error> {
        self.histogram(name, help, of, bounds, 1.0)
    }

    /// A histogram of times; the distribution has microseconds, the metric seconds.
    pub(super) fn times(
        &mut self,
        name: &'static str,
        help: &str,
        of: &Distribution,
        bounds_us: &[u64],
    ) -> Result<(), Error> {
        self.histogram(name, help, of, bounds_us, MICROS_PER_SECOND)
    }

    /// A histogram of times for each set of labels.
    #[expect(clippy::cast_precision_loss, reason = "sums of microseconds are exact up to 2^53, which are 285 years")]
    pub(super) fn answer_times<'t>(
        &mut self,
        name: &'static str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, &'t Times)>,
    ) -> Result<(), Error> {
        let bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / MICROS_PER_SECOND).chain([f64::INFINITY]);
        let mut metric = self.describe(name, help, MetricType::Histogram)?;
        for (labels, times) in values {
            let buckets: Vec<_> = bounds.clone().zip(times.buckets).collect();
            let mut of_labels = metric.encode_family(&labels)?;
            of_labels.encode_histogram::<NoLabelSet>(
                times.sum_us as f64 / MICROS_PER_SECOND,
                times.count(),
                &buckets,
                None,
            )?;
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "sums of microseconds are exact up to 2^53, which are 285 years")]
    fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        of: &Distribution,
        bounds: &[u64],
        unit: f64,
    ) -> Result<(), Error> {
        let (count, sum) = of.count_and_sum();
        let mut below = 0;
        let mut bucket = |bound: f64, upto: u64| {
            let more = upto - below;
            below = upto;
            (bound, more)
        };
        let mut buckets: Vec<_> =
            bounds.iter().map(|bound| bucket(*bound as f64 / unit, of.count_up_to(*bound))).collect();
        buckets.push(bucket(f64::INFINITY, count));
        let mut metric = self.describe(name, help, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sum as f64 / unit, count, &buckets, None)
    }
}
