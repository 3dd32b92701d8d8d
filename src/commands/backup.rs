//! **Job:** copies a data file, a server running on it or not, and audits the copy before it gets its name.
//! **Owns:** the copying, step by step.
//! **Never:** writes over a file, makes the writer of the ledger wait, or keeps a copy of a ledger that is not whole.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{self, StepResult};

use super::Cli;
use super::DataFileError;
use super::arguments::{Assignments, DataFile as DataFileOption};
use super::data_file::DataFile;
use super::draft::{Draft, DraftError};
use super::failure::{EXIT_VIOLATED, Failure};
use super::verify::{self, Report};
use crate::config;
use clap::Args;
use std::process::ExitCode;

/// `doorbuster backup`.
#[derive(Args)]
pub struct Backup {
    /// The copy; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFileOption,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl Backup {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

/// Copies the data file of the configuration, and audits the copy.
pub(super) fn run(cli: &Cli, options: &Backup) -> Result<ExitCode, Failure> {
    let report = copy(&config::load(cli.sources())?.config.storage.path, &options.to)?;
    let mut out = std::io::stdout().lock();
    report.print(false, &mut out)?;
    if report.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "the ledger is not whole: no copy is kept. `doorbuster salvage` rebuilds what can be proven")?;
    Ok(ExitCode::from(EXIT_VIOLATED))
}

/// Pages of one step: 4 MiB, which any disk has written in a moment. After each the disk is waited for, so that a
/// commit of the server finds no mountain of unwritten pages in its way.
const STEP_PAGES: i32 = 1_024;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data file.
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    /// The copy's place.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The file system says no.
    #[error("cannot write {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another program keeps everybody from reading.
    #[error("the data file is locked")]
    Locked,
    /// SQLite says no.
    #[error("cannot write the copy: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Copies the data file at `from` to `to`, which must not exist. The copy is one consistent view of the ledger: all
/// that was committed when it began. It is durable, one file, and only its owner may read it. It is audited against
/// what the source's mark says was acknowledged; if anything is wrong with it, there is no copy, and the report says
/// why.
pub fn copy(from: &Path, to: &Path) -> Result<Report, BackupError> {
    let draft = Draft::create(to)?;
    let source = DataFile::open(from)?;
    copy_pages(&source, &draft.path())?;
    let copied = DataFile::open(&draft.path())?.judged_as_copy_of(&source);
    let report = verify::audit_file(&copied)?;
    source.expect_unchanged()?;
    if report.is_clean() {
        draft.publish()?;
    }
    Ok(report)
}

fn copy_pages(source: &DataFile, path: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: path.to_owned(), source };
    // Open until SQLite has closed its own: closing it earlier would let go of SQLite's locks.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut copy = Connection::open(path)?;
    // Nobody needs half a copy, and what must be on disk is synced here.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    // A view that is held does not hold up the writer. Without it, every commit would make the copy begin anew.
    let backup = backup::Backup::new(&source.connection, &mut copy)?;
    let mut step = backup.step(STEP_PAGES)?;
    while step == StepResult::More {
        file.sync_data().map_err(failed)?;
        step = backup.step(STEP_PAGES)?;
    }
    if step != StepResult::Done {
        return Err(BackupError::Locked);
    }
    drop(backup);
    drop(copy);
    make_single(path)?;
    File::sync_data(&file).map_err(failed)
}

/// The original's mode would ask for files beside the copy; one file is easier to carry, and no log belongs to it. A
/// server sets both again.
fn make_single(path: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open(path)?;
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_mode| Ok(()))?;
    if copy.table_exists(None, "session")? {
        copy.execute("UPDATE session SET is_open = 0", [])?;
    }
    Ok(())
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        Self::storage(error)
    }
}
