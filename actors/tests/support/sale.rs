//! **Job:** a whole sale in one process: opened bottom-up from a data file, closed top-down.
//! **Owns:** the threads of the writer and the cores; the caller's thread is the guest.
//! **Never:** knows what a test is after.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Arbiter, ArbiterHandle};
use doorbuster_actors::batch::BatchPolicy;
use doorbuster_actors::cores::{Cores, core_of};
use doorbuster_actors::desk::{Desk, Hosting};
use doorbuster_actors::directory::{Directory, Listing};
use doorbuster_actors::entry::Balance;
use doorbuster_actors::ids::{Core, ItemNumber, OrderNumber, UserId};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{CommitError, Ledger, Recovered};
use doorbuster_actors::letters::{Instruction, Query, Reservation, Step};
use doorbuster_actors::observe::{CoreCounters, WriterCounters};
use doorbuster_actors::order_writer::{Drain, OrderWriter};
use doorbuster_actors::permit::{House, Permit, Token};
use doorbuster_actors::postbox::{Postbox, Stamps};
use doorbuster_actors::reply::{Found, Instructed, Outcome, Receipt, Seat};
use doorbuster_actors::stock::{Stock, Terms};
use doorbuster_actors::time::Clock;
use doorbuster_actors::used_keys::UsedKeys;
use doorbuster_actors::watchers::Watchers;

use super::{TERMS, durable, in_time, until};

/// How a sale is set up.
pub struct SaleSettings {
    /// Threads with actors.
    pub cores: u16,
    /// Letters that may be in the house.
    pub letters: usize,
    /// How batches are closed.
    pub policy: BatchPolicy,
    /// The terms of sale.
    pub terms: Terms,
    /// Whether letters are timed.
    pub stamps: Stamps,
}

impl Default for SaleSettings {
    fn default() -> Self {
        let policy = BatchPolicy { max_entries: 1024, linger: Duration::ZERO };
        Self { cores: 1, letters: 16_384, policy, terms: TERMS, stamps: Stamps::Sampled }
    }
}

/// A running sale, seen by the one guest on the caller's thread.
pub struct Sale {
    pub directory: Arc<Directory>,
    pub cores: Arc<Cores>,
    pub house: Arc<House>,
    pub counters: Arc<WriterCounters>,
    pub core_counters: Vec<Arc<CoreCounters>>,
    pub used_keys: Arc<UsedKeys>,
    pub watchers: Arc<Watchers>,
    pub writer: Addr<OrderWriter>,
    pub guest: Seat,
    postboxes: Vec<Postbox>,
    /// The writer's, then one per core.
    arbiters: Vec<Arbiter>,
}

impl Sale {
    /// Opens the data file, creates the items it does not know, and starts all rooms. Must run inside a `System`.
    pub async fn open(path: &Path, items: &[ItemDefinition], settings: SaleSettings) -> Self {
        let (mut ledger, known) = Ledger::open(&durable(path), |_entry| ()).expect("a data file of ours");
        let recovered = create_unknown(&mut ledger, &known, items);
        let clock = Clock::start(recovered.latest);
        let cores = Arc::new(Cores::new(settings.cores, 1));
        let counters = Arc::new(WriterCounters::default());
        let used_keys = Arc::new(UsedKeys::default());
        let place = |stock: &Stock| core_of(&stock.definition().id, settings.cores);
        let listings = recovered.stocks.iter().map(|stock| Listing::new(stock, place(stock))).collect();

        let arbiter = Arbiter::new();
        let letters = settings.letters;
        let watchers = Arc::new(Watchers::default());
        let shared = (Arc::clone(&cores), Arc::clone(&counters), Arc::clone(&watchers));
        let writer = OrderWriter::new(ledger, settings.policy, shared, letters);
        let writer = writer.open(&arbiter.handle());
        let mut sale = Self {
            directory: Arc::new(Directory::new(listings)),
            cores,
            house: House::new(letters),
            counters,
            core_counters: Vec::new(),
            used_keys,
            watchers,
            writer,
            guest: Seat(settings.cores),
            postboxes: Vec::new(),
            arbiters: vec![arbiter],
        };
        for core in sale.cores.all() {
            let stocks = recovered.stocks.iter().filter(|stock| place(stock) == core).cloned().collect();
            sale.start_core(core, stocks, clock, settings.terms);
        }
        Desk::start(sale.guest, &sale.cores, letters, None);
        until("every seat is taken", || sale.cores.is_complete()).await;
        let desk = |seat| sale.cores.desk(Seat(seat)).expect("every seat is taken").clone();
        sale.postboxes =
            (0..=settings.cores).map(|seat| Postbox::new(desk(seat), Seat(seat), settings.stamps)).collect();
        sale
    }

