//! **Job:** starts the logs, runs the command, ends with its exit code.
//! **Owns:** the allocator, and what is said last.
//! **Never:** knows a command.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use doorbuster::background::within_a_moment;
use doorbuster::commands::{Cli, Failure, run};
use doorbuster::{logs, signals};
use doorbuster_actors::sale::let_out_last_words;
use parking_lot::Mutex;

/// mimalloc: an order makes a dozen small allocations on one thread and frees some of them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(error) = signals::survive_size_limit() {
        let _closed = writeln!(std::io::stderr(), "doorbuster: cannot handle SIGXFSZ: {error}");
    }
    let cli = Cli::parse();
    let logs = logs::start(cli.common.log_format.map(logs::Format::from), Cli::log_filter().as_deref());
    let logs = logs.map(|logs| Arc::new(Mutex::new(Some(logs))));
    let code = logs.map_err(Failure::from).and_then(|logs| {
        let queue = Arc::clone(&logs);
        // Dropping them writes what is in the queue, and waits for it for two seconds at most.
        let_out_last_words(move || drop(queue.lock().take()));
        let done = run(&cli);
        drop(logs.lock().take());
        done
    });
    code.unwrap_or_else(|failure| {
        let code = failure.exit_code();
        if code != ExitCode::SUCCESS {
            let last = format!("doorbuster: {failure}\n");
            within_a_moment(move || drop(std::io::stderr().write_all(last.as_bytes())));
        }
        code
    })
}
