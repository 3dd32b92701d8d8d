//! **Job:** every page image that data file and log hold, and the rows that can be read from them.
//! **Owns:** the files, opened for reading only, as plain files.
//! **Never:** lets SQLite see them, or believes a row: that is for the chain to decide.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::wal::{self, Judge};
use super::{LogState, SalvageError};

/// Leaf images without a readable row that are kept for repair.
pub(super) const MAX_UNREADABLE: usize = 8;

/// Opens what may be a part of a data file; `None` if it is not there.
pub(super) fn open(path: &Path) -> Result<Option<File>, SalvageError> {
    let failed = |source| SalvageError::File { path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(SalvageError::NotAFile(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    // Should it have become a pipe in the meantime, opening it must not wait for somebody who writes.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    File::options().read(true).custom_flags(nonblocking).open(path).map(Some).map_err(failed)
}

/// Reads as much as there is from `offset`.
pub(super) fn fill(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Where an image of a page lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image {
    page: u32,
    pub(super) in_log: bool,
    pub(super) offset: u64,
    /// Whether a transaction that was committed left it there.
    pub(super) is_committed: bool,
    /// Whether its frame's sums hold. A data file has none.
    pub(super) is_intact: bool,
}

/// A row as it was found, before anybody has checked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) seq: u64,
    /// The same for the same record.
    pub(super) hash: u64,
    /// Sorts before the same row of an image that was not committed.
    pub(super) is_uncommitted: bool,
    /// Newer images first.
    pub(super) image: Reverse<u32>,
    pub(super) cell: u16,
    /// Which versions of its overflow pages.
    pub(super) version: u8,
}

impl Candidate {
    pub(super) fn image(&self) -> usize {
        self.image.0 as usize
    }
}

/// All that can be read.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) main: Option<File>,
    pub(super) log: Option<File>,
    pub(super) page_size: usize,
    pub(super) images: Vec<Image>,
    /// The images of each page, oldest first.
    pub(super) pages: HashMap<u32, Vec<u32>>,
    /// By number; among equals the committed and newer ones first.
    pub(super) candidates: Vec<Candidate>,
    /// Images that look like a leaf and hold no readable row, newest last.
    pub(super) unreadable_leaves: Vec<usize>,
    /// Images that the disk did not give.
    pub(super) unread: u64,
    pub(super) log_state: LogState,
}

impl Evidence {
    /// Lists all images of `page_size` bytes, without looking for rows in them.
    pub(super) fn list(main: Option<&File>, log: Option<&File>, page_size: usize) -> Result<Self, std::io::Error> {
        let mut evidence = Self {
            main: main.map(File::try_clone).transpose()?,
            log: log.map(File::try_clone).transpose()?,
            page_size,
            images: Vec::new(),
            pages: HashMap::new(),
            candidates: Vec::new(),
            unreadable_leaves: Vec::new(),
            unread: 0,
            log_state: LogState::default(),
        };
        evidence.list_main()?;
        evidence.list_log()?;
        for (index, image) in (0..).zip(&evidence.images) {
            evidence.pages.entry(image.page).or_default().push(index);
        }
        Ok(evidence)
    }

    fn list_main(&mut self) -> std::io::Result<()> {
        let Some(main) = &self.main else { return Ok(()) };
        let size = self.page_size as u64;
        let pages = main.metadata()?.len().div_ceil(size);
        let image = |page: u64| {
            let number = u32::try_from(page + 1).ok()?;
            Some(Image { page: number, in_log: false, offset: page * size, is_committed: true, is_intact: true })
        };
        self.images.extend((0..pages).map_while(image));
        Ok(())
    }

    fn list_log(&mut self) -> std::io::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        let mut header = [0; wal::HEADER];
        fill(log, &mut header, 0)?;
        let header = wal::Header::read(&header).expect("as many bytes as a header has");
        let first = self.images.len();
        let mut judge = Judge::new(&header);
        let mut bytes = vec![0; wal::FRAME_HEADER + self.page_size];
        let length = log.metadata()?.len();
        let mut offset = wal::HEADER as u64;
        let mut frames = Vec::new();
        while offset + bytes.len() as u64 <= length {
            if fill(log, &mut bytes, offset).is_err() {
                bytes.fill(0);
                self.unread += 1;
            }
            let frame = judge.frame(&bytes);
            let image = offset + wal::FRAME_HEADER as u64;
            let (page, is_intact) = (frame.page, frame.is_intact);
            self.images.push(Image { page, in_log: true, offset: image, is_committed: false, is_intact });
            frames.push(frame);
            offset += bytes.len() as u64;
        }
        // What follows from the log's first frame was written since the log was begun anew; what lies behind is left
        // from before, and has been copied into the data file, or was never committed.
        let generation = frames.first().map_or(header.salts, |frame| frame.salts);
        let is_current = |frame: &wal::Frame| frame.salts == header.salts || frame.salts == generation;
        let current = frames.iter().rposition(is_current).map_or(0, |last| last + 1);
        let committed = frames[..current].iter().rposition(|frame| frame.is_commit).map_or(0, |last| last + 1);
        for image in &mut self.images[first..first + committed] {
            image.is_committed = true;
        }
        let damaged = (1..).zip(&frames[..current]).filter(|(_, frame)| !frame.is_intact);
        self.log_state = LogState {
            is_there: length > 0,
            has_intact_header: header.is_intact,
            frames: current,
            committed,
            damaged: damaged.map(|(number, _)| number).collect(),
        };
        Ok(())
    }

    /// The highest number that anything looks like.
    pub(super) fn last_seq(&self) -> u64 {
        self.candidates.last().map_or(0, |candidate| candidate.seq)
    }

    /// The candidates for a number.
    pub(super) fn with_seq(&self, seq: u64) -> &[Candidate] {
        let begin = self.candidates.partition_point(|candidate| candidate.seq < seq);
        let end = self.candidates.partition_point(|candidate| candidate.seq <= seq);
        &self.candidates[begin..end]
    }
}
