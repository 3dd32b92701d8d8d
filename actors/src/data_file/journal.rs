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
    if mode(connection, "PRAGMA journal_mode")? != "wal" {
        mode(connection, "PRAGMA journal_mode = OFF")?;
    }
    Ok(mode(connection, "PRAGMA journal_mode = WAL")? == "wal")
}

/// SQLite tells the new mode before it writes it: only the end of the statement says whether that took. What goes on
/// after a failed change writes into the file without any log.
fn mode(connection: &Connection, pragma: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare(pragma)?;
    let mut rows = statement.query([])?;
    let mode = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?.get(0)?;
    while rows.next()?.is_some() {}
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;
    use std::path::Path;

    use rustix::fs::inotify;

    use super::*;

    /// The names of all files that came into being in the folder meanwhile, those that went again too.
    fn made_in(folder: &Path, work: impl FnOnce()) -> Vec<String> {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("a watch");
        inotify::add_watch(&watch, folder, inotify::WatchFlags::CREATE).expect("our own folder");
        work();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut buffer);
        let next = || {
            let event = events.next().ok()?;
            event.file_name().map(|name| name.to_string_lossy().into_owned())
        };
        std::iter::from_fn(next).collect()
    }

    fn has_journal(names: &[String]) -> bool {
        names.iter().any(|name| name.ends_with("-journal"))
    }

    #[test]
    fn neither_a_draft_nor_the_change_to_a_log_makes_a_journal() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let open = |name: &str| Connection::open(folder.path().join(name)).expect("a database");
        let fill = |draft: &Connection| draft.execute_batch("CREATE TABLE one (number)").expect("room");

        let control = made_in(folder.path(), || fill(&open("control.db")));
        assert!(has_journal(&control), "{control:?}");
        let control = made_in(folder.path(), || {
            let change = "PRAGMA journal_mode = WAL";
            open("control.db").query_row(change, [], |_mode| Ok(())).expect("a setting");
        });
        assert!(has_journal(&control), "{control:?}");

        let made = made_in(folder.path(), || {
            let draft = open("sale.db");
            none_for_a_draft(&draft).expect("a setting");
            fill(&draft);
            drop(draft);
            let connection = open("sale.db");
            assert!(change_to_log(&connection).expect("a setting"));
            connection.execute_batch("INSERT INTO one VALUES (1)").expect("room");
        });
        assert!(made.contains(&"sale.db-wal".to_owned()) && !has_journal(&made), "{made:?}");
    }
}
