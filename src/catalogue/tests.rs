//! **Job:** holds what a catalogue may say, and what is said of one that cannot be used.
//! **Owns:** the smallest catalogue.
//! **Never:** reads a file.

use super::*;

const ITEM: &str = "[[item]]\nid = \"a\"\ntitle = \"A\"\nunit_price = 1\ncurrency = \"CNY\"\nstock = 1\n";

fn refusal(text: &str) -> String {
    parse(text).expect_err("must be refused").to_string()
}

#[test]
fn the_sample_sells_now_later_and_no_more() {
    let items = parse(sample()).expect("valid");
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("valid");
    let first = &items[0];
    assert_eq!((first.id.as_str(), first.title.as_str(), first.stock), ("sku-1", "Air freshener", 100));
    assert_eq!((first.unit_price.minor(), first.currency.as_str(), first.per_user_limit), (1_990, "CNY", 1));
    assert_eq!((first.opens_at, first.closes_at), (None, None));
    assert_eq!(items.len(), 4);
    assert!(items.iter().any(|item| item.per_user_limit == 5 && item.stock > first.stock));
    assert!(items.iter().any(|item| item.opens_at.is_some_and(|opens_at| opens_at > now)));
    assert!(items.iter().any(|item| item.closes_at.is_some_and(|closes_at| closes_at < now)));
}

#[test]
fn times_may_be_written_with_and_without_quotes() {
    let quoted = parse(&format!("{ITEM}opens_at = \"2030-01-01T08:00:00+08:00\"\n")).expect("valid");
    let bare = parse(&format!("{ITEM}opens_at = 2030-01-01T08:00:00+08:00\n")).expect("valid");
    assert_eq!(quoted, bare);
    assert_eq!(quoted[0].opens_at.map(|time| time.to_string()).as_deref(), Some("2030-01-01T00:00:00.000Z"));
    assert!(refusal(&format!("{ITEM}opens_at = 2030-01-01T08:00:00\n")).starts_with("item a: opens_at must be"));
}

#[test]
fn an_item_that_cannot_be_sold_is_named_with_its_field() {
    for (change, named) in [
        (("unit_price = 1", "unit_price = -1"), "item a: unit_price must be a whole number from 0 to 9,007,199,254,"),
        (("unit_price = 1", "unit_price = 1.5"), "item a: unit_price must be a whole number from 0 to"),
        (("currency = \"CNY\"", "currency = \"cny\""), "item a: currency must be an ISO 4217 code"),
        (("stock = 1", "stock = -1"), "item a: stock must be a whole number from 0 to 1,000,000,000"),
        (("stock = 1", "stock = 1000000001"), "item a: stock must be a whole number from 0 to 1,000,000,000"),
        (("stock = 1", "stock = 1\nper_user_limit = 0"), "item a: per_user_limit must be a whole number from 1"),
        (
            ("stock = 1", "stock = 1\nper_user_limit = 4294967296"),
            "item a: per_user_limit must be a whole number from 1",
        ),
        (("stock = 1", "stock = 1\ncloses_at = \"soon\""), "item a: closes_at must be a time"),
        (
            ("stock = 1", "stock = 1\ncolour = \"red\""),
            "item a: unknown member \"colour\"; allowed: title, description",
        ),
        (("stock = 1", ""), "item a: stock is missing"),
        (("title = \"A\"", "title = 7"), "item a: title must be a text"),
        (("title = \"A\"", "title = \"\""), "item a: title must have 1 to 200 characters"),
        (("id = \"a\"", "id = \"a/b\""), "item #1: id may contain only"),
        (("id = \"a\"", "id = 7"), "item #1: id must be a text"),
        (("id = \"a\"\n", ""), "item #1: id is missing"),
    ] {
        let refusal = refusal(&ITEM.replace(change.0, change.1));
        let names_both = refusal.contains(named) && refusal.starts_with("item ") && !refusal.contains('\n');
        assert!(names_both, "{change:?}: {refusal}");
    }
}

#[test]
fn a_window_must_open_before_it_closes() {
    let text = format!("{ITEM}opens_at = \"2030-01-01T00:00:00Z\"\ncloses_at = \"2029-01-01T00:00:00Z\"\n");
    assert_eq!(refusal(&text), "item a: closes_at must be later than opens_at");
}

#[test]
fn an_id_is_given_once() {
    assert_eq!(refusal(&format!("{ITEM}{ITEM}")), "item a: id is given twice");
}

#[test]
fn a_text_that_is_not_a_catalogue_is_refused_and_an_empty_one_is_not() {
    assert!(refusal("[[item").starts_with("the catalogue is not a list of items"));
    assert!(refusal("[[goods]]\nid = \"a\"").starts_with("the catalogue is not a list of items"));
    assert_eq!(parse("").map(|items| items.len()).ok(), Some(0));
}

#[test]
fn a_text_that_is_not_a_catalogue_is_told_in_plain_words() {
    let said = |text: &str| refusal(text).trim_start_matches("the catalogue is not a list of items: ").to_owned();
    assert_eq!(said("[[goods]]\nid = \"a\""), "unknown name \"goods\"; allowed: [[item]]");
    assert_eq!(said("item = 5"), "each item begins with a line [[item]]");
    assert_eq!(said("item = [5]"), "each item begins with a line [[item]]");
}

#[test]
fn a_currency_that_is_not_in_use_is_refused_unless_the_item_is_sold_in_it_already() {
    let items = parse(&ITEM.replace("CNY", "PTS")).expect("three letters");
    let refusal = check_currencies(&items, &[]).expect_err("no such currency").to_string();
    assert!(refusal.starts_with("item a: currency must be the ISO 4217 code of a currency"), "{refusal}");
    assert!(check_currencies(&items, &items).is_ok());
    assert!(check_currencies(&items, &parse(ITEM).expect("valid")).is_err(), "known, but in another currency");
    assert!(check_currencies(&parse(ITEM).expect("valid"), &[]).is_ok());
}

#[test]
fn a_catalogue_is_bounded() {
    assert!(matches!(parse(&"[[item]]\n".repeat(MAX_ITEMS + 1)), Err(CatalogueError::TooMany)));
}

#[test]
fn a_body_has_the_same_fields_as_the_file_but_no_id() {
    let body = r#"{"title":"A","unit_price":1,"currency":"CNY","stock":1}"#;
    let fields: ItemFields = serde_json::from_str(body).expect("valid");
    let id: ItemId = "a".parse().expect("valid");
    assert_eq!(fields.into_definition(id).ok().as_ref(), parse(ITEM).expect("valid").first());
    let with_id = r#"{"id":"a","title":"A","unit_price":1,"currency":"CNY","stock":1}"#;
    assert!(serde_json::from_str::<ItemFields>(with_id).is_err());
}
