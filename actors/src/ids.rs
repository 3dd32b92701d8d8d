//! **Job:** the identities of the sale: items, buyers, orders, idempotency keys.
//! **Owns:** their alphabets and lengths, so that an id that exists is a valid one.
//! **Never:** knows what is sold, or where an id came from.

mod order_id;

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::Serialize;

pub use order_id::{InvalidOrderId, OrderId};

/// Longest item id, in bytes. The contract's number; it bounds keys, log lines and Redis names.
pub const MAX_ITEM_ID_LENGTH: usize = 64;

/// Longest user id, in bytes: what `OpenID` Connect allows a subject (Core 1.0, section 2). Names are another's choice.
pub const MAX_USER_ID_LENGTH: usize = 255;

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

fn checked_item_id(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() || text.len() > MAX_ITEM_ID_LENGTH {
        return Err(InvalidId::Length(MAX_ITEM_ID_LENGTH));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.bytes().all(legal) { Ok(()) } else { Err(InvalidId::Alphabet("A-Z a-z 0-9 . _ -")) }
}

/// A text of another program that is carried along as it is: visible, so that it stays one word wherever it is shown.
fn checked_visible(text: &str, longest: usize) -> Result<(), InvalidId> {
    if text.is_empty() || text.len() > longest {
        return Err(InvalidId::Length(longest));
    }
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible { Ok(()) } else { Err(InvalidId::Alphabet("visible ASCII characters")) }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
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
                $check(text).map(|()| Self(CompactString::new(text)))
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
    ItemId, checked_item_id
}
text_id! {
    /// A buyer, as their identity provider names them: 1 to 255 visible ASCII characters, like `auth0|5f7c`.
    UserId, |text| checked_visible(text, MAX_USER_ID_LENGTH)
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
        checked_visible(text, MAX_KEY_LENGTH).map(|()| Self(text.into()))
    }
}

/// The number of a node in its shop, 1 to 960: two digits of an order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeNumber(u16);

impl NodeNumber {
    /// The number of a node that has no others beside it.
    pub const ALONE: Self = Self(1);

    /// The largest number.
    pub const MAX: u16 = 960;

    /// The number, if it is one of a node.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The number as it is written.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for NodeNumber {
    fn default() -> Self {
        Self::ALONE
    }
}

/// The number of an item: in the lower 22 bits its ordinal in its data file (1 is the first item ever created), in the
/// upper ten the number of its node, less one. So no two items of a shop have the same, and those of a node that is
/// alone are 1, 2, 3, …. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ItemNumber(pub u32);

impl ItemNumber {
    const ORDINAL_BITS: u32 = 22;
    const MAX_ORDINAL: u32 = (1 << Self::ORDINAL_BITS) - 1;

    /// The item of that ordinal on a node; none if there can be no so many.
    #[must_use]
    pub fn of(node: NodeNumber, ordinal: u32) -> Option<Self> {
        (ordinal <= Self::MAX_ORDINAL).then(|| Self((u32::from(node.0) - 1) << Self::ORDINAL_BITS | ordinal))
    }

    /// The first item of a node.
    #[must_use]
    pub fn first(node: NodeNumber) -> Self {
        Self((u32::from(node.0) - 1) << Self::ORDINAL_BITS | 1)
    }

    /// The one after it, as long as there can be more.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        (self.ordinal() < Self::MAX_ORDINAL).then(|| Self(self.0 + 1))
    }

    /// Its node.
    #[must_use]
    pub fn node(self) -> NodeNumber {
        let above = u16::try_from(self.0 >> Self::ORDINAL_BITS).expect("ten bits");
        NodeNumber(above + 1)
    }

    /// Its ordinal on its node.
    #[must_use]
    pub fn ordinal(self) -> u32 {
        self.0 & Self::MAX_ORDINAL
    }
}

/// The ordinal of an order within its item: 1 is the first order. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct OrderNumber(pub u32);

/// A thread that runs StockActors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoreId(pub u16);

/// A thread that sends messages and awaits replies, which come back as one message per worker and commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerId(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_id_is_one_to_sixty_four_characters_of_its_alphabet() {
        assert!("sku-1".parse::<ItemId>().is_ok());
        assert!("a".repeat(64).parse::<ItemId>().is_ok());
        for bad in ["", &"a".repeat(65), "a b", "a/b", "é", "a\0", "a\u{202e}b", "a:b", "{a}"] {
            assert!(bad.parse::<ItemId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_user_id_is_whatever_visible_ascii_an_identity_provider_gives() {
        let longest = "u".repeat(255);
        for good in ["7", "auth0|5f7c8ec7", "ann@example.org", "urn:user:77", "a:b=c/d+e", "\"\\'`{}<>&,;", &longest] {
            assert_eq!(good.parse::<UserId>().map(|id| id.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", &"u".repeat(256), "a b", "a\t", "a\n", "a\0", "a\u{7f}", "änn", "a\u{202e}b"] {
            assert!(bad.parse::<UserId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_visible_ascii() {
        assert!("~!\"{}".parse::<IdempotencyKey>().is_ok());
        for bad in ["", &"k".repeat(256), "a b", "\u{7f}", "é"] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad:?}");
        }
    }
}
