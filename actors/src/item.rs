//! **Job:** what is for sale: the definition of an item.
//! **Owns:** its fields and their limits.
//! **Never:** changes while it is sold, or counts anything.

use serde::Serialize;

use crate::ids::ItemId;
pub use crate::money::{Amount, Currency, InvalidCurrency, MAX_AMOUNT, UnknownCurrency};
use crate::time::Timestamp;

/// Largest stock of an item, in units: a billion, so that every count fits a `u32` with room for restocks.
pub const MAX_STOCK: u32 = 1_000_000_000;

/// Largest quantity of one order, in units: the contract's 2³¹ − 1. What an item allows is far below.
pub const MAX_QUANTITY: u32 = (1 << 31) - 1;

/// Longest title, in characters.
pub const MAX_TITLE_LENGTH: usize = 200;

/// Longest description, in characters.
pub const MAX_DESCRIPTION_LENGTH: usize = 2_000;

/// Longest address of a picture, in bytes.
pub const MAX_IMAGE_URL_LENGTH: usize = 2_000;

/// An item as its owner describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemDefinition {
    /// Its name in routes.
    pub id: ItemId,
    /// Its name for people, 1 to [`MAX_TITLE_LENGTH`] characters, no control characters.
    pub title: String,
    /// What there is to say about it, up to [`MAX_DESCRIPTION_LENGTH`] characters; of control characters only line ends
    /// and tabs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// Its picture: an `https` or `http` address, or a path on the shop's own host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<Box<str>>,
    /// Price of one unit.
    pub unit_price: Amount,
    /// Currency of the price.
    pub currency: Currency,
    /// Units for sale at first, 0 to [`MAX_STOCK`].
    pub stock: u32,
    /// Units one buyer may hold in live orders, at least 1.
    pub per_user_limit: u32,
    /// First moment of the sale; absent: at once.
    pub opens_at: Option<Timestamp>,
    /// First moment after the sale; absent: never.
    pub closes_at: Option<Timestamp>,
}

/// Why a definition cannot be sold: the field, and what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct InvalidItem {
    /// The field's name as in the contract.
    pub field: &'static str,
    /// What it must be.
    pub reason: &'static str,
}

impl ItemDefinition {
    /// Checks what the types do not.
    pub fn validate(&self) -> Result<(), InvalidItem> {
        let check = |holds: bool, field, reason| if holds { Ok(()) } else { Err(InvalidItem { field, reason }) };
        // A client that resolves its paths (RFC 3986, section 6.2.2.3) could never name such an item.
        check(!matches!(self.id.as_str(), "." | ".."), "item_id", "must not be . or ..")?;
        let title_length = self.title.chars().count();
        check((1..=MAX_TITLE_LENGTH).contains(&title_length), "title", "must have 1 to 200 characters")?;
        check(!self.title.chars().any(char::is_control), "title", "must not contain control characters")?;
        self.validate_texts()?;
        check(self.stock <= MAX_STOCK, "stock", "must be 0 to 1,000,000,000")?;
        check((1..=MAX_QUANTITY).contains(&self.per_user_limit), "per_user_limit", "must be 1 to 2,147,483,647")?;
        let in_order = match (self.opens_at, self.closes_at) {
            (Some(opens_at), Some(closes_at)) => opens_at < closes_at,
            _ => true,
        };
        check(in_order, "closes_at", "must be later than opens_at")
    }

    fn validate_texts(&self) -> Result<(), InvalidItem> {
        if let Some(description) = &self.description {
            let is_short = description.chars().count() <= MAX_DESCRIPTION_LENGTH;
            let is_text = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t');
            let reason = "must have at most 2,000 characters, of control characters only line ends and tabs";
            if !is_short || !description.chars().all(is_text) {
                return Err(InvalidItem { field: "description", reason });
            }
        }
        match &self.image_url {
            Some(url) if !is_image_url(url) => {
                let reason =
                    "must be an https or http address or a path that begins with one /, up to 2,000 characters";
                Err(InvalidItem { field: "image_url", reason })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// An address that a page can put into an image: `javascript:` and `data:` are none.
fn is_image_url(url: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`');
    let has_host = |rest: &str| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[');
    let is_known = match (url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")), url.strip_prefix('/')) {
        (Some(rest), _) => has_host(rest),
        (None, Some(path)) => !path.starts_with('/'),
        (None, None) => false,
    };
    is_known && url.len() <= MAX_IMAGE_URL_LENGTH && url.bytes().all(is_plain)
}

/// Whether an item can be bought now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// Not yet.
    Scheduled,
    /// Yes.
    Open,
    /// Interrupted.
    Paused,
    /// Nothing is left, for now.
    SoldOut,
    /// Over.
    Closed,
}

/// When an item is sold: the half-open interval `[opens_at, closes_at)`.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// First moment; absent: at once.
    pub opens_at: Option<Timestamp>,
    /// First moment after; absent: never.
    pub closes_at: Option<Timestamp>,
}

impl Window {
    /// The state at `now` by window and flags alone. Over is over, then the window, then the pause.
    #[must_use]
    pub fn state(self, now: Timestamp, closed: bool, paused: bool) -> SaleState {
        if closed || self.closes_at.is_some_and(|closes_at| now >= closes_at) {
            return SaleState::Closed;
        }
        if self.opens_at.is_some_and(|opens_at| now < opens_at) {
            return SaleState::Scheduled;
        }
        if paused { SaleState::Paused } else { SaleState::Open }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An item for the tests of the crate: a hundred mugs, one a buyer.
    pub(crate) fn mug() -> ItemDefinition {
        ItemDefinition {
            id: "mug".parse().expect("a legal id"),
            title: "A mug".to_owned(),
            description: None,
            image_url: None,
            unit_price: Amount::new(1990).expect("in range"),
            currency: "CNY".parse().expect("a currency"),
            stock: 100,
            per_user_limit: 1,
            opens_at: None,
            closes_at: None,
        }
    }
}
