//! **Job:** which records somebody wants.
//! **Owns:** the columns of both subjects, and how a period is written.
//! **Never:** reads a record.

use std::str::FromStr;
use std::time::Duration;

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::payment::Verdict;
use doorbuster_actors::time::Timestamp;

/// Of what there are records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Orders.
    Orders {
        /// Only those in one of these statuses; none: all.
        statuses: Vec<Status>,
    },
    /// Payments.
    Payments {
        /// Only those with one of these verdicts; none: all.
        verdicts: Vec<Verdict>,
    },
}

impl Subject {
    /// The names of the columns, in their order. Later ones may come behind them.
    #[must_use]
    pub fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Orders { .. } => &[
                "order_id",
                "item_id",
                "user_id",
                "quantity",
                "unit_price",
                "total_price",
                "currency",
                "status",
                "created_at",
                "pay_by",
                "title",
                "unit_price_decimal",
                "total_price_decimal",
            ],
            Self::Payments { .. } => &[
                "payment_id",
                "order_id",
                "item_id",
                "user_id",
                "provider",
                "event_id",
                "payment_reference",
                "order_reference",
                "verdict",
                "amount",
                "currency",
                "owed",
                "at",
                "amount_decimal",
                "owed_decimal",
            ],
        }
    }

    /// What a file of them is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Orders { .. } => "orders",
            Self::Payments { .. } => "payments",
        }
    }
}

/// Which records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Of what.
    pub subject: Subject,
    /// Only those of one of these items; none: all.
    pub items: Vec<ItemId>,
    /// Only those of this time.
    pub period: Period,
}

impl Choice {
    /// Whether records of that item are wanted; of none, if there is none.
    pub(super) fn wants_item(&self, item: Option<&str>) -> bool {
        self.items.is_empty() || self.items.iter().any(|wanted| Some(wanted.as_str()) == item)
    }
}

/// A time with a beginning and an end: `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// The first moment; none: the first there is.
    pub from: Option<Timestamp>,
    /// The first moment after; none: there is no end.
    pub to: Option<Timestamp>,
}

impl Period {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// A moment, or a whole day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodEnd {
    first: Timestamp,
    /// The first moment after it, if it is a day.
    after: Timestamp,
}

impl PeriodEnd {
    /// Where a period begins that is said to begin with it.
    #[must_use]
    pub fn as_from(self) -> Timestamp {
        self.first
    }

    /// Where a period ends that is said to go up to it: a day belongs to it, a moment does not.
    #[must_use]
    pub fn as_to(self) -> Timestamp {
        self.after
    }
}

/// The text is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of RFC 3339 with an offset (2030-01-01T12:00:00+08:00), or a day in UTC (2030-01-01)")]
pub struct InvalidPeriodEnd;

impl FromStr for PeriodEnd {
    type Err = InvalidPeriodEnd;

    fn from_str(text: &str) -> Result<Self, InvalidPeriodEnd> {
        const DAY: Duration = Duration::from_hours(24);
        if let Ok(moment) = text.parse() {
            return Ok(Self { first: moment, after: moment });
        }
        let is_day = text.len() == "2030-01-01".len() && !text.contains(['t', 'T', ' ']);
        let first: Timestamp = format!("{text}T00:00:00Z").parse().map_err(|_| InvalidPeriodEnd)?;
        if is_day { Ok(Self { first, after: first.plus(DAY) }) } else { Err(InvalidPeriodEnd) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> Period {
        let end = |text: &str| text.parse::<PeriodEnd>().expect("valid");
        Period { from: Some(end(from).as_from()), to: Some(end(to).as_to()) }
    }

    #[test]
    fn a_day_belongs_to_the_period_and_the_moment_of_its_end_does_not() {
        let moment = |text: &str| text.parse::<Timestamp>().expect("a time");
        let day = period("2030-01-01", "2030-01-01");
        assert!(day.contains(moment("2030-01-01T00:00:00Z")) && day.contains(moment("2030-01-01T23:59:59.999Z")));
        assert!(!day.contains(moment("2030-01-02T00:00:00Z")) && !day.contains(moment("2029-12-31T23:59:59.999Z")));
        let hour = period("2030-01-01T08:00:00+08:00", "2030-01-01T01:00:00Z");
        assert!(hour.contains(moment("2030-01-01T00:00:00Z")) && !hour.contains(moment("2030-01-01T01:00:00Z")));
        for bad in ["", "today", "2030-01-01T12:00:00", "2030-13-01", "2030-1-1", "2030-01-01Z", "20300101", "2h"] {
            assert_eq!(bad.parse::<PeriodEnd>(), Err(InvalidPeriodEnd), "{bad:?}");
        }
    }
}
