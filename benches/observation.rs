//! **Job:** what observation costs: the durable core without HTTP, with every letter timed and with none.
//! **Owns:** the interleaving: one house makes rounds of both kinds in turn, so that everything else is the same.
//! **Never:** compares wall-clock rates: the CPU time of the whole process per order is what is paid.
//!
//! Switched off are the stamps of letters, and with them the clock readings and the distributions of every actor. What
//! is counted once a bundle or once a commit stays on in both: it costs nothing per order.

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]

mod house;

use std::time::Duration;

use doorbuster_actors::postbox::Stamps;

use house::{House, IN_FLIGHT, ORDERS, audit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pairs of rounds.
const ROUNDS: usize = 15;

/// Orders of one round: a good second.
const ORDERS_PER_ROUND: u32 = 24 * ORDERS;

/// CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let tasks = procfs::process::Process::myself().and_then(|process| process.tasks()).expect("a system with /proc");
    let times = tasks.flatten().filter_map(|task| task.schedstat().ok()).map(|times| times.sum_exec_runtime);
    Duration::from_nanos(times.sum())
}

/// CPU nanoseconds per order of one round.
fn round(house: &mut House, stamps: Stamps) -> f64 {
    let before = cpu_time();
    house.run(ORDERS_PER_ROUND.into(), stamps);
    let spent = cpu_time().saturating_sub(before);
    spent.as_secs_f64() * 1e9 / f64::from(ORDERS_PER_ROUND)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let file = folder.path().join("house.db");
    let mut house = House::open(&file);
    house.run(ORDERS.into(), Stamps::All);
    let (mut timed, mut plain, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        // Who goes first changes from pair to pair: the table of buyers grows, and with it the cost of an order.
        let [first, second] = if number % 2 == 0 { [Stamps::All, Stamps::None] } else { [Stamps::None, Stamps::All] };
        let (one, other) = (round(&mut house, first), round(&mut house, second));
        let (with, without) = if first == Stamps::All { (one, other) } else { (other, one) };
        timed.push(with);
        plain.push(without);
        ratios.push(without / with);
    }
    let (with, without, ratio) = (median(&mut timed), median(&mut plain), median(&mut ratios));
    let (low, high) = (ratios[ROUNDS / 4], ratios[ROUNDS - 1 - ROUNDS / 4]);
    println!("CPU per durable order, {IN_FLIGHT} in flight, {ROUNDS} pairs of {ORDERS_PER_ROUND} orders");
    println!("every letter timed: {with:.0} ns, none timed: {without:.0} ns (medians)");
    println!("switching observation off gains {:.1} %", 100.0 * (1.0 - ratio));
    println!(
        "mean batch: {} entries",
        house.writer().entries() / house.writer().commits_measured().batch.count_and_sum().0
    );
    println!("(median of the pairs; quartiles of off/on: {low:.3} to {high:.3})");
    audit(&file, house.close());
}
