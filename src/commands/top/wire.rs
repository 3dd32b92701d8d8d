//! **Job:** the answers of the operations listener as this program reads them.
//! **Owns:** which members are read; others are ignored.
//! **Never:** computes: a counter stays a counter.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::commands::text::Text;

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
    #[serde(default)]
    pub(super) owed: Vec<Owed>,
}

/// Money that has to go back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owed {
    /// In minor units.
    pub(super) amount: i64,
    pub(super) currency: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_nobody_reads_are_ignored_and_keys_are_cleaned_as_well() {
        let json = r#"{"name":"door","in":3,"out":1,"answered":{"a\u001b":2},"new":[{}]}"#;
        let layer: Layer = serde_json::from_str(json).unwrap();
        assert_eq!((layer.entered, layer.passed, layer.answered[&Text::from("a\u{FFFD}")]), (3, 1, 2));
    }
}
