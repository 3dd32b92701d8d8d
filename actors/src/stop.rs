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
pub(crate) struct StopOnPanic;

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a panic in the core: stopping; recovery from the ledger is the way back");
            say_last_words();
            #[expect(clippy::disallowed_methods, reason = "unwinding would answer from a state that is half changed")]
            std::process::abort();
        }
    }
}
