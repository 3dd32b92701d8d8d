//! **Job:** the operations of a history as the checker works with them: small, and with their texts as numbers.
//! **Owns:** what an answer means: made, not made, unknown.
//! **Never:** knows the ledger.

use std::collections::HashSet;
use std::path::Path;

use doorbuster_actors::ids::OrderId;
use doorbuster_actors::time::Timestamp;

use super::names::{Name, Names};
use crate::commands::history::{self, Covers, Credentials, HistoryError, Kind, OrderAnswer};

/// What is known of the effect of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// 2xx: it has happened.
    Ok,
    /// 4xx: it has not happened and never will.
    Fail,
    /// Anything else, or no answer: nobody knows.
    Info,
}

/// Why an operation was refused, as far as that can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    SoldOut,
    LimitReached,
    NotStarted,
    Closed,
    Paused,
    NotFound,
    KeyReused,
    InvalidTransition,
    /// Of the gate, which may refuse whom it likes, but nobody whose key has made an order.
    Gate,
    Other,
}

/// Where an order can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Paid,
    Cancelled,
    Expired,
    RefundDue,
    Refunded,
    /// A word that the contract does not know.
    Unknown,
}

/// Item and number of an order, as its id has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OrderKey {
    pub(super) item: i64,
    pub(super) number: i64,
}

/// An order as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// None: the id is not one.
    pub(super) order: Option<OrderKey>,
    pub(super) item: Name,
    pub(super) user: Name,
    pub(super) quantity: i64,
    pub(super) unit_price: i64,
    pub(super) total_price: i64,
    pub(super) currency: Name,
    pub(super) status: Status,
    pub(super) created_at: i64,
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) line: u32,
    pub(super) kind: Kind,
    pub(super) invoked: i64,
    pub(super) returned: i64,
    pub(super) user: Option<Name>,
    pub(super) credentials: Credentials,
    pub(super) item: Option<Name>,
    pub(super) order: Option<OrderKey>,
    pub(super) key: Option<Name>,
    pub(super) quantity: Option<i64>,
    pub(super) payload: Option<Name>,
    pub(super) status: u16,
    pub(super) code: Option<Name>,
    pub(super) refusal: Refusal,
    pub(super) replayed: bool,
    pub(super) answer: Option<Box<Answer>>,
    pub(super) remaining: Option<i64>,
    pub(super) node: Option<u32>,
}

/// A history.
#[derive(Debug)]
pub(super) struct Operations {
    pub(super) covers: Covers,
    pub(super) all: Vec<Operation>,
    /// Buyers who did something here.
    pub(super) buyers: HashSet<Name>,
}

impl Operations {
    pub(super) fn read(path: &Path, names: &mut Names) -> Result<Self, HistoryError> {
        let mut operations = Self::new(Covers::Everything);
        operations.covers = history::read(path, |line, operation| operations.push(line, operation, names))?;
        Ok(operations)
    }

    pub(super) fn new(covers: Covers) -> Self {
        Self { covers, all: Vec::new(), buyers: HashSet::new() }
    }

    pub(super) fn push(&mut self, line: u64, operation: &history::Operation<'_>, names: &mut Names) {
        let operation = Operation::of(line, operation, names);
        if operation.credentials == Credentials::Valid && matches!(operation.kind, Kind::Buy | Kind::Cancel) {
            self.buyers.extend(operation.user);
        }
        self.all.push(operation);
    }

    /// Whether all that this buyer did is here.
    pub(super) fn knows_all_of(&self, user: Name) -> bool {
        self.covers == Covers::Everything || self.buyers.contains(&user)
    }
}

