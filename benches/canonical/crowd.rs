//! **Job:** drives a server with `doorbuster bench --json`, the same generator for every HTTP target.
//! **Owns:** what is read of its report, and what a run must look like to count.
//! **Never:** counts a run that was told something else than it was meant to measure.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::shop;

/// Distinct buyers of a run: none comes again within the throttle's window.
pub(crate) const USERS: u32 = 200_000;

/// Before the figures begin.
const WARM_UP: Duration = Duration::from_millis(500);

/// A run of the generator.
pub(crate) struct Crowd(Vec<String>);

impl Crowd {
    /// On a server, for so long.
    pub(crate) fn at(url: &str, duration: Duration) -> Self {
        Self::after(url, WARM_UP, duration)
    }

    /// The same after a warm-up of its own.
    pub(crate) fn after(url: &str, warm_up: Duration, duration: Duration) -> Self {
        let seconds = format!("{}ms", (duration + warm_up).as_millis());
        let warm_up = format!("{}ms", warm_up.as_millis());
        let words = ["bench", "--json", "--url", url, "--duration", &seconds, "--warmup", &warm_up, "--zipf", "0"];
        let words = words.into_iter().chain(shop::secrets()).map(str::to_owned);
        Self(words.collect())
    }

    /// With one more option.
    #[expect(clippy::needless_pass_by_value, reason = "a number reads better than a reference to it")]
    pub(crate) fn with(mut self, option: &str, value: impl ToString) -> Self {
        self.0.extend([option.to_owned(), value.to_string()]);
        self
    }

    /// Waits for its end.
    pub(crate) fn run(self) -> anyhow::Result<Run> {
        self.start()?.end()
    }

    /// Lets it run.
    pub(crate) fn start(self) -> anyhow::Result<Running> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
        command.args(self.0).env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Running(command.spawn()?))
    }
}

/// A run that goes on.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn is_over(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    pub(crate) fn end(self) -> anyhow::Result<Run> {
        let output = self.0.wait_with_output()?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Run(serde_json::from_slice(&output.stdout).with_context(said)?))
    }
}

/// The report of a run.
pub(crate) struct Run(Value);

impl Run {
    /// Itself, if the audit found nothing.
    pub(crate) fn clean(self) -> anyhow::Result<Self> {
        ensure!(self.0["clean"] == true, "the audit of the run found: {}", self.0["audit"]);
        Ok(self)
    }

    /// Itself, if this is all that was answered, but for one in a thousand.
    pub(crate) fn told(self, outcome: &str) -> anyhow::Result<Self> {
        let all = self.number(&self.0["requests"])?;
        let meant = self.number(&self.outcome(outcome)?["total"])?;
        ensure!(meant >= 0.999 * all, "of {all} answers only {meant} were {outcome}: {}", self.names());
        Ok(self)
    }

    fn names(&self) -> String {
        let outcomes = self.0["outcomes"].as_array().into_iter().flatten();
        let outcomes: Vec<_> = outcomes.map(|line| format!("{} {}", line["name"], line["total"])).collect();
        outcomes.join(", ")
    }

    fn outcome(&self, name: &str) -> anyhow::Result<&Value> {
        let mut outcomes = self.0["outcomes"].as_array().into_iter().flatten();
        outcomes.find(|line| line["name"] == name).with_context(|| format!("nobody was told {name}: {}", self.names()))
    }

    fn number(&self, value: &Value) -> anyhow::Result<f64> {
        value.as_f64().with_context(|| format!("the generator's report lacks a number; it has {}", self.names()))
    }

    /// A figure of the report.
    pub(crate) fn figure(&self, name: &str) -> anyhow::Result<f64> {
        self.number(&self.0[name]).with_context(|| name.to_owned())
    }

    /// A percentile of those who were told this, in milliseconds.
    pub(crate) fn latency_ms(&self, outcome: &str, percentile: &str) -> anyhow::Result<f64> {
        Ok(self.number(&self.outcome(outcome)?["latency_us"][percentile])? / 1e3)
    }
}
