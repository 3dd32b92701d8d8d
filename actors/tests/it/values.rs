//! What values say: words, amounts, what an item may be, which reason an answer has.

use std::collections::HashSet;

use doorbuster_actors::cluster::{Cluster, InvalidCluster, NodeName};
use doorbuster_actors::entry::Status;
use doorbuster_actors::item::{Currency, ItemDefinition, MAX_QUANTITY, MAX_STOCK};
use doorbuster_actors::observe::CommitTrigger;
use doorbuster_actors::request::{Reason, Rejection, Unavailable};

use crate::support::{item, moment};

#[test]
fn every_status_and_every_trigger_has_a_word_of_its_own() {
    let words = Status::ALL.map(Status::as_str);
    assert_eq!(words, ["pending", "paid", "cancelled", "expired", "refund_due", "refunded"]);
    let triggers: Vec<_> = CommitTrigger::ALL.iter().map(|trigger| trigger.as_str()).collect();
    assert_eq!(triggers, ["drained", "full", "linger", "draining"]);
}

#[test]
fn an_amount_is_written_with_the_decimals_of_its_currency() {
    let written = |code: &str, minor| code.parse::<Currency>().expect("three letters").decimal(minor);
    for (code, minor, text) in [
        ("CNY", 1990, "19.90"),
        ("CNY", 5, "0.05"),
        ("CNY", -1990, "-19.90"),
        ("JPY", 500, "500"),
        ("JPY", -500, "-500"),
        ("KWD", 1, "0.001"),
    ] {
        assert_eq!(written(code, minor).as_deref(), Some(text), "{code} {minor}");
    }
    assert_eq!(written("PTS", 1), None, "nobody knows the decimals of what is no currency");
}

#[test]
fn an_item_that_cannot_be_sold_names_its_field() {
    let field = |change: &dyn Fn(&mut ItemDefinition)| {
        let mut item = item("sku-1", 1);
        change(&mut item);
        item.validate().map_err(|invalid| invalid.field)
    };
    assert_eq!(field(&|_| ()), Ok(()));
    assert_eq!(field(&|item| item.id = ".".parse().expect("characters of an id")), Err("item_id"));
    assert_eq!(field(&|item| item.title = String::new()), Err("title"));
    assert_eq!(field(&|item| item.title = "a".repeat(201)), Err("title"));
    assert_eq!(field(&|item| item.title = "a\nb".to_owned()), Err("title"));
    assert_eq!(field(&|item| item.description = Some("two\nlines".into())), Ok(()));
    assert_eq!(field(&|item| item.description = Some("\u{1b}[1m".into())), Err("description"));
    assert_eq!(field(&|item| item.description = Some("a".repeat(2_001).into())), Err("description"));
    for picture in ["/a.png", "https://a.example/b.png", "http://[::1]/b.png"] {
        assert_eq!(field(&|item| item.image_url = Some(picture.into())), Ok(()), "{picture}");
    }
    for picture in ["//a.example/b.png", "javascript:alert(1)", "https:///b.png", "/a b.png", "/a\"b.png"] {
        assert_eq!(field(&|item| item.image_url = Some(picture.into())), Err("image_url"), "{picture}");
    }
    assert_eq!(field(&|item| item.stock = MAX_STOCK + 1), Err("stock"));
    assert_eq!(field(&|item| item.per_user_limit = 0), Err("per_user_limit"));
    assert_eq!(field(&|item| item.per_user_limit = MAX_QUANTITY + 1), Err("per_user_limit"));
    let window = |opens: i64, closes: i64| {
        field(&|item| (item.opens_at, item.closes_at) = (Some(moment(opens)), Some(moment(closes))))
    };
    assert_eq!((window(1, 2), window(2, 2)), (Ok(()), Err("closes_at")));
}

#[test]
fn a_list_of_nodes_says_what_is_wrong_with_it_by_name() {
    let name = |text: &str| text.parse::<NodeName>().expect("a name");
    let nodes = |own: &str| Cluster::new(vec![Some(name("east")), Some(name("west"))], &name(own));
    assert_eq!(nodes("north").expect_err("not in it").to_string(), "does not name north, which is this node");
    assert_eq!(InvalidCluster::Twice(name("east")).to_string(), "names east twice");
    assert!(Cluster::alone().is_alone() && !nodes("east").expect("a list").is_alone());
}

#[test]
fn every_no_has_its_reason() {
    let (opens_at, retry_after) = (moment(1), std::time::Duration::from_secs(1));
    let reasons = [
        (Rejection::KeyReused, Reason::KeyReused),
        (Rejection::SaleClosed, Reason::SaleClosed),
        (Rejection::SaleNotStarted { opens_at, retry_after }, Reason::SaleNotStarted),
        (Rejection::SalePaused, Reason::SalePaused),
        (Rejection::SoldOut { remaining: 0 }, Reason::SoldOut),
        (Rejection::LimitReached { limit: 1, held: 1 }, Reason::LimitReached),
        (Rejection::CoolingDown { retry_after }, Reason::Throttled),
        (Rejection::AmountOutOfRange, Reason::Validation),
        (Rejection::SupplyOutOfRange, Reason::Validation),
        (Rejection::StockFixed, Reason::Validation),
        (Rejection::NotEnoughLeft { remaining: 0 }, Reason::NotEnoughLeft),
        (Rejection::InvalidTransition { status: Status::Paid }, Reason::InvalidTransition),
        (Rejection::PriceFixed, Reason::InvalidTransition),
        (Rejection::HasOrders, Reason::InvalidTransition),
        (Rejection::NothingOwed, Reason::InvalidTransition),
        (Rejection::UnknownOrder, Reason::NotFound),
        (Rejection::UnknownItem, Reason::NotFound),
    ];
    for (rejection, reason) in reasons {
        assert_eq!(rejection.reason(), reason);
    }
    let unavailable = [
        (Unavailable::StorageFull, Reason::StorageFull),
        (Unavailable::StorageLocked, Reason::StorageUnavailable),
        (Unavailable::StorageStalled, Reason::StorageUnavailable),
        (Unavailable::ShuttingDown, Reason::ShuttingDown),
        (Unavailable::OutcomeUnknown, Reason::OutcomeUnknown),
    ];
    for (unavailable, reason) in unavailable {
        assert_eq!(unavailable.reason(), reason);
    }
    let finals: HashSet<_> = reasons.iter().map(|(_, reason)| *reason).collect();
    assert!(unavailable.iter().all(|(_, reason)| !finals.contains(reason)), "final and not now are told apart");
}
