//! **Job:** rebuilds what can be proven of a damaged ledger from the bytes of its data file, its log and its mark.
//! **Owns:** the difference between certain, missing and doubtful.
//! **Never:** writes to the old files, or lets SQLite open them: it would copy, cut or delete the log.
//!
//! Every image of every page is looked at: those of the data file, and those of all frames of the log, also behind a
//! damaged one. A row is proven if its checksum is the one that its content leads to, seeded with the proven checksum
//! of the row before it; so a row is found wherever an intact image of it is left.

mod chain;
mod doubtful;
mod evidence;
mod mark;
mod page;
mod reader;
mod rebuild;
mod record;
mod repair;
mod wal;

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::format;
use super::{CommitError, LedgerError, Row};
use crate::data_file::beside;
use chain::{Chain, Source};
use doubtful::Doubtful;
use evidence::Evidence;
use mark::Mark;
use reader::Reader;

pub use mark::Acknowledged;

/// Why nothing is rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// The file system says no.
    #[error("cannot use {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("{0} is not a file")]
    NotAFile(PathBuf),
    /// It changes while it is read.
    #[error("{0} is in use by a server: stop it first (`doorbuster backup` copies the file of a running server)")]
    InUse(PathBuf),
    /// No entry.
    #[error("nothing can be rebuilt from {path}: {reason}")]
    Nothing {
        /// The data file.
        path: PathBuf,
        /// What was found instead.
        reason: &'static str,
    },
    /// The new ledger.
    #[error("the new ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// The new ledger cannot be written.
    #[error("the new ledger: {0}")]
    Commit(#[from] CommitError),
    /// The new ledger cannot be written.
    #[error("the new ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What was written is not what was to be written.
    #[error("the new ledger has {written} entries and should have {proven}: the disk does not keep what it is given")]
    Different {
        /// Entries to write.
        proven: u64,
        /// Entries there.
        written: u64,
    },
}

/// What was found out about the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogState {
    /// Whether there is a log with anything in it.
    pub is_there: bool,
    /// Whether its header is as it was written.
    pub has_intact_header: bool,
    /// Frames that were written since it was begun anew.
    pub frames: usize,
    /// Frames up to the last one that ends a transaction.
    pub committed: usize,
    /// Numbers of the damaged ones, from 1.
    pub damaged: Vec<usize>,
}

/// What was found out.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Entries that are proven, from 1 on.
    pub proven: u64,
    /// Those of them in which a flipped bit was put right.
    pub repaired: Vec<u64>,
    /// What the mark says, put right if one bit of it was flipped.
    pub acknowledged: Acknowledged,
    /// Whether a flipped bit of the mark was put right.
    pub mark_was_repaired: bool,
    /// Whether another entry was acknowledged under a number than the one that is proven.
    pub mark_disagrees: bool,
    /// Numbers of entries of which nothing was found.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Number of entries that may be what was written, and their first and last.
    pub doubtful: Option<(u64, RangeInclusive<u64>)>,
    /// The log.
    pub log: LogState,
    /// Whether there is a data file with anything in it.
    pub has_data_file: bool,
    /// Pages that the disk did not give.
    pub unread_pages: u64,
    /// The schema the data file says it has, if this program does not know it.
    pub newer_schema: Option<i64>,
}

impl Findings {
    /// Whether everything that was acknowledged is proven.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_known = matches!(self.acknowledged, Acknowledged::UpTo(_));
        let is_whole = self.missing.is_empty() && self.doubtful.is_none();
        is_known && is_whole && !self.mark_disagrees && self.newer_schema.is_none()
    }
}

/// A ledger that was examined.
#[derive(Debug)]
pub struct Salvage {
    evidence: Evidence,
    chain: Chain,
    doubtful: Vec<Doubtful>,
    findings: Findings,
}

impl Salvage {
    /// Examines the data file at `path`, its log and its mark. None of them is changed.
    pub fn examine(path: &Path) -> Result<Self, SalvageError> {
        let path = format::real_path(path);
        let main = evidence::open(&path)?;
        let log = evidence::open(&beside(&path, "-wal"))?;
        let failed = |source| SalvageError::File { path: path.clone(), source };
        if format::is_open_elsewhere(&path).map_err(failed)? {
            return Err(SalvageError::InUse(path));
        }
        let mark = Mark::read(&beside(&path, ".mark"))?;
        let header = MainHeader::read(main.as_ref()).map_err(failed)?;
        let mut best: Option<(Evidence, Chain)> = None;
        for page_size in page_sizes(header.as_ref(), log.as_ref()).map_err(failed)? {
            let evidence = reader::gather(main.as_ref(), log.as_ref(), page_size).map_err(failed)?;
            let chain = Chain::find(&evidence, &mark);
            let found = |evidence: &Evidence, chain: &Chain| (chain.rows.len(), evidence.candidates.len());
            if best.as_ref().is_none_or(|(old, its)| found(&evidence, &chain) > found(old, its)) {
                best = Some((evidence, chain));
            }
        }
        let (evidence, chain) = best.expect("there is a usual page size");
        if evidence.candidates.is_empty() && chain.rows.is_empty() {
            return Err(SalvageError::Nothing { path, reason: nothing(main.as_ref(), log.as_ref(), header.as_ref()) });
        }
        Ok(Self::judge(evidence, chain, &mark, header.is_some()))
    }

