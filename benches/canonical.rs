//! **Job:** the canonical set: our figures, their baselines and the peers, side by side in the same run. `make bench`.
//! **Owns:** the order of it: what is prepared, the interleaved rounds, what is measured once, the report.
//! **Never:** holds a figure of an earlier run: what could not be measured says why.
//!
//! `target/bench/report.md` and `report.json` are what comes out. `ROUNDS`, `SECONDS` (of one run) and
//! `OVERLOAD_SECONDS` make it longer; `QUICK=1` is a smoke test of two minutes whose figures mean little.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(clippy::disallowed_methods, reason = "it is told by the environment how long, and waits for processes")]

#[path = "canonical/aged.rs"]
mod aged;
#[path = "canonical/crowd.rs"]
mod crowd;
#[path = "canonical/figures.rs"]
mod figures;
#[path = "canonical/fixed_answer.rs"]
mod fixed_answer;
#[path = "../actors/tests/it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses its own part of it")]
mod ledger_kit;
#[path = "canonical/machine.rs"]
mod machine;
#[path = "canonical/neighbours.rs"]
mod neighbours;
#[path = "canonical/overload.rs"]
mod overload;
#[path = "canonical/peers.rs"]
mod peers;
#[path = "canonical/report.rs"]
mod report;
#[path = "canonical/rounds.rs"]
mod rounds;
#[path = "canonical/settings.rs"]
mod settings;
#[path = "canonical/shop.rs"]
mod shop;
#[path = "canonical/statistics.rs"]
mod statistics;

use std::path::Path;

use settings::Settings;
use statistics::{Book, Spread};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the report goes.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench");

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(fixed_answer::ARGUMENT) {
        let port_file = arguments.next().expect("the parent says where the port goes");
        return fixed_answer::serve(Path::new(&port_file));
    }
    let settings = Settings::from_environment()?;
    let begun = std::time::Instant::now();
    let mut machine = machine::describe(&settings)?;
    let mut book = Book::default();
    rounds::run(&settings, &mut book);
    neighbours::run(&settings, &mut book);
    overload::run(&settings, &mut book);
    machine.push(("load average at the end", machine::load()));
    let median = |series| Spread::of(&book.values(series)).map_or(0.0, |spread| spread.median);
    machine.push(("cores used by others between the runs", format!("{:.0} %", median(rounds::OTHERS))));
    machine.push(("time stolen by the hypervisor during the runs", format!("{:.1} %", median(rounds::STOLEN))));
    machine.push(("duration", format!("{:.0} s", begun.elapsed().as_secs_f64())));
    let lines = figures::lines(&book);
    std::fs::create_dir_all(FOLDER)?;
    let text = report::markdown(&machine, &lines, &book);
    std::fs::write(Path::new(FOLDER).join("report.md"), &text)?;
    let json = report::json(&machine, &lines, &book);
    std::fs::write(Path::new(FOLDER).join("report.json"), format!("{json:#}\n"))?;
    println!("{text}");
    Ok(())
}
