//! **Job:** starts the logs, runs the command, ends with its exit code.
//! **Owns:** the allocator, and what is said last.
//! **Never:** knows a command.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser as _;
use doorbuster::commands::{Cli, Failure, run};
use doorbuster::logs;
use doorbuster_actors::sale::let_out_last_words;
use parking_lot::Mutex;

/// mimalloc: an order makes a dozen small allocations on one thread and frees some of them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    survive_size_limit();
    let cli = Cli::parse();
    let logs = logs::start(cli.common.log_format.map(logs::Format::from)).map(|logs| Arc::new(Mutex::new(Some(logs))));
    let code = logs.map_err(Failure::from).and_then(|logs| {
        let queue = Arc::clone(&logs);
        // Dropping them writes what is in the queue, and waits for it for a second at most.
        let_out_last_words(move || drop(queue.lock().take()));
        let done = run(&cli);
        drop(logs.lock().take());
        done
    });
    code.unwrap_or_else(|failure| {
        let code = failure.exit_code();
        if code != ExitCode::SUCCESS {
            let _closed = writeln!(std::io::stderr(), "doorbuster: {failure}");
        }
        code
    })
}

/// A file that may not grow further (`RLIMIT_FSIZE`) is a full disk: the write says so, if SIGXFSZ does not kill first.
fn survive_size_limit() {
    let seen = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen) {
        let _closed = writeln!(std::io::stderr(), "doorbuster: cannot handle SIGXFSZ: {error}");
    }
}
