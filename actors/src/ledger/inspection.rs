//! **Job:** reads a data file from the first byte to the last entry before anything about it is changed.
//! **Owns:** the order in which identity, schema, session, entries and index are looked at.
//! **Never:** writes.

use std::path::Path;

use super::fold::{self, Fold};
use super::mark::Reading;
use super::session::{self, Session};
use super::{LedgerError, schema};
use crate::data_file::{DataFile, LOG, beside, look};
use crate::entry::Entry;

/// Folds the ledger in `file`, if everything in it is as we wrote it.
pub(super) fn read(file: &DataFile, mark: &Reading, each: impl FnMut(&Entry)) -> Result<Fold, LedgerError> {
    let path = file.path();
    let (has_log, connection) = (file.has_log()?, file.look()?);
    let version = schema::check_identity(&connection, path)?;
    schema::check_objects(&connection, version)?;
    if version == 0 {
        // A file that holds nothing yet, or one of the first version without its log: the mark tells.
        return fold::complete(Fold::default(), mark.acknowledged());
    }
    schema::check_writable(&connection, path, version)?;
    let session = session::read(&connection, version)?;
    if !has_log && session.is_some_and(|session| session.is_open) {
        return Err(LedgerError::LogMissing { path: path.to_owned(), log: beside(path, LOG) });
    }
    let fold = fold::read(&connection, mark.acknowledged(), each)?;
    schema::check_index(&connection, &fold.definitions)?;
    if let Some(session) = session.filter(|_| has_log) {
        refuse_other_log(path, session, &fold)?;
    }
    tell(mark, &fold);
    Ok(fold)
}

/// A mark that knows nothing cannot tell whether something is missing.
fn tell(mark: &Reading, fold: &Fold) {
    let entries = fold.seq;
    match mark {
        Reading::Absent if entries > 0 => {
            tracing::warn!(entries, "there is no high-water mark: entries that were cut off would go unnoticed");
        }
        Reading::Unreadable => {
            tracing::warn!(entries, "the high-water mark is damaged: entries that were cut off would go unnoticed");
        }
        Reading::Absent | Reading::Known(_) => {}
    }
}

/// A log of another time or file, put beside this one, would take it to another state. In an open session the main
/// file says which log is the right one. After a clean end none has anything to add, but for two: a session that was
/// just about to begin has said so in the log alone; and a power cut while the log was copied for the last time may
/// leave any part of the copy, the end of the session among it. That log is this session's own and tells of the end
/// itself.
fn refuse_other_log(path: &Path, with_log: Session, fold: &Fold) -> Result<(), LedgerError> {
    // While a log is being copied the main file may make no sense by itself; then there is nothing to compare.
    let alone = look::main_file(path).map_err(LedgerError::Sqlite).and_then(|main| {
        let version = schema::check_identity(&main, path)?;
        Ok((session::read(&main, version)?, session::last_entry(&main)?))
    });
    let (Ok((Some(alone), last)), Some(salt)) = (alone, session::log_salt(path)) else { return Ok(()) };
    let is_right = if alone.is_open {
        alone.owns(salt)
    } else {
        let is_ending = !with_log.is_open && with_log.epoch == alone.epoch && alone.owns(salt);
        last == (fold.seq, fold.checksum) || with_log.epoch == alone.epoch + 1 || is_ending
    };
    if is_right { Ok(()) } else { Err(LedgerError::LogForeign { path: path.to_owned(), log: beside(path, LOG) }) }
}
