//! **Job:** compares two ways to do the same work on a machine that is not quiet: in pairs of rounds, by wall clock and
//! by CPU time.
//! **Owns:** the interleaving: who goes first changes from round to round, so that a busy machine is busy for both.
//! **Never:** compares rates of different minutes: a ratio is taken within a pair, and its median and quartiles are
//! what is reported.

#![allow(dead_code, reason = "each bench compiles this module for itself and uses its own part of it")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What one piece of work of a round cost, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// By the clock on the wall.
    pub(crate) wall: f64,
    /// CPU time of all threads.
    pub(crate) cpu: f64,
    /// CPU time of the thread that had most of it: what bounds the rate where every thread has a core for itself.
    pub(crate) busiest: f64,
}

/// The rounds of two contestants, pair by pair.
pub(crate) struct Pairs(Vec<(Cost, Cost)>);

/// The middle of some values, and where their lower and upper quarter end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quartiles {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Pairs {
    /// Runs `count` pairs; each round is `pieces` pieces of work.
    pub(crate) fn run(count: usize, pieces: u32, mut one: impl FnMut(), mut other: impl FnMut()) -> Self {
        let pair = |number| {
            if number % 2 == 0 {
                return (cost(pieces, &mut one), cost(pieces, &mut other));
            }
            let after = cost(pieces, &mut other);
            (cost(pieces, &mut one), after)
        };
        Self((0..count).map(pair).collect())
    }

    /// A figure of each pair.
    pub(crate) fn quartiles(&self, of: impl Fn(&Cost, &Cost) -> f64) -> Quartiles {
        let mut values: Vec<_> = self.0.iter().map(|(one, other)| of(one, other)).collect();
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        Quartiles { low: at(1), median: at(2), high: at(3) }
    }
}

/// How many a second, if each takes so long.
pub(crate) fn per_second(nanoseconds: f64) -> f64 {
    1e9 / nanoseconds
}

fn cost(pieces: u32, work: &mut impl FnMut()) -> Cost {
    let (before, started) = (cpu_times(), Instant::now());
    work();
    let (wall, after) = (started.elapsed(), cpu_times());
    let spent = |(thread, time): (&i32, &u64)| time.saturating_sub(before.get(thread).copied().unwrap_or(0));
    let spent: Vec<_> = after.iter().map(spent).collect();
    let each = |nanoseconds| Duration::from_nanos(nanoseconds).as_secs_f64() * 1e9 / f64::from(pieces);
    Cost {
        wall: wall.as_secs_f64() * 1e9 / f64::from(pieces),
        cpu: each(spent.iter().sum()),
        busiest: each(spent.into_iter().max().unwrap_or(0)),
    }
}

/// CPU nanoseconds of every thread of this process.
fn cpu_times() -> BTreeMap<i32, u64> {
    let tasks = procfs::process::Process::myself().and_then(|process| process.tasks()).expect("a system with /proc");
    let time = |task: procfs::process::Task| Some((task.tid, task.schedstat().ok()?.sum_exec_runtime));
    tasks.flatten().filter_map(time).collect()
}
