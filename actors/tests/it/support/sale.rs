//! **Job:** an open sale for the tests: every core on a thread of its own, a guest on the caller's.
//! **Owns:** the threads of the cores, and a handle for each worker.
//! **Never:** knows what a test is after, or puts a sale together itself: `Sale::open` does.

use std::path::Path;
use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle};
use doorbuster_actors::entry::Balance;
use doorbuster_actors::ids::{CoreId, OrderNumber, UserId, WorkerId};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::CommitError;
use doorbuster_actors::request::{Control, Query, Reservation, Transition};
use doorbuster_actors::sale::{Controlled, Found, Outcome, Permit, PublishedItem, ReplyFuture, SaleView, Token};
use doorbuster_actors::{Sale, SaleHandle, SaleSettings};
use tokio::sync::oneshot;

use super::{POLICY, in_time};

/// A running sale, seen by the one guest on the caller's thread.
pub(crate) struct TestSale {
    pub(crate) view: Arc<SaleView>,
    pub(crate) guest: WorkerId,
    sale: Arc<Sale>,
    /// The cores', then the guest's.
    handles: Vec<SaleHandle>,
    cores: Vec<Arbiter>,
}

impl TestSale {
    /// Opens a sale on one core, in which orders are to be paid.
    pub(crate) async fn open(path: &Path, items: &[ItemDefinition]) -> Self {
        Self::open_with(path, items, |_settings| ()).await
    }

    /// The same with other settings. Must run inside a `System`.
    pub(crate) async fn open_with(
        path: &Path,
        items: &[ItemDefinition],
        change: impl FnOnce(&mut SaleSettings),
    ) -> Self {
        let mut settings = SaleSettings { guests: 1, policy: POLICY, ..SaleSettings::new(path) };
        change(&mut settings);
        let guest = WorkerId(settings.cores);
        let cores: Vec<_> = (0..settings.cores).map(|_| Arbiter::new()).collect();
        let sale = Arc::new(Sale::open(&settings, items.to_vec()).expect("a data file of ours"));
        let mut handles = Vec::new();
        for (arbiter, core) in cores.iter().zip(0..) {
            let (sale, (started, handle)) = (Arc::clone(&sale), oneshot::channel());
            arbiter.spawn_fn(move || drop(started.send(sale.start_core(CoreId(core)))));
            handles.push(in_time("a core to start", handle).await.expect("it starts"));
        }
        handles.push(sale.guest());
        in_time("every thread to start", sale.started()).await;
        Self { view: Arc::clone(sale.view()), guest, sale, handles, cores }
    }

    /// The published state of an item.
    pub(crate) fn published(&self, id: &str) -> Arc<PublishedItem> {
        self.view.directory.find(&id.parse().expect("a legal id")).expect("an item of the sale")
    }

    fn permit(&self) -> Permit {
        self.view.purchases.enter().expect("there is room for one more")
    }

    /// The handle of a thread.
    pub(crate) fn handle(&self, worker: WorkerId) -> &SaleHandle {
        &self.handles[usize::from(worker.0)]
    }

    /// The thread of a core, for work that has to run there.
    #[allow(dead_code, reason = "the benches' crowd sends from there")]
    pub(crate) fn thread_of(&self, core: CoreId) -> ArbiterHandle {
        self.cores[usize::from(core.0)].handle()
    }

    /// Sends a purchase from the thread of `worker`, with a token.
    pub(crate) fn reserve_at(
        &self,
        worker: WorkerId,
        id: &str,
        reservation: Reservation,
        token: Token,
    ) -> ReplyFuture<Outcome> {
        self.handle(worker).reserve(&self.published(id), reservation, token, self.permit())
    }

    /// Sends a purchase; its outcome comes by the reply.
    pub(crate) fn reserve(&self, id: &str, reservation: Reservation) -> ReplyFuture<Outcome> {
        self.reserve_at(self.guest, id, reservation, Token::none())
    }

    /// Sends a purchase and awaits its outcome.
    pub(crate) async fn buy(&self, id: &str, reservation: Reservation) -> Outcome {
        in_time("an outcome", self.reserve(id, reservation).outcome()).await
    }

    /// Asks which order a key made.
    pub(crate) async fn lookup_by_key(&self, id: &str, wanted: &Reservation) -> Outcome {
        let key = wanted.key.clone().expect("only keys are recalled");
        let question = (wanted.user.clone(), wanted.quantity, key);
        let reply = self.handle(self.guest).lookup_by_key(&self.published(id), question, self.permit());
        in_time("an outcome", reply.outcome()).await
    }

    /// Sends a question.
    pub(crate) fn ask(&self, id: &str, query: Query) -> ReplyFuture<Found> {
        self.handle(self.guest).find(&self.published(id), query, self.permit())
    }

    /// All orders of a buyer, or why they cannot be told.
    pub(crate) async fn find(&self, id: &str, user: UserId) -> Found {
        in_time("orders", self.ask(id, Query::AllOf { user }).found()).await
    }

    /// Reports what happened to an order, and awaits what became of it.
    pub(crate) async fn transition(&self, id: &str, number: OrderNumber, transition: Transition) -> Outcome {
        let reply = self.handle(self.guest).transition(&self.published(id), number, transition, self.permit());
        in_time("an outcome", reply.outcome()).await
    }

    /// The balances of an item, as durable as they are.
    pub(crate) async fn audit(&self, id: &str) -> Balance {
        let reply = self.handle(self.guest).audit(&self.published(id), self.permit());
        in_time("the balance", reply.audited()).await.expect("an open ledger").units.expect("an item has units")
    }

    /// Changes the sale and awaits that it is durable.
    pub(crate) async fn control(&self, id: &str, control: Control) -> Controlled {
        let reply = self.handle(self.guest).control(&self.published(id), control, None, self.permit());
        in_time("a change of the sale", reply.controlled()).await
    }

    /// Awaits all outcomes, in the order of their replies.
    pub(crate) async fn outcomes(replies: Vec<ReplyFuture<Outcome>>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(replies.len());
        for reply in replies {
            outcomes.push(in_time("an outcome", reply.outcome()).await);
        }
        outcomes
    }

    /// Has the writer write what it has and close the ledger; the threads go on.
    pub(crate) async fn drain(&self) -> Result<(), CommitError> {
        in_time("the ledger to close", self.sale.drain()).await
    }

    /// Closes the sale.
    pub(crate) async fn close(self) {
        in_time("the sale to close", self.sale.close()).await.expect("a ledger that can be closed");
        for core in self.cores {
            core.stop();
            core.join().expect("no thread of the sale panicked");
        }
    }
}
