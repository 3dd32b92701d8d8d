//! Simulates shops, one a seed:
//! `cargo run --release -p doorbuster-actors --example simulate -- --seeds 10000 --from 1`.
//!
//! `--threads T` runs them on several threads, `--purchases N` makes them longer or shorter, `--control NAME` plants a
//! fault that must be found, `--replay SEED` tells a failing run as a short story.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command of people who test")]

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use simulation::{Control, Stats, Violation, plan, run, tell};

/// Purchases of a run of usual length.
const USUAL: usize = 150;

/// Runs that a thread takes at once.
const SHARE: u64 = 100;

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

struct Options {
    seeds: u64,
    from: u64,
    replay: Option<u64>,
    threads: usize,
    purchases: usize,
    control: Option<Control>,
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options { seeds: 1_000, from: 1, replay: None, threads: 1, purchases: USUAL, control: None };
    while let Some(name) = words.next() {
        let value = words.next().ok_or_else(|| format!("{name} has no value"))?;
        match name.as_str() {
            "--seeds" => options.seeds = value.parse()?,
            "--from" => options.from = value.parse()?,
            "--replay" => options.replay = Some(value.parse()?),
            "--threads" => options.threads = value.parse()?,
            "--purchases" => options.purchases = value.parse()?,
            "--control" => {
                let known = Control::ALL.iter().find(|(_, name)| *name == value);
                let names: Vec<_> = Control::ALL.iter().map(|(_, name)| *name).collect();
                let (control, _) = known.ok_or_else(|| format!("{value} is none of {}", names.join(", ")))?;
                options.control = Some(*control);
            }
            _ => return Err(format!("{name} is not known: see the head of this file").into()),
        }
    }
    Ok(options)
}

/// What all threads share.
struct Campaign {
    options: Options,
    next: AtomicU64,
    is_over: AtomicBool,
    stats: Mutex<Stats>,
    found: Mutex<Option<(u64, Violation)>>,
    started: Instant,
}

impl Campaign {
    fn work(&self) {
        let Options { seeds, from, purchases, control, .. } = self.options;
        while !self.is_over.load(Ordering::Relaxed) {
            let first = self.next.fetch_add(SHARE, Ordering::Relaxed);
            if first >= seeds {
                return;
            }
            let mut stats = Stats::default();
            for seed in (first..seeds.min(first + SHARE)).map(|seed| from + seed) {
                let report = run(&plan::draw(seed, purchases), control, false);
                stats.add(&report.stats);
                if let Some(violation) = report.violation {
                    self.is_over.store(true, Ordering::Relaxed);
                    let mut found = self.found.lock();
                    if found.as_ref().is_none_or(|(known, _)| seed < *known) {
                        *found = Some((seed, violation));
                    }
                    break;
                }
            }
            self.stats.lock().add(&stats);
        }
    }

    fn rates(&self) -> String {
        let (attempts, seconds) = (self.stats.lock().attempts, self.started.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = |count: u64| count as f64 / seconds;
        let done = self.next.load(Ordering::Relaxed).min(self.options.seeds);
        format!(
            "{done} seeds from {}, {attempts} attempts in {seconds:.1} s: {:.0} seeds/s, {:.0} attempts/s",
            self.options.from,
            per_second(done),
            per_second(attempts),
        )
    }

    fn run(&self) {
        let mut told = Instant::now();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.options.threads).map(|_| scope.spawn(|| self.work())).collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                std::thread::park_timeout(Duration::from_millis(50));
                if told.elapsed() >= PROGRESS_EVERY {
                    told = Instant::now();
                    eprintln!("{}", self.rates());
                }
            }
        });
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // A panic is a finding, and is told with the story.
    std::panic::set_hook(Box::new(|_panic| ()));
    let options = options(std::env::args().skip(1))?;
    let (purchases, control) = (options.purchases, options.control);
    if let Some(seed) = options.replay {
        let story = tell(seed, purchases, control);
        println!("{}", story.unwrap_or_else(|| format!("seed {seed}: every promise was kept")));
        return Ok(ExitCode::SUCCESS);
    }
    let campaign = Campaign {
        options,
        next: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        stats: Mutex::default(),
        found: Mutex::new(None),
        started: Instant::now(),
    };
    campaign.run();
    println!("{}", campaign.rates());
    let Stats { seen: happened, .. } = campaign.stats.lock().clone();
    println!("{}", happened.iter().map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", "));
    let Some((seed, violation)) = campaign.found.lock().take() else {
        println!("no promise was broken");
        return Ok(ExitCode::SUCCESS);
    };
    println!("seed {seed}: {violation}\n");
    println!("{}", tell(seed, purchases, control).unwrap_or_default());
    Ok(ExitCode::FAILURE)
}
