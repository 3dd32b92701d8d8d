//! **Job:** simulates a shop around the real core, in virtual time: what a seed says happens, and every promise is
//! looked after.
//! **Owns:** how a run begins and ends, and how a failing one is made short.
//! **Never:** holds a second stock, batch, fold, row or clock: those are the product's own.
//!
//! | file | holds |
//! |---|---|
//! | `plan` | what happens, drawn from the seed |
//! | `server` | the process: clock, outboxes, batch, commit |
//! | `recovery` | its ways back: roll-back, crash, start |
//! | `outside` | what leaves it: answers, the feed |
//! | `clients` | buyers, payment providers, the owner, the clock |
//! | `disk` | rows as the ledger's table has them |
//! | `judge` | what is durable, counted a second time |
//! | `history` | what clients were told |
//! | `controls` | faults that must be found |
//! | `consumer` | an inventory behind the feed |

mod clients;
pub(crate) mod consumer;
mod controls;
pub(crate) mod disk;
mod history;
mod judge;
mod outside;
pub(crate) mod plan;
mod recovery;
mod server;
pub(crate) mod violation;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use consumer::{Books, OwnBooks};
pub(crate) use controls::Control;
use plan::{Plan, Restart};
use server::Server;
pub(crate) use violation::Violation;
use violation::{Outcome, hold};

/// What a run was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Purchases that were tried.
    pub(crate) attempts: u64,
    /// How often what happened: kinds of entries, reasons, verdicts, faults.
    pub(crate) seen: BTreeMap<&'static str, u64>,
}

impl Stats {
    pub(crate) fn see(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        for (what, times) in &other.seen {
            *self.seen.entry(what).or_default() += times;
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) stats: Stats,
    /// Hash of all that was written and answered.
    pub(crate) trace: u64,
    pub(crate) violation: Option<Violation>,
    pub(crate) story: Vec<String>,
}

/// Runs a plan; the story is told if somebody wants to read it.
pub(crate) fn run(plan: &Plan, control: Option<Control>, is_told: bool) -> Report {
    run_before(Box::<OwnBooks>::default(), plan, (control, is_told))
}

/// The same in front of an inventory that keeps these books.
pub(crate) fn run_before(books: Box<dyn Books>, plan: &Plan, (control, is_told): (Option<Control>, bool)) -> Report {
    let mut report = Report { stats: Stats::default(), trace: 0, violation: None, story: Vec::new() };
    let run = AssertUnwindSafe(|| match Server::open(&plan.shop, (control, is_told), books) {
        Ok(mut server) => {
            let outcome = live(&mut server, plan);
            (report.stats, report.trace) = (std::mem::take(&mut server.stats), server.trace);
            report.story = server.story.take().unwrap_or_default();
            outcome
        }
        Err(violation) => Err(violation),
    });
    let outcome = catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation { invariant: "panic", what: text.unwrap_or_default() })
    });
    report.violation = outcome.err();
    report
}

fn live(server: &mut Server<'_>, plan: &Plan) -> Outcome {
    for step in &plan.steps {
        server.take(step)?;
    }
    end(server)
}

/// A clean end, a start, the last units sold, a crash; then everything must add up, for the inventory too.
fn end(server: &mut Server<'_>) -> Outcome {
    let restart = Restart { is_clean: true, down_ms: 1_000, skew_ms: None, policy: None, loses: 1 };
    server.restart(&restart)?;
    server.sell_out()?;
    server.restart(&Restart { is_clean: false, ..restart })?;
    let (one, other) = (server.disk.fold()?, server.disk.fold()?);
    let is_same = one.recovered.stocks == other.recovered.stocks && one.checksum == other.checksum;
    hold(is_same, "I18", || "two starts in a row differ".to_owned())?;
    server.feed((usize::MAX >> 1, 0), None)?;
    server.consumer.agrees(&server.judge)
}

/// Leaves steps out as long as the same promise is broken: the shortest such plan that is found.
pub(crate) fn shrink(plan: &Plan, control: Option<Control>, invariant: &str) -> Plan {
    let mut plan = plan.clone();
    let mut chunk = plan.steps.len() / 2;
    while chunk > 0 {
        let (mut start, mut has_shrunk) = (0, false);
        while start < plan.steps.len() {
            let mut shorter = plan.clone();
            shorter.steps.drain(start..(start + chunk).min(plan.steps.len()));
            if run(&shorter, control, false).violation.is_some_and(|found| found.invariant == invariant) {
                (plan, has_shrunk) = (shorter, true);
            } else {
                start += chunk;
            }
        }
        if !has_shrunk || chunk > 1 {
            chunk /= 2;
        }
    }
    plan
}

/// A failing run as a story: made short, told line by line, and what is wrong with it.
pub(crate) fn tell(seed: u64, purchases: usize, control: Option<Control>) -> Option<String> {
    let plan = plan::draw(seed, purchases);
    let violation = run(&plan, control, false).violation?;
    let short = shrink(&plan, control, violation.invariant);
    let report = run(&short, control, true);
    let shop = &short.shop;
    let mut story = vec![format!("seed {seed}, {} of {} steps", short.steps.len(), plan.steps.len())];
    for item in &shop.items {
        let (id, stock, limit) = (&item.id, item.stock, item.per_user_limit);
        story.push(format!("{stock} of {id}, {limit} a buyer, from {:?} to {:?}", item.opens_at, item.closes_at));
    }
    story.push(format!("{:?}, {:?}, {} cores", shop.policy, shop.batch, shop.cores));
    story.extend(report.story);
    story.extend(report.violation.map(|violation| violation.to_string()));
    Some(story.join("\n"))
}
