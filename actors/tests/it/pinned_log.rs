//! **Job:** holds that a reader which keeps the write-ahead log from beginning anew is told, and that the space comes
//! back when it goes.
//! **Owns:** a reader that stays.
//! **Never:** waits for a disk: commits need no sync here.

use std::path::Path;

use doorbuster_actors::ledger::Durability;
use doorbuster_actors::request::Control;

use crate::support::files::{beside, folder, reader};
use crate::support::{TestSale, item, on_this_thread, until};

/// What a log is cut to when it begins anew.
const LOG_SIZE: u64 = 32 << 20;

/// More commits than fill a log of that size, at a page or two each.
const MANY: u32 = 12_000;

fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(beside(path, "-wal")).expect("an open ledger has one").len()
}

/// Commits one entry after the other until `is_enough`; answers how many it took.
async fn commit_until(sale: &TestSale, is_enough: impl Fn() -> bool) -> u32 {
    for done in 0..MANY {
        if is_enough() {
            return done;
        }
        sale.control("sku-1", Control::Restock { quantity: 1 }).await.expect("an open sale");
    }
    MANY
}

#[test]
fn a_log_that_a_reader_pins_is_told_and_its_space_comes_back_when_the_reader_goes() {
    on_this_thread(async {
        let folder = folder();
        let path = folder.path().join("sale.db");
        let sale = TestSale::open_with(&path, &[item("sku-1", 10)], |settings| {
            settings.ledger.durability = Durability::Normal;
        })
        .await;
        let status = &sale.view.status;
        assert_eq!(commit_until(&sale, || log_bytes(&path) > LOG_SIZE || status.pinned_log_bytes() > 0).await, MANY);

        let shell = reader(&path);
        shell.execute_batch("BEGIN; SELECT count(*) FROM ledger").expect("readable");
        assert!(commit_until(&sale, || status.pinned_log_bytes() > 0).await < MANY, "nobody was told");
        assert!(status.pinned_log_bytes() > LOG_SIZE && log_bytes(&path) > LOG_SIZE);

        // A second reader that comes before the first one goes pins it as well.
        let other = reader(&path);
        other.execute_batch("BEGIN; SELECT count(*) FROM ledger").expect("readable");
        drop(shell);
        sale.control("sku-1", Control::Pause).await.expect("an open sale");
        assert!(status.pinned_log_bytes() > 0);

        drop(other);
        // Nobody buys anything.
        until("the log begins anew", || status.pinned_log_bytes() == 0).await;
        assert!(log_bytes(&path) <= LOG_SIZE, "{}", log_bytes(&path));
        sale.close().await;
    });
}
