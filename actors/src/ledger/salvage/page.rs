//! **Job:** finds the cells of a table's leaf page.
//! **Owns:** the byte layout of <https://www.sqlite.org/fileformat2.html#b_tree_pages>.
//! **Never:** trusts a page: where a number leads out of it, there is no cell.

use super::record::varint;

/// Type byte of a table's leaf page.
const TABLE_LEAF: u8 = 0x0d;

/// Where the pointers to the cells begin.
pub(super) const POINTERS: usize = 8;

/// Longest record that is believed: a definition has a few kilobytes.
const MAX_PAYLOAD: usize = 1 << 20;

/// One row as it lies in its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell<'p> {
    pub(super) rowid: i64,
    /// The part of the record that is in the page.
    pub(super) local: &'p [u8],
    /// Length of the whole record.
    pub(super) total: usize,
    /// Page with the rest.
    pub(super) overflow: Option<u32>,
}

/// Whether the page is a table's leaf, or would be with one bit flipped: what it holds is for the checksums to say.
pub(super) fn may_be_leaf(page: &[u8]) -> bool {
    page.first().is_some_and(|kind| (kind ^ TABLE_LEAF).count_ones() <= 1)
}

/// Where cells may begin: every pointer of the list, and whatever stands behind its end. The number of cells in the
/// page's header is not asked, because it may be damaged; what is no row does not decode as one.
pub(super) fn possible_cells(page: &[u8]) -> impl Iterator<Item = usize> {
    page[POINTERS..].chunks_exact(2).map(|pointer| usize::from(u16::from_be_bytes([pointer[0], pointer[1]])))
}

/// Where cells begin, as the page's header says.
pub(super) fn listed_cells(page: &[u8]) -> impl Iterator<Item = usize> {
    possible_cells(page).take(usize::from(u16::from_be_bytes([page[3], page[4]])))
}

/// The cell that begins at `offset`.
pub(super) fn cell(page: &[u8], offset: usize) -> Option<Cell<'_>> {
    let (total, first) = varint(page.get(offset..)?)?;
    let (rowid, second) = varint(page.get(offset + first..)?)?;
    let total = usize::try_from(total).ok().filter(|total| *total <= MAX_PAYLOAD)?;
    let begin = offset + first + second;
    let here = local_length(total, page.len());
    let local = page.get(begin..begin + here)?;
    let overflow = if here < total {
        let pointer = page.get(begin + here..begin + here + 4)?;
        Some(u32::from_be_bytes(pointer.try_into().expect("a range of four bytes")))
    } else {
        None
    };
    Some(Cell { rowid: rowid.cast_signed(), local, total, overflow })
}

/// Bytes of a record that lie in the leaf itself. The ledger reserves no bytes at a page's end.
fn local_length(total: usize, usable: usize) -> usize {
    let most = usable - 35;
    if total <= most {
        return total;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (total - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}
