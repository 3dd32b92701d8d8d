//! **Job:** a fault at any system call on the files of a server or an inventory loses nothing and sells nothing twice.
//! **Owns:** the campaign over all calls of two short sales and all faults, its sample, and its control.
//! **Never:** counts a fault that did not strike.
//!
//! `SYSCALL_FAULTS=every` tries each fault at each call, `SYSCALL_FAULTS=9` nine calls of each subject for each fault.

#![expect(clippy::print_stdout, reason = "the figures are what a campaign is run for")]
#![expect(clippy::disallowed_methods, reason = "waits for processes and tracers, which wake nobody")]

mod calls;
mod campaign;
mod consumer;
mod fault;
mod sale;
mod server;
mod tracer;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use crate::support::seed;
use campaign::{Life, Subject, reason, run_all};
use consumer::Depot;
use fault::Fault;
use sale::Wares;
use server::Morning;
use tracer::{Seen, Strike, Thread, Watch};

/// The signal of `kill -9`.
const SIGNAL_KILL: i32 = 9;
/// The exit code of a storage failure.
const EXIT_STORAGE: i32 = 74;
/// The exit code of a configuration that cannot be used.
const EXIT_CONFIGURATION: i32 = 78;
/// Of each kind of fault, so many strike each subject in an ordinary run.
const SAMPLE: usize = 1;

/// How a life under a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// It lived on, and ended well when it was told to.
    WentOn,
    /// It stopped with exit code 74.
    Stopped,
    /// It never became ready: exit code 74.
    Refused,
    /// The fault was a kill.
    Killed,
}

/// What is to be said of a life under a fault.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) ending: Ending,
    pub(crate) seen: Seen,
}

/// Whether that is the fault.
fn is_by(watch: Watch<'_>, wanted: Fault) -> bool {
    matches!(watch, Watch::Strike(Strike { fault, .. }) if *fault == wanted)
}

/// How a process may end.
fn ending(status: ExitStatus, was_ready: bool, watch: Watch<'_>) -> Ending {
    let is_killed = is_by(watch, Fault::Kill);
    let lasts = is_by(watch, Fault::EioForEver) || is_by(watch, Fault::FullForEver);
    match (status.code(), status.signal()) {
        (Some(0), None) if was_ready => Ending::WentOn,
        (Some(EXIT_STORAGE), None) if was_ready => Ending::Stopped,
        (Some(EXIT_STORAGE), None) => Ending::Refused,
        // Where nothing can be opened any more, other files cannot be read either.
        (Some(EXIT_CONFIGURATION), None) if !was_ready && lasts => Ending::Refused,
        (None, Some(SIGNAL_KILL)) if is_killed => Ending::Killed,
        _ => panic!("ended with {status}, ready: {was_ready}"),
    }
}

/// How many calls of each subject every fault strikes.
fn sample() -> usize {
    match std::env::var("SYSCALL_FAULTS").as_deref() {
        Ok("every") => usize::MAX,
        Ok(number) => number.parse().expect("SYSCALL_FAULTS is `every` or a number"),
        Err(_) => SAMPLE,
    }
}

/// Strikes these subjects: everywhere, or at a few places that the seed picks.
fn strike(subjects: &[Subject]) {
    let mut chance = StdRng::seed_from_u64(seed());
    let mut strikes: Vec<(&Subject, Strike)> = Vec::new();
    for subject in subjects {
        let mut by_fault: BTreeMap<Fault, Vec<Strike>> = BTreeMap::new();
        subject.strikes().into_iter().for_each(|strike| by_fault.entry(strike.fault).or_default().push(strike));
        println!("{}: {} strikes", subject.name, by_fault.values().map(Vec::len).sum::<usize>());
        let sample = by_fault.values().flat_map(|strikes| strikes.sample(&mut chance, sample()));
        strikes.extend(sample.map(|strike| (subject, strike.clone())));
    }
    // Those that only wait are spread over the others.
    strikes.shuffle(&mut chance);
    let tally = run_all(&strikes);
    println!("{tally}");
    assert!(tally.is_clean() && tally.runs() == strikes.len(), "see above");
}

#[test]
fn a_fault_at_any_call_of_the_server_loses_nothing_and_sells_nothing_twice() {
    let server = |name, morning, threads| Subject { name, life: Life::Server(morning), threads };
    strike(&[
        server("cups", Morning::first(Wares::Cups), &[Thread::Main, Thread::Writing]),
        server("vases", Morning::first(Wares::Vases), &[Thread::Writing]),
        server("the day after a kill", Morning::after_a_kill(), &[Thread::Main]),
    ]);
}

#[test]
fn a_fault_at_any_call_of_the_inventory_loses_nothing_and_counts_nothing_twice() {
    let inventory = |name, depot, threads| Subject { name, life: Life::Inventory(depot), threads };
    strike(&[
        inventory("inventory", Depot::default(), &[Thread::Main, Thread::Writing]),
        inventory("inventory after a kill", Depot::after_a_kill(), &[Thread::Main]),
    ]);
}

/// The control: writes that only pretend to have happened are noticed.
#[test]
fn a_log_that_only_pretends_to_be_written_is_noticed() {
    let server = Subject { name: "cups", life: Life::Server(Morning::first(Wares::Cups)), threads: &[Thread::Writing] };
    let strikes = server.strikes();
    let mut writes =
        strikes.iter().filter(|strike| strike.is_on("pwrite64", "sale.db-wal")).map(|strike| &strike.place);
    // Each of these writes takes thousands of calls under a tracer: the last few orders are enough.
    let place = writes.nth_back(60).expect("a commit writes twice").clone();
    let strike = Strike { fault: Fault::Pretended, place };
    let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.run(Watch::Strike(&strike))));
    let panic = lived.expect_err("nothing was noticed");
    println!("{strike}: {}", reason(&*panic));
    assert!(reason(&*panic).contains("lost"), "{}", reason(&*panic));
}
