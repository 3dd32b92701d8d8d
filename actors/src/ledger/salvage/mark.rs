//! **Job:** what the high-water mark says was acknowledged.
//! **Owns:** the question whether a mark that fits nothing is one flipped bit away from one that fits.
//! **Never:** writes a mark.

use std::path::Path;

use super::{SalvageError, evidence};

/// Most bytes that are read: two short lines.
const MAX_MARK: usize = 256;

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// There is no mark, so nobody knows how far the ledger went.
    Missing,
    /// There is one, but it cannot be understood.
    Unreadable,
    /// Entries up to the one with this number.
    UpTo(u64),
}

/// How a mark and an entry fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    No,
    Exact,
    /// With one bit of the mark flipped.
    OneBit,
}

#[derive(Debug)]
pub(super) struct Mark {
    bytes: Vec<u8>,
    /// Of the entry it names.
    checksum: i64,
    pub(super) says: Acknowledged,
}

impl Mark {
    pub(super) fn read(path: &Path) -> Result<Self, SalvageError> {
        let Some(file) = evidence::open(path)? else {
            return Ok(Self { bytes: Vec::new(), checksum: 0, says: Acknowledged::Missing });
        };
        let mut bytes = vec![0; MAX_MARK];
        let length = evidence::fill(&file, &mut bytes, 0)
            .map_err(|source| SalvageError::File { path: path.to_owned(), source })?;
        bytes.truncate(length);
        Ok(Self::of(bytes))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let parsed = parse(&bytes);
        let says = parsed.map_or(Acknowledged::Unreadable, |(seq, _)| Acknowledged::UpTo(seq));
        Self { bytes, checksum: parsed.map_or(0, |(_, checksum)| checksum), says }
    }

    pub(super) fn fits(&self, seq: u64, checksum: i64) -> Fit {
        // Writing the line of every entry would be slow: most of them share neither number nor checksum with the mark.
        let may_fit = match self.says {
            Acknowledged::Missing => false,
            Acknowledged::Unreadable => true,
            Acknowledged::UpTo(number) => number == seq || self.checksum == checksum,
        };
        if !may_fit {
            return Fit::No;
        }
        let wanted = line(seq, checksum);
        let Some(found) = self.bytes.get(..wanted.len()) else { return Fit::No };
        let flipped: u32 = wanted.bytes().zip(found).map(|(wanted, found)| (wanted ^ found).count_ones()).sum();
        match flipped {
            0 => Fit::Exact,
            1 => Fit::OneBit,
            _more => Fit::No,
        }
    }
}

/// The line that names an entry, as data/README.md describes it.
fn line(seq: u64, checksum: i64) -> String {
    format!("{seq:020} {checksum:016x}\n")
}

fn parse(bytes: &[u8]) -> Option<(u64, i64)> {
    let text = std::str::from_utf8(bytes.split(|byte| *byte == b'\n').next()?).ok()?;
    let (seq, sum) = text.split_once(' ')?;
    let (seq, sum) = (seq.parse().ok()?, u64::from_str_radix(sum, 16).ok()?);
    let checksum = sum.cast_signed();
    // Numbers may be written in other ways than a mark does, and a damaged one may look like them.
    bytes.starts_with(line(seq, checksum).as_bytes()).then_some((seq, checksum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_with_any_bit_flipped_still_names_its_entry_and_no_other() {
        let whole = line(41, -3).into_bytes();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mark = Mark::of(bytes);
            assert_eq!(mark.fits(41, -3), Fit::OneBit, "bit {bit}");
            assert_eq!(mark.fits(40, 0x1234_5678_9abc), Fit::No, "bit {bit}");
        }
        assert_eq!(Mark::of(whole).fits(41, -3), Fit::Exact);
        assert_eq!(Mark::of(Vec::new()).says, Acknowledged::Unreadable);
    }
}
