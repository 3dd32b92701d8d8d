//! **Job:** the SQLite file as ours: identity, schema, settings, migrations.
//! **Owns:** the settings that durability rests on; each is read back.
//! **Never:** touches a file that is foreign, newer or altered.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::{Durability, LedgerError};
use crate::data_file::{DataFileError, Header, journal, look};

/// Written into every data file (`PRAGMA application_id`): `DBst`.
pub(super) const APPLICATION_ID: i64 = 0x4442_7374;

const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/schema/0001_ledger.sql"))),
    M::up(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/schema/0002_session.sql"))),
    M::up(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/schema/0003_money.sql"))),
    M::up(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/schema/0004_nodes.sql"))),
];

/// Bytes to which the write-ahead log is cut when it begins anew: twice what it has when it is copied. A healthy log is
/// never cut; only what a reader has made it grow comes back.
pub(super) const LOG_SIZE: u64 = 32 << 20;

/// Bytes of a page in the log, with its header (sqlite.org/walformat.html, section 2.2).
const FRAME_BYTES: u64 = 4096 + 24;

/// The schema this program writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Writes an empty ledger into an empty file.
pub(super) fn create(path: &Path) -> Result<(), LedgerError> {
    let mut connection = look::connect(path)?;
    journal::none_for_a_draft(&connection)?;
    migrate(&mut connection)
}

/// Opens a file that was inspected, with everything that durability rests on, and brings its schema up to date.
pub(super) fn open(path: &Path, durability: Durability) -> Result<Connection, LedgerError> {
    let mut connection = look::connect(path)?;
    // EXTRA is FULL plus a sync of the directory; in WAL mode it costs nothing more. It must come before the journal
    // mode, so that the very first commit is written with it.
    let synchronous = match durability {
        Durability::Full => 3,
        Durability::Normal => 1,
    };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF; \
         PRAGMA journal_size_limit = {LOG_SIZE};"
    ))?;
    let mode = if journal::change_to_log(&connection)? { "wal" } else { "another" };
    expect("journal_mode", "wal", mode)?;
    expect("synchronous", &synchronous.to_string(), &number(&connection, "synchronous")?.to_string())?;
    expect("wal_autocheckpoint", "0", &number(&connection, "wal_autocheckpoint")?.to_string())?;
    expect("journal_size_limit", &LOG_SIZE.to_string(), &number(&connection, "journal_size_limit")?.to_string())?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// What a checkpoint left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checkpointed {
    /// Whether all of the log was copied: a reader may be in the way.
    pub(super) is_complete: bool,
    /// Bytes of the log that are in use. It begins anew with the next commit once all is copied and nobody reads it.
    pub(super) log_bytes: u64,
}

/// Copies the write-ahead log into the file.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Checkpointed> {
    let counts = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    let (busy, frames, copied) = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], counts)?;
    let log_bytes = u64::try_from(frames).unwrap_or(0) * FRAME_BYTES;
    Ok(Checkpointed { is_complete: busy == 0 && copied >= frames, log_bytes })
}

/// The schema version of a file that is ours; 0 for one that holds nothing yet.
pub(super) fn check_identity(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let header = Header::read(connection)?;
    let is_ours = |header: &Header| {
        let is_new = (header.application_id, header.version, header.objects) == (0, 0, 0);
        is_new || header.application_id == APPLICATION_ID
    };
    let header = header.filter(is_ours).ok_or_else(|| LedgerError::Foreign(path.to_owned()))?;
    let (found, known) = (header.version, i64::try_from(VERSION).expect("a handful of migrations"));
    if found > known { Err(LedgerError::Newer { found, known }) } else { Ok(found) }
}

/// Whether every table, index and view is what the migrations up to `version` made. Tables and views of somebody else
/// may lie beside ours; triggers and indexes would change what our statements do.
pub(super) fn check_objects(connection: &Connection, version: i64) -> Result<(), LedgerError> {
    let blueprint = Blueprint::of(version)?;
    let (expected, found) = (&blueprint.objects, objects(connection)?);
    if let Some((_, name, _, _)) = expected.iter().find(|object| !found.contains(object)) {
        return Err(LedgerError::Altered(name.clone()));
    }
    let is_active = |(kind, _, _, _): &&Object| kind == "trigger" || kind == "index";
    if let Some((_, name, _, _)) = found.iter().filter(is_active).find(|object| !expected.contains(object)) {
        return Err(LedgerError::Altered(name.clone()));
    }
    if version > 0 && kinds(connection)? != blueprint.kinds {
        return Err(LedgerError::Altered("entry_kind".to_owned()));
    }
    Ok(())
}

