//! **Job:** the durable core without HTTP under load: 1,024 letters in flight for one hot item, each from another
//! buyer, sent on the core's own thread.
//! **Owns:** the house and its crowd.
//! **Never:** reports orders that are not in the file: `audit` counts them at the end.

#[path = "../../actors/tests/support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use actix::{System, SystemRunner};
use doorbuster_actors::ids::Core;
use doorbuster_actors::letters::Reservation;
use doorbuster_actors::observe::WriterCounters;
use doorbuster_actors::permit::Token;
use doorbuster_actors::postbox::{Postbox, Stamps};
use doorbuster_actors::reply::Outcome;
use rusqlite::Connection;
use tokio::sync::oneshot;

use support::{Sale, SaleSettings, item, keyed, one_unit};

/// Letters on their way at a time.
pub(crate) const IN_FLIGHT: usize = 1024;

/// Orders of one iteration: sixteen rounds of the letters in flight, so that its start and end do not count.
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
pub(crate) struct House {
    system: SystemRunner,
    sale: Sale,
    made: u64,
}

impl House {
    pub(crate) fn open(path: &Path) -> Self {
        let system = System::new();
        let sale = system.block_on(Sale::open(path, &[item(ITEM, STOCK)], SaleSettings::default()));
        Self { system, sale, made: 0 }
    }

    /// Makes `orders` orders, as a handler on the core's thread would, with their letters stamped or not.
    pub(crate) fn run(&mut self, orders: u64, stamps: Stamps) {
        let (core, listing) = (Core(0), self.sale.listing(ITEM));
        let desk = self.sale.cores.desk(core.seat()).expect("every seat is taken").clone();
        let (postbox, house) = (Postbox::new(desk, core.seat(), stamps), Arc::clone(&self.sale.house));
        let (done, wait) = oneshot::channel();
        let numbers = self.made..self.made + orders;
        self.made += orders;
        self.sale.thread_of(core).spawn(async move {
            let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
            for number in numbers {
                if waiting.len() == IN_FLIGHT {
                    confirm(waiting.pop_front()).await;
                }
                let permit = house.enter().expect("a house for more letters than are in flight");
                waiting.push_back(postbox.reserve(&listing, reservation(number), Token::none(), permit).outcome());
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
        &self.sale.counters
    }

    pub(crate) fn close(self) -> u64 {
        self.system.block_on(self.sale.close());
        self.made
    }
}

async fn confirm(outcome: Option<impl Future<Output = Outcome>>) {
    match outcome.expect("a letter is in flight").await {
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
