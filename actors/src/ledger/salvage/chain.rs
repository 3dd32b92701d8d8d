//! **Job:** finds the rows that follow from one another, from the first one on.
//! **Owns:** the decision what is proven: a checksum that is seeded with the proven one before it, and a commit.
//! **Never:** fills a gap.

use super::evidence::{Candidate, Evidence};
use super::mark::{Fit, Mark};
use super::reader::Reader;
use super::{record, repair};

/// Rows with one number that are followed at a time. There is one, or two where a batch was rolled back and its number
/// given to another row.
const MAX_TIPS: usize = 16;

/// A row that follows from the one before it.
#[derive(Debug)]
pub(super) struct Link {
    /// Which link of the level below.
    parent: usize,
    pub(super) source: Source,
    pub(super) checksum: i64,
    is_uncommitted: bool,
    /// Whether the mark names it, or one before it.
    is_acknowledged: bool,
}

/// Where a row is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Found(Candidate),
    /// A record with one bit put right.
    Repaired(Vec<u8>),
}

/// The proven rows.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Entry 1 first.
    pub(super) rows: Vec<Source>,
    pub(super) checksum: i64,
    /// The entry that the mark names, if it is one of them.
    pub(super) acknowledged: Option<u64>,
    pub(super) mark_is_damaged: bool,
}

impl Chain {
    pub(super) fn find(evidence: &Evidence, mark: &Mark) -> Self {
        let mut reader = Reader::new(evidence);
        let mut levels: Vec<Vec<Link>> = Vec::new();
        let mut chain = Self::default();
        let mut buffer = Vec::new();
        loop {
            let seq = levels.len() as u64 + 1;
            let mut next = Vec::new();
            for (parent, before) in tips(&levels) {
                for candidate in evidence.with_seq(seq).iter().take(MAX_TIPS) {
                    let Some(record) = reader.record(candidate) else { continue };
                    let Some(checksum) = record::follows(seq, &record, before, &mut buffer) else { continue };
                    let source = Source::Found(*candidate);
                    let is_uncommitted = candidate.is_uncommitted;
                    next.push(Link { parent, source, checksum, is_uncommitted, is_acknowledged: false });
                }
            }
            let is_expected = chain.acknowledged.is_none() || evidence.last_seq() >= seq;
            if next.is_empty() && is_expected {
                next.extend(repaired(&mut reader, seq, &levels));
            }
            if next.is_empty() {
                break;
            }
            next.truncate(MAX_TIPS);
            for link in &mut next {
                let fit = mark.fits(seq, link.checksum);
                if fit != Fit::No {
                    chain.acknowledged = Some(seq);
                    chain.mark_is_damaged = fit == Fit::OneBit;
                }
                let below = levels.last().and_then(|level| level.get(link.parent));
                link.is_acknowledged = fit != Fit::No || below.is_some_and(|below| below.is_acknowledged);
            }
            levels.push(next);
        }
        chain.choose(levels);
        chain
    }

    /// Goes back from the best end. Rows that only stand where no commit followed were rolled back, or would have been.
    fn choose(&mut self, mut levels: Vec<Vec<Link>>) {
        let marked = self.acknowledged.and_then(|seq| usize::try_from(seq).ok()).unwrap_or(0);
        let is_end = |length: usize, link: &Link| {
            let holds_mark = marked == 0 || link.is_acknowledged;
            holds_mark && (!link.is_uncommitted || length == marked)
        };
        while let Some(last) = levels.last() {
            let length = levels.len();
            if let Some(mut at) = last.iter().position(|link| is_end(length, link)) {
                self.checksum = last[at].checksum;
                for mut level in levels.into_iter().rev() {
                    let link = level.swap_remove(at);
                    at = link.parent;
                    self.rows.push(link.source);
                }
                self.rows.reverse();
                return;
            }
            levels.pop();
        }
    }
}

/// The ends so far: place in the level, checksum.
fn tips(levels: &[Vec<Link>]) -> Vec<(usize, i64)> {
    levels.last().map_or_else(
        || vec![(0, 0)],
        |level| level.iter().enumerate().map(|(place, link)| (place, link.checksum)).collect(),
    )
}

fn repaired(reader: &mut Reader<'_>, seq: u64, levels: &[Vec<Link>]) -> Option<Link> {
    tips(levels).into_iter().find_map(|(parent, before)| {
        let found = repair::one_bit(reader, seq, before)?;
        let source = Source::Repaired(found.record);
        let is_uncommitted = !reader.is_committed(found.image);
        Some(Link { parent, source, checksum: found.checksum, is_uncommitted, is_acknowledged: false })
    })
}
