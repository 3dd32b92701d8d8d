//! **Job:** Ctrl-C and SIGTERM end a run early; what was counted so far is still audited and reported.
//! **Owns:** the thread that listens for them.
//! **Never:** ends the process: a server that was started for the run would stay behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use super::drive::Board;

/// Sets the board's `stop` when a signal comes.
pub(in crate::lab) fn listen(board: &Arc<Board>) -> std::io::Result<()> {
    let board = Arc::clone(board);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    // It ends with the process.
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        board.stop.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}
