//! A panic in the core stops the process: an actor that panicked would be a closed mailbox in front of stock that
//! nobody can buy.

#![expect(clippy::print_stdout, reason = "a child tells its parent how far it came")]
#![expect(clippy::disallowed_methods, reason = "a child learns from the environment where it is, and is no actor")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use doorbuster_actors::letters::{Epoch, Restore};

use support::{
    SIGNAL_ABORT, Sale, SaleSettings, confirmed, is_child, item, on_this_thread, one_unit, reopen, run_as_child,
};

#[test]
fn a_panic_in_the_core_stops_the_process_and_the_ledger_is_the_way_back() {
    if is_child() {
        return on_this_thread(a_child_whose_desk_panics());
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let name = "a_panic_in_the_core_stops_the_process_and_the_ledger_is_the_way_back";
    let output = run_as_child(name, folder.path(), &[]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.signal(), Some(SIGNAL_ABORT), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("confirmed before") && !told.contains("still alive"), "{told}");
    let (_ledger, recovered) = reopen(&folder.path().join("sale.db")).expect("a ledger that was killed, not damaged");
    assert_eq!(recovered.stocks[0].balance().live, 1);
}

async fn a_child_whose_desk_panics() {
    let path = PathBuf::from(std::env::var_os("FOLDER").expect("set by the parent")).join("sale.db");
    let sale = Sale::open(&path, &[item("sku-1", 5)], SaleSettings::default()).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    println!("confirmed before");
    // A guest's desk hosts no items, so nobody may send it any.
    let desk = sale.cores.desk(sale.guest).expect("our own desk");
    let _closed = desk.send(Restore { epoch: Epoch(1), stocks: Vec::new() }).await;
    println!("still alive");
}
