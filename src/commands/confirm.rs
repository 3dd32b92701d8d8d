//! **Job:** asks whether to go on with what was just said.
//! **Owns:** what counts as a yes.
//! **Never:** asks a pipe: without a terminal there must be a `--yes`.

use std::io::{self, IsTerminal as _, Write as _};

use super::failure::Failure;

/// Goes on if somebody has said so already, or says so now.
pub(super) fn confirm(is_sure: bool) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage("nothing was done: run it on a terminal, which asks, or with --yes"));
    }
    let mut err = io::stderr().lock();
    write!(err, "Go on? [y/N] ")?;
    err.flush()?;
    let mut said = String::new();
    io::stdin().read_line(&mut said)?;
    match said.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _other => Err(Failure::new("nothing was done")),
    }
}
