//! **Job:** puts one flipped bit right, where a row is in no other image.
//! **Owns:** the search: every bit of the cell and of the pointer to it.
//! **Never:** guesses: the row must have the checksum that the 64 bits before it lead to.

use super::page;
use super::reader::{Reader, whole};
use super::record::follows;

/// Images that are searched, so that a ledger that ends for another reason is not searched for ever.
const MAX_IMAGES: usize = 12;

/// A row that was put right.
pub(super) struct Repaired {
    pub(super) record: Vec<u8>,
    pub(super) checksum: i64,
    /// The image it is in.
    pub(super) image: usize,
}

/// The row `seq` that follows from `before`, if one flipped bit is all that is wrong with it.
pub(super) fn one_bit(reader: &mut Reader<'_>, seq: u64, before: i64) -> Option<Repaired> {
    let mut search = Search { seq, before, buffer: Vec::new() };
    for index in suspects(reader, seq) {
        let Some(image) = reader.page(index) else { continue };
        let mut image = image.to_vec();
        if let Some((record, checksum)) = search.in_cells(&mut image).or_else(|| search.in_pointers(&image)) {
            return Some(Repaired { record, checksum, image: index });
        }
    }
    None
}

/// Images where the row should be: those of its neighbours, and leaves where nothing could be read at all.
fn suspects(reader: &Reader<'_>, seq: u64) -> Vec<usize> {
    let evidence = reader.evidence();
    let near = [seq, seq.saturating_sub(1), seq.saturating_add(1)];
    let mut images: Vec<_> =
        near.iter().flat_map(|seq| evidence.with_seq(*seq)).map(super::evidence::Candidate::image).collect();
    images.extend(&evidence.unreadable_leaves);
    images.sort_unstable();
    images.dedup();
    images.reverse();
    images.truncate(MAX_IMAGES);
    images
}

struct Search {
    seq: u64,
    before: i64,
    buffer: Vec<u8>,
}

impl Search {
    fn in_cells(&mut self, image: &mut [u8]) -> Option<(Vec<u8>, i64)> {
        let mut cells: Vec<_> = page::listed_cells(image).filter(|cell| *cell < image.len()).collect();
        cells.sort_unstable();
        for (at, cell) in cells.iter().enumerate() {
            let end = cells.get(at + 1).copied().unwrap_or(image.len());
            for bit in cell * 8..end * 8 {
                image[bit / 8] ^= 1 << (bit % 8);
                let found = self.row_at(image, *cell);
                image[bit / 8] ^= 1 << (bit % 8);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    fn in_pointers(&mut self, image: &[u8]) -> Option<(Vec<u8>, i64)> {
        let cells: Vec<_> = page::listed_cells(image).collect();
        cells
            .iter()
            .flat_map(|cell| (0..16).map(move |bit| cell ^ (1 << bit)))
            .find_map(|cell| self.row_at(image, cell))
    }

    fn row_at(&mut self, image: &[u8], offset: usize) -> Option<(Vec<u8>, i64)> {
        let cell = page::cell(image, offset)?;
        if u64::try_from(cell.rowid) != Ok(self.seq) {
            return None;
        }
        let record = whole(&cell)?;
        let checksum = follows(self.seq, record, self.before, &mut self.buffer)?;
        Some((record.to_vec(), checksum))
    }
}
