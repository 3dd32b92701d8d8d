//! **Job:** holds that one violation, planted in a correct history, is found as what it is.
//! **Owns:** the correct history, and a table of what is done to it.
//! **Never:** accepts another promise than the one that was broken.

use super::shop::{ITEM, Shop, order_id};
use super::*;
use crate::commands::history::{Credentials, Kind, Operation};

/// Indices of what the buyers of the correct history did.
const ANN_BUYS: usize = 0;
const CLEO_IS_TOLD_SOLD_OUT: usize = 2;
const ANN_CANCELS: usize = 3;
const CLEO_BUYS: usize = 4;
const BOB_IS_OVER_LIMIT: usize = 5;
const BOB_PAYS: usize = 6;
const ANN_REPEATS: usize = 7;
const BOB_REUSES: usize = 8;
const BOB_READS: usize = 9;
const CLEO_READS_BOBS: usize = 10;
const CLEO_CANNOT_CANCEL: usize = 12;
const SOMEBODY_LOOKS: usize = 13;
const DAN_IS_NOT_ANSWERED: usize = 14;
const DAN_GETS_ONE_UNKNOWINGLY: usize = 15;
const DAN_IS_TOLD_PAUSED: usize = 16;

/// Indices of rows.
const DEFINED: usize = 0;
const BOBS: usize = 2;
const CANCELLED: usize = 3;

fn times(index: usize) -> (u64, u64) {
    let start = 100 * (index as u64 + 1);
    (start, start + 50)
}

fn buy(shop: &mut Shop, user: &'static str, key: &'static str, quantity: i64) {
    let mut operation = Shop::asked(Kind::Buy, user, times(shop.operations.len()));
    (operation.item_id, operation.key, operation.quantity) = (Some(ITEM.into()), Some(key.into()), Some(quantity));
    shop.buy(&mut operation, user, Some(key));
    shop.operations.push(operation);
}

fn about(shop: &mut Shop, kind: Kind, user: &'static str, number: usize) -> Operation<'static> {
    let mut operation = Shop::asked(kind, user, times(shop.operations.len()));
    operation.order_id = Some(order_id(number).into());
    operation
}

fn read(shop: &mut Shop, user: &'static str, number: usize) {
    let mut operation = about(shop, Kind::Read, user, number);
    if shop.orders[number - 1].user == user {
        shop.answer(&mut operation, 200, number);
    } else {
        (operation.status, operation.code) = (404, Some("not-found".into()));
    }
    shop.operations.push(operation);
}

fn cancel(shop: &mut Shop, user: &'static str, number: usize) {
    let mut operation = about(shop, Kind::Cancel, user, number);
    if shop.end(number, "cancelled") {
        shop.answer(&mut operation, 200, number);
    } else {
        (operation.status, operation.code) = (409, Some("invalid-transition".into()));
    }
    shop.operations.push(operation);
}

fn forget(operation: &mut Operation<'static>) {
    (operation.status, operation.code, operation.order, operation.remaining) = (0, Some("reset".into()), None, None);
}

/// Three units, at most two a buyer, and all that can happen to them.
fn correct(window: Option<(i64, i64)>) -> Shop {
    let mut shop = Shop::new(3, 2, window);
    buy(&mut shop, "ann", "k1", 1);
    buy(&mut shop, "bob", "k2", 2);
    buy(&mut shop, "cleo", "k3", 1);
    cancel(&mut shop, "ann", 1);
    buy(&mut shop, "cleo", "k3", 1);
    shop.supply(2);
    buy(&mut shop, "bob", "k4", 1);
    shop.pay(2, "m1");
    let mut operation = about(&mut shop, Kind::Pay, "bob", 2);
    (operation.user, operation.key) = (None, Some("m1".into()));
    shop.answer(&mut operation, 200, 2);
    shop.operations.push(operation);
    buy(&mut shop, "ann", "k1", 1);
    buy(&mut shop, "bob", "k2", 1);
    read(&mut shop, "bob", 2);
    read(&mut shop, "cleo", 2);
    shop.end(3, "expired");
    read(&mut shop, "cleo", 3);
    cancel(&mut shop, "cleo", 3);
    let mut operation = Operation::new(Kind::Item, 2_000_000_000, 2_000_000_010);
    (operation.item_id, operation.status, operation.remaining) = (Some(ITEM.into()), 200, Some(shop.remaining));
    shop.operations.push(operation);
    let rows = shop.rows.len();
    buy(&mut shop, "dan", "k5", 1);
    shop.rows.truncate(rows);
    shop.orders.pop();
    shop.remaining += 1;
    buy(&mut shop, "dan", "k6", 1);
    shop.operations[DAN_IS_NOT_ANSWERED..].iter_mut().for_each(forget);
    shop.pause(true);
    buy(&mut shop, "dan", "k7", 1);
    // Who looked did so before the last purchase.
    (shop.operations[SOMEBODY_LOOKS].invoked_ns, shop.operations[SOMEBODY_LOOKS].returned_ns) = times(SOMEBODY_LOOKS);
    shop
}

fn at(shop: &mut Shop, index: usize, from: u64, to: u64) {
    (shop.operations[index].invoked_ns, shop.operations[index].returned_ns) = (from, to);
}

fn again(shop: &mut Shop, index: usize) -> &mut Operation<'static> {
    let mut operation = shop.operations[index].clone();
    (operation.invoked_ns, operation.returned_ns) = times(shop.operations.len());
    shop.operations.push(operation);
    shop.operations.last_mut().expect("it was pushed above")
}

