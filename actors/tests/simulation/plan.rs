//! **Job:** draws a run from its seed: the shop, and what happens to it step by step.
//! **Owns:** the one generator of chance, and how often which step comes.
//! **Never:** knows what came of a step: a plan with steps left out is a plan.

use std::time::Duration;

use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::payment::{PaymentResult, RefundAmount};
use doorbuster_actors::sale::BatchPolicy;
use doorbuster_actors::stock::{LatePayment, SalePolicy};
use doorbuster_actors::time::Timestamp;

/// When every run begins: a noon.
pub(crate) const NOON_MS: i64 = 1_795_608_000_000;

/// The buyers of all runs; a run has the first few.
pub(crate) const NAMES: [&str; 12] =
    ["ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo"];

/// How the names of those begin who buy what is left in the end.
pub(crate) const VISITOR: &str = "visitor";

/// Keys that a buyer has for an item.
const KEYS: u8 = 6;

/// What is usually bought under a key.
pub(crate) fn quantity_of(key: u8) -> u32 {
    1 + u32::from(key) % 2
}

/// The items of all runs.
pub(crate) const ITEMS: [&str; 3] = ["lamp", "mug", "vase"];

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) shop: Shop,
    pub(crate) steps: Vec<Step>,
}

/// What does not change in a run, every limit drawn, down to 1.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) items: Vec<ItemDefinition>,
    /// Items of the catalogue at the first start; the others come with the next one.
    pub(crate) at_first: usize,
    pub(crate) policy: SalePolicy,
    pub(crate) batch: BatchPolicy,
    pub(crate) cores: usize,
    /// Attempts of a buyer in a second; none: no throttle.
    pub(crate) throttle: Option<u32>,
}

/// What becomes of a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    RequestLost,
    AnswerLost,
}

/// One step, so long after the one before it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) later_ms: i64,
    pub(crate) act: Act,
}

/// What the word of a payment provider is about, and how far it is from the price.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) item: usize,
    /// Taken modulo the orders that there are, and a few that there are not; none: no order at all.
    pub(crate) order: Option<u32>,
    pub(crate) is_own: bool,
    pub(crate) reference: u8,
    pub(crate) id: u8,
    pub(crate) result: PaymentResult,
    pub(crate) more: i64,
    pub(crate) is_foreign: bool,
}

/// What the owner of the sale does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Pause,
    Resume,
    Close,
    Reopen,
    Hide,
    Show,
    Delete,
    Restock(u32),
    Withdraw(u32),
    Limit(u32),
    Window(Option<i64>, Option<i64>),
    Price(i64),
    Revoke(u32),
    Repay(Event),
}

/// How the next commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing was written, for certain.
    Definite,
    /// Nobody knows; it was not.
    UnknownLost,
    /// Nobody knows; it was.
    UnknownWritten,
}

/// How a process ends and the next one begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restart {
    pub(crate) is_clean: bool,
    pub(crate) down_ms: i64,
    /// The wall clock from now on, against true time.
    pub(crate) skew_ms: Option<i64>,
    pub(crate) policy: Option<SalePolicy>,
    /// Rows that the control of that name loses.
    pub(crate) loses: usize,
}

/// Where a consumer of the feed dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    BeforeCommit,
    AfterCommit,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    Buy {
        buyer: usize,
        item: usize,
        quantity: u32,
        key: Option<u8>,
        fate: Fate,
    },
    Pay {
        event: Event,
        fate: Fate,
    },
    Cancel {
        buyer: usize,
        item: usize,
        order: u32,
        is_own: bool,
        fate: Fate,
    },
    Look {
        buyer: usize,
        item: usize,
        key: Option<u8>,
        fate: Fate,
    },
    Operate {
        item: usize,
        operation: Operation,
        fate: Fate,
    },
    /// The expiry tick comes, however late.
    Tick {
        most: usize,
    },
    /// A core hands its outbox to the writer.
    Pass {
        core: usize,
    },
    /// Nothing more waits for the writer.
    Idle,
    FailNext(Failure),
    /// The state after a failed commit reaches a core.
    Restore {
        core: usize,
    },
    Restart(Restart),
    /// The wall clock is set, and perhaps followed.
    SetClock {
        skew_ms: i64,
        is_followed: bool,
    },
    /// Redis loses everything.
    ForgetThrottle,
    Feed {
        most: usize,
        again: usize,
        death: Option<Death>,
    },
}