    fn start_core(&mut self, core: Core, stocks: Vec<Stock>, clock: Clock, terms: Terms) {
        let core_counters = Arc::new(CoreCounters::default());
        self.core_counters.push(Arc::clone(&core_counters));
        let (writer, used_keys) = (self.writer.clone(), Arc::clone(&self.used_keys));
        let (directory, writer_counters) = (Arc::clone(&self.directory), Arc::clone(&self.counters));
        let (cores, letters) = (Arc::clone(&self.cores), self.house.capacity());
        let arbiter = Arbiter::new();
        arbiter.spawn_fn(move || {
            let hosting = Hosting {
                core,
                stocks,
                writer,
                clock,
                terms,
                directory,
                writer_counters,
                used_keys,
                core_counters,
                slowed: None,
            };
            Desk::start(core.seat(), &cores, letters, Some(hosting));
        });
        self.arbiters.push(arbiter);
    }

    /// The published state of an item.
    pub fn listing(&self, id: &str) -> Arc<Listing> {
        self.directory.find(&id.parse().expect("a legal id")).expect("an item of the sale")
    }

    fn permit(&self) -> Permit {
        self.house.enter().expect("the house is not full")
    }

    /// The postbox of a thread.
    pub fn postbox(&self, seat: Seat) -> &Postbox {
        &self.postboxes[usize::from(seat.0)]
    }

    /// The thread of a core, for work that has to run there.
    pub fn thread_of(&self, core: Core) -> ArbiterHandle {
        self.arbiters[1 + usize::from(core.0)].handle()
    }

    /// Sends a purchase from the desk at `seat`, with a token.
    pub fn reserve_at(&self, seat: Seat, id: &str, reservation: Reservation, token: Token) -> Receipt<Outcome> {
        self.postbox(seat).reserve(&self.listing(id), reservation, token, self.permit())
    }

    /// Sends a purchase; its outcome comes by the receipt.
    pub fn reserve(&self, id: &str, reservation: Reservation) -> Receipt<Outcome> {
        self.reserve_at(self.guest, id, reservation, Token::none())
    }

    /// Sends a purchase and awaits its outcome.
    pub async fn buy(&self, id: &str, reservation: Reservation) -> Outcome {
        in_time("an outcome", self.reserve(id, reservation).outcome()).await
    }

    /// Asks which order a key made.
    pub async fn recall(&self, id: &str, wanted: &Reservation) -> Outcome {
        let key = wanted.key.clone().expect("only keys are recalled");
        let question = (wanted.user.clone(), wanted.quantity, key);
        let receipt = self.postbox(self.guest).recall(&self.listing(id), question, self.permit());
        in_time("an outcome", receipt.outcome()).await
    }

    /// Sends a question.
    pub fn ask(&self, id: &str, query: Query) -> Receipt<Found> {
        self.postbox(self.guest).find(&self.listing(id), query, self.permit())
    }

    /// All orders of a buyer, or why they cannot be told.
    pub async fn find(&self, id: &str, user: UserId) -> Found {
        in_time("orders", self.ask(id, Query::AllOf { user }).found()).await
    }

    /// Reports what happened to an order, and awaits what became of it.
    pub async fn settle(&self, id: &str, number: OrderNumber, step: Step) -> Outcome {
        let receipt = self.postbox(self.guest).settle(&self.listing(id), number, step, self.permit());
        in_time("an outcome", receipt.outcome()).await
    }

    /// The balances of an item, as durable as they are.
    pub async fn audit(&self, id: &str) -> Balance {
        let receipt = self.postbox(self.guest).audit(&self.listing(id), self.permit());
        in_time("the balances", receipt.audited()).await.expect("an open ledger")
    }

    /// Gives an instruction and awaits that it is durable.
    pub async fn instruct(&self, id: &str, instruction: Instruction) -> Instructed {
        let receipt = self.postbox(self.guest).instruct(&self.listing(id), instruction, self.permit());
        in_time("an instruction", receipt.instructed()).await
    }

    /// Awaits all outcomes, in the order of their receipts.
    pub async fn outcomes(receipts: Vec<Receipt<Outcome>>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            outcomes.push(in_time("an outcome", receipt.outcome()).await);
        }
        outcomes
    }

    /// Has the writer write what it has and close the ledger; the threads go on.
    pub async fn drain(&self) -> Result<(), CommitError> {
        in_time("the ledger to close", self.writer.send(Drain)).await.expect("the writer lives")
    }

    /// Closes the sale.
    pub async fn close(self) {
        self.drain().await.expect("a ledger that can be closed");
        for arbiter in self.arbiters {
            arbiter.stop();
            arbiter.join().expect("no thread of the sale panicked");
        }
    }
}

/// Creates the items that are not there yet.
fn create_unknown(ledger: &mut Ledger, known: &Recovered, items: &[ItemDefinition]) -> Recovered {
    let is_new = |item: &&ItemDefinition| known.stocks.iter().all(|stock| stock.definition().id != item.id);
    let first = u32::try_from(known.stocks.len() + 1).expect("few items");
    let creations: Vec<_> = items
        .iter()
        .filter(is_new)
        .zip(first..)
        .map(|(item, number)| Stock::creation(ItemNumber(number), item.clone(), known.latest))
        .collect();
    ledger.commit(creations.iter()).expect("room on the disk");
    ledger.recover().expect("an undamaged ledger")
}
