//! **Job:** measures what the ledger makes of this disk, and proposes the settings that follow from it.
//! **Owns:** the plan: which batches, how durable, how long; and why a calibration may fail.
//! **Never:** touches the data file of a sale, or leaves a file behind: Ctrl-C ends it the same way as its end.
//!
//! | file | does |
//! |---|---|
//! | `trial` | one cell: the ledger itself, on a file of its own; and the probe of the disk |
//! | `scratch` | the folder of such a file, removed on every way out |
//! | `machine` | where all this was measured |
//! | `proposal` | the settings, a pure function of the figures |
//! | `report` | the figures as text and JSON |

mod machine;
pub(super) mod options;
mod proposal;
mod report;
mod scratch;
mod trial;

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorbuster_actors::ledger::{CommitError, Durability, LedgerError};
use indicatif::ProgressBar;
use tokio::signal::unix::{SignalKind, signal};

use super::Cli;
use super::failure::Failure;
use crate::config;
use options::Calibrate;
pub use report::{Format, Report};
use std::process::ExitCode;
pub(super) use trial::{Latency, Probe};

/// Measures the directory that the options name, or that of the data file.
pub(super) fn run(cli: &Cli, options: &Calibrate) -> Result<ExitCode, Failure> {
    let data_file = config::load(cli.sources())?.config.storage.path;
    let beside = data_file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = options.dir.as_deref().unwrap_or(beside);
    let report = actix_web::rt::System::new().block_on(calibrate(folder, options.seconds))?;
    let format = if options.json { Format::Json } else { Format::Text };
    report.print(format, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

/// Rows of one commit. From a single order to more than the largest batch that is worth having.
const BATCHES: [u32; 6] = [1, 16, 64, 256, 1_024, 4_096];

const DURABILITIES: [Durability; 2] = [Durability::Full, Durability::Normal];

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The file system says no.
    #[error("cannot write in {folder}: {source}")]
    Folder {
        /// Path of the directory.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The ledger cannot be opened there.
    #[error("cannot write in {folder}: {source}")]
    Ledger {
        /// Path of the directory.
        folder: PathBuf,
        /// What is wrong with it.
        source: LedgerError,
    },
    /// The ledger cannot be written there: the disk is full, or fails.
    #[error("cannot write in {folder}: {source}")]
    Commit {
        /// Path of the directory.
        folder: PathBuf,
        /// What the ledger says.
        source: CommitError,
    },
    /// Somebody had enough.
    #[error("interrupted: nothing was measured to its end, and nothing is left behind")]
    Interrupted,
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(std::io::Error),
}

/// Measures the disk under `folder`: first the disk alone, then the ledger on it, each cell for `per_cell`. Must run in
/// a runtime; SIGINT, SIGTERM and SIGHUP end it between two commits.
pub async fn calibrate(folder: &Path, per_cell: Duration) -> Result<Report, CalibrateError> {
    unless_interrupted(measure(folder, per_cell)).await
}

/// How long a write and its sync take on the disk under `folder`, of as many and as large ones as `probe` says. Must
/// run in a runtime; the same signals end it.
pub(super) async fn sync_times(folder: &Path, probe: Probe) -> Result<Latency, CalibrateError> {
    unless_interrupted(trial::probe(folder, probe)).await
}

async fn unless_interrupted<T>(work: impl Future<Output = Result<T, CalibrateError>>) -> Result<T, CalibrateError> {
    let listen = |kind| signal(kind).map_err(CalibrateError::Signals);
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::select! {
        biased;
        _ = interrupt.recv() => Err(CalibrateError::Interrupted),
        _ = terminate.recv() => Err(CalibrateError::Interrupted),
        _ = hangup.recv() => Err(CalibrateError::Interrupted),
        done = work => done,
    }
}

async fn measure(folder: &Path, per_cell: Duration) -> Result<Report, CalibrateError> {
    // Draws nothing where standard error is no terminal.
    let progress = ProgressBar::new(1 + (BATCHES.len() * DURABILITIES.len()) as u64);
    let sync = trial::probe(folder, Probe::of_calibration(per_cell)).await?;
    let mut cells = Vec::new();
    for durability in DURABILITIES {
        for batch in BATCHES {
            progress.inc(1);
            cells.push(trial::cell(folder, durability, batch, per_cell).await?);
        }
    }
    progress.finish_and_clear();
    let proposal = proposal::propose(&cells, sync.p50);
    Ok(Report { machine: machine::look(folder), sync, cells, proposal })
}

impl From<CalibrateError> for Failure {
    fn from(error: CalibrateError) -> Self {
        match error {
            CalibrateError::Folder { .. } | CalibrateError::Ledger { .. } | CalibrateError::Commit { .. } => {
                Self::storage(error)
            }
            CalibrateError::Interrupted | CalibrateError::Signals(_) => Self::new(error),
        }
    }
}
