//! **Job:** an entry about an order as a message of Standard Webhooks: its id, its type, its body.
//! **Owns:** what stays the same however often an event is sent.
//! **Never:** signs, or tells of an entry without an order.

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::feed::wire::Line;

/// Bytes of the fingerprint that an id carries: among all entries of one number nobody meets two alike.
const ID_BYTES: usize = 6;

/// What an event is about, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its entry.
    pub(super) seq: u64,
    /// `webhook-id`: the same in every attempt, and for no other event.
    pub(super) id: String,
    /// The order.
    pub(super) order_id: String,
    /// The kind of the entry; the type of the event is made of it.
    pub(super) kind: String,
}

#[derive(Serialize)]
struct Body<'l> {
    #[serde(rename = "type")]
    event_type: String,
    timestamp: &'l str,
    data: &'l RawValue,
}

/// The event that a line of the feed tells; `None` if it is about no order.
pub(super) fn event(line: &[u8]) -> Option<Event> {
    let entry = read(line);
    let order_id = entry.order_id.as_deref()?.to_owned();
    let id = format!("evt_{}_{}", entry.seq, fingerprint(&entry));
    Some(Event { seq: entry.seq, id, order_id, kind: entry.kind.into_owned() })
}

/// The body of the event that a line tells.
pub(super) fn body(line: &[u8]) -> Vec<u8> {
    let entry = read(line);
    let data: &RawValue = serde_json::from_slice(line).expect("a line of the feed is JSON");
    let body = Body { event_type: event_type(&entry.kind), timestamp: &entry.at, data };
    serde_json::to_vec(&body).expect("texts become JSON")
}

/// The type of an event about an entry of that kind.
#[must_use]
pub fn event_type(kind: &str) -> String {
    format!("order.{kind}")
}

/// By what an entry is recognized, whatever other members the lines of another version have: another ledger has another
/// entry in its place.
pub(super) fn mark(line: &[u8]) -> String {
    fingerprint(&read(line))
}

fn read(line: &[u8]) -> Line<'_> {
    serde_json::from_slice(line).expect("a line of the feed is an entry")
}

/// Of what never changes about an entry, whichever version of the program tells it.
fn fingerprint(entry: &Line<'_>) -> String {
    let Line { seq, kind, at, item_id, user_id, .. } = entry;
    let (item_id, user_id) = (item_id.as_deref().unwrap_or_default(), user_id.as_deref().unwrap_or_default());
    let digest = Sha256::digest(format!("{seq}\n{kind}\n{at}\n{item_id}\n{user_id}"));
    hex::encode(&digest[..ID_BYTES])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(seq: u64, kind: &str, order_id: Option<&str>) -> Vec<u8> {
        let entry = json!({"seq": seq, "kind": kind, "order_id": order_id, "item_id": "sku-1", "user_id": "ann",
            "quantity": 2, "unit_price": 5, "currency": "CNY", "at": "2026-11-22T12:00:00.000Z", "remaining": 98});
        entry.to_string().into_bytes()
    }

    #[test]
    fn any_kind_of_entry_about_an_order_is_an_event_and_others_are_not() {
        for kind in ["placed", "refund_due", "a_kind_of_tomorrow"] {
            let line = line(7, kind, Some("1-1-2"));
            let event = event(&line).expect("about an order");
            assert_eq!((event.seq, event.order_id.as_str(), event.kind.as_str()), (7, "1-1-2", kind));
            let told: Value = serde_json::from_slice(&body(&line)).expect("JSON");
            let data: Value = serde_json::from_slice(&line).expect("JSON");
            let expected = json!({"type": format!("order.{kind}"), "timestamp": data["at"], "data": data});
            assert_eq!(told, expected);
        }
        assert_eq!(event(&line(8, "paused", None)), None);
    }

    #[test]
    fn an_id_is_of_the_entry_and_not_of_its_line() {
        let id = |line: &[u8]| event(line).expect("about an order").id;
        let own = line(7, "placed", Some("1-1-2"));
        let same = String::from_utf8(own.clone()).expect("text").replace("1-1-2", "K1A").replace("98", "98 ");
        assert_eq!(id(&own), id(same.as_bytes()));
        assert!(id(&own).starts_with("evt_7_") && id(&own).len() == 6 + 2 * ID_BYTES, "{}", id(&own));
        for other in [line(8, "placed", Some("1-1-2")), line(7, "paid", Some("1-1-2"))] {
            assert_ne!(id(&own), id(&other));
        }
        let later = String::from_utf8(own.clone()).expect("text").replace("12:00:00", "12:00:01");
        assert_ne!(id(&own), id(later.as_bytes()), "the same number in a ledger that was restored and went on");
        assert_ne!(mark(&own), mark(later.as_bytes()));
    }
}
