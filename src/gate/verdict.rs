//! **Job:** the answer of a rate-limiting layer, and what such a layer does while Redis is no help.
//! **Owns:** the word `Verdict`.
//! **Never:** decides anything; it knows neither users nor items nor stock.

use std::time::Duration;

use crate::config::OnError;

/// What a layer says about one purchase attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// On to the next layer.
    Pass,
    /// Come again later.
    Refused {
        /// The earliest time, from now, at which another attempt can pass.
        retry_after: Duration,
    },
    /// Redis gave no answer and the policy is [`OnError::Closed`].
    GateUnavailable,
}

impl OnError {
    /// Applies the policy; `local` is asked by [`OnError::Local`] only.
    pub(super) fn verdict(self, local: impl FnOnce() -> Verdict) -> Verdict {
        match self {
            Self::Local => local(),
            Self::Closed => Verdict::GateUnavailable,
            Self::Open => Verdict::Pass,
        }
    }
}
