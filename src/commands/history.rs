//! **Job:** the form of a history: what clients asked a server, when, and what they were answered.
//! **Owns:** the names of its members; `data/README.md` describes them.
//! **Never:** judges an answer: `verify` does.

mod reader;
mod recorder;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use reader::{HistoryError, read};
pub use recorder::{Recorder, Sheet};

/// The version of the form. A reader refuses every other.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`VERSION`].
    pub doorbuster_history: u32,
    /// What there may have been besides.
    pub covers: Covers,
}

/// Who else may have done something to the items of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Covers {
    /// Nobody: all orders, cancellations and payments of the data file are here.
    Everything,
    /// Other buyers, and payment providers. The buyers named here did nothing elsewhere.
    Buyers,
}

/// The last line. Without it a history was cut short, and says nothing about what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// Lines between the first and this one.
    pub operations: u64,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `POST /v1/items/{item_id}/orders`.
    Buy,
    /// `POST /v1/orders/{order_id}/cancel`.
    Cancel,
    /// `GET /v1/orders/{order_id}`.
    Read,
    /// A payment provider's event about an order; `key` is the provider's id of the money.
    Pay,
    /// `GET /v1/items/{item_id}`.
    Item,
}

/// How the asker showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credentials {
    /// Rightly.
    #[default]
    Valid,
    /// Not at all.
    None,
    /// With something that is not valid.
    Invalid,
}

impl Credentials {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    fn is_valid(&self) -> bool {
        *self == Self::Valid
    }
}

/// One request and its answer: a line of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation<'h> {
    /// What was asked.
    pub op: Kind,
    /// Before the first byte was sent, in nanoseconds of one monotonic clock.
    pub invoked_ns: u64,
    /// When the answer had been read, or was given up.
    pub returned_ns: u64,
    /// The buyer who asked.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Cow<'h, str>>,
    /// How they showed that.
    #[serde(default, skip_serializing_if = "Credentials::is_valid")]
    pub credentials: Credentials,
    /// The item in the path.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<Cow<'h, str>>,
    /// The order in the path, or in a payment.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Cow<'h, str>>,
    /// The idempotency key, or the provider's id of the money.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'h, str>>,
    /// The quantity in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// A hash of the body, where it says something else than `quantity`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Cow<'h, str>>,
    /// Of the answer; 0: there was none.
    pub status: u16,
    /// The problem's code, or in a word why there was no answer.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'h, str>>,
    /// Whether the answer bore `Idempotent-Replayed`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// The order in the answer.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderAnswer<'h>>,
    /// `remaining` in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<i64>,
    /// The number of the node that answered; absent: the one whose data file is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
}

/// Of an order that was answered, what never changes, and its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the members of the interface")]
pub struct OrderAnswer<'h> {
    #[serde(borrow)]
    pub order_id: Cow<'h, str>,
    #[serde(borrow)]
    pub item_id: Cow<'h, str>,
    #[serde(borrow)]
    pub user_id: Cow<'h, str>,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    #[serde(borrow)]
    pub currency: Cow<'h, str>,
    #[serde(borrow)]
    pub status: Cow<'h, str>,
    #[serde(borrow)]
    pub created_at: Cow<'h, str>,
}

impl Operation<'_> {
    /// A request without an answer, to be filled in.
    #[must_use]
    pub fn new(op: Kind, invoked_ns: u64, returned_ns: u64) -> Self {
        Self {
            op,
            invoked_ns,
            returned_ns,
            user: None,
            credentials: Credentials::Valid,
            item_id: None,
            order_id: None,
            key: None,
            quantity: None,
            payload: None,
            status: 0,
            code: None,
            replayed: false,
            order: None,
            remaining: None,
            node: None,
        }
    }
}

#[cfg(test)]
mod tests;
