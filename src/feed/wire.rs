//! **Job:** how an entry looks outside: one JSON object a line.
//! **Owns:** the members of a line and their order.
//! **Never:** leaves one of the usual members out: what an entry does not have is `null`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One committed entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Entry)]
pub struct Line<'l> {
    /// Its place in the ledger: 1, 2, 3, … without a gap.
    pub seq: u64,
    /// What happened: `item`, `placed`, `paid`, `cancelled`, `expired`, `refund_due`, `refunded`, `restocked`,
    /// `withdrawn`, `paused`, `resumed`, `closed`, `reopened`, `hidden`, `shown`, `deleted`, `payment` (money that pays
    /// no order, or not only) or `settled` (money that went back). There may be others one day.
    #[serde(borrow)]
    #[schema(value_type = String)]
    pub kind: Cow<'l, str>,
    /// The order, in entries about one.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, required = true)]
    pub order_id: Option<Cow<'l, str>>,
    /// The item; null where money came for no order.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, required = true)]
    pub item_id: Option<Cow<'l, str>>,
    /// The buyer, in entries about an order.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, required = true)]
    pub user_id: Option<Cow<'l, str>>,
    /// Units of the order or of the restock; of an `item`, its stock.
    #[schema(required = true)]
    pub quantity: Option<u64>,
    /// Price of one unit in minor units, in entries about an order and of an `item`.
    #[schema(required = true)]
    pub unit_price: Option<u64>,
    /// ISO 4217 code of the price.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, required = true)]
    pub currency: Option<Cow<'l, str>>,
    /// Server time of the decision: RFC 3339, UTC, milliseconds.
    #[serde(borrow)]
    #[schema(value_type = String, format = DateTime)]
    pub at: Cow<'l, str>,
    /// Units of the item that nobody holds after the entry.
    pub remaining: u64,
    /// What else there is to say; none of it where there is nothing.
    #[serde(flatten, borrow)]
    pub detail: Detail<'l>,
}

/// Of entries about money, and of what an operator did. Absent members say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = EntryDetail)]
pub struct Detail<'l> {
    /// Who reported the payment.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub provider: Option<Cow<'l, str>>,
    /// The provider's id of the event.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub event_id: Option<Cow<'l, str>>,
    /// The provider's id of the money.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment_reference: Option<Cow<'l, str>>,
    /// The order as the provider called it, where there is none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub order_reference: Option<Cow<'l, str>>,
    /// What the event meant.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub verdict: Option<Cow<'l, str>>,
    /// What was reported, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub amount: Option<u64>,
    /// How much of it has to go back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owed: Option<u64>,
    /// How much went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub settled: Option<u64>,
    /// Who did it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub operator: Option<Cow<'l, str>>,
    /// Why.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub reason: Option<Cow<'l, str>>,
}

impl Line<'_> {
    /// Appends the line to `out`, without a line end.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("texts and numbers become JSON, and a vector takes them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_as_it_was_written() {
        let line = Line {
            seq: 7,
            kind: "placed".into(),
            order_id: Some("1-1-2".into()),
            item_id: Some("sku-1".into()),
            user_id: Some("ada".into()),
            quantity: Some(2),
            unit_price: Some(1990),
            currency: Some("CNY".into()),
            at: "2026-11-22T12:00:00.000Z".into(),
            remaining: 98,
            detail: Detail::default(),
        };
        let mut written = Vec::new();
        line.write_to(&mut written);
        let text = std::str::from_utf8(&written).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"seq":7,"kind":"placed","order_id":"1-1-2","item_id":"sku-1","user_id":"ada","quantity":2,"#,
                r#""unit_price":1990,"currency":"CNY","at":"2026-11-22T12:00:00.000Z","remaining":98}"#
            )
        );
        assert_eq!(serde_json::from_str::<Line<'_>>(text).unwrap(), line);
    }

    #[test]
    fn what_an_entry_does_not_have_is_null() {
        let line = Line {
            seq: 8,
            kind: "paused".into(),
            order_id: None,
            item_id: Some("sku-1".into()),
            user_id: None,
            quantity: None,
            unit_price: None,
            currency: None,
            at: "2026-11-22T12:00:00.000Z".into(),
            remaining: 98,
            detail: Detail::default(),
        };
        let mut written = Vec::new();
        line.write_to(&mut written);
        let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
        for member in ["order_id", "user_id", "quantity", "unit_price", "currency"] {
            assert!(value[member].is_null() && value.get(member).is_some(), "{member}");
        }
    }
}
