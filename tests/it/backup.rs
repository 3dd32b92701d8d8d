//! **Job:** a copy of the data file that was made while everybody was buying is a ledger to go on with.
//! **Owns:** the way back: stop, put the copy into place, start.
//! **Never:** compares files: what counts is what is in them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use tokio::sync::watch;

use crate::support::{
    Attempt, Client, Item, Server, Setup, assert_conservation, authorization, beside, crowd, crowd_counting,
    doorbuster, flip, text,
};

const SKU: &str = "sku-1";

fn backup(db: &Path, to: &Path) -> Output {
    doorbuster(&["backup"], &[("--db", db), ("--to", to)])
}

/// Puts `copy` in place of the data file, as data/README.md says.
fn put_into_place(server: &mut Server, copy: &Path) {
    server.terminate();
    let data_file = server.data_file();
    for suffix in ["-wal", "-shm", ".mark"] {
        let mut beside = data_file.as_os_str().to_owned();
        beside.push(suffix);
        // What is not there need not be removed.
        let _absent = std::fs::remove_file(beside);
    }
    std::fs::copy(copy, &data_file).expect("the copy can be read");
    server.restart();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_live_sale_is_clean_and_a_server_sells_on_from_it() {
    let mut server = Setup::new([Item::new(SKU, 20_000).limit(2)]).start();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let (confirmed, mut seen) = watch::channel(0);
    let buying = tokio::spawn(crowd_counting(server.address(), Attempt::shuffled(SKU, 15_000, 1), confirmed.clone()));
    seen.wait_for(|count| *count >= 2_000).await.unwrap();
    let told_before = *confirmed.borrow();
    let written = tokio::task::block_in_place(|| backup(&server.data_file(), &copy));
    let told_after = *confirmed.borrow();
    assert_eq!(written.status.code(), Some(0), "{}", text(&written));
    assert!(text(&written).contains("clean:"), "{}", text(&written));
    drop(seen);
    let tally = buying.await.unwrap();
    tally.assert_answered_with(&[]);

    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["copy.db"], "one file, and nothing beside it");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);

    put_into_place(&mut server, &copy);
    let restored = assert_conservation(&server).await;
    assert!(restored.len() >= told_before, "{} orders, {told_before} were told before the backup", restored.len());
    assert!(told_after > told_before, "nobody bought during the backup: the test proves nothing");
    let mut client = Client::new(server.address());
    for order in restored.iter().step_by(97) {
        let path = format!("/v1/orders/{}", order["order_id"].as_str().unwrap());
        let papers = authorization(order["user_id"].as_str().unwrap());
        let answer = client.get(&path, &[("Authorization", &papers)]).await.expect("an answer");
        assert_eq!((answer.status, &answer.json()["order_id"]), (200, &order["order_id"]));
    }
    let attempts = (0..500).map(|number| Attempt::new(&format!("later-{number}"), SKU)).collect();
    assert_eq!(crowd(server.address(), attempts).await.orders().len(), 500);
    assert_eq!(assert_conservation(&server).await.len(), restored.len() + 500);
}

#[tokio::test]
async fn a_backup_of_a_stopped_server_has_every_order() {
    let mut server = Setup::new([Item::new(SKU, 100)]).start();
    crowd(server.address(), Attempt::shuffled(SKU, 100, 1)).await;
    let orders = server.orders();
    let folder = tempfile::tempdir().unwrap();
    for (name, stop) in [
        ("after-kill.db", Server::kill9 as fn(&mut Server)),
        ("after-stop.db", |server| {
            server.restart();
            assert!(server.terminate().success());
        }),
    ] {
        stop(&mut server);
        let copy = folder.path().join(name);
        let written = backup(&server.data_file(), &copy);
        assert_eq!(written.status.code(), Some(0), "{name}: {}", text(&written));
        let exported = doorbuster(&["orders", "--format", "ndjson"], &[("--db", &copy)]);
        assert_eq!(text(&exported).lines().count(), orders.len(), "{name}");
    }
}

#[tokio::test]
async fn a_backup_writes_over_nothing_and_leaves_nothing_behind_when_it_fails() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "precious").unwrap();
    let refused = backup(&server.data_file(), &taken);
    assert_eq!(refused.status.code(), Some(74), "{}", text(&refused));
    assert!(text(&refused).contains("exists already"), "{}", text(&refused));
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "precious");

    let absent = backup(&folder.path().join("absent.db"), &folder.path().join("copy"));
    assert_eq!(absent.status.code(), Some(74), "{}", text(&absent));
    let nowhere = backup(&server.data_file(), &folder.path().join("no/such/folder/copy"));
    assert_eq!(nowhere.status.code(), Some(74), "{}", text(&nowhere));
    assert!(text(&nowhere).contains("no/such/folder"), "{}", text(&nowhere));
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["taken"]);
}

#[tokio::test]
async fn of_a_damaged_ledger_there_is_no_backup() {
    let mut server = Setup::new([Item::new(SKU, 100)]).start();
    crowd(server.address(), Attempt::shuffled(SKU, 50, 1)).await;
    assert!(server.terminate().success());
    let connection = rusqlite::Connection::open(server.data_file()).unwrap();
    connection.execute("UPDATE ledger SET user_id = 'mallory' WHERE seq = 7", []).unwrap();
    drop(connection);
    assert_no_backup(&server.data_file(), "VIOLATED  chain");
}

#[tokio::test]
async fn of_a_ledger_that_is_short_there_is_no_backup() {
    let mut server = Setup::new([Item::new(SKU, 100)]).set("storage.max_batch", "1").start();
    crowd(server.address(), Attempt::shuffled(SKU, 40, 1)).await;
    server.kill9();
    let log = beside(&server.data_file(), "-wal");
    let last_frames = 3 * (24 + 4096);
    flip(&log, usize::try_from(std::fs::metadata(&log).unwrap().len()).unwrap() - last_frames + 4000, 3);
    assert_no_backup(&server.data_file(), "VIOLATED  acknowledged");
}

fn assert_no_backup(db: &Path, why: &str) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let written = backup(db, &folder.path().join("copy.db"));
    assert_eq!(written.status.code(), Some(1), "{}", text(&written));
    assert!(text(&written).contains(why) && text(&written).contains("doorbuster salvage"), "{}", text(&written));
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0, "a copy that is not whole was kept");
}

#[tokio::test]
async fn what_is_left_of_another_file_does_not_become_part_of_a_backup() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    for suffix in ["-wal", "-shm", "-journal", ".mark"] {
        std::fs::write(beside(&copy, suffix), "of another one").unwrap();
        let refused = backup(&server.data_file(), &copy);
        assert_eq!(refused.status.code(), Some(74), "{}", text(&refused));
        assert!(text(&refused).contains("exists already"), "{}", text(&refused));
        std::fs::remove_file(beside(&copy, suffix)).unwrap();
    }
    let itself = backup(&server.data_file(), &server.data_file());
    assert_eq!(itself.status.code(), Some(74), "{}", text(&itself));
    assert_eq!(backup(&server.data_file(), &copy).status.code(), Some(0));
}
