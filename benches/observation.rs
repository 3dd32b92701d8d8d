//! **Job:** what observation costs: the durable core without HTTP, with every letter timed and with none.
//! **Owns:** the interleaving: both houses run in turn, so that a busy machine is busy for both.
//! **Never:** compares wall-clock rates: the CPU time of the whole process per order is what is paid.
//!
//! Switched off are the stamps of letters, and with them the clock readings and the distributions of every actor. What
//! is counted once a bundle or once a commit stays on in both: it costs nothing per order.

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]

mod house;

use std::path::Path;
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
fn round(house: &mut House) -> f64 {
    let before = cpu_time();
    house.run(ORDERS_PER_ROUND.into());
    let spent = cpu_time().saturating_sub(before);
    spent.as_secs_f64() * 1e9 / f64::from(ORDERS_PER_ROUND)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn open(file: &Path, stamps: Stamps) -> House {
    let mut house = House::open(file, stamps);
    house.run(ORDERS.into());
    house
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let (timed_file, plain_file) = (folder.path().join("timed.db"), folder.path().join("plain.db"));
    let (mut timed, mut plain) = (open(&timed_file, Stamps::All), open(&plain_file, Stamps::None));
    let (mut of_timed, mut of_plain, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        // Who goes first changes from round to round.
        let (first, second) = if number % 2 == 0 { (&mut timed, &mut plain) } else { (&mut plain, &mut timed) };
        let (one, other) = (round(first), round(second));
        let (with, without) = if number % 2 == 0 { (one, other) } else { (other, one) };
        of_timed.push(with);
        of_plain.push(without);
        ratios.push(without / with);
    }
    ratios.sort_by(f64::total_cmp);
    let (low, high) = (ratios[ROUNDS / 4], ratios[ROUNDS - 1 - ROUNDS / 4]);
    let gain = 100.0 * (1.0 - ratios[ROUNDS / 2]);
    println!("CPU per durable order, {IN_FLIGHT} in flight, {ROUNDS} pairs of {ORDERS_PER_ROUND} orders");
    println!("every letter timed: {:.0} ns, none timed: {:.0} ns (medians)", median(of_timed), median(of_plain));
    println!("mean batch with all timed: {}", timed.writer().entries() / timed.writer().turns().max(1));
    println!("switching observation off gains {gain:.1} % (quartiles of off/on: {low:.3} to {high:.3})");
    audit(&timed_file, timed.close());
    audit(&plain_file, plain.close());
}
