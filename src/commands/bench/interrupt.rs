//! **Job:** ends a run early on Ctrl-C, SIGTERM or when the terminal closes; what was counted so far is still audited.
//! **Owns:** the thread that listens for them.
//! **Never:** ends the process: a server that was started for the run would stay behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use super::run_state::RunState;

/// Sets `stop` when a signal comes.
pub(in crate::commands) fn listen(run_state: &Arc<RunState>) -> std::io::Result<()> {
    let run_state = Arc::clone(run_state);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    // It ends with the process.
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
        });
        run_state.stop.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}
