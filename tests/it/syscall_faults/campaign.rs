//! **Job:** runs many faults at the same time, and counts how each life ended.
//! **Owns:** the count, and the first few reasons why something was wrong.
//! **Never:** stops at the first violation, or counts a fault that did not strike as tried.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::calls::Call;
use super::consumer::Depot;
use super::fault::{Fault, OF_CHANGES, OF_WRITES};
use super::server::Morning;
use super::tracer::{Place, Seen, Strike, Thread, Watch};
use super::{Ending, Report};

/// Lives at the same time: most of them wait for a disk, a process or two seconds.
const AT_A_TIME: usize = 16;
/// How often a fault is tried until it strikes: what a thread calls depends a little on how busy the machine is.
const TRIES: usize = 4;
/// Reasons that are told.
const TOLD: usize = 20;
/// Ends of paths by which writes are counted.
const PATH_ENDS: [&str; 4] = [".part", "-wal", ".mark", ".db"];

/// Whom the faults hit.
#[derive(Debug)]
pub(crate) enum Life {
    Server(Morning),
    Inventory(Depot),
}

/// A life, and whose calls are struck: those of a start that another subject has as well are left to that one.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) life: Life,
    pub(crate) threads: &'static [Thread],
}

impl Subject {
    pub(crate) fn run(&self, watch: Watch<'_>) -> Report {
        match &self.life {
            Life::Server(morning) => morning.run(watch),
            Life::Inventory(depot) => depot.run(watch),
        }
    }

    /// Every fault at every call on the files, as undisturbed lives have made them.
    pub(crate) fn strikes(&self) -> Vec<Strike> {
        let seen = self.undisturbed(Watch::Trace);
        let calls = [(Thread::Main, seen.main), (Thread::Writing, seen.writing)];
        let calls = calls.into_iter().filter(|(thread, _)| self.threads.contains(thread));
        for call in calls.clone().flat_map(|(_, calls)| calls) {
            let is_journal = call.file.as_deref().is_some_and(|name| name.ends_with("-journal"));
            assert!(!is_journal || call.name != "pwrite64", "a kill would leave a rollback journal: {call:?}");
        }
        let mut strikes: Vec<Strike> = calls.flat_map(|(thread, calls)| at_calls(thread, calls)).collect();
        if self.threads.contains(&Thread::Writing) {
            let written = self.undisturbed(Watch::Journal).written;
            for path_end in PATH_ENDS {
                let count = written.iter().filter(|path| path.ends_with(path_end)).count();
                for nth in 1..=count {
                    let place = Place::Write { nth, path_end: path_end.to_owned() };
                    strikes.extend(OF_WRITES.map(|fault| Strike { fault, place: place.clone() }));
                }
            }
        }
        strikes
    }

    fn undisturbed(&self, watch: Watch<'_>) -> Seen {
        let Report { ending, seen } = self.run(watch);
        assert_eq!(ending, Ending::WentOn, "{} without a fault", self.name);
        seen
    }
}

fn at_calls(thread: Thread, calls: Vec<Call>) -> Vec<Strike> {
    let calls = std::sync::Arc::new(calls);
    let strikes = (0..calls.len()).filter(|at| calls[*at].file.is_some()).flat_map(|at| {
        let faults: &[Fault] = if calls[at].is_changing() { &OF_CHANGES } else { &[Fault::EioOnce] };
        let place = Place::Call { thread, calls: std::sync::Arc::clone(&calls), at };
        faults.iter().map(move |fault| Strike { fault: *fault, place: place.clone() })
    });
    strikes.collect()
}

/// How many lives ended how.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    endings: BTreeMap<(Fault, Ending), usize>,
    indices: usize,
    lost: usize,
    oversold: usize,
    otherwise_wrong: usize,
    missed: usize,
    told: Vec<String>,
    took: Duration,
}

impl Tally {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.oversold + self.otherwise_wrong + self.missed == 0
    }

    pub(crate) fn runs(&self) -> usize {
        self.endings.values().sum::<usize>() + self.lost + self.oversold + self.otherwise_wrong + self.missed
    }

    fn ended(&self, how: Ending) -> usize {
        self.endings.iter().filter(|((_, ending), _)| *ending == how).map(|(_, count)| count).sum()
    }

    fn wrong(&mut self, place: &str, reason: &str) {
        if reason.contains("oversold") {
            self.oversold += 1;
        } else if reason.contains("lost") {
            self.lost += 1;
        } else {
            self.otherwise_wrong += 1;
        }
        self.tell(format!("{place}: {reason}"));
    }

    fn tell(&mut self, reason: String) {
        if self.told.len() < TOLD {
            self.told.push(reason);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reason in &self.told {
            writeln!(f, "{reason}\n")?;
        }
        for fault in OF_CHANGES.iter().chain(&OF_WRITES) {
            let count = |ending| self.endings.get(&(*fault, ending)).copied().unwrap_or_default();
            let [went_on, stopped, refused, killed] =
                [Ending::WentOn, Ending::Stopped, Ending::Refused, Ending::Killed].map(count);
            writeln!(f, "{fault}: {went_on} went on, {stopped} stopped, {refused} starts refused, {killed} killed")?;
        }
        let Self { indices, lost, oversold, otherwise_wrong, missed, took, .. } = self;
        write!(
            f,
            "system calls: {indices} indices, {} kinds of faults, {} runs in {} s: {lost} lost, {oversold} oversold, \
             {otherwise_wrong} otherwise wrong, {missed} not struck; {} went on, {} stopped with 74, {} starts were \
             refused, {} were killed",
            OF_CHANGES.len() + OF_WRITES.len(),
            self.runs(),
            took.as_secs(),
            self.ended(Ending::WentOn),
            self.ended(Ending::Stopped),
            self.ended(Ending::Refused),
            self.ended(Ending::Killed),
        )
    }
}

/// Lives through all of these.
pub(crate) fn run_all(strikes: &[(&Subject, Strike)]) -> Tally {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let tally = Mutex::new(Tally { indices: indices(strikes), ..Tally::default() });
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((subject, strike)) = strikes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run_one(subject, strike, &tally);
                }
            });
        }
    });
    let mut tally = tally.into_inner();
    tally.took = begun.elapsed();
    tally
}

fn run_one(subject: &Subject, strike: &Strike, tally: &Mutex<Tally>) {
    let place = format!("{}, {strike}", subject.name);
    for _try in 0..TRIES {
        match catch_unwind(AssertUnwindSafe(|| subject.run(Watch::Strike(strike)))) {
            Ok(Report { ending, seen }) if seen.struck => {
                *tally.lock().endings.entry((strike.fault, ending)).or_default() += 1;
                return;
            }
            Ok(_missed) => {}
            Err(panic) => {
                tally.lock().wrong(&place, reason(&*panic));
                return;
            }
        }
    }
    let mut tally = tally.lock();
    tally.missed += 1;
    tally.tell(format!("{place}: did not strike"));
}

/// What a panic says.
pub(crate) fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason")
}

/// Calls and writes that are struck, each counted once.
fn indices(strikes: &[(&Subject, Strike)]) -> usize {
    let place = |(subject, strike): &(&Subject, Strike)| match &strike.place {
        Place::Call { thread, at, .. } => (subject.name, format!("{thread:?} {at}")),
        Place::Write { nth, path_end } => (subject.name, format!("{path_end} {nth}")),
    };
    strikes.iter().map(place).collect::<BTreeSet<_>>().len()
}