impl Operation {
    fn of(line: u64, operation: &history::Operation<'_>, names: &mut Names) -> Self {
        let mut name = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(|text| names.of(text));
        let (user, item) = (name(&operation.user), name(&operation.item_id));
        let (key, payload, code) = (name(&operation.key), name(&operation.payload), name(&operation.code));
        Self {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            kind: operation.op,
            invoked: operation.invoked_ns.cast_signed(),
            returned: operation.returned_ns.cast_signed(),
            user,
            credentials: operation.credentials,
            item,
            order: operation.order_id.as_deref().and_then(OrderKey::of),
            key,
            quantity: operation.quantity,
            payload,
            status: operation.status,
            code,
            refusal: refusal(operation.code.as_deref().unwrap_or_default()),
            replayed: operation.replayed,
            answer: operation.order.as_ref().map(|order| Box::new(Answer::of(order, names))),
            remaining: operation.remaining,
            node: operation.node,
        }
    }

    pub(super) fn effect(&self) -> Effect {
        match self.status {
            200..300 => Effect::Ok,
            400..500 => Effect::Fail,
            _other => Effect::Info,
        }
    }

    /// What it was, for people.
    pub(super) fn shown(&self, names: &Names) -> String {
        let Self { line, status, user, item, key, .. } = self;
        let told = match (self.effect(), self.code) {
            (Effect::Ok, _) if self.replayed => format!("{status} replayed"),
            (_, Some(code)) => format!("{status} {}", names.text(code)),
            (_, None) => status.to_string(),
        };
        let what = match self.kind {
            Kind::Buy => {
                let quantity = self.quantity.map_or_else(|| "?".to_owned(), |quantity| quantity.to_string());
                format!("buy {quantity} of {}", names.shown(*item))
            }
            Kind::Cancel => format!("cancel {}", self.shown_order()),
            Kind::Read => format!("read {}", self.shown_order()),
            Kind::Pay => format!("pay {}", self.shown_order()),
            Kind::Item => format!("item {}", names.shown(*item)),
        };
        let key = key.map_or_else(String::new, |key| format!(", key {}", names.text(key)));
        format!("line {line} ({what}, buyer {}{key}: {told})", names.shown(*user))
    }

    fn shown_order(&self) -> String {
        self.order.map_or_else(|| "an order that cannot be".to_owned(), OrderKey::shown)
    }
}

impl OrderKey {
    pub(super) fn of(id: &str) -> Option<Self> {
        let id: OrderId = id.parse().ok()?;
        Some(Self { item: id.item.0.into(), number: id.order.0.into() })
    }

    pub(super) fn shown(self) -> String {
        use doorbuster_actors::ids::{ItemNumber, OrderNumber};
        let part = |number: i64| u32::try_from(number).unwrap_or_default();
        OrderId { item: ItemNumber(part(self.item)), order: OrderNumber(part(self.number)) }.to_string()
    }
}

impl Answer {
    fn of(order: &OrderAnswer<'_>, names: &mut Names) -> Self {
        Self {
            order: OrderKey::of(&order.order_id),
            item: names.of(&order.item_id),
            user: names.of(&order.user_id),
            quantity: order.quantity,
            unit_price: order.unit_price,
            total_price: order.total_price,
            currency: names.of(&order.currency),
            status: Status::of(&order.status),
            created_at: order.created_at.parse().map_or(-1, Timestamp::millis),
        }
    }
}

impl Status {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "paid" => Self::Paid,
            "cancelled" => Self::Cancelled,
            "expired" => Self::Expired,
            "refund_due" => Self::RefundDue,
            "refunded" => Self::Refunded,
            _other => Self::Unknown,
        }
    }

    /// Whether an order that stands so holds units.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Paid)
    }
}

fn refusal(code: &str) -> Refusal {
    match code {
        "sold-out" => Refusal::SoldOut,
        "limit-reached" => Refusal::LimitReached,
        "sale-not-started" => Refusal::NotStarted,
        "sale-closed" => Refusal::Closed,
        "sale-paused" => Refusal::Paused,
        "not-found" => Refusal::NotFound,
        "idempotency-key-reused" => Refusal::KeyReused,
        "invalid-transition" => Refusal::InvalidTransition,
        "throttled" | "no-token" | "rate-limited" | "cool-down" => Refusal::Gate,
        _other => Refusal::Other,
    }
}
