//! **Job:** files that are not ours, or of a later program, alone and between the files of a sale.
//! **Owns:** the strangers.
//! **Never:** expects them to be used, changed or cleaned up.

use std::path::Path;

use rusqlite::Connection;

use super::victim::victim;
use super::{Campaign, LOG, MARK, SHARED, with};
use crate::recovery::{DATA_FILE, Folder, fast_folder, lay_out, look, recover};

/// A database of somebody else, in either journal mode; in WAL mode with the log of an owner who was killed.
fn stranger(journal: &str) -> Folder {
    let folder = fast_folder();
    let path = folder.path().join(DATA_FILE);
    let owner = Connection::open(&path).expect("a new database");
    let mode: String = owner.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| row.get(0)).expect("any");
    assert_eq!(mode, journal);
    owner.execute_batch("CREATE TABLE note (text); INSERT INTO note VALUES ('milk')").expect("a new database");
    public(look(folder.path()))
}

fn public(files: Folder) -> Folder {
    files.into_iter().map(|(name, (_, bytes))| (name, (0o644, bytes))).collect()
}

/// The victim's files after somebody else has written this into them.
fn edited(sql: &str, is_killed: bool) -> Folder {
    let folder = fast_folder();
    lay_out(folder.path(), &victim().files);
    let editor = Connection::open(folder.path().join(DATA_FILE)).expect("a database");
    editor.execute_batch(sql).expect("writable");
    if !is_killed {
        // The last one out copies the log and deletes it.
        drop(editor);
    }
    public(look(folder.path()))
}

#[test]
fn what_is_not_ours_is_refused_untouched_whatever_lies_beside_it() {
    let victim = victim();
    let mut campaign = Campaign::new();
    let text = b"Dear diary, ".repeat(1_000);
    let noise: Vec<u8> = (0..20_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let diary = with(&Folder::new(), DATA_FILE, Some(&text));
    let short = with(&Folder::new(), DATA_FILE, Some(b"x"));
    let noise = with(&Folder::new(), DATA_FILE, Some(&noise));
    let foreign = [
        ("text", diary),
        ("one byte", short),
        ("noise", noise),
        ("rollback journal", stranger("delete")),
        ("log", stranger("wal")),
    ];
    for (what, files) in foreign {
        campaign.must_be_refused(&files, what);
        for beside in [&[MARK][..], &[LOG], &[LOG, SHARED, MARK]] {
            let mut files = files.clone();
            for name in beside {
                files.entry((*name).to_owned()).or_insert_with(|| victim.files[*name].clone());
            }
            campaign.must_be_refused(&files, &format!("{what}, and of ours {beside:?}"));
        }
    }
    campaign.end("strangers");
}

#[test]
fn a_ledger_of_a_newer_program_is_refused_untouched_killed_or_not() {
    let mut campaign = Campaign::new();
    for is_killed in [true, false] {
        let files = edited("PRAGMA user_version = 9", is_killed);
        campaign.must_be_refused(&files, &format!("schema 9, killed: {is_killed}"));
    }
    campaign.end("newer ledgers");
}

/// As a program leaves it that was killed before it wrote its first table.
#[test]
fn a_database_that_holds_nothing_yet_becomes_a_ledger() {
    let folder = fast_folder();
    let path = folder.path().join(DATA_FILE);
    Connection::open(&path).expect("a new database").execute_batch("PRAGMA journal_mode = WAL").expect("any mode");
    assert!(std::fs::metadata(&path).expect("there").len() > 0);
    assert_eq!(recover(&path).expect("nothing is in the way").entries, []);
}

#[test]
fn a_folder_in_place_of_the_data_file_is_refused() {
    let folder = fast_folder();
    std::fs::create_dir(folder.path().join(DATA_FILE)).expect("a folder");
    let refused = recover(Path::new(&folder.path().join(DATA_FILE)));
    assert!(refused.is_err());
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
