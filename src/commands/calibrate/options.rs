//! **Job:** the options of `doorbuster calibrate`.
//! **Owns:** their limits and their help.
//! **Never:** measures.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::commands::arguments::{Assignments, DataFile};

/// Longest measurement of one cell, in seconds. What a minute does not show, no calibration does.
const MAX_SECONDS: f64 = 60.0;

/// `doorbuster calibrate`.
#[derive(Args)]
pub struct Calibrate {
    /// The directory to measure; default: the one of the data file. It gets a temporary folder.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Seconds per measurement, of which there are thirteen; each also ends at 400,000 rows.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub seconds: Duration,
    /// The data file: only its directory is used.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl Calibrate {
    pub(in crate::commands) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= MAX_SECONDS);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("must be more than 0 and at most {MAX_SECONDS}"))
}
