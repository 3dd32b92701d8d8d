//! **Job:** ends the process where going on would be worse.
//! **Owns:** the exit code of a storage failure.
//! **Never:** unwinds, flushes or answers: recovery from the file is the only way back.

use std::sync::OnceLock;

/// What lets the last words out: logs leave through a queue, and nobody would hear why the process stopped.
static LAST_WORDS: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// Sets what is called once before the process stops here. It must come back within a moment, whatever has failed.
pub fn let_out_last_words(flush: impl Fn() + Send + Sync + 'static) {
    let _the_first_one_stays = LAST_WORDS.set(Box::new(flush));
}

fn say_last_words() {
    if let Some(flush) = LAST_WORDS.get() {
        flush();
    }
}

/// `EX_IOERR` of sysexits.h, as the contract documents it.
pub const EXIT_STORAGE: i32 = 74;

/// Stops the process because the ledger and the memory can no longer be known to agree.
pub fn storage_failed(reason: &dyn std::fmt::Display) -> ! {
    tracing::error!(%reason, "the data file can no longer be relied on: stopping without an answer");
    say_last_words();
    #[expect(clippy::disallowed_methods, reason = "the one place that stops without an answer")]
    std::process::exit(EXIT_STORAGE)
}

/// While it lives, a panic on this thread stops the process: an actor that panicked is a closed mailbox in front of
/// stock that nobody can buy, and its state may be half changed.
#[derive(Debug)]
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a panic in the core: stopping; recovery from the ledger is the way back");
            say_last_words();
            #[expect(clippy::disallowed_methods, reason = "unwinding would answer from a state that is half changed")]
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use crate::ids::WorkerId;
    use crate::messages::{Epoch, Restore};
    use crate::sale::{Sale, SaleSettings};

    /// The signal of `abort` (signal(7)).
    const SIGNAL_ABORT: i32 = 6;

    /// Set for the child that panics: where it finds its data file.
    const FOLDER: &str = "DOORBUSTER_TEST_FOLDER";

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a child learns from the environment where it is")]
    fn a_panic_in_the_core_stops_the_process_and_the_ledger_is_the_way_back() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return actix::System::new().block_on(panic_in_a_router(&PathBuf::from(folder)));
        }
        let folder = tempfile::tempdir().expect("a folder for the test");
        let name = "stop::tests::a_panic_in_the_core_stops_the_process_and_the_ledger_is_the_way_back";
        let mut child = Command::new(std::env::current_exe().expect("a running test has a file"));
        child.args([name, "--exact", "--nocapture"]).env(FOLDER, folder.path());
        let output = child.output().expect("the test can be started again");
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.signal(), Some(SIGNAL_ABORT), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        let settings = SaleSettings::new(folder.path().join("sale.db")).ledger;
        let opened = crate::ledger::Ledger::open(&settings, |_entry| ());
        let (_ledger, recovered) = opened.expect("a ledger that was killed, not damaged");
        assert_eq!(recovered.entries, 1, "what was committed before is there");
    }

    /// A guest's router has no core, so nobody may send it the states of items.
    #[expect(clippy::disallowed_methods, reason = "the message is the last one, and no actor waits for it")]
    async fn panic_in_a_router(folder: &Path) {
        let settings = SaleSettings { guests: 1, ..SaleSettings::new(folder.join("sale.db")) };
        let sale = Sale::open(&settings, vec![crate::item::tests::mug()]).expect("a new data file");
        let (_core, _guest) = (sale.start_core(crate::ids::CoreId(0)), sale.guest());
        let guest = sale.view().placement.thread(WorkerId(1)).expect("it was started one line above");
        let _closed = guest.restore.send(Restore { epoch: Epoch(1), stocks: Vec::new(), suspense: None }).await;
        panic!("a panic on this thread, behind the actor's, leaves by another way");
    }
}
