//! **Job:** what a data file shows to whoever looks into it past the ledger: views, names, schema.
//! **Owns:** the questions.
//! **Never:** is asked by the server: it reads none of this.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

const QUESTIONS: [&str; 6] = [
    "SELECT * FROM orders",
    "SELECT * FROM items",
    "SELECT * FROM entry_kind",
    "SELECT type, name, tbl_name, sql FROM sqlite_schema",
    "PRAGMA application_id",
    "PRAGMA user_version",
];

/// The answers, one a question; an error is an answer, too.
pub(super) fn shown(data_file: &Path) -> Vec<String> {
    QUESTIONS.iter().map(|question| ask(data_file, question).unwrap_or_else(|error| error.to_string())).collect()
}

fn ask(data_file: &Path, question: &str) -> rusqlite::Result<String> {
    let connection = Connection::open_with_flags(data_file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(question)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut text = String::new();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            text.push_str(&format!("{:?} ", row.get::<_, Value>(column)?));
        }
        text.push('\n');
    }
    Ok(text)
}

/// The questions that are answered otherwise.
pub(super) fn differing(before: &[String], after: &[String]) -> Vec<&'static str> {
    let pairs = QUESTIONS.iter().zip(before.iter().zip(after));
    pairs.filter(|(_, (before, after))| before != after).map(|(question, _)| *question).collect()
}
