//! **Job:** the money that came: what paid an order, and what has to go back or had to.
//! **Owns:** how much of each payment is still owed, which follows from what was settled.
//! **Never:** reads the views: files of older versions have none, and this is the same fold.

use std::collections::HashMap;
use std::ops::ControlFlow;

use doorbuster_actors::entry::{Change, Entry, OrderChange, Status};
use doorbuster_actors::ids::IdempotencyKey;
use doorbuster_actors::item::Currency;
use doorbuster_actors::ledger::{Kind, Row};
use doorbuster_actors::payment::{Provider, Source, Verdict};
use doorbuster_actors::time::Timestamp;

use super::cell::{Cell, Record};
use super::choice::Choice;
use super::goods::{Good, Goods};
use super::orders::order_id;
use super::pages::{ExportError, Stretch, damaged};

/// An item and an order of it; money of no order has none.
type OrderKey = (i64, Option<i64>);

/// A payment: its provider, and the provider's id of the money; none: the price of the order.
type PaymentKey = Option<(Provider, String)>;

/// What went back.
#[derive(Default)]
struct Settled {
    /// Of what was owed.
    owed: HashMap<(OrderKey, PaymentKey), i64>,
    /// Of what paid an order, before the order was given up.
    applied: HashMap<OrderKey, i64>,
}

impl Settled {
    fn read(stretch: &Stretch<'_>) -> Result<Self, ExportError> {
        let mut settled = Self::default();
        let mut note = |row: &Row<'_>| {
            let Change::Settled(settlement) = entry(row)?.change else { return Ok(()) };
            let order = (row.item, row.order_number);
            let sum = match settlement.source {
                Source::Owed => settled.owed.entry((order, key_of(settlement.payment.as_ref()))).or_default(),
                Source::Applied => settled.applied.entry(order).or_default(),
            };
            *sum += settlement.amount.minor();
            Ok(())
        };
        stretch.each("kind = 17", &mut note, &mut || ControlFlow::Continue(()))?;
        Ok(settled)
    }

    /// What is left of a debt. An event that owed nothing may name the same payment as one that did.
    fn left_of(&self, owed: i64, row: &Row<'_>, payment: PaymentKey) -> i64 {
        let settled = self.owed.get(&((row.item, row.order_number), payment)).copied().unwrap_or(0);
        owed.saturating_sub(settled).max(0)
    }

    fn returned(&self, row: &Row<'_>) -> i64 {
        self.applied.get(&(row.item, row.order_number)).copied().unwrap_or(0)
    }
}

fn key_of(payment: Option<&(Provider, IdempotencyKey)>) -> PaymentKey {
    payment.map(|(provider, reference)| (*provider, reference.as_str().to_owned()))
}

fn entry(row: &Row<'_>) -> Result<Entry, ExportError> {
    row.to_entry().map_err(|reason| damaged(row, reason))
}

/// A payment, as its columns tell it.
struct Payment {
    provider: Option<Provider>,
    event: Option<String>,
    reference: Option<String>,
    order_reference: Option<String>,
    verdict: Verdict,
    amount: i64,
    currency: Option<Currency>,
    owed: i64,
}

impl Payment {
    /// What an entry says of money that came; none if it says nothing of it.
    fn of(row: &Row<'_>, good: Option<&Good>, settled: &Settled) -> Result<Option<Self>, ExportError> {
        let entry = entry(row)?;
        Ok(match &entry.change {
            Change::Order(order) => Self::of_step(row, order, &entry, good, settled),
            Change::Payment(record) => {
                let payment = &record.payment;
                let key = Some((payment.provider, payment.reference.as_str().to_owned()));
                Some(Self {
                    provider: Some(payment.provider),
                    event: Some(payment.event.as_str().to_owned()),
                    reference: Some(payment.reference.as_str().to_owned()),
                    order_reference: record.order_reference.as_deref().map(str::to_owned),
                    verdict: record.verdict,
                    amount: payment.amount.minor(),
                    currency: Some(payment.currency),
                    owed: settled.left_of(record.owed.minor(), row, key),
                })
            }
            Change::Item(_)
            | Change::Settled(_)
            | Change::Restocked { .. }
            | Change::Withdrawn { .. }
            | Change::Switched(_) => None,
        })
    }

