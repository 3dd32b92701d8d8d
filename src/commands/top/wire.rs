//! **Job:** the answers of the operations listener as this program reads them.
//! **Owns:** which members are read; others are ignored, and texts lose what a terminal would obey.
//! **Never:** computes: a counter stays a counter.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// A text from the server, safe to print: control characters and invisible ones that turn a line around are U+FFFD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub struct Text(String);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.chars().map(|letter| if is_harmless(letter) { letter } else { '\u{FFFD}' }).collect())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn is_harmless(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        && !matches!(letter, '\u{61C}' | '\u{FEFF}')
}

/// How long something took, or how large it was: since the start, and in buckets `(upper bound, count)`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Distribution {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
    pub(super) count: u64,
    pub(super) buckets: Vec<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mailbox {
    pub(super) depth: u64,
    pub(super) high_water: u64,
}

/// One actor. What only an item has is absent from the writer's row.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Actor {
    pub(super) name: Text,
    pub(super) kind: Text,
    pub(super) core: Option<u32>,
    pub(super) mailbox: Mailbox,
    pub(super) processed_total: u64,
    pub(super) wait_us: Distribution,
    pub(super) handle_us: Distribution,
    pub(super) item_id: Option<Text>,
    pub(super) title: Option<Text>,
    pub(super) state: Option<Text>,
    pub(super) supply: Option<u64>,
    pub(super) remaining: Option<u64>,
}

/// `GET /actors`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Page {
    pub(super) uptime_s: f64,
    pub(super) total: u64,
    pub(super) actors: Vec<Actor>,
    pub(super) writer: Option<Writer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Writer {
    pub(super) commits_total: u64,
    pub(super) orders_total: u64,
    pub(super) entries_total: u64,
    pub(super) triggers: BTreeMap<Text, u64>,
    pub(super) batch_size: Distribution,
    pub(super) commit_us: Distribution,
    pub(super) sync_us: Distribution,
    pub(super) queue_depth: u64,
    pub(super) storage: Text,
}

/// `GET /funnel`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Funnel {
    pub(super) layers: Vec<Layer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Layer {
    pub(super) name: Text,
    #[serde(rename = "in")]
    pub(super) entered: u64,
    #[serde(rename = "out")]
    pub(super) passed: u64,
    pub(super) answered: BTreeMap<Text, u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Purchases {
    pub(super) in_flight: u64,
    pub(super) max_in_flight: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Core {
    pub(super) core: u32,
    pub(super) busy_s: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Items {
    pub(super) total: u64,
    pub(super) by_state: BTreeMap<Text, u64>,
    pub(super) busiest: Vec<Actor>,
}

/// How the sale is, in the server's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Verdict {
    /// `healthy`, `degraded` or `stopped`.
    pub(super) level: Text,
    pub(super) headline: Text,
    pub(super) reasons: Vec<Reason>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Reason {
    pub(super) code: Text,
    pub(super) text: Text,
}

/// `GET /readyz?verbose`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Readiness {
    pub(super) verdict: Verdict,
}

/// One event of `GET /events`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Snapshot {
    pub(super) uptime_s: f64,
    pub(super) verdict: Verdict,
    #[serde(default)]
    pub(super) version: Text,
    #[serde(default)]
    pub(super) durability: Text,
    #[serde(default)]
    pub(super) purchases: Purchases,
    pub(super) layers: Vec<Layer>,
    #[serde(default)]
    pub(super) cores: Vec<Core>,
    #[serde(default)]
    pub(super) writer: Writer,
    #[serde(default)]
    pub(super) items: Items,
}

/// What an answer that is no success says about itself (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub(super) title: Text,
    pub(super) detail: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_does_not_reach_it() {
        let json = r#"{"name":"stock/a","title":"\u001b[2Jred\u009b31m\u202e\u0007\nx"}"#;
        let actor: Actor = serde_json::from_str(json).unwrap();
        assert_eq!(actor.title.unwrap().as_str(), "\u{FFFD}[2Jred\u{FFFD}31m\u{FFFD}\u{FFFD}\u{FFFD}x");
        assert_eq!(Text::from("空气清新剂 é").as_str(), "空气清新剂 é");
    }

    #[test]
    fn members_nobody_reads_are_ignored_and_keys_are_cleaned_as_well() {
        let json = r#"{"name":"door","in":3,"out":1,"answered":{"a\u001b":2},"new":[{}]}"#;
        let layer: Layer = serde_json::from_str(json).unwrap();
        assert_eq!((layer.entered, layer.passed, layer.answered[&Text::from("a\u{FFFD}")]), (3, 1, 2));
    }
}
