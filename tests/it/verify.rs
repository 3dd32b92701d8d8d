//! **Job:** instruments that read a data file do not call it whole when it is not, and leave it as it was.
//! **Owns:** the ways in which a file may be short, newer, foreign or changed.
//! **Never:** damages what only `salvage` can read again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Attempt, Item, Server, Setup, beside, crowd, doorbuster, everything_in, flip, text};

const SKU: &str = "sku-1";

/// Orders of each sale.
const ORDERS: usize = 40;

/// No instrument may wait for a file that never says anything.
const AT_ONCE: Duration = Duration::from_secs(10);

async fn sale() -> Server {
    let server = Setup::new([Item::new(SKU, 100), Item::new("sku-2", 0)]).set("storage.max_batch", "1").start();
    crowd(server.address(), Attempt::shuffled(SKU, ORDERS, 1)).await.assert_answered_with(&[]);
    server
}

/// Every instrument that reads `db`: its name, its exit code, and what it wrote.
fn instruments(db: &Path) -> Vec<(&'static str, i32, String)> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let copy = folder.path().join("copy.db");
    let all = [
        ("verify", doorbuster(&["verify"], &[("--db", db)])),
        ("orders", doorbuster(&["orders", "--format", "ndjson"], &[("--db", db)])),
        ("backup", doorbuster(&["backup"], &[("--db", db), ("--to", &copy)])),
    ];
    let told = all.map(|(name, output)| (name, output.status.code().unwrap_or(-1), text(&output)));
    let has_copy = fs::read_dir(folder.path()).expect("readable").count() > 0;
    assert_eq!(has_copy, told[2].1 == 0, "a copy without success, or the other way round: {told:?}");
    told.to_vec()
}

fn assert_all_end_with(db: &Path, code: i32, says: &str) {
    let begun = Instant::now();
    for (name, ended_with, told) in instruments(db) {
        assert_eq!(ended_with, code, "{name} of {}: {told}", db.display());
        assert!(told.contains(says), "{name} of {} does not say {says:?}: {told}", db.display());
        assert!(name != "orders" || !told.contains("user_id"), "what is not whole is exported: {told}");
    }
    assert!(begun.elapsed() < AT_ONCE, "{} held somebody up", db.display());
}

/// The data file and what lies beside it, in a folder of its own.
fn copied(server: &Server, suffixes: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let db = folder.path().join("copy.db");
    for suffix in suffixes {
        fs::copy(beside(&server.data_file(), suffix), beside(&db, suffix)).expect("it is there");
    }
    (folder, db)
}

#[tokio::test]
async fn looking_leaves_no_file_behind_and_changes_none() {
    let mut server = sale().await;
    server.kill9();
    let (killed, killed_db) = copied(&server, &["", "-wal", "-shm", ".mark"]);
    let (carried, carried_db) = copied(&server, &["", "-wal", ".mark"]);
    server.restart();
    assert!(server.terminate().success());
    let (closed, closed_db) = copied(&server, &["", ".mark"]);
    for (folder, db) in [(killed, killed_db), (carried, carried_db), (closed, closed_db)] {
        let before = everything_in(folder.path());
        for (name, code, told) in instruments(&db) {
            assert_eq!(code, 0, "{name}: {told}");
            if name == "orders" {
                assert_eq!(told.lines().count(), ORDERS);
            }
        }
        assert!(everything_in(folder.path()) == before, "a name, a mode, a time or a byte changed");
    }
}