    /// The payment behind a step of an order: it paid it, came too late for it, or has to go back with it.
    fn of_step(
        row: &Row<'_>,
        order: &OrderChange,
        entry: &Entry,
        good: Option<&Good>,
        settled: &Settled,
    ) -> Option<Self> {
        let price = i64::from(order.quantity).saturating_mul(order.unit_price.minor());
        let (verdict, owed) = match (order.status, &order.key, &entry.origin) {
            (Status::Paid, Some(_), _) => (Verdict::Applied, 0),
            (Status::RefundDue, Some(_), _) => (Verdict::Late, settled.left_of(price, row, None)),
            (Status::RefundDue, None, Some(_)) => {
                (Verdict::Cancelled, settled.left_of(price - settled.returned(row), row, None))
            }
            (
                Status::Pending
                | Status::Paid
                | Status::Cancelled
                | Status::Expired
                | Status::RefundDue
                | Status::Refunded,
                _,
                _,
            ) => return None,
        };
        let event = entry.origin.as_ref().and_then(|origin| origin.event.as_ref());
        let reference = order.key.as_ref().map(|key| key.as_str().to_owned());
        Some(Self {
            provider: reference.as_ref().map(|_| event.map_or(Provider::Own, |(provider, _)| *provider)),
            event: event.map(|(_, event)| event.as_str().to_owned()).or_else(|| reference.clone()),
            reference,
            order_reference: None,
            verdict,
            amount: price,
            currency: good.map(|good| good.currency),
            owed,
        })
    }

    fn record(self, row: &Row<'_>, good: Option<&Good>) -> Record {
        let (order, provider) = (order_id(row).filter(|_| row.item > 0), self.provider.map(Provider::as_str));
        let word = |text: Option<String>| text.map_or(Cell::Nothing, Cell::Word);
        vec![
            Cell::Word(format!("P{:09}", row.seq)),
            word(order),
            Cell::text(good.map(|good| good.id.as_str())),
            Cell::text(row.user_id),
            word(provider.map(str::to_owned)),
            Cell::text(self.event),
            Cell::text(self.reference),
            Cell::text(self.order_reference),
            Cell::Word(self.verdict.as_str().to_owned()),
            Cell::Whole(self.amount),
            word(self.currency.map(|currency| currency.to_string())),
            Cell::Whole(self.owed),
            Cell::Time(Timestamp::from_millis(row.at)),
            Cell::decimal(self.currency, self.amount),
            Cell::decimal(self.currency, self.owed),
        ]
    }
}

pub(super) fn each_page(
    stretch: &Stretch<'_>,
    choice: &Choice,
    wanted: &[Verdict],
    take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
) -> Result<(), ExportError> {
    let (goods, settled) = (Goods::read(stretch)?, Settled::read(stretch)?);
    let page = std::cell::RefCell::new(Vec::new());
    let mut read = |row: &Row<'_>| {
        // Most steps are told by buyers and the clock.
        let is_of_money = row.kind == Kind::Payment as i64 || row.idempotency_key.is_some() || row.detail.is_some();
        let good = goods.of(row);
        let is_of_time = choice.period.contains(Timestamp::from_millis(row.at));
        if !is_of_money || !is_of_time || !choice.wants_item(good.map(|good| good.id.as_str())) {
            return Ok(());
        }
        let payment = Payment::of(row, good, &settled)?;
        if let Some(payment) = payment.filter(|it| wanted.is_empty() || wanted.contains(&it.verdict)) {
            page.borrow_mut().push(payment.record(row, good));
        }
        Ok(())
    };
    stretch.each("kind IN (3, 6, 16)", &mut read, &mut || take(page.take()))
}