/// Somebody is confirmed an order that the ledger does not have.
fn confirmed_only(shop: &mut Shop, number: usize, user: &'static str, quantity: i64, when: (u64, u64)) {
    let operation = again(shop, ANN_BUYS);
    (operation.invoked_ns, operation.returned_ns) = when;
    (operation.user, operation.key, operation.quantity) = (Some(user.into()), Some("k9".into()), Some(quantity));
    let order = operation.order.as_mut().expect("a purchase that was confirmed");
    (order.order_id, order.user_id, order.quantity) = (order_id(number).into(), user.into(), quantity);
    order.total_price = quantity * order.unit_price;
}

fn refuse(operation: &mut Operation<'static>, status: u16, code: &'static str) {
    (operation.status, operation.code) = (status, Some(code.into()));
    (operation.order, operation.replayed, operation.remaining) = (None, false, None);
}

fn answer(shop: &mut Shop, index: usize) -> &mut crate::commands::history::OrderAnswer<'static> {
    shop.operations[index].order.as_mut().expect("an order was answered")
}

type Plant = fn(&mut Shop);

/// What is planted, the promises that are broken by it, and words of the description of the first.
const PLANTED: &[(&str, &[&str], &str, Plant)] = &[
    ("a unit too many, by the ledger", &["I1 oversell", "I6 remaining"], "1 units more are live", |shop| {
        let definition = shop.rows[DEFINED].definition.take().expect("a definition");
        shop.rows[DEFINED].definition = Some(definition.replace("\"stock\":3", "\"stock\":2").into());
        shop.operations.retain(|operation| operation.remaining.is_none());
    }),
    (
        "a unit too many, by what was told",
        &["I1 oversell", "I2 durable"],
        "6 units of sku were certainly held",
        |shop| {
            confirmed_only(shop, 8, "eve", 1, (270, 280));
            confirmed_only(shop, 9, "eva", 2, (270, 280));
        },
    ),
    ("a confirmed order is lost", &["I2 durable"], "the ledger has no order", |shop| {
        confirmed_only(shop, 9, "eve", 1, (9_000, 9_010));
    }),
    ("a confirmed payment is lost", &["I2 durable"], "the ledger has no such entry", |shop| {
        again(shop, BOB_PAYS).key = Some("m9".into());
    }),
    ("another price", &["I2 durable"], "answers another unit_price than entry 2 has", |shop| {
        let order = answer(shop, ANN_BUYS);
        (order.unit_price, order.total_price) = (101, 101);
    }),
    ("a wrong sum", &["I2 durable"], "1 × 100 is not 99", |shop| answer(shop, ANN_BUYS).total_price = 99),
    ("another time", &["I2 durable"], "answers another created_at", |shop| {
        answer(shop, ANN_BUYS).created_at = "1970-01-01T00:17:00.000Z".into();
    }),
    ("beyond the limit, by the ledger", &["I3 user-limit"], "bob holds 2 units of at most 1", |shop| {
        let definition = shop.rows[DEFINED].definition.take().expect("a definition");
        let less = definition.replace("per_user_limit\":2", "per_user_limit\":1");
        shop.rows[DEFINED].definition = Some(less.into());
    }),
    ("beyond the limit, by what was told", &["I2 durable", "I3 user-limit"], "the ledger has no order", |shop| {
        confirmed_only(shop, 9, "bob", 1, (9_000, 9_010));
    }),
    ("confirmed as new twice", &["I4 one-order"], "was confirmed as new to line 2", |shop| {
        let _twice = again(shop, ANN_BUYS);
        at(shop, DAN_IS_TOLD_PAUSED + 1, 110, 160);
    }),
    ("made with another key", &["I4 one-order"], "entry 2 was made with the key k1", |shop| {
        shop.operations[ANN_BUYS].key = Some("k8".into());
    }),
    ("another payload under a key", &["I4 one-order"], "with the order of another purchase", |shop| {
        let mut operation = shop.operations[BOB_REUSES].clone();
        shop.answer(&mut operation, 201, 2);
        (operation.code, operation.replayed) = (None, true);
        shop.operations[BOB_REUSES] = operation;
    }),
    ("a buyer with an order is throttled", &["I4 one-order"], "its key had made the order of entry 2", |shop| {
        refuse(&mut shop.operations[ANN_REPEATS], 429, "throttled");
    }),
    ("an unused key is called reused", &["I4 one-order"], "not so after", |shop| {
        shop.operations[BOB_REUSES].key = Some("k8".into());
    }),
    ("an order that nobody asked for", &["I5 phantom"], "no line asked for it", |shop| {
        shop.operations.remove(DAN_GETS_ONE_UNKNOWINGLY);
    }),
    ("an order of a refused purchase", &["I5 phantom"], "but line 17", |shop| {
        refuse(&mut shop.operations[DAN_GETS_ONE_UNKNOWINGLY], 429, "throttled");
    }),
    ("an order given up by nobody", &["I5 phantom"], "which no line asked for", |shop| {
        shop.operations.remove(ANN_CANCELS);
    }),
    ("money that nobody reported", &["I5 phantom"], "pays order C0110000002K with m1", |shop| {
        shop.operations.remove(BOB_PAYS);
    }),
    ("a balance is written wrong", &["I6 remaining"], "entry 3 says that 1 units remain", |shop| {
        shop.rows[BOBS].remaining += 1;
    }),
    ("a balance is shown wrong", &["I6 remaining"], "not so after", |shop| {
        shop.operations[SOMEBODY_LOOKS].remaining = Some(7);
    }),
    ("a status that never was", &["I7 states", "I15 reads"], "answers the status Expired", |shop| {
        answer(shop, BOB_READS).status = "expired".into();
    }),
    ("two cancellations of one order", &["I8 released"], "was cancelled by line 5", |shop| {
        let _twice = again(shop, ANN_CANCELS);
    }),
    ("two releases of one order", &["I8 released"], "from Cancelled to Cancelled", |shop| {
        let row = shop.rows[CANCELLED].clone();
        shop.rows.insert(CANCELLED + 1, row);
    }),
    (
        "entries in another order than they happened",
        &["I10 linear"],
        "was asked for after this had been answered",
        |shop| {
            at(shop, CLEO_BUYS, 260, 270);
        },
    ),
    ("a limit that was not reached", &["I10 linear"], "not so after", |shop| {
        shop.operations[BOB_IS_OVER_LIMIT].user = Some("ann".into());
    }),
    ("sold out before anything was sold", &["I11 sold-out"], "so only from entry 3 on", |shop| {
        at(shop, CLEO_IS_TOLD_SOLD_OUT, 10, 20);
    }),
    ("sold out with units left", &["I11 sold-out"], "not so after", |shop| {
        at(shop, CLEO_IS_TOLD_SOLD_OUT, 9_000, 9_010);
    }),
    ("sold after the end", &["I12 window"], "sells while the sale is not open", |shop| {
        let definition = shop.rows[DEFINED].definition.take().expect("a definition");
        shop.rows[DEFINED].definition = Some(definition.replace("00:33:20", "00:16:40").into());
    }),
    ("not started after the first order", &["I12 window"], "not so after", |shop| {
        refuse(&mut shop.operations[DAN_IS_TOLD_PAUSED], 403, "sale-not-started");
    }),
    ("time goes back", &["I12 window"], "is older than the one before", |shop| shop.rows[CANCELLED].at -= 5_000),
    ("an order for a stranger", &["I13 identity"], "was answered with an order of bob", |shop| {
        let mut operation = shop.operations[CLEO_READS_BOBS].clone();
        shop.answer(&mut operation, 200, 2);
        (operation.code, operation.order.as_mut().expect("answered").status) = (None, "paid".into());
        shop.operations[CLEO_READS_BOBS] = operation;
    }),
    ("an order without credentials", &["I13 identity"], "was confirmed without valid credentials", |shop| {
        shop.operations[BOB_READS].credentials = Credentials::None;
    }),
    ("a status goes back", &["I15 reads"], "not so after", |shop| {
        let operation = again(shop, BOB_READS);
        operation.order.as_mut().expect("answered").status = "pending".into();
    }),
    ("an order is not found", &["I15 reads"], "not so after", |shop| {
        refuse(&mut shop.operations[BOB_READS], 404, "not-found");
    }),
    ("a repetition tells an old status", &["I15 reads"], "not so after", |shop| {
        answer(shop, ANN_REPEATS).status = "pending".into();
    }),
    ("a step that was not told in time", &["I10 linear"], "not so after", |shop| {
        let early = shop.operations[ANN_CANCELS].clone();
        let operation = again(shop, CLEO_CANNOT_CANCEL);
        (operation.user, operation.order_id) = (early.user, Some(order_id(4).into()));
        operation.user = Some("dan".into());
    }),
    ("an internal error", &["I16 answers"], "line 16", |shop| {
        let operation = &mut shop.operations[DAN_IS_NOT_ANSWERED];
        (operation.status, operation.code) = (500, Some("internal".into()));
    }),
];

