//! **Job:** reads one entry of the feed.
//! **Owns:** the words of the wire and what an entry of each kind must say.
//! **Never:** knows the server's own types, or what an entry does.

use serde::Deserialize;

use super::order_name::canonical;
use super::unfit::Unfit;

/// Longest id, in bytes: four times what the contract allows, because order ids are opaque.
const MAX_ID_BYTES: usize = 256;

/// Most units one entry may move: the server counts in 32 bits, and sums of such numbers are far from an overflow.
const MAX_UNITS: i64 = u32::MAX as i64;

/// What happened, by the feed's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// An item was created or changed.
    Item,
    /// Units were added to an item.
    Restocked,
    /// Units were taken away from an item.
    Withdrawn,
    /// An order was placed.
    Placed,
    /// An order was paid.
    Paid,
    /// An order was given up by its buyer.
    Cancelled,
    /// An order was not paid in time.
    Expired,
    /// Money of an order has to go back.
    RefundDue,
    /// It went back.
    Refunded,
    /// A sale was interrupted.
    Paused,
    /// A sale goes on.
    Resumed,
    /// A sale was ended.
    Closed,
    /// It goes on after all.
    Reopened,
    /// An item is not shown any more.
    Hidden,
    /// It is shown again.
    Shown,
    /// An item that nobody ordered is gone.
    Deleted,
    /// Money came that pays no order.
    Payment,
    /// Money went back.
    Settled,
}

impl Kind {
    /// The feed's word.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Restocked => "restocked",
            Self::Withdrawn => "withdrawn",
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::RefundDue => "refund_due",
            Self::Refunded => "refunded",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Hidden => "hidden",
            Self::Shown => "shown",
            Self::Deleted => "deleted",
            Self::Payment => "payment",
            Self::Settled => "settled",
        }
    }
}

/// A step of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderEvent {
    /// It begins, and holds its units.
    Placed,
    /// Its units are shipped.
    Paid,
    /// It gives its units back.
    Cancelled,
    /// It gives its units back, too late to be paid.
    Expired,
    /// Its money has to go back; so do its units, if it had them.
    RefundDue,
    /// Its money went back.
    Refunded,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// An item with so many units.
    Item {
        /// Id of the item.
        item_id: String,
        /// Units ever put on sale.
        stock: i64,
        /// Units that nobody holds, after the entry.
        remaining: Option<i64>,
    },
    /// More units of an item.
    Restocked {
        /// Id of the item.
        item_id: String,
        /// How many more.
        quantity: i64,
    },
    /// Fewer units of an item.
    Withdrawn {
        /// Id of the item.
        item_id: String,
        /// How many fewer.
        quantity: i64,
    },
    /// An item is gone.
    Deleted {
        /// Id of the item.
        item_id: String,
    },
    /// An order went a step on.
    Order {
        /// Id of the order, in its new form.
        order_id: String,
        /// Id of the item.
        item_id: String,
        /// Its units.
        quantity: i64,
        /// Where to.
        step: OrderEvent,
    },
    /// Nothing that an inventory counts.
    Nothing,
}

impl Change {
    /// Its item, and its order if it is about one.
    pub(super) fn names(&self) -> Option<(&String, Option<&String>)> {
        match self {
            Self::Nothing => None,
            Self::Item { item_id, .. }
            | Self::Restocked { item_id, .. }
            | Self::Withdrawn { item_id, .. }
            | Self::Deleted { item_id } => Some((item_id, None)),
            Self::Order { item_id, order_id, .. } => Some((item_id, Some(order_id))),
        }
    }
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its kind, under which it is counted.
    pub(super) kind: Kind,
    /// What it says.
    pub(super) change: Change,
}

/// A line as it stands. Members that are not here are of no interest to an inventory.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    kind: Kind,
    order_id: Option<String>,
    item_id: Option<String>,
    quantity: Option<i64>,
    remaining: Option<i64>,
}

/// The number of an entry, if the line has one that can be read.
#[must_use]
pub(super) fn seq_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        seq: u64,
    }
    object(line).ok()?;
    serde_json::from_slice::<Numbered>(line).ok().map(|numbered| numbered.seq)
}

/// An array would be read as the members of a struct in their order, which nobody means.
fn object(line: &[u8]) -> Result<(), Unfit> {
    let is_object = line.trim_ascii_start().first() == Some(&b'{');
    is_object.then_some(()).ok_or_else(|| Unfit::Unreadable("not an object".to_owned()))
}

