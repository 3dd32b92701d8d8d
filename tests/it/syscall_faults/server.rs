//! **Job:** one life of a server under a fault, the next one without it, and what has to be true of both.
//! **Owns:** the files that it begins with, and how it may end.
//! **Never:** forgives: whatever is not written down here as allowed is a violation, and ends the run with its reason.

use std::future::Future;
use std::path::Path;
use std::process::ExitStatus;

use super::fault::Fault;
use super::sale::{Patience, Sale, Wares};
use super::tracer::{Seen, Strike, Tracing, Watch, threads};
use super::{Ending, Report, ending, is_by};
use crate::recovery::{Folder, lay_out, look};

/// What a server begins with: an empty folder, or what a killed one has left.
#[derive(Debug, Clone)]
pub(crate) struct Morning {
    files: Folder,
    sale: Sale,
}

/// Steps that the first server lives through, before it is killed in the middle of the sale.
const STEPS_BEFORE: usize = 15;

impl Morning {
    /// Of the first day.
    pub(crate) fn first(wares: Wares) -> Self {
        Self { files: Folder::new(), sale: Sale::of(wares) }
    }

    /// After a server that was killed in the middle of the sale.
    pub(crate) fn after_a_kill() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut sale = Sale::of(Wares::Cups);
        let mut server = sale.wares().shop(folder.path()).start();
        assert!(alone(sale.begin(&server, Patience::None, STEPS_BEFORE)), "the server is gone");
        server.kill9();
        Self { files: look(folder.path()), sale }
    }

    /// One life under a fault (or none), and the next one without.
    pub(crate) fn run(&self, watch: Watch<'_>) -> Report {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let folder = folder.path();
        lay_out(folder, &self.files);
        let mut sale = self.sale.clone();
        let (status, was_ready, seen) = live(folder, &mut sale, watch);
        let ending = ending(status, was_ready, watch);
        // A disk that has died cannot be tidied up.
        if ending == Ending::Refused && !is_by(watch, Fault::EioForEver) {
            let left = look(folder);
            assert!(!left.keys().any(|name| name.contains(".part")), "a draft is left: {:?}", left.keys());
        }
        next_life(folder, &mut sale);
        Report { ending, seen }
    }
}

/// A whole life: start, sale, orderly end; or as much of it as there is. How it ended, and whether it was ever ready.
fn live(folder: &Path, sale: &mut Sale, watch: Watch<'_>) -> (ExitStatus, bool, Seen) {
    let mut tracing = Tracing::new(watch);
    let wrapper = tracing.wrapper();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let (status, was_ready) = match sale.wares().shop(folder).under(&wrapper).try_start() {
        Err(stopped) => (stopped.status, false),
        Ok(mut server) => {
            tracing.attach(|| writer_of(server.id()));
            let status = if alone(sale.go(&server, patience(watch))) { server.terminate() } else { server.wait() };
            assert!(!server.stderr().contains("panicked"), "panicked: {}", server.stderr());
            (status, true)
        }
    };
    (status, was_ready, tracing.finish(folder))
}

/// The sale again, by a server that nothing disturbs: what was told is there, what was not is made up for.
fn next_life(folder: &Path, sale: &mut Sale) {
    let server = sale.wares().shop(folder).try_start();
    let mut server = server.unwrap_or_else(|stopped| panic!("lost: does not start again: {stopped}"));
    assert!(alone(sale.go(&server, Patience::None)), "the server that nothing disturbs is gone: {}", server.stderr());
    let status = server.terminate();
    assert!(status.success(), "the server that nothing disturbs ended with {status}: {}", server.stderr());
    sale.check(folder);
}

fn patience(watch: Watch<'_>) -> Patience {
    match watch {
        Watch::Strike(Strike { fault, .. }) if !fault.passes() => Patience::Passes,
        Watch::Trace | Watch::Journal | Watch::Strike(_) => Patience::Asks,
    }
}

/// The thread that writes the ledger: the first one with an event loop of its own.
fn writer_of(process: u32) -> u32 {
    let threads = threads(process);
    let writer = threads.iter().find(|(_, name)| name.starts_with("actix-rt"));
    writer.unwrap_or_else(|| panic!("no writer among {threads:?}")).0
}

/// Runs a client on this thread.
fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("an event loop").block_on(work)
}