/// The end of the window is 00:33:20 by the server's clock.
const WINDOW: Option<(i64, i64)> = Some((900_000, 2_000_000));

#[test]
fn the_correct_history_is_correct() {
    assert_eq!(broken(&correct(WINDOW)), []);
    assert_eq!(broken(&correct(None)), []);
}

#[test]
fn each_planted_violation_is_found_as_what_it_is() {
    let mut wrong = Vec::new();
    for (name, expected, says, plant) in PLANTED {
        let mut shop = correct(WINDOW);
        plant(&mut shop);
        let found = broken(&shop);
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        if names != *expected || !found[0].1.contains(says) {
            wrong.push(format!("{name}: expected {expected:?} ({says:?}), found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_closed_sale_is_one_that_was_closed() {
    let mut shop = correct(None);
    refuse(&mut shop.operations[DAN_IS_TOLD_PAUSED], 410, "sale-closed");
    let found = broken(&shop);
    assert!(matches!(found.as_slice(), [("I12 window", _)]), "{found:?}");
}

/// Of other buyers a history that covers its own alone says nothing.
#[test]
fn orders_of_others_are_no_phantoms_unless_the_history_covers_everything() {
    let mut shop = correct(WINDOW);
    shop.operations.retain(|operation| operation.user.as_deref() != Some("dan"));
    for (covers, expected) in [(Covers::Buyers, 0), (Covers::Everything, 1)] {
        let mut findings = Findings::default();
        history_of(&shop, covers).check(&mut findings);
        assert_eq!(findings.broken().len(), expected, "{covers:?}: {:?}", findings.broken());
    }
}