/// Reads the line that came as number `seq`.
///
/// # Errors
/// It is not JSON, of an unknown kind, has another number, or lacks what its kind must have.
pub(super) fn parse(seq: u64, line: &[u8]) -> Result<Entry, Unfit> {
    object(line)?;
    let line: Line = serde_json::from_slice(line).map_err(|error| Unfit::Unreadable(error.to_string()))?;
    if line.seq != seq {
        return Err(Unfit::OtherNumber { came_as: seq, says: line.seq });
    }
    let kind = line.kind;
    let change = match kind {
        Kind::Item => {
            Change::Item { stock: line.units(0)?, remaining: line.remaining, item_id: id("item_id", line.item_id)? }
        }
        Kind::Restocked => Change::Restocked { quantity: line.units(1)?, item_id: id("item_id", line.item_id)? },
        Kind::Withdrawn => Change::Withdrawn { quantity: line.units(1)?, item_id: id("item_id", line.item_id)? },
        Kind::Deleted => Change::Deleted { item_id: id("item_id", line.item_id)? },
        Kind::Placed => line.order(OrderEvent::Placed)?,
        Kind::Paid => line.order(OrderEvent::Paid)?,
        Kind::Cancelled => line.order(OrderEvent::Cancelled)?,
        Kind::Expired => line.order(OrderEvent::Expired)?,
        Kind::RefundDue => line.order(OrderEvent::RefundDue)?,
        Kind::Refunded => line.order(OrderEvent::Refunded)?,
        Kind::Paused
        | Kind::Resumed
        | Kind::Closed
        | Kind::Reopened
        | Kind::Hidden
        | Kind::Shown
        | Kind::Payment
        | Kind::Settled => Change::Nothing,
    };
    Ok(Entry { kind, change })
}

impl Line {
    fn units(&self, least: i64) -> Result<i64, Unfit> {
        let quantity = self.quantity.ok_or(Unfit::Missing("quantity"))?;
        if (least..=MAX_UNITS).contains(&quantity) { Ok(quantity) } else { Err(Unfit::OutOfRange("quantity")) }
    }

    fn order(self, step: OrderEvent) -> Result<Change, Unfit> {
        let quantity = self.units(1)?;
        let (order_id, item_id) = (id("order_id", self.order_id)?, id("item_id", self.item_id)?);
        Ok(Change::Order { order_id: canonical(&order_id).into_owned(), item_id, quantity, step })
    }
}

fn id(member: &'static str, given: Option<String>) -> Result<String, Unfit> {
    let id = given.ok_or(Unfit::Missing(member))?;
    if (1..=MAX_ID_BYTES).contains(&id.len()) { Ok(id) } else { Err(Unfit::OutOfRange(member)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACED: &str = r#"{"seq":7,"kind":"placed","order_id":"1-1-3","item_id":"sku-1","user_id":"ada","quantity":1,
        "unit_price":1990,"currency":"CNY","at":"2026-11-22T12:00:00.000Z","remaining":97,"later":{"a":[1]}}"#;

    #[test]
    fn an_entry_is_read_and_unknown_members_are_ignored() {
        let (order_id, item_id) = ("C0110000003H".to_owned(), "sku-1".to_owned());
        let change = Change::Order { order_id, item_id, quantity: 1, step: OrderEvent::Placed };
        assert_eq!(parse(7, PLACED.as_bytes()), Ok(Entry { kind: Kind::Placed, change }));
        assert_eq!(seq_of(PLACED.as_bytes()), Some(7));
    }

    #[test]
    fn control_entries_and_entries_about_money_change_nothing() {
        for (kind, item) in [
            (Kind::Paused, "\"a\""),
            (Kind::Resumed, "\"a\""),
            (Kind::Closed, "\"a\""),
            (Kind::Reopened, "\"a\""),
            (Kind::Hidden, "\"a\""),
            (Kind::Shown, "\"a\""),
            (Kind::Payment, "\"a\""),
            (Kind::Payment, "null"),
            (Kind::Settled, "null"),
        ] {
            let word = kind.as_str();
            let line = format!(r#"{{"seq":1,"kind":"{word}","item_id":{item},"order_id":null,"quantity":null}}"#);
            assert_eq!(parse(1, line.as_bytes()), Ok(Entry { kind, change: Change::Nothing }));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_unfit() {
        let long = format!(r#"{{"seq":1,"kind":"item","item_id":"{}","quantity":1}}"#, "x".repeat(257));
        for line in [
            "",
            "{",
            "[]",
            r#"[1,"item",null,"a",1,1]"#,
            "\u{feff}{}",
            r#"{"kind":"item","item_id":"a","quantity":1}"#,
            r#"{"seq":2,"kind":"item","item_id":"a","quantity":1}"#,
            r#"{"seq":1,"kind":"stolen","item_id":"a","quantity":1}"#,
            r#"{"seq":1,"kind":"item","item_id":"a"}"#,
            r#"{"seq":1,"kind":"item","quantity":1}"#,
            r#"{"seq":1,"kind":"item","item_id":"a","quantity":-1}"#,
            r#"{"seq":1,"kind":"item","item_id":"a","quantity":1.5}"#,
            r#"{"seq":1,"kind":"item","item_id":"a","quantity":4294967296}"#,
            r#"{"seq":1,"kind":"restocked","item_id":"a","quantity":0}"#,
            r#"{"seq":1,"kind":"placed","item_id":"a","quantity":1}"#,
            r#"{"seq":1,"kind":"placed","order_id":"","item_id":"a","quantity":1}"#,
            &long,
        ] {
            assert!(parse(1, line.as_bytes()).is_err(), "{line}");
        }
    }
}
