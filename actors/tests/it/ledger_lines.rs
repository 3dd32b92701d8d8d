//! Lines of the ledger that it did not write: each is said to be damage, by its column, and changes nothing.

use doorbuster_actors::entry::{Change, Entry, Switch};
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::ledger::{Fold, Kind, LedgerError, Row};
use doorbuster_actors::stock::Stock;

use crate::support::{item, moment};

/// A line about money, with this detail and a payment behind it, or none.
fn money(kind: Kind, key: Option<&'static str>, detail: &'static str) -> Result<Change, String> {
    let entry = Stock::creation(ItemNumber(1), item("sku-1", 1), moment(0));
    let (kind, detail) = (kind as i64, Some(detail.into()));
    let row = Row { kind, idempotency_key: key, definition: None, detail, ..Row::of(1, &entry) };
    row.to_entry().map(|entry| entry.change)
}

#[test]
fn a_payment_without_what_money_needs_is_damage() {
    let payment = |detail| money(Kind::Payment, Some("money-1"), detail);
    assert!(matches!(
        payment(concat!(
            r#"{"provider":"doorbuster","event":"e","result":"succeeded","verdict":"late","amount":1,"#,
            r#""currency":"CNY","owed":1}"#,
        )),
        Ok(Change::Payment(_))
    ));
    for (detail, reason) in [
        (r#"{"result":"stolen"}"#, "detail: result is missing or makes no sense"),
        (r#"{"result":"failed","provider":"nobody"}"#, "detail: provider is missing or makes no sense"),
        (r#"{"result":"failed","provider":"doorbuster","event":""}"#, "detail: event is missing or makes no sense"),
        (
            r#"{"result":"failed","provider":"doorbuster","event":"e","amount":-1}"#,
            "detail: amount is missing or makes no sense",
        ),
        (
            r#"{"result":"failed","provider":"doorbuster","event":"e","amount":1,"currency":"x"}"#,
            "detail: currency is missing or makes no sense",
        ),
    ] {
        assert_eq!(payment(detail), Err(reason.to_owned()), "{detail}");
    }
    assert_eq!(
        money(Kind::Payment, None, r#"{"result":"failed","provider":"doorbuster"}"#),
        Err("idempotency_key is missing".to_owned())
    );
}

#[test]
fn a_settlement_of_nobodys_payment_or_from_nowhere_is_damage() {
    let settled = |key, detail| money(Kind::Settled, key, detail);
    let whole = r#"{"settled":1,"currency":"CNY","source":"owed","of":"doorbuster"}"#;
    assert!(matches!(settled(Some("money-1"), whole), Ok(Change::Settled(_))));
    for (key, detail, reason) in [
        (None, whole, "detail: of is missing or makes no sense"),
        (Some("money-1"), r#"{"source":"owed"}"#, "detail: of is missing or makes no sense"),
        (Some("money-1"), r#"{"source":"found","of":"doorbuster"}"#, "detail: source is missing or makes no sense"),
        (Some("money-1"), r#"{"of":"doorbuster"}"#, "detail: source is missing or makes no sense"),
    ] {
        assert_eq!(settled(key, detail), Err(reason.to_owned()), "{detail}");
    }
}

#[test]
fn an_entry_names_the_order_that_looks_otherwise_after_it() {
    let payment = concat!(
        r#"{"provider":"doorbuster","event":"e","result":"failed","verdict":"failed","#,
        r#""amount":1,"currency":"CNY","owed":0}"#,
    );
    let about = |kind, order, detail: &'static str| {
        let entry = Stock::creation(ItemNumber(1), item("sku-1", 1), moment(0));
        let columns =
            Row { kind: kind as i64, order_number: order, idempotency_key: Some("money-1"), ..Row::of(1, &entry) };
        let row = Row { definition: None, detail: Some(detail.into()), ..columns };
        row.to_entry().expect("a line about money").change.order().map(|order| order.0)
    };
    let settled = r#"{"settled":1,"currency":"CNY","source":"owed","of":"doorbuster"}"#;
    assert_eq!((about(Kind::Payment, Some(7), payment), about(Kind::Payment, None, payment)), (Some(7), None));
    assert_eq!((about(Kind::Settled, Some(7), settled), about(Kind::Settled, None, settled)), (Some(7), None));
    assert_eq!(Stock::creation(ItemNumber(1), item("sku-1", 1), moment(0)).change.order(), None);
}

/// What a fold says about these as its first entries.
fn folded(entries: &[Entry]) -> Result<(), String> {
    let (mut fold, mut buffer) = (Fold::default(), Vec::new());
    for (seq, entry) in (1..).zip(entries) {
        let mut row = Row::of(seq, entry);
        row.checksum = row.checksum(fold.checksum, &mut buffer);
        match fold.follow(&row) {
            Ok(same) => assert_eq!(same, *entry),
            Err(LedgerError::Damaged { reason, .. }) => return Err(reason),
            Err(other) => panic!("{other}"),
        }
    }
    Ok(())
}

#[test]
fn a_ledger_begins_with_the_creation_of_its_first_item() {
    let creation = |number| Stock::creation(ItemNumber(number), item(&format!("sku-{number}"), 1), moment(0));
    let change = Change::Switched(Switch::Paused);
    let paused = |number| Entry { change: change.clone(), ..creation(number) };
    assert_eq!(folded(&[creation(1), creation(2), paused(2), paused(1)]), Ok(()));
    let never = Err("its item was never created".to_owned());
    assert_eq!(folded(&[creation(2)]), never, "there is no first one");
    assert_eq!(folded(&[creation(1), creation(3)]), never, "there is no second one");
    assert_eq!(folded(&[paused(1)]), Err("the first entry of an item must create it".to_owned()));
    assert_eq!(folded(&[creation(1), paused(2)]), Err("the first entry of an item must create it".to_owned()));
}
