//! **Job:** reads page images, and the rows in them.
//! **Owns:** the last image that was read, and which image of an overflow page belongs to a row.
//! **Never:** decides which of several rows is the right one.

use std::cmp::Reverse;
use std::fs::File;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::evidence::{Candidate, Evidence, MAX_UNREADABLE, fill};
use super::page::{self, Cell};
use super::record;

/// Versions of an overflow page that are tried: one in the data file, some in the log.
const MAX_VERSIONS: u8 = 4;

/// Pages of a definition that is longer than a page.
const MAX_OVERFLOW: usize = 256;

/// Reads images, and keeps the last one.
#[derive(Debug)]
pub(super) struct Reader<'e> {
    evidence: &'e Evidence,
    page: Vec<u8>,
    index: Option<usize>,
}

impl<'e> Reader<'e> {
    pub(super) fn new(evidence: &'e Evidence) -> Self {
        Self { evidence, page: vec![0; evidence.page_size], index: None }
    }

    pub(super) fn evidence(&self) -> &'e Evidence {
        self.evidence
    }

    pub(super) fn is_committed(&self, index: usize) -> bool {
        self.evidence.images.get(index).is_some_and(|image| image.is_committed)
    }

    /// The header of the data file, from the newest image of it that can be believed.
    pub(super) fn newest_header(&mut self) -> Option<[u8; super::HEADER]> {
        let images = self.evidence.pages.get(&1)?.iter().rev().map(|index| *index as usize);
        let is_good =
            |index: &usize| self.evidence.images[*index].is_committed && self.evidence.images[*index].is_intact;
        let index = images.clone().find(is_good)?;
        self.page(index)?.get(..super::HEADER)?.try_into().ok()
    }

    /// An image. What a file that was cut does not have any more is read as zeros.
    pub(super) fn page(&mut self, index: usize) -> Option<&[u8]> {
        if self.index != Some(index) {
            self.index = None;
            let image = self.evidence.images.get(index)?;
            let file = if image.in_log { &self.evidence.log } else { &self.evidence.main };
            let length = fill(file.as_ref()?, &mut self.page, image.offset).ok()?;
            self.page[length..].fill(0);
            self.index = Some(index);
        }
        Some(&self.page)
    }

    /// Takes a row that begins there into `found`, with every version of its overflow pages.
    pub(super) fn candidates_at(&mut self, index: usize, offset: usize, found: &mut Vec<Candidate>) {
        let evidence = self.evidence;
        let Some(cell) = self.page(index).and_then(|page| page::cell(page, offset)) else { return };
        let Ok(seq) = u64::try_from(cell.rowid) else { return };
        let mut candidate = Candidate {
            seq,
            hash: 0,
            is_uncommitted: !evidence.images[index].is_committed,
            image: Reverse(u32::try_from(index).unwrap_or(u32::MAX)),
            cell: u16::try_from(offset).expect("it was read from two bytes"),
            version: 0,
        };
        if let Some(record) = whole(&cell) {
            if record::row(cell.rowid, record).is_some() {
                found.push(Candidate { hash: xxh3_64(record), ..candidate });
            }
            return;
        }
        let rowid = cell.rowid;
        for version in 0..MAX_VERSIONS {
            candidate.version = version;
            let Some(record) = self.record(&candidate) else { continue };
            if record::row(rowid, &record).is_some() {
                found.push(Candidate { hash: xxh3_64(&record), ..candidate });
            }
        }
    }

    /// The record of a candidate.
    pub(super) fn record(&mut self, candidate: &Candidate) -> Option<Vec<u8>> {
        let page = self.page(candidate.image())?;
        let cell = page::cell(page, usize::from(candidate.cell))?;
        let (mut record, total, overflow) = (cell.local.to_vec(), cell.total, cell.overflow);
        if let Some(first) = overflow {
            self.append_overflow(&mut record, total, first, usize::from(candidate.version))?;
        }
        Some(record)
    }

    /// The images of a page in the order in which they are tried.
    fn version(&self, page: u32, version: usize) -> Option<usize> {
        let images = self.evidence.pages.get(&page)?;
        let newest_first = images.iter().rev();
        let index = newest_first.clone().nth(version).or_else(|| images.first())?;
        Some(*index as usize)
    }

    fn append_overflow(&mut self, record: &mut Vec<u8>, total: usize, first: u32, version: usize) -> Option<()> {
        let mut next = first;
        for _page in 0..MAX_OVERFLOW {
            let index = self.version(next, version)?;
            let page = self.page(index)?;
            let part = (total - record.len()).min(page.len() - 4);
            record.extend_from_slice(&page[4..4 + part]);
            if record.len() == total {
                return Some(());
            }
            next = u32::from_be_bytes(page[..4].try_into().expect("a range of four bytes"));
        }
        None
    }
}

/// Whether a record is whole in its page.
pub(super) fn whole<'p>(cell: &Cell<'p>) -> Option<&'p [u8]> {
    cell.overflow.is_none().then_some(cell.local)
}

/// Reads all images of `page_size` bytes, and finds what looks like a row in them.
pub(super) fn gather(main: Option<&File>, log: Option<&File>, page_size: usize) -> io::Result<Evidence> {
    let mut evidence = Evidence::list(main, log, page_size)?;
    find_rows(&mut evidence);
    Ok(evidence)
}

fn find_rows(evidence: &mut Evidence) {
    let mut reader = Reader::new(evidence);
    let (mut found, mut unread, mut unreadable) = (Vec::new(), 0, Vec::new());
    for index in 0..evidence.images.len() {
        let Some(page) = reader.page(index) else {
            unread += 1;
            continue;
        };
        if !page::may_be_leaf(page) {
            continue;
        }
        let before = found.len();
        let cells: Vec<_> = page::possible_cells(page).filter(|cell| *cell >= page::POINTERS).collect();
        for cell in cells {
            reader.candidates_at(index, cell, &mut found);
        }
        if found.len() == before {
            unreadable.push(index);
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|candidate| (candidate.seq, candidate.hash));
    evidence.unread += unread;
    evidence.unreadable_leaves = unreadable.split_off(unreadable.len().saturating_sub(MAX_UNREADABLE));
    evidence.candidates = found;
}
