//! **Job:** tells what kind of data file a database is, and of which version.
//! **Owns:** why one that is foreign, newer or damaged is left alone.
//! **Never:** changes a file that is not ours.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, Transaction};

/// By what the data files of one kind are known.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Whose they are: "an inventory".
    pub owner: &'static str,
    /// What such a file says of itself (`PRAGMA application_id`).
    pub application_id: i64,
    /// The schema that this program writes (`PRAGMA user_version`).
    pub version: i64,
    /// What can be done about a damaged one.
    pub remedy: &'static str,
}

/// Why a file cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is a database of something else, or none.
    #[error("{path} is not a data file of {owner}")]
    Foreign {
        /// Path of the file.
        path: PathBuf,
        /// Whose it should be.
        owner: &'static str,
    },
    /// A later version of the program wrote it.
    #[error("{path} has schema {found}, this program knows up to {known}")]
    Newer {
        /// Path of the file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// What is in it is not what was written.
    #[error("{path} is damaged ({reason}). Nothing was changed. {remedy}")]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong, in words.
        reason: String,
        /// What can be done.
        remedy: &'static str,
    },
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Sqlite {
        /// Path of the file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl Identity {
    /// Whether the file is one of these, of a version that is known, and whole.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, connection: &Connection, path: &Path) -> Result<(), Unfit> {
        let failed = |source| Unfit::Sqlite { path: path.to_owned(), source };
        let found = Header::read(connection).map_err(failed)?;
        let foreign = || Unfit::Foreign { path: path.to_owned(), owner: self.owner };
        let header = found.filter(|header| header.application_id == self.application_id).ok_or_else(foreign)?;
        if header.version > self.version {
            return Err(Unfit::Newer { path: path.to_owned(), found: header.version, known: self.version });
        }
        let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        match verdict.map_err(failed)? {
            verdict if verdict == "ok" => Ok(()),
            reason => Err(Unfit::Damaged { path: path.to_owned(), reason, remedy: self.remedy }),
        }
    }

    /// Makes the file one of these, of the version that this program writes.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.pragma_update(None, "application_id", self.application_id)?;
        transaction.pragma_update(None, "user_version", self.version)
    }
}

/// What a database says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) application_id: i64,
    pub(crate) version: i64,
    /// Tables, indexes, views and triggers.
    pub(crate) objects: i64,
}

impl Header {
    /// None where the file is no database.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
        let objects = match number("SELECT count(*) FROM sqlite_schema") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => return Ok(None),
            objects => objects?,
        };
        let (application_id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        Ok(Some(Self { application_id, version, objects }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data_file::look;

    const IDENTITY: Identity =
        Identity { owner: "a kiosk", application_id: 7, version: 2, remedy: "Ask for a new one" };

    /// A file of ours with some pages.
    fn file(folder: &tempfile::TempDir) -> PathBuf {
        let path = folder.path().join("kiosk.db");
        let mut connection = Connection::open(&path).expect("a new database");
        let transaction = connection.transaction().expect("it is ours alone");
        transaction.execute_batch("CREATE TABLE paper (name TEXT PRIMARY KEY, page BLOB)").expect("it takes a table");
        transaction
            .execute_batch("INSERT INTO paper VALUES ('a', zeroblob(9000)), ('b', zeroblob(9000))")
            .expect("it fits");
        IDENTITY.write(&transaction).expect("it takes two numbers");
        transaction.commit().expect("there is room");
        path
    }

    fn said(path: &Path) -> String {
        let connection = look::main_file(path).expect("it is there");
        IDENTITY
            .check(&connection, path)
            .expect_err("it is unfit")
            .to_string()
            .replace(&path.display().to_string(), "X")
    }

    #[test]
    fn a_file_of_ours_is_good_and_any_other_is_told_by_what_it_is() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = file(&folder);
        let check = || IDENTITY.check(&look::main_file(&path).expect("it is there"), &path);
        assert!(check().is_ok());
        let set = |pragma: &str| Connection::open(&path).and_then(|file| file.execute_batch(pragma)).expect("a number");
        set("PRAGMA user_version = 1");
        assert!(check().is_ok(), "an older one is brought up to date");
        set("PRAGMA user_version = 3");
        assert_eq!(said(&path), "X has schema 3, this program knows up to 2");
        set("PRAGMA application_id = 8");
        assert_eq!(said(&path), "X is not a data file of a kiosk", "whatever its version is");
        fs::write(&path, "no database, but long enough to have a header of one ".repeat(20)).expect("writable");
        assert_eq!(said(&path), "X is not a data file of a kiosk");
    }

    #[test]
    fn a_damaged_file_says_what_is_wrong_and_what_can_be_done() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = file(&folder);
        let mut bytes = fs::read(&path).expect("readable");
        // The index of the table is the third page; its header says what kind of page it is.
        assert_eq!(bytes[2 * 4096], 10);
        bytes[2 * 4096] = 99;
        fs::write(&path, bytes).expect("writable");
        let said = said(&path);
        assert!(
            said.starts_with("X is damaged (") && said.ends_with("). Nothing was changed. Ask for a new one"),
            "{said}"
        );
    }
}
