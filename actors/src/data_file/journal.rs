//! **Job:** keeps SQLite from writing a rollback journal beside a data file.
//! **Owns:** the two moments at which it would: a draft, and the change to a write-ahead log.
//! **Never:** writes an entry, or says how durable one is.
//!
//! A journal that a killed process leaves would be taken for that of another program, and the start be refused.

use rusqlite::Connection;

/// For a draft: nobody needs half of it, because it is synced as a whole before it gets its name.
pub fn none_for_a_draft(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
}

/// From now on everything is written to a log first; answers whether that took. The change itself is one write to one
/// sector, which needs no journal.
pub fn change_to_log(connection: &Connection) -> rusqlite::Result<bool> {
    let mode = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, String>(0));
    if mode("PRAGMA journal_mode")? != "wal" {
        let _off = mode("PRAGMA journal_mode = OFF")?;
    }
    Ok(mode("PRAGMA journal_mode = WAL")? == "wal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_file::{JOURNAL, LOG, beside};

    #[test]
    fn neither_a_draft_nor_the_change_to_a_log_needs_a_journal() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("sale.db");
        // Where a folder is, no journal can be.
        std::fs::create_dir(beside(&path, JOURNAL)).expect("our own folder");
        let draft = Connection::open(&path).expect("a new file");
        none_for_a_draft(&draft).expect("a setting");
        draft.execute_batch("CREATE TABLE one (number)").expect("no journal is needed");
        drop(draft);
        let connection = Connection::open(&path).expect("our file");
        assert!(change_to_log(&connection).expect("no journal is needed"));
        connection.execute_batch("INSERT INTO one VALUES (1)").expect("there is a log");
        assert!(beside(&path, LOG).metadata().expect("there is a log").len() > 0);
    }
}