#[tokio::test]
async fn a_ledger_that_is_short_is_not_called_whole() {
    let mut server = sale().await;
    server.kill9();
    let (_damaged, db) = copied(&server, &["", "-wal", ".mark"]);
    flip(&beside(&db, "-wal"), 32 + 20 * (24 + 4096) + 24 + 4000, 0);
    assert_all_end_with(&db, 1, "acknowledged");
    flip(&beside(&db, "-wal"), 20, 0);
    assert_all_end_with(&db, 1, "acknowledged");

    server.restart();
    assert!(server.terminate().success());
    let (_cut, db) = copied(&server, &["", ".mark"]);
    let last: i64 = shell(&db, |db| db.query_row("SELECT max(seq) FROM ledger", [], |row| row.get(0)));
    shell(&db, |db| db.execute("DELETE FROM ledger WHERE seq = ?1", [last]));
    assert_all_end_with(&db, 1, &format!("up to entry {last} was acknowledged"));
}

#[tokio::test]
async fn an_open_file_without_its_log_is_short() {
    let mut server = sale().await;
    assert!(server.terminate().success());
    let (_folder, db) = copied(&server, &["", ".mark"]);
    shell(&db, |db| db.execute_batch("UPDATE session SET epoch = 1, is_open = 1"));
    let audit = doorbuster(&["verify"], &[("--db", &db)]);
    assert_eq!(audit.status.code(), Some(1), "{}", text(&audit));
    assert!(text(&audit).contains("VIOLATED  log"), "{}", text(&audit));
    fs::write(beside(&db, "-wal"), "").unwrap();
    let audit = doorbuster(&["verify"], &[("--db", &db)]);
    assert!(text(&audit).contains("VIOLATED  log"), "{}", text(&audit));
}

#[tokio::test]
async fn a_log_that_was_removed_under_a_server_is_told_and_not_made_anew() {
    let server = sale().await;
    let log = beside(&server.data_file(), "-wal");
    fs::remove_file(&log).unwrap();
    for (name, code, told) in instruments(&server.data_file()) {
        assert!(matches!(code, 1 | 74), "{name} ended with {code}: {told}");
        assert!(!log.exists(), "{name} made a log");
    }
}

#[tokio::test]
async fn every_table_and_view_is_looked_at() {
    let mut server = sale().await;
    assert!(server.terminate().success());
    let changes = [
        ("DROP VIEW orders", "there is no view orders"),
        (
            "DROP VIEW orders; CREATE VIEW orders AS SELECT seq AS order_id FROM ledger",
            "the view orders is not the one",
        ),
        ("DROP VIEW items; CREATE VIEW items AS SELECT * FROM nowhere", "the view items is not the one"),
        ("DROP INDEX ledger_items", "there is no index ledger_items"),
        ("UPDATE entry_kind SET name = 'paid' WHERE name = 'cancelled'", "entry_kind has other rows"),
        ("DELETE FROM entry_kind", "entry_kind has other rows"),
        ("DROP TABLE entry_kind", "there is no table entry_kind"),
        ("CREATE TABLE note (text)", "this program makes no table note"),
        ("CREATE TRIGGER more AFTER INSERT ON ledger BEGIN SELECT 1; END", "this program makes no trigger more"),
        ("DROP VIEW orders; DROP VIEW items; DROP TABLE ledger", "there is no "),
    ];
    for (change, says) in changes {
        let (_folder, db) = copied(&server, &["", ".mark"]);
        shell(&db, |db| db.execute_batch(change));
        assert_all_end_with(&db, 1, says);
    }
}

#[tokio::test]
async fn what_the_views_show_is_compared_with_the_ledger() {
    let mut server = Setup::new([Item::new(SKU, 100)]).set("payment.pay_within", "\"0s\"").start();
    crowd(server.address(), Attempt::shuffled(SKU, ORDERS, 1)).await.assert_answered_with(&[]);
    assert!(server.terminate().success());
    shell(&server.data_file(), |db| db.execute_batch("UPDATE entry_kind SET name = 'sold' WHERE name = 'paid'"));
    let (code, told) = server.verify();
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("VIOLATED  views") && told.contains("orders shows C0110000001N sku-1"), "{told}");
    assert!(told.contains(&format!("… {ORDERS} in all")), "every row is compared: {told}");
    shell(&server.data_file(), |db| db.execute_batch("UPDATE entry_kind SET name = 'paid' WHERE name = 'sold'"));
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
    let changed = "DROP VIEW items; CREATE VIEW items AS SELECT 1 AS item, 'tea' AS item_id, 'Tea' AS title, \
                   1990 AS unit_price, 'CNY' AS currency, 100 AS stock, 1 AS per_user_limit, NULL AS opens_at, \
                   NULL AS closes_at, 60 AS remaining";
    shell(&server.data_file(), |db| db.execute_batch(changed));
    let (code, told) = server.verify();
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("items shows 1 tea Tea 1990") && told.contains("the ledger has 1 sku-1"), "{told}");
}

