//! **Job:** how many bytes a live order and an idle item cost.
//! **Owns:** a process for each measurement, so that none inherits the memory of another.
//! **Never:** counts what the allocator could tell: it reads what the kernel has given (resident set).

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]
#![expect(clippy::disallowed_methods, reason = "a child learns from the environment what to measure")]

#[path = "../actors/tests/it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses its own part of it")]
mod support;

use std::process::Command;
use std::sync::Arc;

use doorbuster_actors::ids::{CoreId, ItemNumber};
use doorbuster_actors::sale::{Directory, PublishedItem, UsedKeys};
use doorbuster_actors::stock::Stock;

use support::{POLICY, item, keyed, moment, one_unit, placed};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ORDERS: u32 = 1_000_000;
const ITEMS: u32 = 100_000;

/// Sizes of one measurement: its name, what it counts, how many of them, and how it makes them.
struct Measurement {
    name: &'static str,
    what: &'static str,
    count: u32,
    make: fn() -> Box<dyn std::any::Any>,
}

const MEASUREMENTS: [Measurement; 3] = [
    Measurement {
        name: "short",
        what: "live order, user id of 13 characters, key of 36",
        count: ORDERS,
        make: || orders(|number| format!("u{number:012}")),
    },
    Measurement {
        name: "uuid",
        what: "live order, user id of 36 characters, key of 36",
        count: ORDERS,
        make: || orders(|number| format!("{number:08x}-0000-4000-8000-{number:012x}")),
    },
    Measurement { name: "items", what: "idle item with its published state", count: ITEMS, make: items },
];

fn stock(number: u32, id: &str, units: u32) -> Stock {
    Stock::create(&Stock::creation(ItemNumber(number), item(id, units), moment(0))).expect("a creation")
}

/// The state of one item with a million orders of as many buyers, and the keys that the door knows.
fn orders(name: fn(u32) -> String) -> Box<dyn std::any::Any> {
    let (mut stock, used_keys) = (stock(1, "sku-1", ORDERS), UsedKeys::default());
    for number in 0..ORDERS {
        let order = keyed(one_unit(&name(number)), &format!("{number:08x}-0000-4000-8000-{number:012x}"));
        used_keys.insert(stock.number(), &order.user, order.key.as_ref().expect("it was given one"));
        placed(stock.reserve(order, &POLICY, moment(0)));
    }
    assert_eq!((stock.balance().live, stock.remaining()), (ORDERS, 0));
    Box::new((stock, used_keys))
}

/// The states of many items, what is published of them, and the directory.
fn items() -> Box<dyn std::any::Any> {
    let stocks: Vec<Stock> = (1..=ITEMS).map(|number| stock(number, &format!("sku-{number}"), 100)).collect();
    let published_items = stocks.iter().map(|stock| PublishedItem::new(stock, CoreId(0), false)).collect();
    let directory = Arc::new(Directory::new(published_items, None));
    assert_eq!(directory.all().len(), ITEMS as usize);
    Box::new((stocks, directory))
}

/// Resident bytes of this process. `statm` counts pages of 4 KiB on every machine this runs on.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("proc(5)");
    pages * 4096
}

fn main() {
    let wanted = std::env::var("MEASUREMENT").ok();
    if let Some(measurement) = MEASUREMENTS.iter().find(|measurement| Some(measurement.name) == wanted.as_deref()) {
        let before = resident();
        let made = (measurement.make)();
        println!("{}", (resident() - before) / u64::from(measurement.count));
        return drop(made);
    }
    println!("{:>10}  {:>9}  each", "bytes", "of these");
    for measurement in &MEASUREMENTS {
        let program = std::env::current_exe().expect("a running bench has a file");
        let child = Command::new(program).env("MEASUREMENT", measurement.name).output().expect("it can be started");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let bytes = String::from_utf8(child.stdout).expect("a number");
        println!("{:>10}  {:>9}  {}", bytes.trim(), measurement.count, measurement.what);
    }
}
