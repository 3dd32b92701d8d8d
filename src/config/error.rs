//! **Job:** what is wrong with a configuration.
//! **Owns:** its text: the key, the reason, where the value came from.
//! **Never:** repeats a value: any value may be a secret in the wrong place.

use super::origin::Origin;

/// A configuration that cannot be used: `<key>: <reason>`, and the value's origin if it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}{}", key.escape_debug(), self.suffix())]
pub struct ConfigError {
    /// The key (`section.key`), or the file or variable if there is no such key.
    pub key: String,
    /// Why its value cannot be used.
    pub reason: String,
    /// Where the value came from; absent if the key itself says it.
    pub origin: Option<Origin>,
}

impl ConfigError {
    #[expect(clippy::needless_pass_by_value, reason = "a literal is as welcome as an error")]
    pub(super) fn new(key: impl ToString, reason: impl ToString) -> Self {
        Self { key: key.to_string(), reason: reason.to_string(), origin: None }
    }

    pub(super) fn given_by(self, origin: &Origin) -> Self {
        Self { origin: Some(origin.clone()), ..self }
    }

    fn suffix(&self) -> String {
        self.origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default()
    }
}
