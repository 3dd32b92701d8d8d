//! **Job:** an entry of the feed as an event of `CloudEvents` 1.0, in a batch of the JSON format.
//! **Owns:** which attribute has which part of the entry.
//! **Never:** tells more or less than the line: that is the event's data, as it is.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::wire::Line;

/// Where the events come from: the ledger of this server. With the number of the entry it names an event within one
/// ledger. Who merges several ledgers knows by the address that was asked which is which.
const SOURCE: &str = "/doorbuster";

/// A committed entry as an event of `CloudEvents` 1.0.
#[derive(Serialize, ToSchema)]
pub struct CloudEvent<'l> {
    /// Version of the specification.
    #[schema(value_type = String)]
    specversion: &'static str,
    /// The entry's `seq`, in digits.
    id: String,
    /// `/doorbuster`: the ledger of this server.
    #[schema(value_type = String)]
    source: &'static str,
    /// `doorbuster.` and the kind of the entry: `doorbuster.placed`. Not a reversed domain name, which belongs to
    /// whoever runs the server.
    #[serde(rename = "type")]
    kind: String,
    /// The order, or in entries about none the item; absent where money came for neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    subject: Option<&'l str>,
    /// Server time of the decision.
    #[schema(value_type = String, format = DateTime)]
    time: &'l str,
    /// `application/json`.
    #[schema(value_type = String)]
    datacontenttype: &'static str,
    /// The entry, as the feed tells it.
    #[schema(value_type = Line<'_>)]
    data: &'l RawValue,
}

impl CloudEvent<'_> {
    /// Appends the event that tells `line`, an entry as the feed writes it, to `out`.
    pub(crate) fn write(line: &[u8], out: &mut Vec<u8>) {
        let data: &RawValue = serde_json::from_slice(line).expect("a line of the feed is JSON");
        let entry: Line<'_> = serde_json::from_slice(line).expect("a line of the feed is an entry");
        let event = CloudEvent {
            specversion: "1.0",
            id: entry.seq.to_string(),
            source: SOURCE,
            kind: format!("doorbuster.{}", entry.kind),
            subject: entry.order_id.as_deref().or(entry.item_id.as_deref()),
            time: &entry.at,
            datacontenttype: "application/json",
            data,
        };
        serde_json::to_writer(out, &event).expect("texts become JSON, and a vector takes them");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_attributes_are_those_of_the_specification_and_the_data_is_the_line() {
        let told = |kind: &str, order: Option<&str>| {
            let line = json!({"seq": 7, "kind": kind, "order_id": order, "item_id": "sku-1", "user_id": null,
                "quantity": 2, "unit_price": null, "currency": null, "at": "2026-11-22T12:00:00.000Z",
                "remaining": 98});
            let mut written = Vec::new();
            CloudEvent::write(line.to_string().as_bytes(), &mut written);
            (line, serde_json::from_slice::<serde_json::Value>(&written).expect("JSON"))
        };
        for (kind, order, subject) in [("placed", Some("1-1-2"), "1-1-2"), ("restocked", None, "sku-1")] {
            let (line, event) = told(kind, order);
            let expected = json!({"specversion": "1.0", "id": "7", "source": "/doorbuster", "subject": subject,
                "type": format!("doorbuster.{kind}"), "time": "2026-11-22T12:00:00.000Z",
                "datacontenttype": "application/json", "data": line});
            assert_eq!(event, expected);
        }
    }
}