/// The run of a seed, with about so many purchases.
pub(crate) fn draw(seed: u64, purchases: usize) -> Plan {
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    let shop = dice.shop();
    let steps = (0..purchases * 8 / 3).map(|_| dice.step(&shop)).collect();
    Plan { shop, steps }
}

struct Dice(fastrand::Rng);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0.u32(0..end)
    }

    fn place(&mut self, places: usize) -> usize {
        self.0.usize(0..places)
    }

    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn sometimes<T>(&mut self, times: u32, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(times).then(|| draw(self))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.place(all.len())]
    }

    fn shop(&mut self) -> Shop {
        let count = 1 + self.place(ITEMS.len());
        let items: Vec<_> = ITEMS[..count].iter().map(|id| self.item(id)).collect();
        let max_entries = self.one_of(&[1, 2, 3, 8, 32]);
        let linger = Duration::from_millis(self.one_of(&[0, 0, 1, 50]));
        Shop {
            at_first: 1 + self.place(items.len()),
            items,
            policy: self.policy(),
            batch: BatchPolicy { max_entries, linger },
            cores: 1 + self.place(3),
            throttle: self.sometimes(3, |dice| 1 + dice.below(5)),
        }
    }

    fn item(&mut self, id: &str) -> ItemDefinition {
        ItemDefinition {
            id: id.parse().expect("a legal id"),
            title: format!("A {id}"),
            description: None,
            image_url: None,
            unit_price: Amount::new(self.one_of(&[0, 1, 1990, 1990])).expect("in range"),
            currency: self.one_of(&["EUR", "CNY"]).parse().expect("a currency"),
            stock: self.one_of(&[0, 1, 2, 3, 8, 20, 40, 80]),
            per_user_limit: self.one_of(&[1, 1, 2, 3, 9, 30]),
            opens_at: self.sometimes(6, |dice| moment(i64::from(dice.below(20_000)))),
            closes_at: self.sometimes(6, |dice| moment(20_001 + i64::from(dice.below(100_000)))),
        }
    }

    fn policy(&mut self) -> SalePolicy {
        let pay_within = self.one_of(&[None, Some(1), Some(900), Some(5_000), Some(20_000), Some(900_000)]);
        SalePolicy {
            pay_within: pay_within.map(Duration::from_millis),
            late: self.one_of(&[LatePayment::Refund, LatePayment::Honour]),
            cool_down: Duration::from_millis(self.one_of(&[0, 0, 0, 500, 10_000])),
        }
    }

    fn fate(&mut self) -> Fate {
        match self.below(12) {
            0 => Fate::RequestLost,
            1 | 2 => Fate::AnswerLost,
            _ => Fate::Answered,
        }
    }

    fn step(&mut self, shop: &Shop) -> Step {
        let later_ms = i64::from(match self.below(20) {
            0 => self.below(9_000),
            1..=6 => self.below(400),
            _ => self.below(10),
        });
        Step { later_ms, act: self.act(shop) }
    }

    fn act(&mut self, shop: &Shop) -> Act {
        let (item, core) = (self.place(shop.items.len()), self.place(shop.cores));
        match self.below(800) {
            0..300 => self.buy(item),
            300..390 => Act::Pay { event: self.event(item), fate: self.fate() },
            390..430 => {
                let (buyer, order) = (self.place(NAMES.len()), self.0.u32(..));
                Act::Cancel { buyer, item, order, is_own: !self.once_in(6), fate: self.fate() }
            }
            430..480 => {
                let key = self.sometimes(2, |dice| dice.0.u8(0..KEYS));
                Act::Look { buyer: self.place(NAMES.len()), item, key, fate: self.fate() }
            }
            480..525 => Act::Operate { item, operation: self.operation(item), fate: self.fate() },
            525..560 => Act::Tick { most: 1 + self.place(4) },
            560..640 => Act::Pass { core },
            640..715 => Act::Idle,
            715..736 => Act::Restore { core },
            736..742 => Act::FailNext(self.one_of(&[
                Failure::Definite,
                Failure::Definite,
                Failure::UnknownLost,
                Failure::UnknownWritten,
            ])),
            742..748 => Act::Restart(self.restart()),
            748..752 => Act::SetClock { skew_ms: self.skew(), is_followed: self.once_in(2) },
            752..756 => Act::ForgetThrottle,
            _ => {
                let death = self.sometimes(4, |dice| dice.one_of(&[Death::BeforeCommit, Death::AfterCommit]));
                Act::Feed { most: 1 + self.place(12), again: self.place(4), death }
            }
        }
    }

    fn buy(&mut self, item: usize) -> Act {
        let key = (!self.once_in(4)).then(|| self.0.u8(0..KEYS));
        // The payload belongs to the key, but for clients that confuse their keys.
        let usual = key.map_or(1, quantity_of);
        let quantity = if self.once_in(8) { self.below(4) } else { usual };
        Act::Buy { buyer: self.place(NAMES.len()), item, quantity, key, fate: self.fate() }
    }

    fn event(&mut self, item: usize) -> Event {
        let result = match self.below(10) {
            0 => PaymentResult::Failed,
            1 => PaymentResult::Refunded(RefundAmount::Single),
            2 => PaymentResult::Refunded(RefundAmount::Total),
            _ => PaymentResult::Succeeded,
        };
        Event {
            item,
            order: (!self.once_in(12)).then(|| self.0.u32(..)),
            is_own: self.once_in(2),
            reference: self.0.u8(0..24),
            id: self.0.u8(0..24),
            result,
            more: self.one_of(&[0, 0, 0, 0, 0, -1, 1, 1_000]),
            is_foreign: self.once_in(16),
        }
    }

    fn operation(&mut self, item: usize) -> Operation {
        match self.below(34) {
            0 | 1 => Operation::Pause,
            2..=5 => Operation::Resume,
            6 => Operation::Close,
            7..=9 => Operation::Reopen,
            10 => Operation::Hide,
            11..=13 => Operation::Show,
            14 => Operation::Delete,
            15..=18 => Operation::Restock(self.below(6)),
            19..=21 => Operation::Withdraw(self.below(4)),
            22 | 23 => Operation::Limit(1 + self.below(4)),
            24 => {
                let opens_at = self.sometimes(2, |dice| i64::from(dice.below(60_000)));
                Operation::Window(opens_at, self.sometimes(2, |dice| 60_001 + i64::from(dice.below(60_000))))
            }
            25 => Operation::Price(i64::from(self.below(3_000))),
            26..=29 => Operation::Revoke(self.0.u32(..)),
            _ => Operation::Repay(self.event(item)),
        }
    }

    fn skew(&mut self) -> i64 {
        const MINUTE: i64 = 60_000;
        const HOUR: i64 = 60 * MINUTE;
        // Some are about as far as a ledger may lead server time.
        const ALL: [i64; 11] =
            [0, 0, 0, -5_000, 5_000, -59 * MINUTE, 30 * MINUTE, HOUR + 20_000, 3 * HOUR, -50 * HOUR, 8 * 24 * HOUR];
        self.one_of(&ALL)
    }

    fn restart(&mut self) -> Restart {
        Restart {
            is_clean: self.once_in(4),
            down_ms: i64::from(self.below(3_000)),
            skew_ms: self.sometimes(3, Self::skew),
            policy: self.sometimes(3, Self::policy),
            loses: 1 + self.place(3),
        }
    }
}

/// So long after noon.
pub(crate) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOON_MS + millis)
}
