//! **Job:** the column `detail`: what an entry about money says, and who did something and why, as JSON.
//! **Owns:** the names of its members, which are fixed for ever.
//! **Never:** is written where there is nothing to say: an order and its payment in our own format have none.

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::entry::{Change, Entry};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::item::{Amount, Currency};
use crate::payment::{
    Origin, Payment, PaymentRecord, PaymentResult, Provider, RefundAmount, Settlement, Source, Verdict,
};

/// The members, all optional; what each kind must have is looked at when it is read.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Detail<'d> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    provider: Option<&'d str>,
    /// The provider's id of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// `succeeded`, `failed`, `refunded`, `refunded_total`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    result: Option<&'d str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    verdict: Option<&'d str>,
    /// What was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// How much of it has to go back.
    #[serde(skip_serializing_if = "Option::is_none")]
    owed: Option<i64>,
    /// How much went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<i64>,
    /// Where it was: `owed`, `applied`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    source: Option<&'d str>,
    /// The provider of the payment whose money went back.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    of: Option<&'d str>,
    /// The order as the provider called it, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What the other columns of an entry about money say.
pub(super) struct MoneyColumns {
    pub(super) order: Option<OrderNumber>,
    pub(super) user: Option<UserId>,
    pub(super) key: Option<IdempotencyKey>,
}

fn result_name(result: PaymentResult) -> &'static str {
    match result {
        PaymentResult::Succeeded => "succeeded",
        PaymentResult::Failed => "failed",
        PaymentResult::Refunded(RefundAmount::Single) => "refunded",
        PaymentResult::Refunded(RefundAmount::Total) => "refunded_total",
    }
}

/// The detail of an entry; none if there is nothing to say.
pub(super) fn of(entry: &Entry) -> Option<String> {
    let mut detail = Detail::default();
    match &entry.change {
        Change::Payment(record) => {
            let Payment { provider, reference: _, event, result, amount, currency } = &record.payment;
            detail.provider = Some(provider.as_str());
            detail.event = Some(event.as_str().to_owned());
            detail.result = Some(result_name(*result));
            detail.verdict = Some(record.verdict.as_str());
            detail.amount = Some(amount.minor());
            detail.currency = Some(currency.to_string());
            detail.owed = Some(record.owed.minor());
            detail.order_reference = record.order_reference.as_deref().map(str::to_owned);
        }
        Change::Settled(settlement) => {
            detail.of = settlement.payment.as_ref().map(|(provider, _)| provider.as_str());
            detail.source = Some(settlement.source.as_str());
            detail.settled = Some(settlement.amount.minor());
            detail.amount = settlement.reported.map(Amount::minor);
            detail.currency = Some(settlement.currency.to_string());
        }
        Change::Item(_)
        | Change::Order(_)
        | Change::Restocked { .. }
        | Change::Withdrawn { .. }
        | Change::Switched(_) => {
            entry.origin.as_ref()?;
        }
    }
    if let Some(origin) = &entry.origin {
        detail.operator = origin.operator.as_deref().map(str::to_owned);
        detail.reason = origin.reason.as_deref().map(str::to_owned);
        if let Some((provider, event)) = &origin.event {
            detail.provider = Some(provider.as_str());
            detail.event = Some(event.as_str().to_owned());
        }
    }
    Some(serde_json::to_string(&detail).expect("a detail has only texts and numbers"))
}

fn missing(member: &str) -> String {
    format!("detail: {member} is missing or makes no sense")
}

impl<'d> Detail<'d> {
    pub(super) fn read(json: Option<&'d str>) -> Result<Self, String> {
        json.map_or(Ok(Self::default()), |json| serde_json::from_str(json).map_err(|bad| format!("detail: {bad}")))
    }

    fn amount(amount: Option<i64>, member: &str) -> Result<Amount, String> {
        amount.and_then(Amount::new).ok_or_else(|| missing(member))
    }

    fn currency(&self) -> Result<Currency, String> {
        self.currency.as_deref().and_then(|code| code.parse().ok()).ok_or_else(|| missing("currency"))
    }

    fn event(&self) -> Result<IdempotencyKey, String> {
        self.event.as_deref().and_then(|event| event.parse().ok()).ok_or_else(|| missing("event"))
    }

    pub(super) fn payment(&self, columns: MoneyColumns) -> Result<PaymentRecord, String> {
        let result = match self.result {
            Some("succeeded") => PaymentResult::Succeeded,
            Some("failed") => PaymentResult::Failed,
            Some("refunded") => PaymentResult::Refunded(RefundAmount::Single),
            Some("refunded_total") => PaymentResult::Refunded(RefundAmount::Total),
            Some(_) | None => return Err(missing("result")),
        };
        let payment = Payment {
            provider: self.provider.and_then(Provider::named).ok_or_else(|| missing("provider"))?,
            reference: columns.key.ok_or("idempotency_key is missing")?,
            event: self.event()?,
            result,
            amount: Self::amount(self.amount, "amount")?,
            currency: self.currency()?,
        };
        Ok(PaymentRecord {
            order: columns.order,
            user: columns.user,
            payment,
            verdict: self.verdict.and_then(Verdict::named).ok_or_else(|| missing("verdict"))?,
            owed: Self::amount(self.owed, "owed")?,
            order_reference: self.order_reference.as_deref().map(Into::into),
        })
    }

    pub(super) fn settlement(&self, columns: MoneyColumns) -> Result<Settlement, String> {
        let payment = match (self.of, columns.key) {
            (None, None) => None,
            (Some(provider), Some(key)) => Some((Provider::named(provider).ok_or_else(|| missing("of"))?, key)),
            (_, _) => return Err(missing("of")),
        };
        Ok(Settlement {
            order: columns.order,
            user: columns.user,
            payment,
            source: match self.source {
                Some("owed") => Source::Owed,
                Some("applied") => Source::Applied,
                Some(_) | None => return Err(missing("source")),
            },
            amount: Self::amount(self.settled, "settled")?,
            reported: self.amount.map(|amount| Self::amount(Some(amount), "amount")).transpose()?,
            currency: self.currency()?,
        })
    }

    /// Who did it. The event of a payment is part of the payment.
    pub(super) fn origin(&self, kind: Kind) -> Result<Option<Box<Origin>>, String> {
        let event = match self.provider.filter(|_| kind != Kind::Payment) {
            Some(provider) => {
                let provider = Provider::named(provider).ok_or_else(|| missing("provider"))?;
                Some((provider, self.event()?))
            }
            None => None,
        };
        let origin = Origin {
            operator: self.operator.as_deref().map(Into::into),
            reason: self.reason.as_deref().map(Into::into),
            event,
        };
        Ok((origin != Origin::default()).then(|| Box::new(origin)))
    }
}
