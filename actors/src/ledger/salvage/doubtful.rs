//! **Job:** the rows behind the end of what is proven: each may be what was written, but nothing leads there.
//! **Owns:** the choice between several rows with one number.
//! **Never:** lets one of them into a ledger.

use std::collections::HashSet;

use super::chain::{Chain, Source};
use super::evidence::{Candidate, Evidence};
use super::reader::Reader;
use super::record;
use super::record::follows;

/// A row that is not proven.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubtful {
    pub(super) candidate: Candidate,
    /// Whether its checksum follows from a row before it, which is doubtful itself.
    pub(super) is_checked: bool,
}

/// The doubtful rows, by number. `acknowledged` is the last entry that was, as far as it is known.
pub(super) fn find(evidence: &Evidence, chain: &Chain, acknowledged: Option<u64>) -> Vec<Doubtful> {
    let end = chain.rows.len() as u64;
    // Once all that was acknowledged is there, what nothing leads to is an echo of damage.
    let is_short = acknowledged.is_none_or(|acknowledged| acknowledged > end);
    let proven = hashes(chain);
    let mut reader = Reader::new(evidence);
    let (mut buffer, mut doubtful) = (Vec::new(), Vec::new());
    let (mut last, mut checksums) = (end, vec![chain.checksum]);
    let begin = evidence.candidates.partition_point(|candidate| candidate.seq <= end);
    for same in evidence.candidates[begin..].chunk_by(|one, other| one.seq == other.seq) {
        let seq = same[0].seq;
        let before = if seq == last + 1 { std::mem::take(&mut checksums) } else { Vec::new() };
        (last, checksums) = (seq, Vec::new());
        let mut best: Option<Doubtful> = None;
        for candidate in same {
            let Some(record) = reader.record(candidate) else { continue };
            let Some(row) = record::row(i64::try_from(seq).unwrap_or(0), &record) else { continue };
            let is_checked = before.iter().any(|before| follows(seq, &record, *before, &mut buffer).is_some());
            let was_rolled_back = candidate.is_uncommitted && acknowledged.is_some_and(|last| seq > last);
            let is_echo = proven.contains(&candidate.hash) || !(is_short || is_checked);
            if was_rolled_back || is_echo {
                continue;
            }
            checksums.push(row.checksum);
            if best.is_none_or(|best| is_checked && !best.is_checked) {
                best = Some(Doubtful { candidate: *candidate, is_checked });
            }
        }
        doubtful.extend(best);
    }
    doubtful
}

fn hashes(chain: &Chain) -> HashSet<u64> {
    let found = |source: &Source| match source {
        Source::Found(candidate) => Some(candidate.hash),
        Source::Repaired(_) => None,
    };
    chain.rows.iter().filter_map(found).collect()
}
