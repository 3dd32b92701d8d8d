//! **Job:** says how the sale is: healthy, degraded or stopped, and why.
//! **Owns:** that question: everything that shows how the server is reads the answer here.
//! **Never:** reads a counter or a clock: `judge` is a pure function of what it is given.
//!
//! | file | does |
//! |---|---|
//! | `reason` | the verdict in words, and the table of all reasons |
//! | `reading` | what the rules look at |
//! | `history` | the readings of the last seconds |
//! | `rules`, `clock` | one function a rule, with its threshold |
//! | `window`, `text` | percentiles of the last seconds; how figures are written |

mod clock;
pub mod history;
pub mod reading;
mod reason;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod window;

pub use reason::{Level, Reason, ReasonCode, Verdict};

use reading::Evidence;
use reason::Finding;

/// The verdict. What stops the sale goes before what degrades it, and all that was found is listed.
#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let mut findings = rules::stopping(evidence);
    findings.extend(rules::degrading(evidence));
    if findings.is_empty() {
        findings.push(rules::healthy(evidence));
    }
    let level = findings[0].code.level();
    let headline = format!("{}: {}", level.title(), findings[0].short);
    let reason = |Finding { code, text, .. }: Finding| Reason { code, severity: code.level(), text };
    Verdict { level, headline, reasons: findings.into_iter().map(reason).collect() }
}
