//! **Job:** writes a history while it happens.
//! **Owns:** the file, the thread that writes it, and a bounded queue of blocks for it.
//! **Never:** makes a client wait for a disk that keeps up, holds more than some MiB, or writes over a file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam::channel::{self, Receiver, Sender};

use super::{Covers, Footer, Header, Operation, VERSION};

/// Bytes of a block: some 200 operations, so that neither side is woken for each.
const BLOCK: usize = 64 * 1024;

/// Blocks between clients and the disk: 8 MiB, a fifth of a second at full speed.
const QUEUE: usize = 128;

/// One history, open for writing.
pub struct Recorder {
    blocks: Sender<(Vec<u8>, u64)>,
    writer: JoinHandle<io::Result<u64>>,
    start: Instant,
}

impl Recorder {
    /// Begins a history in a new file.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub fn create(path: &Path, covers: Covers) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut header = serde_json::to_vec(&Header { doorbuster_history: VERSION, covers })?;
        header.push(b'\n');
        file.write_all(&header)?;
        let (blocks, received) = channel::bounded(QUEUE);
        let builder = thread::Builder::new().name("history".to_owned());
        let writer = builder.spawn(move || write(file, &received))?;
        Ok(Self { blocks, writer, start: Instant::now() })
    }

    /// A sheet for one client, or for all of one thread. Sheets are written when they are full and when they are
    /// dropped.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        Sheet { block: Vec::new(), operations: 0, blocks: self.blocks.clone(), start: self.start }
    }

    /// Ends the history; answers the number of operations in it. All sheets must be gone.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(self) -> io::Result<u64> {
        drop(self.blocks);
        self.writer.join().map_err(|_panicked| io::Error::other("the history's thread panicked"))?
    }
}

/// Operations that are not in the file yet.
pub struct Sheet {
    block: Vec<u8>,
    operations: u64,
    blocks: Sender<(Vec<u8>, u64)>,
    start: Instant,
}

impl Sheet {
    /// The time by the clock of the history, in nanoseconds.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Writes an operation down.
    pub fn record(&mut self, operation: &Operation<'_>) {
        serde_json::to_writer(&mut self.block, operation).expect("texts and numbers, into memory");
        self.block.push(b'\n');
        self.operations += 1;
        if self.block.len() >= BLOCK {
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK + BLOCK / 8));
        // It fails only where the writer has ended with an error, which `finish` tells.
        let _told_later = self.blocks.send((block, std::mem::take(&mut self.operations)));
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        if self.operations > 0 {
            self.pass_on();
        }
    }
}

fn write(mut file: impl Write, blocks: &Receiver<(Vec<u8>, u64)>) -> io::Result<u64> {
    let mut written = 0;
    for (block, operations) in blocks {
        file.write_all(&block)?;
        written += operations;
    }
    let mut footer = serde_json::to_vec(&Footer { operations: written })?;
    footer.push(b'\n');
    file.write_all(&footer)?;
    Ok(written)
}
