//! **Job:** how a run says that a promise was broken.
//! **Owns:** the name of the promise, as the list of invariants has it.
//! **Never:** decides whether it was.

use std::fmt;

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// `I1` to `I18`, or `panic`.
    pub(crate) invariant: &'static str,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Violation>;

/// Says that a promise was broken unless it holds.
pub(crate) fn hold(holds: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Violation { invariant, what: what() }) }
}
