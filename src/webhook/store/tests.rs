//! **Job:** the data file of a webhook: what is kept, what is refused.
//! **Owns:** files of its own.
//! **Never:** sends anything.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("sale.db.webhook");
    (folder, path)
}

fn event(seq: u64) -> Event {
    Event { seq, id: format!("evt_{seq}"), order_id: format!("o{}", seq % 2), kind: "placed".to_owned() }
}

fn settled(seq: u64, status: DeliveryStatus, due: i64) -> Settled {
    let event = OpenEvent { seq, attempts: 3, first: Some(5), due };
    Settled { event, status, at: 9, last_status: Some(500), last_error: Some("status 500".to_owned()) }
}

fn seqs(store: &Store, status: DeliveryStatus) -> Vec<u64> {
    let page = store.page(Some(status), 0, 10_000).expect("readable");
    page.into_iter().map(|delivery| delivery.seq).collect()
}

#[test]
fn what_was_written_is_there_after_another_start() {
    let (_folder, path) = file();
    let mut store = Store::open(&path).expect("a new file");
    let mode = std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!((mode, store.progress().expect("readable").cursor), (0o600, 0));
    store.take_in(&[event(1), event(2), event(4), event(5)], 6, "mark", 1).expect("written");
    let all = [
        settled(1, DeliveryStatus::Delivered, 0),
        settled(2, DeliveryStatus::Pending, 77),
        settled(4, DeliveryStatus::Dead, 0),
    ];
    store.settle(&all).expect("written");
    assert!(matches!(Store::open(&path), Err(StoreError::File(DataFileError::InUse(_)))));
    drop(store);

    let mut store = Store::open(&path).expect("our file");
    let progress = Progress { cursor: 6, mark: "mark".to_owned(), gone: None };
    assert_eq!((store.progress().expect("readable"), store.dead().expect("readable")), (progress, 1));
    let fresh = OpenEvent { seq: 5, attempts: 0, first: None, due: 1 };
    let tried = OpenEvent { seq: 2, attempts: 3, first: Some(5), due: 77 };
    let pending = [("o0".to_owned(), tried), ("o1".to_owned(), fresh)];
    assert_eq!(store.pending().expect("readable"), pending);
    assert_eq!(store.find(4).expect("readable").expect("it is there").last_error.as_deref(), Some("status 500"));
    assert_eq!(store.revive(4, 88).expect("written").as_deref(), Some("o0"));
    assert_eq!(store.revive(4, 88).expect("written"), None, "it is pending");
    assert_eq!(seqs(&store, DeliveryStatus::Pending), [2, 4, 5]);
}

#[test]
fn a_rewind_forgets_what_comes_after_and_in_another_ledger_everything() {
    let (_folder, path) = file();
    let mut store = Store::open(&path).expect("a new file");
    store.take_in(&[event(1), event(2), event(3)], 3, "three", 0).expect("written");
    store.rewind(2, "two", false).expect("written");
    assert_eq!((seqs(&store, DeliveryStatus::Pending), store.progress().expect("readable").cursor), (vec![1, 2], 2));
    store.rewind(2, "other", true).expect("written");
    let progress = Progress { cursor: 2, mark: "other".to_owned(), gone: None };
    assert_eq!((seqs(&store, DeliveryStatus::Pending), store.progress().expect("readable")), (vec![], progress));
}

#[test]
fn a_receiver_that_is_gone_stays_so_and_starts_anew_when_it_is_back() {
    let (_folder, path) = file();
    let mut store = Store::open(&path).expect("a new file");
    store.take_in(&[event(1)], 1, "one", 0).expect("written");
    store.settle(&[settled(1, DeliveryStatus::Pending, 99)]).expect("written");
    store.set_gone(Some("digest")).expect("written");
    drop(store);
    let mut store = Store::open(&path).expect("our file");
    assert_eq!(store.progress().expect("readable").gone.as_deref(), Some("digest"));
    store.set_gone(None).expect("written");
    assert_eq!(store.progress().expect("readable").gone, None);
    assert_eq!(store.pending().expect("readable")[0].1, OpenEvent { seq: 1, attempts: 3, first: None, due: 0 });
}

#[test]
fn only_the_newest_delivered_ones_are_kept() {
    let (_folder, path) = file();
    let mut store = Store::open(&path).expect("a new file");
    let most = u64::from(KEPT_DELIVERED);
    let events: Vec<_> = (1..=most + 5).map(event).collect();
    store.take_in(&events, most + 5, "mark", 0).expect("written");
    let all: Vec<_> = (2..=most + 5).map(|seq| settled(seq, DeliveryStatus::Delivered, 0)).collect();
    store.settle(&all).expect("written");
    assert_eq!(seqs(&store, DeliveryStatus::Delivered), (6..=most + 5).collect::<Vec<_>>());
    assert_eq!(seqs(&store, DeliveryStatus::Pending), [1]);
}

#[test]
fn a_foreign_newer_or_damaged_file_is_refused_untouched() {
    let (_folder, path) = file();
    drop(Store::open(&path).expect("a new file"));
    let set = |pragma: &str| {
        let connection = Connection::open(&path).expect("a database");
        connection.execute_batch(pragma).expect("takes it");
    };
    set("PRAGMA user_version = 2");
    assert!(matches!(Store::open(&path), Err(StoreError::Unfit(Unfit::Newer { found: 2, .. }))));
    set("PRAGMA application_id = 7");
    assert!(matches!(Store::open(&path), Err(StoreError::Unfit(Unfit::Foreign { .. }))));
    let text = "not a database, but long enough to have a header of one ".repeat(20);
    std::fs::write(&path, &text).expect("writable");
    assert!(matches!(Store::open(&path), Err(StoreError::Unfit(Unfit::Foreign { .. }))));
    assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
}
