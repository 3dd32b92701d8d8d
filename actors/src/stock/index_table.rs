//! **Job:** finds the position of a thing by its hash.
//! **Owns:** tables so small that none takes long to grow.
//! **Never:** holds the things, or knows what they are.
//!
//! One table of a million positions stands still for tens of milliseconds when it doubles: it has to look at a million
//! things to hash them again. Divided, a thousandth of them grows at a time.

use hashbrown::HashTable;

/// Positions in one table before it is divided: growing up to here takes well under a millisecond.
const MAX_UNDIVIDED: usize = 8192;

/// Tables afterwards. Ten million positions are ten thousand each: again under a millisecond.
const PARTS: usize = 1024;
const _: () = assert!(PARTS.is_power_of_two());

/// The first of the bits that choose the part: a table takes the lowest for the place in it and the highest seven to
/// tell neighbours apart.
const PART_SHIFT: u32 = 40;

/// Positions by hash; 5 bytes each, and the room to grow. No parts at first, then one, then all.
#[derive(Debug, Clone)]
pub(super) struct IndexTable {
    parts: Vec<HashTable<u32>>,
}

impl IndexTable {
    pub(super) const fn new() -> Self {
        Self { parts: Vec::new() }
    }

    /// The position with this hash that `is_wanted`.
    pub(super) fn find(&self, hash: u64, is_wanted: impl Fn(u32) -> bool) -> Option<u32> {
        let part = self.parts.get(part_of(hash, self.parts.len()))?;
        part.find(hash, |&position| is_wanted(position)).copied()
    }

    /// Adds a position that is not there yet; `hash_of` says the hash of one that is.
    pub(super) fn insert(&mut self, hash: u64, position: u32, hash_of: impl Fn(u32) -> u64) {
        match self.parts.as_slice() {
            [] => self.parts = Vec::from([HashTable::new()]),
            [whole] if whole.len() == MAX_UNDIVIDED => self.divide(&hash_of),
            [_, ..] => {}
        }
        let part = part_of(hash, self.parts.len());
        self.parts[part].insert_unique(hash, position, |&position| hash_of(position));
    }

    fn divide(&mut self, hash_of: &impl Fn(u32) -> u64) {
        let whole = std::mem::take(&mut self.parts);
        self.parts.resize_with(PARTS, HashTable::new);
        for position in whole.into_iter().flatten() {
            let hash = hash_of(position);
            self.parts[part_of(hash, PARTS)].insert_unique(hash, position, |&position| hash_of(position));
        }
    }
}

/// Which of `parts` a hash belongs to: a power of two, or none at all.
fn part_of(hash: u64, parts: usize) -> usize {
    (hash >> PART_SHIFT) as usize & parts.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use super::*;

    fn hash_of(position: u32) -> u64 {
        FixedState::with_seed(0).hash_one(position)
    }

    #[test]
    fn what_was_inserted_is_found_before_and_after_the_table_is_divided() {
        let mut positions = IndexTable::new();
        let is_there = |positions: &IndexTable, sought| positions.find(hash_of(sought), |found| found == sought);
        for edge in [0, 1, MAX_UNDIVIDED, MAX_UNDIVIDED + 1, 20 * MAX_UNDIVIDED] {
            let edge = u32::try_from(edge).expect("few");
            let filled: usize = positions.parts.iter().map(HashTable::len).sum();
            for position in u32::try_from(filled).expect("few")..edge {
                positions.insert(hash_of(position), position, hash_of);
            }
            assert!((0..edge).all(|position| is_there(&positions, position) == Some(position)), "{edge}");
            assert!((edge..edge + 1000).all(|position| is_there(&positions, position).is_none()), "{edge}");
        }
    }

    #[test]
    fn no_part_of_a_divided_table_holds_much() {
        let mut positions = IndexTable::new();
        let count = 100 * u32::try_from(PARTS).expect("few");
        (0..count).for_each(|position| positions.insert(hash_of(position), position, hash_of));
        assert_eq!(positions.parts.len(), PARTS);
        assert!(positions.parts.iter().all(|part| (50..200).contains(&part.len())));
    }
}
