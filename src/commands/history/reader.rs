//! **Job:** reads a history, line by line.
//! **Owns:** what is wrong with one, in words, with the line.
//! **Never:** guesses: what is not exactly a history is refused.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::{Covers, Footer, Header, Operation, VERSION};
use crate::commands::Failure;

/// Longest line: identifiers have at most 255 bytes each, even if all are written as escapes.
const MAX_LINE: u64 = 64 * 1024;

/// A history cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct HistoryError {
    path: PathBuf,
    reason: String,
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::storage(error)
    }
}

/// Reads the history at `path`; `each` gets every operation with the number of its line.
///
/// # Errors
/// It cannot be read, or is not a history from its first line to its last.
pub fn read(path: &Path, mut each: impl FnMut(u64, &Operation<'_>)) -> Result<Covers, HistoryError> {
    let failed = |reason: String| HistoryError { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    read_lines(BufReader::with_capacity(1 << 20, file), &mut each).map_err(failed)
}

/// As [`read`], of what a file would hold.
pub(super) fn read_lines(mut lines: impl BufRead, each: &mut dyn FnMut(u64, &Operation<'_>)) -> Result<Covers, String> {
    let (mut line, mut number) = (Vec::new(), 1);
    next(&mut lines, &mut line, number)?;
    let covers = header(&line).map_err(|reason| format!("line 1 {reason}"))?;
    loop {
        number += 1;
        let at = |reason: String| format!("line {number} {reason}");
        if !next(&mut lines, &mut line, number)? {
            return Err(format!(
                "it ends after line {} without its last line, {{\"operations\":N}}: the recording was cut short",
                number - 1
            ));
        }
        if let Ok(Footer { operations }) = serde_json::from_slice(&line) {
            if operations != number - 2 {
                return Err(at(format!("says {operations} operations, but there are {}", number - 2)));
            }
            if next(&mut lines, &mut line, number + 1)? {
                return Err(format!("line {} stands behind the last one", number + 1));
            }
            return Ok(covers);
        }
        let operation: Operation<'_> =
            serde_json::from_slice(&line).map_err(|error| at(format!("is not an operation: {}", described(&error))))?;
        check(&operation).map_err(at)?;
        each(number, &operation);
    }
}

/// What serde says, with the column instead of its own count of lines.
fn described(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line 1 column ") {
        Some((reason, column)) => format!("{reason} (column {column})"),
        None => text,
    }
}

/// Reads a line without its end; `false`: there is none.
fn next(lines: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, String> {
    line.clear();
    let read = lines.take(MAX_LINE).read_until(b'\n', line).map_err(|error| error.to_string())?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) if read as u64 == MAX_LINE => Err(format!("line {number} has more than {MAX_LINE} bytes")),
        Some(_) => Err(format!("line {number} has no end: the recording was cut short")),
    }
}

fn header(line: &[u8]) -> Result<Covers, String> {
    let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    match value["doorbuster_history"].as_u64() {
        None => Err("is not the beginning of a history".to_owned()),
        Some(version) if version != u64::from(VERSION) => {
            Err(format!("says version {version}; this program reads version {VERSION}"))
        }
        Some(_) => {
            let header: Header = serde_json::from_slice(line)
                .map_err(|error| format!("is not the beginning of a history: {}", described(&error)))?;
            Ok(header.covers)
        }
    }
}

/// What the types leave open.
fn check(operation: &Operation<'_>) -> Result<(), String> {
    if operation.returned_ns < operation.invoked_ns {
        return Err("returned before it was invoked".to_owned());
    }
    if operation.status != 0 && !(100..600).contains(&operation.status) {
        return Err(format!("has status {}, which HTTP does not know", operation.status));
    }
    if operation.returned_ns > i64::MAX.unsigned_abs() {
        return Err("returned after more than 292 years".to_owned());
    }
    match &operation.order {
        Some(order) if order.created_at.parse::<doorbuster_actors::time::Timestamp>().is_err() => {
            Err(format!("has an order with the time {:?}, which is none", order.created_at))
        }
        Some(_) | None => Ok(()),
    }
}
