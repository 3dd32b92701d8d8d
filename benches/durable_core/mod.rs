//! **Job:** the durable core without HTTP under load: 1,024 messages in flight for one hot item, each from another
//! buyer, sent on the core's own thread.
//! **Owns:** the sale and its crowd.
//! **Never:** reports orders that are not in the file: `audit` counts them at the end.

#[path = "../../actors/tests/it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses its own part of it")]
mod support;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use actix::{System, SystemRunner};
use doorbuster_actors::ids::CoreId;
use doorbuster_actors::observe::WriterCounters;
use doorbuster_actors::request::Reservation;
use doorbuster_actors::sale::{Outcome, Timing, Token};
use rusqlite::Connection;
use tokio::sync::oneshot;

use support::{TestSale, item, keyed, one_unit};

/// Messages on their way at a time.
pub(crate) const IN_FLIGHT: usize = 1024;

/// Orders of one iteration: sixteen rounds of the messages in flight, so that its start and end do not count.
pub(crate) const ORDERS: u32 = 16 * 1024;

pub(crate) const STOCK: u32 = 1_000_000_000;
const ITEM: &str = "sku-hot";

/// A buyer's name of 13 characters and a key as long as a UUID.
pub(crate) fn names(number: u64) -> (String, String) {
    (format!("u{number:012}"), format!("{number:036}"))
}

fn reservation(number: u64) -> Reservation {
    let (user, key) = names(number);
    keyed(one_unit(&user), &key)
}

/// The whole sale, and how many orders were made in it.
pub(crate) struct DurableCore {
    system: SystemRunner,
    sale: TestSale,
    made: u64,
}

impl DurableCore {
    pub(crate) fn open(path: &Path) -> Self {
        let system = System::new();
        let sale = system.block_on(TestSale::open(path, &[item(ITEM, STOCK)]));
        Self { system, sale, made: 0 }
    }

    /// Makes `orders` orders, as a handler on the core's thread would, with their messages timed or not.
    pub(crate) fn run(&mut self, orders: u64, timing: Timing) {
        let (core, published) = (CoreId(0), self.sale.published(ITEM));
        let handle = self.sale.handle(core.worker()).clone().with_timing(timing);
        let purchases = Arc::clone(&self.sale.view.purchases);
        let (done, wait) = oneshot::channel();
        let numbers = self.made..self.made + orders;
        self.made += orders;
        self.sale.thread_of(core).spawn(async move {
            let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
            for number in numbers {
                if waiting.len() == IN_FLIGHT {
                    confirm(waiting.pop_front()).await;
                }
                let permit = purchases.enter().expect("room for more messages than are in flight");
                waiting.push_back(handle.reserve(&published, reservation(number), Token::none(), permit).outcome());
            }
            while !waiting.is_empty() {
                confirm(waiting.pop_front()).await;
            }
            done.send(()).expect("the bench waits");
        });
        self.system.block_on(wait).expect("the crowd comes to its end");
    }

    /// What the writer did.
    pub(crate) fn writer(&self) -> &WriterCounters {
        &self.sale.view.writer
    }

    pub(crate) fn close(self) -> u64 {
        self.system.block_on(self.sale.close());
        self.made
    }
}

async fn confirm(outcome: Option<impl Future<Output = Outcome>>) {
    match outcome.expect("a message is in flight").await {
        Outcome::Confirmed(_order) => {}
        outcome @ (Outcome::Replayed(_) | Outcome::Rejected(_) | Outcome::Unavailable(_)) => {
            panic!("not sold: {outcome:?}")
        }
    }
}

/// Checks that the file holds as many orders as were reported.
pub(crate) fn audit(path: &Path, made: u64) {
    let connection = Connection::open(path).expect("the data file");
    let one = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("readable");
    let orders = one("SELECT count(*) FROM ledger WHERE kind = 2");
    assert_eq!(orders, i64::try_from(made).expect("few orders"), "what was reported is in the file");
    assert_eq!(one("SELECT remaining FROM ledger ORDER BY seq DESC LIMIT 1"), i64::from(STOCK) - orders);
}
