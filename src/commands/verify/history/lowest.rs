//! **Job:** finds in a list of numbers the next one that is below a bound.
//! **Owns:** the minima of all blocks of 2, 4, 8, … numbers.
//! **Never:** changes once it is made.

/// The numbers, and above them the minima of pairs, of pairs of pairs, and so on up to one.
#[derive(Debug, Default)]
pub(super) struct Lowest {
    levels: Vec<Vec<i64>>,
}

impl Lowest {
    pub(super) fn of(numbers: Vec<i64>) -> Self {
        let mut levels = vec![numbers];
        while let Some(last) = levels.last().filter(|last| last.len() > 1) {
            let above = last.chunks(2).map(|pair| pair.iter().copied().min().unwrap_or(i64::MAX)).collect();
            levels.push(above);
        }
        Self { levels }
    }

    pub(super) fn at(&self, index: usize) -> i64 {
        self.levels[0][index]
    }

    /// The first index at or behind `from` whose number is less than `bound`.
    pub(super) fn below(&self, bound: i64, from: usize) -> Option<usize> {
        let (mut level, mut block) = (0, from);
        loop {
            let numbers = self.levels.get(level)?;
            if *numbers.get(block)? < bound {
                break;
            }
            // On to the next block; as far up as it is the first one of a larger block.
            block += 1;
            while block.is_multiple_of(2) && level + 1 < self.levels.len() {
                (level, block) = (level + 1, block / 2);
            }
        }
        while level > 0 {
            (level, block) = (level - 1, block * 2);
            block += usize::from(self.levels[level][block] >= bound);
        }
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn it_finds_what_a_scan_finds() {
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(5);
        for length in 1..=70 {
            let numbers: Vec<i64> = (0..length).map(|_| chance.random_range(0..12)).collect();
            let lowest = Lowest::of(numbers.clone());
            for from in 0..=numbers.len() {
                for bound in 0..=12 {
                    let expected = (from..numbers.len()).find(|index| numbers[*index] < bound);
                    assert_eq!(lowest.below(bound, from), expected, "{numbers:?} from {from} below {bound}");
                }
            }
        }
    }
}
