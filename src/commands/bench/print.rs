//! **Job:** writes a report for people and for programs.
//! **Owns:** the columns and the order of the parts.
//! **Never:** computes a figure.

use std::io::{self, Write};

use serde_json::Value;

use super::audit::{Finding, Verdict};
use super::compare;
use super::report::{Report, ServerFacts};

impl Report {
    /// The report as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = serde_json::json!(self);
        value["clean"] = self.is_clean().into();
        if let Some(old) = &self.old {
            value["compared"] = compare::to_json(old, self);
        }
        value
    }

    /// Writes it for people.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", asked_line(&self.asked))?;
        if let Some(server) = &self.server {
            writeln!(out, "{}", server.line())?;
        }
        self.print_outcomes(out)?;
        self.print_figures(out)?;
        self.print_audit(out)?;
        self.old.as_ref().map_or(Ok(()), |old| compare::print(old, self, out))
    }

    /// Writes the outcomes, one line each.
    pub(in crate::commands) fn print_outcomes(&self, out: &mut impl Write) -> io::Result<()> {
        let heads = ["p50", "p90", "p99", "p99.9", "max"].map(|head| format!("{head:>9}")).concat();
        writeln!(out, "\n{:<24}{:>6}{:>10}{:>10}{heads}", "outcome", "status", "count", "per s")?;
        for line in &self.outcomes {
            let status = if line.status == 0 { "-".to_owned() } else { line.status.to_string() };
            let latency = line.latency_us.columns();
            writeln!(out, "{:<24}{status:>6}{:>10}{:>10.0}{latency}", line.name, line.count, line.per_s)?;
        }
        if self.asked_per_s.is_some() {
            writeln!(out, "{:<50}{}", "(late: from the intended start to sending)", self.late_us.columns())?;
        }
        Ok(())
    }

    fn print_figures(&self, out: &mut impl Write) -> io::Result<()> {
        let asked = self.asked_per_s.map_or_else(String::new, |asked| {
            format!(" of {asked:.0} asked ({:.1} %)", 100.0 * self.requests_per_s / asked)
        });
        writeln!(out, "\nrequests   {:.0}/s{asked}, {} in {:.1} s", self.requests_per_s, self.requests, self.window_s)?;
        writeln!(out, "goodput    {:.0} confirmed orders/s", self.goodput_per_s)?;
        let Self { unsent, retries, reconnects, follow_ups, .. } = self;
        let more = if *follow_ups > 0 { format!(", {follow_ups} requests of --mix") } else { String::new() };
        writeln!(out, "besides    {unsent} unsent, {retries} retries, {reconnects} reconnects{more}")?;
        write!(out, "CPU        generator {:.1} µs per request", self.generator_cpu_us_per_request)?;
        if let Some(cpu_us) = self.server_cpu_us_per_request {
            write!(out, ", server {cpu_us:.1} µs per request")?;
        }
        if let Some(cpu_us) = self.server_cpu_us_per_order {
            write!(out, ", {cpu_us:.1} µs per confirmed order")?;
        }
        writeln!(out)
    }

    /// Writes the audit, one line a promise.
    pub(in crate::commands) fn print_audit(&self, out: &mut impl Write) -> io::Result<()> {
        if self.audit.is_empty() {
            return Ok(());
        }
        writeln!(out, "\naudit")?;
        for Finding { name, verdict, detail } in &self.audit {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Violated => "VIOLATED",
                Verdict::Skipped => "skipped",
            };
            writeln!(out, "{verdict:<10} {name:<11} {detail}")?;
        }
        writeln!(out, "{}", if self.is_clean() { "clean" } else { "VIOLATED" })
    }
}

impl ServerFacts {
    fn line(&self) -> String {
        let unknown = || "unknown".to_owned();
        let place =
            if self.shares_cores { "on this machine: generator and server share its cores" } else { "elsewhere" };
        format!(
            "server {}, durability {}, workers {}, {place}",
            self.version.clone().unwrap_or_else(unknown),
            self.durability.clone().unwrap_or_else(unknown),
            self.workers.map_or_else(unknown, |workers| workers.to_string())
        )
    }
}

/// `loop closed, connections 64, …`
fn asked_line(asked: &Value) -> String {
    let parts = asked.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let parts: Vec<_> = parts.map(|(name, value)| format!("{name} {}", value.to_string().replace('"', ""))).collect();
    parts.join(", ")
}
