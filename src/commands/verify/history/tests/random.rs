//! **Job:** draws correct histories: a shop does one thing after another, and its clients overlap.
//! **Owns:** what chance decides; the seed is printed by whoever fails.
//! **Never:** makes an answer up.

use std::collections::BTreeSet;

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::shop::{Shop, order_id};
use super::*;
use crate::commands::history::{Kind, Operation};

/// Histories of an ordinary run.
const SEEDS: u64 = 3_000;

const USERS: [&str; 4] = ["ann", "bob", "cleo", "dan"];
const KEYS: [Option<&str>; 6] = [None, Some("k1"), Some("k2"), Some("k3"), Some("k4"), Some("k5")];
const MONEY: [&str; 3] = ["m1", "m2", "m3"];

/// A correct history of `length` things, whose operations overlap as much as `spread` says, in steps of the shop.
pub(super) fn draw(chance: &mut Xoshiro256PlusPlus, length: u64, spread: u64) -> Shop {
    let mut shop = Shop::new(chance.random_range(0..6), chance.random_range(1..4), None);
    let mut paid = BTreeSet::new();
    for step in 1..=length {
        let point = step * 1_000;
        shop.now += chance.random_range(0..3);
        let early = point.saturating_sub(chance.random_range(0..=spread * 1_000));
        let times = (early, point + chance.random_range(0..=spread * 1_000));
        if let Some(operation) = one(&mut shop, chance, times, &mut paid) {
            let operation = if chance.random_bool(0.15) { unanswered(operation) } else { operation };
            shop.operations.push(operation);
        }
    }
    shop
}

/// The same request, whose answer was lost.
fn unanswered(operation: Operation<'static>) -> Operation<'static> {
    let Operation { op, invoked_ns, returned_ns, user, item_id, order_id, key, quantity, .. } = operation;
    let code = Some("reset".into());
    Operation { user, item_id, order_id, key, quantity, code, ..Operation::new(op, invoked_ns, returned_ns) }
}

fn one(
    shop: &mut Shop,
    chance: &mut Xoshiro256PlusPlus,
    times: (u64, u64),
    paid: &mut BTreeSet<(usize, &'static str)>,
) -> Option<Operation<'static>> {
    let user = *USERS.choose(chance).expect("a table has rows");
    let number = (!shop.orders.is_empty()).then(|| chance.random_range(1..=shop.orders.len()));
    match (chance.random_range(0..20), number) {
        (0..9, _) | (_, None) => Some(buys(shop, chance, Shop::asked(Kind::Buy, user, times), user)),
        (9..12, Some(number)) => {
            let user = if chance.random_bool(0.6) { shop.orders[number - 1].user } else { user };
            Some(reads(shop, Shop::asked(Kind::Read, user, times), number))
        }
        (12..14, Some(number)) => {
            Some(cancels(shop, Shop::asked(Kind::Cancel, shop.orders[number - 1].user, times), number))
        }
        (14..16, Some(number)) => {
            let reference = *MONEY.choose(chance).expect("a table has rows");
            let mut operation = Operation::new(Kind::Pay, times.0, times.1);
            (operation.order_id, operation.key) = (Some(order_id(number).into()), Some(reference.into()));
            if paid.insert((number, reference)) {
                shop.pay(number, reference);
            }
            shop.answer(&mut operation, 200, number);
            Some(operation)
        }
        (16, _) => {
            let mut operation = Operation::new(Kind::Item, times.0, times.1);
            (operation.item_id, operation.status) = (Some(super::shop::ITEM.into()), 200);
            operation.remaining = Some(shop.remaining);
            Some(operation)
        }
        (_other, Some(number)) => {
            inside(shop, chance, number);
            None
        }
    }
}

fn buys(
    shop: &mut Shop,
    chance: &mut Xoshiro256PlusPlus,
    mut operation: Operation<'static>,
    user: &'static str,
) -> Operation<'static> {
    let key = *KEYS.choose(chance).expect("a table has rows");
    operation.item_id = Some(super::shop::ITEM.into());
    operation.key = key.map(Into::into);
    operation.quantity = Some(chance.random_range(1..=2));
    shop.buy(&mut operation, user, key);
    operation
}

fn reads(shop: &Shop, mut operation: Operation<'static>, number: usize) -> Operation<'static> {
    operation.order_id = Some(order_id(number).into());
    if operation.user.as_deref() == Some(shop.orders[number - 1].user) {
        shop.answer(&mut operation, 200, number);
    } else {
        (operation.status, operation.code) = (404, Some("not-found".into()));
    }
    operation
}

fn cancels(shop: &mut Shop, mut operation: Operation<'static>, number: usize) -> Operation<'static> {
    operation.order_id = Some(order_id(number).into());
    if shop.end(number, "cancelled") {
        shop.answer(&mut operation, 200, number);
    } else {
        (operation.status, operation.code) = (409, Some("invalid-transition".into()));
    }
    operation
}

/// What happens without a client.
fn inside(shop: &mut Shop, chance: &mut Xoshiro256PlusPlus, number: usize) {
    match chance.random_range(0..3) {
        0 => {
            let _was_pending = shop.end(number, "expired");
        }
        1 => {
            let units = chance.random_range(-shop.remaining..=2);
            if units != 0 {
                shop.supply(units);
            }
        }
        _pause => {
            let is_paused = shop.is_paused;
            shop.pause(!is_paused);
        }
    }
}

#[test]
fn nothing_is_found_in_correct_histories() {
    for seed in 0..SEEDS {
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (length, spread) = (chance.random_range(1..80), chance.random_range(0..12));
        let shop = draw(&mut chance, length, spread);
        let broken = broken(&shop);
        assert!(broken.is_empty(), "seed {seed}: {broken:?}\n{}", shop.story());
    }
}
