//! **Job:** opens the SQLite file as ours: identity, settings, migrations.
//! **Owns:** the settings that durability rests on; each is read back.
//! **Never:** touches a file that is foreign or newer.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{Durability, LedgerError, LedgerSettings};

/// Written into every data file (`PRAGMA application_id`): `DBst`.
pub(super) const APPLICATION_ID: i64 = 0x4442_7374;

pub(super) const MIGRATIONS: &[M<'static>] =
    &[M::up(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/schema/0001_ledger.sql")))];

/// The schema this program writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// How long to wait for somebody else's lock (a shell that writes, a backup) before the batch is given up.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

pub(super) fn open(settings: &LedgerSettings) -> Result<Connection, LedgerError> {
    let mut connection = connect(settings)?;
    // EXTRA is FULL plus a sync of the directory; in WAL mode it costs nothing more. It must come before the journal
    // mode, so that the very first commit is written with it.
    let synchronous = match settings.durability {
        Durability::Full => 3,
        Durability::Normal => 1,
    };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF;"
    ))?;
    let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    expect("journal_mode", "wal", &journal)?;
    expect("synchronous", &synchronous.to_string(), &number(&connection, "synchronous")?.to_string())?;
    expect("wal_autocheckpoint", "0", &number(&connection, "wal_autocheckpoint")?.to_string())?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn connect(settings: &LedgerSettings) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&settings.path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Looks whether the file is ours, by a connection of its own that leaves everything as it was.
pub(super) fn check_identity(settings: &LedgerSettings) -> Result<(), LedgerError> {
    let connection = &connect(settings)?;
    // The last connection that closes copies a log into the file and deletes it. Not a log of somebody else.
    let mut log = settings.path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    let known = i64::try_from(VERSION).expect("a handful of migrations");
    let (id, found) = (number(connection, "application_id")?, number(connection, "user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = id == 0 && found == 0 && tables == 0;
    if !is_new && id != APPLICATION_ID {
        return Err(LedgerError::Foreign(settings.path.clone()));
    }
    if found > known {
        return Err(LedgerError::Newer { found, known });
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(migration_failed)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library, which may grow")]
pub(super) fn migration_failed(error: rusqlite_migration::Error) -> LedgerError {
    match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => LedgerError::Sqlite(err),
        other => {
            LedgerError::Setting { setting: "user_version", wanted: VERSION.to_string(), found: other.to_string() }
        }
    }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}

fn expect(setting: &'static str, wanted: &str, found: &str) -> Result<(), LedgerError> {
    if wanted == found {
        return Ok(());
    }
    Err(LedgerError::Setting { setting, wanted: wanted.to_owned(), found: found.to_owned() })
}