/// Where a database says which version of the file format its writers need, and the last one that SQLite knows
/// (sqlite.org/fileformat2.html, section 1.3.3). A later one can be read, but not written.
const WRITE_VERSION: u64 = 18;
const LAST_WRITE_VERSION: u8 = 2;

/// Whether the start will be able to write what it writes first: a page may be good to read and not to write.
pub(super) fn check_writable(connection: &Connection, path: &Path, version: i64) -> Result<(), LedgerError> {
    let mut write_version = [0];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut write_version, WRITE_VERSION));
    read.map_err(|source| DataFileError::File { path: path.to_owned(), source })?;
    if write_version[0] > LAST_WRITE_VERSION {
        return Err(LedgerError::Altered("header".to_owned()));
    }
    // Of the ledger itself this would read every page; its entries are read anyway, and their checksums say more.
    for table in ["sqlite_schema", "entry_kind", "session"].iter().take(if version < 2 { 2 } else { 3 }) {
        let verdict: String =
            connection.query_row(&format!("PRAGMA integrity_check({table})"), [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(LedgerError::Altered((*table).to_owned()));
        }
    }
    Ok(())
}

/// Whether the index of items lists exactly these definitions: the feed reads through it.
pub(super) fn check_index(connection: &Connection, definitions: &[(i64, i64)]) -> Result<(), LedgerError> {
    let all = "SELECT item, seq FROM ledger INDEXED BY ledger_items WHERE kind = 1 ORDER BY item, seq";
    let mut statement = connection.prepare(all)?;
    let listed = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let listed: Vec<(i64, i64)> = listed.collect::<Result<_, _>>()?;
    let mut expected = definitions.to_vec();
    expected.sort_unstable();
    if listed == expected { Ok(()) } else { Err(LedgerError::Altered("ledger_items".to_owned())) }
}

/// Type, name, table and text of a table, index, view or trigger.
type Object = (String, String, String, Option<String>);

/// What a file of one version must hold.
struct Blueprint {
    objects: Vec<Object>,
    kinds: Vec<(i64, String)>,
}

/// One of each version. SQLite has to parse every migration for it, which takes longer than all else about a small
/// file.
static BLUEPRINTS: [OnceLock<Blueprint>; VERSION + 1] = [const { OnceLock::new() }; VERSION + 1];

impl Blueprint {
    fn of(version: i64) -> Result<&'static Self, LedgerError> {
        let known = &BLUEPRINTS[usize::try_from(version).unwrap_or(0).min(VERSION)];
        if let Some(blueprint) = known.get() {
            return Ok(blueprint);
        }
        let blank = blank(version)?;
        let kinds = if version > 0 { kinds(&blank)? } else { Vec::new() };
        let blueprint = Self { objects: objects(&blank)?, kinds };
        Ok(known.get_or_init(|| blueprint))
    }
}

fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut all = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    all.collect()
}

fn kinds(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut all = connection.prepare("SELECT kind, name FROM entry_kind ORDER BY kind")?;
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    all.collect()
}

/// An empty ledger of that version, in memory.
pub(super) fn blank(version: i64) -> Result<Connection, LedgerError> {
    let mut blank = Connection::open_in_memory()?;
    let version = usize::try_from(version).unwrap_or(0);
    if version == 0 {
        return Ok(blank);
    }
    Migrations::from_slice(&MIGRATIONS[..version]).to_latest(&mut blank).map_err(migration_failed)?;
    Ok(blank)
}

fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(migration_failed)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library, which may grow")]
fn migration_failed(error: rusqlite_migration::Error) -> LedgerError {
    match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => LedgerError::Sqlite(err),
        other => {
            LedgerError::Setting { setting: "user_version", wanted: VERSION.to_string(), found: other.to_string() }
        }
    }
}

/// The schema version of a file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    number(connection, "user_version")
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
