//! **Job:** sets a run beside an earlier one.
//! **Owns:** which way a figure is better, and what counts as the same.
//! **Never:** calls runs comparable that were asked for different things: it says what differs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::report::Report;
use super::workload::as_f64;

/// Ratios this close to 1 are noise on a machine that does anything else.
const NOISE: f64 = 0.10;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Better {
    More,
    Less,
}

/// A figure of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Figure {
    name: String,
    old: f64,
    new: f64,
    better: Better,
}

impl Figure {
    fn verdict(&self) -> &'static str {
        let ratio = self.new / self.old;
        let is_more = ratio > 1.0;
        match self.better {
            _ if !ratio.is_finite() => "",
            _ if (ratio - 1.0).abs() <= NOISE => "same",
            Better::More if is_more => "better",
            Better::Less if !is_more => "better",
            Better::More | Better::Less => "WORSE",
        }
    }
}

/// Writes the comparison.
pub(super) fn print(old: &Report, new: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{:<38}{:>12}{:>12}{:>8}", "compared", "old", "new", "ratio")?;
    for figure in figures(old, new) {
        let Figure { name, old, new, .. } = &figure;
        writeln!(out, "{name:<38}{old:>12.1}{new:>12.1}{:>8.2}  {}", new / old, figure.verdict())?;
    }
    for difference in differences(old, new) {
        writeln!(out, "not the same: {difference}")?;
    }
    Ok(())
}

/// The same for programs.
pub(super) fn to_json(old: &Report, new: &Report) -> Value {
    json!({ "figures": figures(old, new), "differences": differences(old, new) })
}

fn figures(old: &Report, new: &Report) -> Vec<Figure> {
    let figure = |name: &str, better, old, new| Figure { name: name.to_owned(), old, new, better };
    let mut figures = vec![
        figure("requests per s", Better::More, old.requests_per_s, new.requests_per_s),
        figure("confirmed orders per s", Better::More, old.goodput_per_s, new.goodput_per_s),
        figure(
            "generator CPU per request, µs",
            Better::Less,
            old.generator_cpu_us_per_request,
            new.generator_cpu_us_per_request,
        ),
    ];
    let cpu = |report: &Report| report.server_cpu_us_per_request;
    if let (Some(old), Some(new)) = (cpu(old), cpu(new)) {
        figures.push(figure("server CPU per request, µs", Better::Less, old, new));
    }
    for line in &new.outcomes {
        let Some(before) = old.outcomes.iter().find(|before| before.name == line.name) else { continue };
        let (old, new) = (&before.latency_us, &line.latency_us);
        for (pick, old, new) in [("p50", old.p50, new.p50), ("p99", old.p99, new.p99)] {
            figures.push(figure(&format!("{} {pick}, µs", line.name), Better::Less, as_f64(old), as_f64(new)));
        }
    }
    figures
}

fn differences(old: &Report, new: &Report) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (asked, before) = (new.asked.as_object().unwrap_or(&empty), old.asked.as_object().unwrap_or(&empty));
    let names: std::collections::BTreeSet<_> = asked.keys().chain(before.keys()).collect();
    let null = serde_json::Value::Null;
    let pairs =
        names.into_iter().map(|name| (name, before.get(name).unwrap_or(&null), asked.get(name).unwrap_or(&null)));
    let mut differences: Vec<_> = pairs
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| format!("{name} was {old}, is {new}"))
        .collect();
    let server = |report: &Report| report.server.as_ref().map(|server| serde_json::json!(server));
    let (before, now) = (server(old).unwrap_or_default(), server(new).unwrap_or_default());
    for name in ["durability", "workers", "shares_cores", "version"] {
        if before[name] != now[name] {
            differences.push(format!("{name} of the server was {}, is {}", before[name], now[name]));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::report::{Circumstances, ServerFacts};
    use super::super::tally::{Label, Phase, Tally};
    use super::*;

    fn report(latency_us: u64, durability: &str, rate: u64) -> Report {
        let mut tally = Tally::new();
        for _ in 0..100 {
            let label = Label { name: "confirmed".into(), status: 201 };
            tally.count(label, Duration::from_micros(latency_us), Phase::Measured);
        }
        tally.ended = Duration::from_secs(1);
        let server = ServerFacts {
            version: None,
            durability: Some(durability.to_owned()),
            workers: Some(2),
            shares_cores: true,
        };
        let circumstances = Circumstances {
            asked: serde_json::json!({ "rate": rate }),
            run: "r".to_owned(),
            server: Some(server),
            from: Duration::ZERO,
            asked_per_s: None,
            server_cpu_s: None,
        };
        Report::of(&tally, circumstances)
    }

    #[test]
    fn a_slower_run_is_called_worse_and_what_differs_is_pointed_out() {
        let (old, new) = (report(1_000, "full", 5), report(2_000, "normal", 6));
        let slower =
            figures(&old, &new).into_iter().find(|figure| figure.name == "confirmed p99, µs").expect("compared");
        assert_eq!(slower.verdict(), "WORSE");
        let faster =
            figures(&new, &old).into_iter().find(|figure| figure.name == "confirmed p99, µs").expect("compared");
        assert_eq!(faster.verdict(), "better");
        assert!(figures(&old, &old).iter().all(|figure| ["same", ""].contains(&figure.verdict())));
        let expected = ["rate was 5, is 6", "durability of the server was \"full\", is \"normal\""];
        assert_eq!(differences(&old, &new), expected);
        assert!(differences(&old, &old).is_empty());
    }

    #[test]
    fn a_report_is_read_back_from_its_json() {
        let report = report(1_000, "full", 5);
        let read: Report = serde_json::from_value(report.to_json()).expect("a report");
        assert_eq!(read.to_json(), report.to_json());
    }
}