    fn judge(evidence: Evidence, chain: Chain, mark: &Mark, has_data_file: bool) -> Self {
        let proven = chain.rows.len() as u64;
        let acknowledged = chain.acknowledged.map_or(mark.says, Acknowledged::UpTo);
        let acknowledged_seq = match acknowledged {
            Acknowledged::UpTo(seq) => Some(seq),
            Acknowledged::Missing | Acknowledged::Unreadable => None,
        };
        let doubtful = doubtful::find(&evidence, &chain, acknowledged_seq);
        let numbers: Vec<_> = doubtful.iter().map(|row| row.candidate.seq).collect();
        let range = numbers.first().zip(numbers.last()).map(|(first, last)| *first..=*last);
        let newest = Reader::new(&evidence).newest_header().and_then(MainHeader::parse);
        let newer = newest.filter(|header| header.is_ledger() && header.user_version > format::known_version());
        let repaired = (1..).zip(&chain.rows).filter(|(_, source)| matches!(source, Source::Repaired(_)));
        let findings = Findings {
            proven,
            repaired: repaired.map(|(seq, _)| seq).collect(),
            acknowledged,
            mark_was_repaired: chain.mark_is_damaged,
            mark_disagrees: chain.acknowledged.is_none()
                && acknowledged_seq.is_some_and(|seq| (1..=proven).contains(&seq)),
            missing: gaps(proven, acknowledged_seq.unwrap_or(0), &numbers),
            doubtful: range.map(|range| (numbers.len() as u64, range)),
            log: evidence.log_state.clone(),
            has_data_file,
            unread_pages: evidence.unread,
            newer_schema: newer.map(|header| header.user_version),
        };
        Self { evidence, chain, doubtful, findings }
    }

    /// What was found out.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Gives the doubtful rows to `take`, by number, with whether its checksum follows from the doubtful row before it.
    pub fn each_doubtful<E>(&self, mut take: impl FnMut(&Row<'_>, bool) -> Result<(), E>) -> Result<(), E> {
        let mut reader = Reader::new(&self.evidence);
        for doubtful in &self.doubtful {
            let Some(record) = reader.record(&doubtful.candidate) else { continue };
            let seq = i64::try_from(doubtful.candidate.seq).unwrap_or(0);
            if let Some(row) = record::row(seq, &record) {
                take(&row, doubtful.is_checked)?;
            }
        }
        Ok(())
    }
}

/// The numbers behind `proven` up to the last one known that are not in `found`.
fn gaps(proven: u64, acknowledged: u64, found: &[u64]) -> Vec<RangeInclusive<u64>> {
    let last = found.last().copied().unwrap_or(0).max(acknowledged);
    let mut gaps = Vec::new();
    let mut next = proven + 1;
    for number in found.iter().copied().chain(last.checked_add(1)) {
        if next < number {
            gaps.push(next..=number - 1);
        }
        next = number + 1;
    }
    gaps
}

/// Bytes of the header of a data file: <https://www.sqlite.org/fileformat2.html#the_database_header>.
const HEADER: usize = 100;

/// What the first bytes of a data file say.
#[derive(Debug, Clone, Copy)]
struct MainHeader {
    is_database: bool,
    page_size: usize,
    user_version: i64,
    application_id: i64,
}

impl MainHeader {
    /// `None` if there is no data file, or nothing in it.
    fn read(main: Option<&File>) -> std::io::Result<Option<Self>> {
        let Some(main) = main else { return Ok(None) };
        let mut bytes = [0; HEADER];
        let length = evidence::fill(main, &mut bytes, 0)?;
        Ok(if length == 0 { None } else { Self::parse(bytes) })
    }

    fn parse(bytes: [u8; HEADER]) -> Option<Self> {
        let number = |at: usize| Some(i64::from(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
        // 1 stands for 65,536, which does not fit.
        let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 1 << 16,
            size => usize::from(size),
        };
        let is_database = bytes.starts_with(b"SQLite format 3\0");
        Some(Self { is_database, page_size, user_version: number(60)?, application_id: number(68)? })
    }

    fn is_ledger(&self) -> bool {
        self.is_database && self.application_id == format::APPLICATION_ID
    }
}

/// What SQLite takes if it is not told otherwise, and it never was.
const USUAL_PAGE_SIZE: usize = 4096;

/// The sizes that a page may have, as far as headers can be believed.
fn page_sizes(main: Option<&MainHeader>, log: Option<&File>) -> std::io::Result<Vec<usize>> {
    let mut header = [0; wal::HEADER];
    if let Some(log) = log {
        evidence::fill(log, &mut header, 0)?;
    }
    let log = wal::Header::read(&header).and_then(|header| usize::try_from(header.page_size).ok());
    let said = main.map(|header| header.page_size).into_iter().chain(log);
    let mut sizes = vec![USUAL_PAGE_SIZE];
    sizes.extend(said.filter(|size| (512..=1 << 16).contains(size) && size.is_power_of_two()));
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

fn nothing(main: Option<&File>, log: Option<&File>, header: Option<&MainHeader>) -> &'static str {
    match (main, header) {
        (None, _) if log.is_none() => "it is not there, and no -wal beside it",
        (None, _) => "it is not there, and in its -wal is no entry",
        (Some(_), None) => "it is empty, and in its -wal is no entry",
        (Some(_), Some(header)) if !header.is_database => "it is not a database, and no entry is in it or in its -wal",
        (Some(_), Some(header)) if !header.is_ledger() => "it is a database of something else",
        (Some(_), Some(_)) => "no entry is in it or in its -wal",
    }
}
