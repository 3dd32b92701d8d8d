//! **Job:** `doorbuster orders` and `doorbuster payments` on the built program.
//! **Owns:** what each format and each option gives.
//! **Never:** asks a server.

use std::path::Path;

use serde_json::json;

use super::{ORDERS, PAYMENTS, bought, column, export, lines, reported, run, sold};
use crate::support::{Client, Item, Setup, doorbuster, payment_event, send_signed, text};

#[tokio::test]
async fn amounts_are_written_in_minor_units_and_as_people_write_them() {
    let mut server = sold().await;
    for state in ["running", "stopped"] {
        let orders = lines(&export(&server, &["orders", "--format", "ndjson"]));
        assert_eq!(column(&orders, "total_price"), ["3980", "1500", "12345"], "{state}");
        assert_eq!(column(&orders, "unit_price_decimal"), ["19.90", "500", "12.345"], "{state}");
        assert_eq!(column(&orders, "total_price_decimal"), ["39.80", "1500", "12.345"], "{state}");
        assert_eq!(column(&orders, "title")[2], "=HYPERLINK(\"http://x.test\")", "{state}: nothing is lost");
        assert_eq!(column(&orders, "status"), ["paid", "pending", "pending"], "{state}");
        let table = export(&server, &["orders"]);
        for amount in ["39.80  CNY", "1500  JPY", "12.345  KWD"] {
            assert!(table.contains(amount), "{state}: {amount} in\n{table}");
        }
        if state == "running" {
            assert!(server.terminate().success());
        }
    }
}

#[tokio::test]
async fn payments_are_listed_with_what_has_to_go_back() {
    let server = sold().await;
    let payments = lines(&export(&server, &["payments", "--format", "ndjson"]));
    assert_eq!(column(&payments, "verdict"), ["applied", "second_payment", "unknown_order"]);
    assert_eq!(column(&payments, "owed"), ["0", "3980", "3980"]);
    assert_eq!(column(&payments, "owed_decimal"), ["0.00", "39.80", "39.80"]);
    assert_eq!(column(&payments, "event_id"), ["first", "=second", "third"]);
    assert_eq!(column(&payments, "item_id"), ["sku-1", "sku-1", "null"]);
    assert_eq!(column(&payments, "order_reference")[2], "C0110009999N");
    let ids = column(&payments, "payment_id");
    assert!(ids.iter().all(|id| id.starts_with('P') && id.len() == 10), "{ids:?}");
    let late = export(&server, &["payments", "--verdict", "late", "--format", "csv"]);
    assert_eq!(late, format!("{PAYMENTS}\r\n"));
    let two = ["payments", "--verdict", "applied", "--verdict", "unknown_order", "--format", "ndjson"];
    assert_eq!(column(&lines(&export(&server, &two)), "event_id"), ["first", "third"]);
    let of_item = export(&server, &["payments", "--item", "sku-1", "--format", "ndjson"]);
    assert_eq!(lines(&of_item).len(), 2);
    assert!(export(&server, &["payments"]).contains("39.80"), "for people");
}

#[tokio::test]
async fn an_event_that_brought_no_money_owes_none_when_money_of_the_same_payment_goes_back() {
    let server = Setup::new([Item::new("sku-1", 50)]).start();
    let order = bought(&server, "ann", "sku-1", 1).await;
    reported(&server, "first", &order).await;
    let owed = || column(&lines(&export(&server, &["payments", "--format", "ndjson"])), "owed");
    let steps = [("declined", "failed", vec!["0", "0"]), ("second", "succeeded", vec!["0", "0", "1990"])];
    for (event, kind, expected) in steps.into_iter().chain([("back", "refunded", vec!["0", "0", "0"])]) {
        let mut body = payment_event(event, kind, &order);
        body["payment_id"] = json!("the-same-money");
        let answer = send_signed(&mut Client::new(server.address()), &body.to_string()).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(owed(), expected, "{event}");
    }
}

