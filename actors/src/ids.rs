//! **Job:** the identities of the sale: items, buyers, orders, idempotency keys.
//! **Owns:** their alphabets and lengths, so that an id that exists is a valid one.
//! **Never:** knows what is sold, or where an id came from.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::Serialize;

/// Longest item or user id, in bytes. The contract's number; it bounds keys, log lines and Redis names.
pub const MAX_ID_LENGTH: usize = 64;

/// Longest idempotency key, in bytes. Long enough for two UUIDs and a prefix, short enough to store.
pub const MAX_KEY_LENGTH: usize = 255;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Empty, or longer than the limit of its kind.
    #[error("must have 1 to {0} characters")]
    Length(usize),
    /// A character outside the alphabet of its kind.
    #[error("may contain only {0}")]
    Alphabet(&'static str),
}

fn checked_id(text: &str) -> Result<CompactString, InvalidId> {
    if text.is_empty() || text.len() > MAX_ID_LENGTH {
        return Err(InvalidId::Length(MAX_ID_LENGTH));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !text.bytes().all(legal) {
        return Err(InvalidId::Alphabet("A-Z a-z 0-9 . _ -"));
    }
    Ok(CompactString::new(text))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub struct $name(CompactString);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                checked_id(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// An item of the sale, as its owner names it: `^[A-Za-z0-9._-]{1,64}$`.
    ItemId
}
text_id! {
    /// A buyer, as the token's `sub` names them: `^[A-Za-z0-9._-]{1,64}$`.
    UserId
}

/// A client's idempotency key: 1 to 255 visible ASCII characters, scoped to a user and an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > MAX_KEY_LENGTH {
            return Err(InvalidId::Length(MAX_KEY_LENGTH));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidId::Alphabet("visible ASCII characters"));
        }
        Ok(Self(text.into()))
    }
}

/// The ordinal of an item in its data file: 1 is the first item ever created. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ItemNumber(pub u32);

/// The ordinal of an order within its item: 1 is the first order. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct OrderNumber(pub u32);

/// A thread that runs StockActors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoreId(pub u16);

/// A thread that sends messages and awaits replies, which come back as one message per worker and commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerId(pub u16);

/// The node that issued an order. One box is one node; the number is part of the order id so that several boxes
/// can later be told apart without touching ids that are already in people's mail.
pub const NODE: u16 = 1;

/// An order's public name: `<node>-<item>-<order>` in lower-case hexadecimal. Opaque to clients. It carries the
/// item, so that an order is found without an index over orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderId {
    /// The item whose actor decides about the order.
    pub item: ItemNumber,
    /// The order within the item.
    pub order: OrderNumber,
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NODE:x}-{:x}-{:x}", self.item.0, self.order.0)
    }
}

/// The text is not an order id of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an order id")]
pub struct InvalidOrderId;

impl FromStr for OrderId {
    type Err = InvalidOrderId;

    /// Accepts exactly what `Display` writes: one order has one name.
    fn from_str(text: &str) -> Result<Self, InvalidOrderId> {
        let mut parts = text.split('-');
        let mut number = || {
            let part = parts.next().ok_or(InvalidOrderId)?;
            u32::from_str_radix(part, 16).map_err(|_| InvalidOrderId)
        };
        let (_node, item, order) = (number()?, number()?, number()?);
        let id = Self { item: ItemNumber(item), order: OrderNumber(order) };
        if id.to_string() == text { Ok(id) } else { Err(InvalidOrderId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_to_sixty_four_characters_of_its_alphabet() {
        assert!("sku-1".parse::<ItemId>().is_ok());
        assert!("a".repeat(64).parse::<UserId>().is_ok());
        for bad in ["", &"a".repeat(65), "a b", "a/b", "é", "a\0", "a\u{202e}b", "a:b", "{a}"] {
            assert!(bad.parse::<ItemId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_visible_ascii() {
        assert!("~!\"{}".parse::<IdempotencyKey>().is_ok());
        for bad in ["", &"k".repeat(256), "a b", "\u{7f}", "é"] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_order_has_exactly_one_name() {
        let id = OrderId { item: ItemNumber(26), order: OrderNumber(1_000) };
        assert_eq!(id.to_string(), "1-1a-3e8");
        assert_eq!("1-1a-3e8".parse(), Ok(id));
        for bad in ["", "1-1a", "1-1A-3e8", "1-01a-3e8", "1-1a-3e8-", "2-1a-3e8", "1-+1a-3e8", "1-1a-fffffffff"] {
            assert_eq!(bad.parse::<OrderId>(), Err(InvalidOrderId), "{bad:?}");
        }
    }
}
