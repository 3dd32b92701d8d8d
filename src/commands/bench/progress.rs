//! **Job:** shows on a terminal how a run goes.
//! **Owns:** the one line on standard error.
//! **Never:** writes to a file or a pipe, or looks more often than an eye.

use std::io::IsTerminal as _;
use std::sync::atomic::Ordering;
use std::thread::park_timeout;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::run_state::RunState;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What the run says of itself.
pub(in crate::commands) fn glance(run_state: &RunState) -> (u64, String) {
    let (answered, confirmed) =
        (run_state.answered.load(Ordering::Relaxed), run_state.confirmed.load(Ordering::Relaxed));
    (answered, format!("{confirmed} confirmed"))
}

/// Shows how many answers there are and what `look` says of them, until `is_over`.
pub(in crate::commands) fn watch(is_over: &dyn Fn() -> bool, look: &dyn Fn(u64) -> (u64, String)) {
    let is_terminal = std::io::stderr().is_terminal();
    let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise}  {human_pos} answers  {per_sec}  {msg}");
    let line = ProgressBar::with_draw_target(None, target).with_style(style.expect("a template of known keys"));
    for looks in 0.. {
        if is_over() {
            break;
        }
        let (answered, said) = look(looks);
        line.set_position(answered);
        line.set_message(said);
        line.tick();
        park_timeout(LOOK);
    }
    line.finish_and_clear();
}
