//! **Job:** a damaged ledger is rebuilt as far as it can be proven, into a new file that a server sells on from.
//! **Owns:** the damage.
//! **Never:** puts the damage right by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Attempt, Item, Server, Setup, assert_conservation, beside, crowd, doorbuster, everything_in, flip, text,
};

const SKU: &str = "sku-1";

/// Orders of each sale; with the entry that creates the item there is one entry more.
const ORDERS: usize = 40;

async fn killed_sale() -> Server {
    // One commit an order: a log of many frames.
    let mut server = Setup::new([Item::new(SKU, 100)]).set("storage.max_batch", "1").start();
    crowd(server.address(), Attempt::shuffled(SKU, ORDERS, 1)).await.assert_answered_with(&[]);
    server.kill9();
    server
}

fn salvage(db: &Path, to: &Path) -> Output {
    doorbuster(&["salvage", "--json"], &[("--db", db), ("--to", to)])
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", text(output)))
}

fn assert_clean(db: &Path) {
    let audit = doorbuster(&["verify"], &[("--db", db)]);
    assert_eq!(audit.status.code(), Some(0), "{}", text(&audit));
    assert!(!text(&audit).contains("note"), "{}", text(&audit));
}

fn exported(db: &Path) -> Vec<String> {
    let orders = doorbuster(&["orders", "--format", "ndjson"], &[("--db", db)]);
    assert_eq!(orders.status.code(), Some(0), "{}", text(&orders));
    text(&orders).lines().map(str::to_owned).collect()
}

fn names_in(folder: &TempDir) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.expect("readable").file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(folder.path()).expect("readable").map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn one_flipped_bit_in_the_log_of_a_killed_server_costs_no_order() {
    let server = killed_sale().await;
    let (db, folder) = (server.data_file(), server.data_file().parent().unwrap().to_owned());
    let expected = exported(&db);
    assert_eq!(expected.len(), ORDERS);
    let log = beside(&db, "-wal");
    let length = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    // The header, a frame of many, its header, and the last row that was written, which no other image repeats.
    for byte in [9, 20, 32 + 20 * (24 + 4096) + 24 + 4000, 32 + 9 * (24 + 4096) + 2, length - 4096 + 40, length - 10] {
        flip(&log, byte, 2);
        let before = everything_in(&folder);
        let new = tempfile::tempdir().unwrap();
        let to = new.path().join("new.db");
        let salvaged = salvage(&db, &to);
        assert_eq!(salvaged.status.code(), Some(0), "byte {byte}: {}", text(&salvaged));
        let told = json(&salvaged);
        assert_eq!((&told["complete"], &told["certain"]), (&true.into(), &(ORDERS + 1).into()), "byte {byte}: {told}");
        assert_eq!(names_in(&new), ["new.db", "new.db.mark"], "byte {byte}");
        assert_clean(&to);
        assert_eq!(exported(&to), expected, "byte {byte}");
        assert!(everything_in(&folder) == before, "byte {byte}: a name, a mode, a time or a byte changed");
        flip(&log, byte, 2);
    }
}

#[tokio::test]
async fn a_server_sells_on_from_what_was_rebuilt() {
    let mut server = killed_sale().await;
    let db = server.data_file();
    flip(&beside(&db, "-wal"), 32 + 20 * (24 + 4096) + 24 + 4000, 0);
    let new = tempfile::tempdir().unwrap();
    let to = new.path().join("new.db");
    let told = text(&doorbuster(&["salvage"], &[("--db", &db), ("--to", &to)]));
    assert!(told.contains("certain   entries 1 to 41") && told.contains("complete: 41 entries"), "{told}");
    for suffix in ["", "-wal", "-shm", ".mark"] {
        fs::remove_file(beside(&db, suffix)).unwrap();
    }
    for suffix in ["", ".mark"] {
        fs::copy(beside(&to, suffix), beside(&db, suffix)).unwrap();
    }
    server.restart();
    let attempts = (0..10).map(|number| Attempt::new(&format!("later-{number}"), SKU)).collect();
    assert_eq!(crowd(server.address(), attempts).await.orders().len(), 10);
    assert_eq!(assert_conservation(&server).await.len(), ORDERS + 10);
}

