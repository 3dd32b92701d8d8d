//! **Job:** what a payment provider reports, in words that are nobody's in particular.
//! **Owns:** the three outcomes: an event about money, nothing of ours, and a refusal.
//! **Never:** says what an event means for an order, or repeats a key.

use std::fmt;

use doorbuster_actors::ids::IdempotencyKey;
use doorbuster_actors::item::{Amount, Currency};
use doorbuster_actors::payment::{Payment, PaymentResult, Provider};

use crate::fields::Wrong;

/// Longest order reference that is kept, in characters: more than any provider takes as one.
const MAX_REFERENCE: usize = 255;

/// What an authentic notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Money came, did not come, or went back.
    Event(Box<Event>),
    /// Nothing that concerns an order: the provider's word for it. It is answered as if it had been of use.
    Ignored(String),
}

/// An event about money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The provider's id of this event.
    pub id: IdempotencyKey,
    /// The provider's id of the money itself: two events about the same money have the same.
    pub payment: IdempotencyKey,
    /// The order as the provider has it; empty: the provider knows none. It is money all the same.
    pub order_reference: String,
    /// What happened.
    pub result: PaymentResult,
    /// How much, in minor units as ISO 4217 has them.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
}

/// Why a notification is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not known to come from the provider.
    NotAuthentic(Distrust),
    /// It cannot be read: a sentence.
    Malformed(String),
    /// It can be read, and says too little about the money, or something that cannot be.
    Invalid(Vec<Wrong>),
}

/// Why a notification is not believed. For the log: who sent it hears only that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// A header (or field) of the signature is missing, stands twice, or is none.
    NoSignature,
    /// It was signed too long ago, or ahead of our time.
    OtherTime,
    /// It was signed with a key that is not ours to check with.
    UnknownKey,
    /// No signature is right.
    WrongSignature,
    /// What was sealed for us does not open.
    Sealed,
    /// It is for another application.
    OtherApplication,
}

impl Distrust {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSignature => "there is no signature, more than one header of it, or it is malformed",
            Self::OtherTime => "it was signed more than five minutes ago or ahead: compare the clocks",
            Self::UnknownKey => "it was signed with a key that is not configured: compare its serial",
            Self::WrongSignature => "no signature is right: compare the secret, and whether a proxy changes the body",
            Self::Sealed => "its content does not open with the key that is configured",
            Self::OtherApplication => "it is for another app_id",
        }
    }
}

impl Event {
    /// The order as the provider has it, and what is reported of its money.
    #[must_use]
    pub fn reported_by(self, provider: Provider) -> (String, Payment) {
        let Self { id, payment, order_reference, result, amount, currency } = self;
        (order_reference, Payment { provider, reference: payment, event: id, result, amount, currency })
    }

    /// The order as the provider has it, short enough to be kept.
    pub(super) fn reference(text: Option<String>) -> String {
        text.unwrap_or_default().trim().chars().take(MAX_REFERENCE).collect()
    }
}

impl From<Event> for Report {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

impl From<Distrust> for Refusal {
    fn from(distrust: Distrust) -> Self {
        Self::NotAuthentic(distrust)
    }
}

impl Refusal {
    /// One member is not what it must be.
    pub(super) fn member(name: &str, reason: &(impl fmt::Display + ?Sized)) -> Self {
        Self::Invalid(vec![Wrong::value(name.to_owned(), reason.to_string())])
    }
}
