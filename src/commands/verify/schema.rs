//! **Job:** compares what is in the file beside the ledger with what this program makes.
//! **Owns:** the comparison with an empty ledger of the same schema version.
//! **Never:** forgives: a view that was changed tells something else than the ledger, and a trigger may do so tomorrow.

use std::collections::BTreeMap;

use doorbuster_actors::ledger::format;
use rusqlite::Connection;

use super::report::{Findings, Promise};
use crate::commands::DataFileError;
use crate::commands::data_file::DataFile;

/// Kind and name of each object, with the table it belongs to and the text that makes it.
type Objects = BTreeMap<(String, String), (String, String)>;

/// Checks that tables, views, indexes and kinds are those that were made.
pub(super) fn check(file: &DataFile, findings: &mut Findings) -> Result<(), DataFileError> {
    let pattern = format::pattern(file.version).map_err(|error| {
        let version = file.version;
        DataFileError::NotWhole(format!("there is no pattern of schema version {version} to compare with: {error}"))
    })?;
    match (objects(&pattern), objects(&file.connection)) {
        (Ok(expected), Ok(found)) => compare(&expected, &found, findings),
        (Err(error), _) | (_, Err(error)) => {
            findings.expect(false, Promise::SchemaOurs, || format!("the list of tables cannot be read: {error}"));
        }
    }
    let expected = kinds(&pattern).map_err(|source| file.failed(source))?;
    let describe = |reason: String| format!("the table entry_kind {reason}");
    match kinds(&file.connection) {
        Ok(found) => findings.expect(found == expected, Promise::SchemaOurs, || describe("has other rows".to_owned())),
        Err(error) => findings.expect(false, Promise::SchemaOurs, || describe(format!("cannot be read: {error}"))),
    }
    Ok(())
}

fn compare(expected: &Objects, found: &Objects, findings: &mut Findings) {
    for ((kind, name), made) in expected {
        let described = match found.get(&(kind.clone(), name.clone())) {
            None => format!("there is no {kind} {name}"),
            Some(other) if other != made => format!("the {kind} {name} is not the one that this program makes"),
            Some(_same) => continue,
        };
        findings.expect(false, Promise::SchemaOurs, || described);
    }
    for (kind, name) in found.keys().filter(|key| !expected.contains_key(*key)) {
        findings.expect(false, Promise::SchemaOurs, || format!("this program makes no {kind} {name}"));
    }
}

fn objects(connection: &Connection) -> rusqlite::Result<Objects> {
    let sql = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?;
    rows.collect()
}

fn kinds(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare("SELECT kind, name FROM entry_kind ORDER BY kind")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
