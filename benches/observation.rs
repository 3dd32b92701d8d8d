//! **Job:** what observation costs: the durable core without HTTP, with messages timed as a server does and with none.
//! **Owns:** the interleaving: one core makes rounds of both kinds in turn, so that everything else is the same.
//! **Never:** compares wall-clock rates: CPU time per order is what is paid.
//!
//! Switched off are the timing of messages, and with them the clock readings and the distributions of every actor. What
//! is counted once a bundle or once a commit stays on in both: it costs nothing per order.

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]

mod durable_core;
mod pairs;

use std::cell::RefCell;

use doorbuster_actors::sale::Timing;

use durable_core::{DurableCore, IN_FLIGHT, ORDERS, audit};
use pairs::{Cost, Pairs};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pairs of rounds.
const ROUNDS: usize = 15;

/// Orders of one round: a good second.
const ORDERS_PER_ROUND: u32 = 24 * ORDERS;

/// The messages' times are taken on the core's thread; what all threads spend depends on the sizes of batches as well.
fn report(pairs: &Pairs, what: &str, figure: impl Fn(&Cost) -> f64) {
    let timed = pairs.quartiles(|timed, _| figure(timed)).median;
    let plain = pairs.quartiles(|_, plain| figure(plain)).median;
    let ratio = pairs.quartiles(|timed, plain| figure(plain) / figure(timed));
    let (gain, low, high) = (100.0 * (1.0 - ratio.median), ratio.low, ratio.high);
    println!("{what}: timed {timed:.0} ns, not timed {plain:.0} ns an order");
    println!("  switching observation off gains {gain:.1} % (quartiles of off/on: {low:.3} to {high:.3})");
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let file = folder.path().join("core.db");
    let orders = u64::from(ORDERS_PER_ROUND);
    let core = RefCell::new(DurableCore::open(&file));
    let run = |timing| core.borrow_mut().run(orders, timing);
    run(Timing::Sampled);
    let pairs = Pairs::run(ROUNDS, ORDERS_PER_ROUND, || run(Timing::Sampled), || run(Timing::Off));
    println!("durable orders, {IN_FLIGHT} in flight, {ROUNDS} pairs of {ORDERS_PER_ROUND}; medians");
    report(&pairs, "CPU of the core's thread", |cost| cost.busiest);
    report(&pairs, "CPU of all threads", |cost| cost.cpu);
    let (commits, _) = core.borrow().writer().commits_measured().batch.count_and_sum();
    println!("mean batch: {}", core.borrow().writer().entries() / commits);
    audit(&file, core.into_inner().close());
}
