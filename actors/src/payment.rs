//! **Job:** what payment providers report, what it means, and what became of the money, as plain values.
//! **Owns:** the names of the providers and of the verdicts.
//! **Never:** decides: the stock does, and the suspense account where there is no order.
//!
//! Money is counted in four places: what was *received* is either *applied* (it pays an order), *owed* (it has to go
//! back) or *settled* (it went back). In each currency received = applied + owed + settled.

use serde::Serialize;

use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::money::{Amount, Currency};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name outside.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }
    };
}

words! {
    /// Who reports.
    Provider {
        /// Events in our own format.
        Own = "doorbuster",
        /// Stripe.
        Stripe = "stripe",
        /// Any provider that follows Standard Webhooks.
        Standard = "standard",
        /// Tencent's `WeChat` Pay v3.
        Wechat = "wechat",
        /// Alipay.
        Alipay = "alipay",
    }
}

words! {
    /// What an event meant.
    Verdict {
        /// It paid the order, or gave money back that was owed.
        Applied = "applied",
        /// The same money was reported before: nothing happened.
        Duplicate = "duplicate",
        /// The order is paid already: all of it is owed.
        SecondPayment = "second_payment",
        /// Less than the price: the order stays as it is, and all of it is owed.
        Short = "short",
        /// More than the price: the order is paid, and the excess is owed. Of a refund: more than there was to give
        /// back.
        Over = "over",
        /// Another currency than the price: the order stays as it is, and all of it is owed.
        WrongCurrency = "wrong_currency",
        /// After the order was cancelled, had expired, or was refunded: all of it is owed.
        Late = "late",
        /// No order is known by this name: all of it is owed.
        UnknownOrder = "unknown_order",
        /// The payment failed: no money came.
        Failed = "failed",
        /// A paid order was cancelled by the operator: its price is owed. No event says so.
        Cancelled = "cancelled",
    }
}

/// How much of a payment a refund gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundAmount {
    /// The amount is this refund's.
    Single,
    /// The amount is that of all refunds of the payment so far.
    Total,
}

/// What the payment provider says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentResult {
    /// The money is there.
    Succeeded,
    /// It is not; the buyer may try again until their deadline.
    Failed,
    /// Money that had come went back.
    Refunded(RefundAmount),
}

/// An event of a payment provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Who reports.
    pub provider: Provider,
    /// The provider's id of the money: two events about the same money are one payment.
    pub reference: IdempotencyKey,
    /// The provider's id of the event.
    pub event: IdempotencyKey,
    /// What happened.
    pub result: PaymentResult,
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
}

impl Payment {
    /// Whether it says that money came.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.result == PaymentResult::Succeeded
    }

    /// Whether it says that no money moved: it failed, or was of nothing.
    pub(crate) fn is_without_money(&self) -> bool {
        match self.result {
            PaymentResult::Succeeded => self.amount == Amount::ZERO,
            PaymentResult::Failed => true,
            PaymentResult::Refunded(_) => false,
        }
    }
}

/// Who did what is not a buyer's or the clock's doing, and why: written beside an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The person who did it, as they are called.
    pub operator: Option<Box<str>>,
    /// Why.
    pub reason: Option<Box<str>>,
    /// The provider behind a payment, and its event.
    pub event: Option<(Provider, IdempotencyKey)>,
}

/// Money that came and paid no order, or not only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// The order it was for; none if there is no such order.
    pub order: Option<OrderNumber>,
    /// The buyer of that order.
    pub user: Option<UserId>,
    /// What was reported.
    pub payment: Payment,
    /// What it meant.
    pub verdict: Verdict,
    /// How much of it has to go back.
    pub owed: Amount,
    /// The order as the provider called it, where there is none.
    pub order_reference: Option<Box<str>>,
}

/// Where the money was that went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was owed.
    Owed,
    /// It paid the order.
    Applied,
}

impl Source {
    /// Its name in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Applied => "applied",
        }
    }
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The order it had been for.
    pub order: Option<OrderNumber>,
    /// The buyer of that order.
    pub user: Option<UserId>,
    /// Which money: the payment it came with; none: the price of the order.
    pub payment: Option<(Provider, IdempotencyKey)>,
    /// Where it was.
    pub source: Source,
    /// How much of what was there.
    pub amount: Amount,
    /// How much the provider says; none: an operator says that it is settled.
    pub reported: Option<Amount>,
    /// In which currency.
    pub currency: Currency,
}

/// An amount that has to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
}

/// Where the money of one currency is. Sums of amounts, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyBalance {
    /// Of this currency.
    pub currency: Currency,
    /// All that came.
    pub received: i128,
    /// What pays an order, counted over the orders.
    pub applied: i128,
    /// What has to go back, counted over what is owed.
    pub owed: i128,
    /// What went back.
    pub settled: i128,
}

impl MoneyBalance {
    /// Nothing.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { currency, received: 0, applied: 0, owed: 0, settled: 0 }
    }

    /// No money is lost, and none came from nowhere.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.received == self.applied + self.owed + self.settled
            && [self.received, self.applied, self.owed, self.settled].iter().all(|sum| *sum >= 0)
    }
}
