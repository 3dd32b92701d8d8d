//! **Job:** ends the process where going on would be worse.
//! **Owns:** the exit code of a storage failure.
//! **Never:** unwinds, flushes or answers: recovery from the file is the only way back.

/// `EX_IOERR` of sysexits.h, as the contract documents it.
pub const EXIT_STORAGE: i32 = 74;

/// Stops the process because the ledger and the memory can no longer be known to agree.
pub fn storage_failed(reason: &dyn std::fmt::Display) -> ! {
    tracing::error!(%reason, "the outcome of a commit is unknown: stopping without an answer");
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
            #[expect(clippy::disallowed_methods, reason = "unwinding would answer from a state that is half changed")]
            std::process::abort();
        }
    }
}