#[tokio::test]
async fn what_is_missing_and_what_is_doubtful_is_told_and_stays_out() {
    let mut server = killed_sale().await;
    server.restart();
    assert!(server.terminate().success());
    let db = server.data_file();
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("DELETE FROM ledger WHERE seq IN (30, 31, 41); VACUUM").unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_counts| Ok(())).unwrap();
    drop(connection);
    let new = tempfile::tempdir().unwrap();
    let to = new.path().join("new.db");
    let salvaged = salvage(&db, &to);
    assert_eq!(salvaged.status.code(), Some(1), "{}", text(&salvaged));
    let told = json(&salvaged);
    assert_eq!((&told["complete"], &told["certain"], &told["acknowledged"]), (&false.into(), &29.into(), &41.into()));
    let missing = serde_json::json!([{"first": 30, "last": 31}, {"first": 41, "last": 41}]);
    assert_eq!(told["missing"], missing);
    assert_eq!(told["doubtful"]["count"], 9, "{told}");
    assert_clean(&to);
    assert_eq!(exported(&to).len(), 28);
    let doubtful = fs::read_to_string(beside(&to, ".doubtful.ndjson")).unwrap();
    let doubtful: Vec<Value> = doubtful.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<_> = doubtful.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (32..=40).collect::<Vec<_>>());
    assert_eq!((&doubtful[0]["checked"], &doubtful[1]["checked"]), (&false.into(), &true.into()));
    assert!(doubtful.iter().all(|row| row["user_id"].is_string() && row["order_id"].is_string()), "{doubtful:?}");
    let told = text(&doorbuster(&["salvage"], &[("--db", &db), ("--to", &new.path().join("again.db"))]));
    for says in ["missing   entries 30 to 31", "doubtful  9 of entries 32 to 40", "INCOMPLETE: 29 entries"] {
        assert!(told.contains(says), "{says:?} is not in {told}");
    }
}

#[tokio::test]
async fn the_log_alone_or_the_data_file_alone_is_salvaged_as_far_as_it_goes() {
    let mut server = killed_sale().await;
    let log = fs::read(beside(&server.data_file(), "-wal")).unwrap();
    let mark = fs::read(beside(&server.data_file(), ".mark")).unwrap();
    server.restart();
    assert!(server.terminate().success());
    let whole = fs::read(server.data_file()).unwrap();
    let garbage = vec![0x5a; 20_000];
    let cases = [
        (None, Some(&log)),
        (Some([].as_slice()), Some(&log)),
        (Some(&whole[..4096]), Some(&log)),
        (Some(&garbage), Some(&log)),
        (Some(&whole), None),
    ];
    for (number, (db, log)) in cases.into_iter().enumerate() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = old.path().join("old.db");
        for (suffix, bytes) in [("", db), ("-wal", log.map(Vec::as_slice)), (".mark", Some(mark.as_slice()))] {
            if let Some(bytes) = bytes {
                fs::write(beside(&path, suffix), bytes).unwrap();
            }
        }
        let salvaged = salvage(&path, &new.path().join("new.db"));
        assert_eq!(salvaged.status.code(), Some(0), "case {number}: {}", text(&salvaged));
        assert_eq!(json(&salvaged)["certain"], 41, "case {number}");
    }
}

#[tokio::test]
async fn where_nothing_can_be_rebuilt_nothing_is_written() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    crowd(server.address(), Attempt::shuffled(SKU, 3, 1)).await;
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| old.path().join(name);
    fs::write(path("empty.db"), "").unwrap();
    fs::write(path("empty.db.mark"), format!("{:020} {:016x}\n", 41, 7)).unwrap();
    fs::write(path("diary.db"), "Dear diary, ".repeat(1000)).unwrap();
    fs::create_dir(path("pipes")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("pipe.db")).status().unwrap().success());
    let notes = rusqlite::Connection::open(path("notes.db")).unwrap();
    notes.execute_batch("CREATE TABLE note (text); INSERT INTO note VALUES ('milk')").unwrap();
    drop(notes);
    let before = everything_in(old.path());
    let cases: [(PathBuf, &str); 9] = [
        (path("absent.db"), "not there"),
        (path("empty.db"), "is empty"),
        (path("diary.db"), "not a database"),
        (path("notes.db"), "something else"),
        (path("pipes"), "not a file"),
        (path("pipe.db"), "not a file"),
        ("/dev/zero".into(), "not a file"),
        ("/dev/null".into(), "not a file"),
        (server.data_file(), "in use by a server"),
    ];
    for (db, says) in cases {
        let refused = salvage(&db, &new.path().join("new.db"));
        assert_eq!(refused.status.code(), Some(74), "{}: {}", db.display(), text(&refused));
        assert!(text(&refused).contains(says), "{}: {}", db.display(), text(&refused));
    }
    assert!(names_in(&new).is_empty(), "{:?}", names_in(&new));
    assert!(everything_in(old.path()) == before, "something was written");
}

#[tokio::test]
async fn nothing_is_written_over() {
    let server = killed_sale().await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new.db");
    for suffix in ["", "-wal", ".mark", ".doubtful.ndjson"] {
        fs::write(beside(&to, suffix), "precious").unwrap();
        let refused = salvage(&server.data_file(), &to);
        assert_eq!(refused.status.code(), Some(74), "{}", text(&refused));
        assert_eq!(fs::read_to_string(beside(&to, suffix)).unwrap(), "precious");
        fs::remove_file(beside(&to, suffix)).unwrap();
    }
    for to in [server.data_file(), folder.path().join("no/such/folder/new.db")] {
        let refused = salvage(&server.data_file(), &to);
        assert_eq!(refused.status.code(), Some(74), "{}", text(&refused));
    }
    assert!(names_in(&folder).is_empty());
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(server.data_file(), &link).unwrap();
    assert_eq!(salvage(&link, &to).status.code(), Some(0), "log and mark lie beside the file itself");
}
