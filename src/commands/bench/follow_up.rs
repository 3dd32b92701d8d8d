//! **Job:** what buyers do with an order besides having bought it: `--mix`.
//! **Owns:** the choice, and the requests.
//! **Never:** is part of a figure: the latencies are those of purchases.

use std::borrow::Cow;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, Uri};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::connection::Connection;
use super::notes::Notes;
use super::orders::Orders;
use super::prepare::body;
use super::workload::Purchase;
use crate::commands::history::Kind;

/// Chance of its own, so that purchases are the same with and without a mix.
const SALT: u64 = 0x6d69_7865;

/// What decides what follows, on one thread.
pub(super) fn chance(seed: u64, thread: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ SALT ^ (thread << 32))
}

/// What, if anything, follows a purchase.
pub(super) fn draw(chance: &mut Xoshiro256PlusPlus, share: f64) -> Option<What> {
    let what = chance.random_range(0..What::ALL.len());
    (chance.random::<f64>() < share).then_some(What::ALL[what])
}

/// What follows a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Repeat,
    RepeatOther,
    Read,
    ReadAsAnother,
    Cancel,
}

impl What {
    const ALL: [Self; 5] = [Self::Repeat, Self::RepeatOther, Self::Read, Self::ReadAsAnother, Self::Cancel];

    fn kind(self) -> Kind {
        match self {
            Self::Repeat | Self::RepeatOther => Kind::Buy,
            Self::Read | Self::ReadAsAnother => Kind::Read,
            Self::Cancel => Kind::Cancel,
        }
    }
}

/// A purchase that was confirmed, and what is needed to go on from it.
pub(super) struct FollowUp<'f> {
    pub(super) orders: &'f Orders,
    pub(super) notes: &'f Notes,
    pub(super) purchase: &'f Purchase,
    pub(super) order: &'f str,
}

impl FollowUp<'_> {
    /// Does it, and writes it down.
    pub(super) async fn send(&self, line: &mut Connection, what: What) {
        let Self { orders, notes, purchase, order } = self;
        let another = usize::from(what == What::ReadAsAnother);
        let asker = (purchase.user + another) % orders.users.len();
        let quantity = orders.quantity + u32::from(what == What::RepeatOther);
        let invoked = notes.now();
        let response = line.ask(|| self.request(what, asker, quantity)).await;
        notes.asked(what.kind(), invoked, &response, |operation| {
            operation.user = Some(Cow::Borrowed(&orders.users[asker].0));
            if what.kind() == Kind::Buy {
                operation.item_id = Some(Cow::Borrowed(&orders.items[purchase.item].0));
                operation.key = Some(Cow::Borrowed(&purchase.key));
                operation.quantity = Some(quantity.into());
            } else {
                operation.order_id = Some(Cow::Borrowed(order));
            }
        });
    }

    fn request(&self, what: What, asker: usize, quantity: u32) -> Request<Full<Bytes>> {
        let (method, path) = match what {
            What::Repeat | What::RepeatOther => {
                let mut request = self.orders.request(self.purchase);
                *request.body_mut() = Full::new(body(quantity));
                return request;
            }
            What::Read | What::ReadAsAnother => (Method::GET, self.order.to_owned()),
            What::Cancel => (Method::POST, format!("{}/cancel", self.order)),
        };
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = self.beside_the_items(&path);
        request.headers_mut().insert(HOST, self.orders.host.clone());
        request.headers_mut().insert(AUTHORIZATION, self.orders.users[asker].1.clone());
        request
    }

    /// Where orders are, in the shop whose items are where they are.
    fn beside_the_items(&self, path: &str) -> Uri {
        let items = self.orders.items[self.purchase.item].1.path();
        let base_path = items.rfind("/v1/items/").map_or("", |end| &items[..end]);
        format!("{base_path}/v1/orders/{path}").parse().expect("an order that was answered has an id for a path")
    }
}