#[tokio::test]
async fn an_order_is_exported_with_its_last_step() {
    let server = Setup::new([Item::new("sku-1", 50)]).start();
    let order = bought(&server, "ann", "sku-1", 1).await;
    let statuses = || column(&lines(&export(&server, &["orders", "--format", "ndjson"])), "status");
    assert_eq!(statuses(), ["pending"]);
    for (event, kind, expected) in [("first", "succeeded", "paid"), ("back", "refunded", "refunded")] {
        let mut body = payment_event(event, kind, &order);
        body["payment_id"] = json!("the-same-money");
        let answer = send_signed(&mut Client::new(server.address()), &body.to_string()).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(statuses(), [expected], "{event}");
    }
}

#[tokio::test]
async fn items_statuses_and_times_choose() {
    let server = sold().await;
    let chosen = |arguments: &[&str]| {
        let arguments = [&["orders", "--format", "ndjson"], arguments].concat();
        column(&lines(&export(&server, &arguments)), "item_id")
    };
    assert_eq!(chosen(&["--item", "1-2", "--item", "MAR1"]), ["1-2", "MAR1"]);
    assert_eq!(chosen(&["--status", "paid"]), ["sku-1"]);
    assert_eq!(chosen(&["--status", "refunded"]), [""; 0]);
    let times = column(&lines(&export(&server, &["orders", "--format", "ndjson"])), "created_at");
    assert_eq!(chosen(&["--from", &times[2]]).last().map(String::as_str), Some("MAR1"));
    assert!(!chosen(&["--to", &times[2]]).contains(&"MAR1".to_owned()), "the end does not belong to it");
    let day = &times[0][..10];
    assert!(chosen(&["--from", day, "--to", day]).contains(&"sku-1".to_owned()), "a day belongs to it as a whole");
    assert_eq!(chosen(&["--from", "2999-01-01"]), [""; 0]);
    for bad in [["--from", "yesterday"], ["--status", "sold"], ["--item", "a/b"]] {
        assert_eq!(run(&server, &[&["orders"], &bad[..]].concat()).status.code(), Some(2), "{bad:?}");
    }
}

#[tokio::test]
async fn the_first_columns_stay_where_scripts_look_for_them() {
    let server = sold().await;
    for (command, columns) in [("orders", ORDERS), ("payments", PAYMENTS)] {
        let csv = export(&server, &[command, "--format", "csv"]);
        assert_eq!(csv.split("\r\n").next(), Some(columns));
        let ndjson = export(&server, &[command, "--format", "ndjson"]);
        let first = ndjson.lines().next().expect("a record");
        let members: Vec<_> = columns.split(',').map(|name| first.find(&format!("\"{name}\":"))).collect();
        assert!(members.iter().all(Option::is_some) && members.is_sorted(), "{first}");
        let marked = export(&server, &[command, "--format", "csv", "--bom"]);
        assert_eq!(marked.strip_prefix('\u{feff}'), Some(csv.as_str()), "only on demand");
    }
}

#[test]
fn a_file_of_an_older_version_is_exported_with_the_ids_that_its_orders_have_now() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("actors/tests/it/data/version-1/closed.db");
    let orders = doorbuster(&["orders", "--format", "ndjson"], &[("--db", &old)]);
    assert!(orders.status.success(), "{}", text(&orders));
    let orders = lines(&String::from_utf8(orders.stdout).expect("UTF-8"));
    assert!(!orders.is_empty() && column(&orders, "order_id").iter().all(|id| id.starts_with("C01")), "{orders:?}");
    let payments = doorbuster(&["payments", "--format", "ndjson"], &[("--db", &old)]);
    assert!(payments.status.success(), "{}", text(&payments));
    let payments = lines(&String::from_utf8(payments.stdout).expect("UTF-8"));
    let verdicts = column(&payments, "verdict");
    assert!(verdicts.iter().any(|verdict| verdict == "applied"), "{verdicts:?}");
    let owed: Vec<_> = payments.iter().filter(|payment| payment["owed"].as_u64() > Some(0)).collect();
    assert_eq!(owed.len(), orders.iter().filter(|order| order["status"] == "refund_due").count(), "{owed:?}");
}