#[tokio::test]
async fn a_newer_ledger_and_a_database_of_something_else_are_refused() {
    let mut server = sale().await;
    assert!(server.terminate().success());
    let (_newer, db) = copied(&server, &["", ".mark"]);
    shell(&db, |db| db.execute_batch("PRAGMA user_version = 9"));
    assert_all_end_with(&db, 74, "schema version 9");
    shell(&db, |db| db.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 7"));
    assert_all_end_with(&db, 74, "something else");
    shell(&db, |db| db.execute_batch(&format!("PRAGMA application_id = {}", 0x4442_6976)));
    assert_all_end_with(&db, 74, "inventory");
}

#[test]
fn what_is_no_data_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.db"), "").unwrap();
    fs::write(path("diary.db"), "Dear diary, ".repeat(1000)).unwrap();
    fs::write(path("gone.db-wal"), "the log of something").unwrap();
    let made = std::process::Command::new("mkfifo").arg(path("pipe.db")).status();
    assert!(made.expect("a system that has pipes").success());
    std::os::unix::fs::symlink("pipe.db", path("link.db")).unwrap();
    let before = everything_in(folder.path());
    for (db, says) in [
        (folder.path().to_owned(), "is not a file"),
        (path("pipe.db"), "is not a file"),
        (path("link.db"), "is not a file"),
        ("/dev/null".into(), "is not a file"),
        ("/dev/zero".into(), "is not a file"),
        (path("empty.db"), "is empty"),
        (path("diary.db"), "not a data file"),
        (path("absent.db"), "No such file"),
        (path("gone.db"), "doorbuster salvage"),
    ] {
        assert_all_end_with(&db, 74, says);
    }
    assert!(everything_in(folder.path()) == before, "something was written");
}

#[tokio::test]
async fn a_mark_that_says_nothing_is_told_and_one_behind_a_link_is_found() {
    let mut server = sale().await;
    assert!(server.terminate().success());
    let (folder, db) = copied(&server, &["", ".mark"]);
    let link = folder.path().join("elsewhere");
    fs::create_dir(&link).unwrap();
    let link = link.join("link #1?.db");
    std::os::unix::fs::symlink(&db, &link).unwrap();
    let audit = |db: &Path| {
        let audit = doorbuster(&["verify"], &[("--db", db)]);
        assert_eq!(audit.status.code(), Some(0), "{}", text(&audit));
        text(&audit)
    };
    assert!(!audit(&link).contains("note"), "the mark beside the file itself counts");
    fs::write(beside(&db, ".mark"), "torn").unwrap();
    assert!(audit(&link).contains("note      the mark beside the file cannot be understood"));
    fs::remove_file(beside(&db, ".mark")).unwrap();
    assert!(audit(&link).contains("note      there is no mark beside the file"));
    fs::write(beside(&db, ".mark"), format!("{:020} {:016x}\n", 1_000_000, 0)).unwrap();
    assert_all_end_with(&link, 1, "acknowledged");
}

fn shell<T>(db: &Path, work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> T {
    let connection = rusqlite::Connection::open(db).expect("a database");
    let done = work(&connection).expect("it takes it");
    // What is changed is in the file, not in a log beside it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_counts| Ok(())).expect("nobody reads it");
    done
}
