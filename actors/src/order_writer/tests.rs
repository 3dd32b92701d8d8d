//! **Job:** what the writer must do before any test of the whole sale can see it.
//! **Owns:** a writer without cores.
//! **Never:** looks at what is written: the ledger's tests do.

use actix::Arbiter;

use super::*;
use crate::cluster::Cluster;
use crate::data_file::Creation;
use crate::entry::Entries;
use crate::ledger::{Durability, LedgerSettings};
use crate::payment_index::PaymentIndex;
use crate::placement::Placement;
use crate::time::Clock;
use crate::used_keys::UsedKeys;

#[actix::test]
async fn a_writer_whose_thread_has_had_no_turn_yet_refuses_no_decision() {
    const DECISIONS: usize = 100;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (path, creation) = (folder.path().join("sale.db"), Creation::Allowed);
    let settings = LedgerSettings { path, durability: Durability::Normal, creation };
    let (ledger, recovered) = Ledger::open(&settings, |_entry| ()).expect("a new ledger");
    let view = Arc::new(SaleView::new(
        (1, 1),
        (&[], &recovered.suspense),
        Clock::start(recovered.latest).expect("nothing is dated ahead"),
        (UsedKeys::default(), PaymentIndex::default()),
        (Arc::new(Placement::new(1, 0)), Cluster::alone()),
    ));
    let thread = Arbiter::new();
    let (let_go, held) = std::sync::mpsc::sync_channel::<()>(0);
    thread.spawn_fn(move || _ = held.recv());
    let policy = BatchPolicy { max_entries: 1, linger: Duration::ZERO };
    let writer = OrderWriter::new(ledger, policy, Arc::clone(&view), DECISIONS).open(&thread.handle());
    let core = writer.clone().recipient::<AppendBatch>();
    for number in 0..DECISIONS {
        let (entries, reply) = (Entries::new(), PendingReply::Unasked);
        let append = Append { entries, reply, epoch: Epoch::default(), permit: None };
        view.writer.mailbox.enter(1);
        let sent = core.try_send(AppendBatch { appends: vec![append], posted: Instant::now() });
        assert!(sent.is_ok(), "it refused decision {number}");
    }
    drop(let_go);
    #[expect(clippy::disallowed_methods, reason = "its reply says that all that came before was handled")]
    let drained = writer.send(Drain).await;
    drained.expect("the writer lives").expect("a clean end");
    assert_eq!(view.writer.mailbox.depth(), 0);
    thread.stop();
}
