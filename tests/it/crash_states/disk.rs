//! **Job:** a disk under a trace: what its files hold now, what of it is synced, and what could be left of the rest.
//! **Owns:** the difference between written and durable, for contents and for names.
//! **Never:** knows what the bytes mean.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::trace::Call;

/// Bytes that a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// The files of a folder by their names.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// A change of a file's content that may still be lost.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { length: u64 },
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let start = usize::try_from(*offset).expect("small files");
                let end = start + bytes.len();
                content.resize(content.len().max(end), 0);
                content[start..end].copy_from_slice(bytes);
            }
            Self::Truncate { length } => content.resize(usize::try_from(*length).expect("small files"), 0),
        }
    }

    /// The change in the pieces that a disk writes.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write { offset, bytes } = self else { return vec![self.clone()] };
        let (mut pieces, mut at, mut rest) = (Vec::new(), *offset, bytes.as_slice());
        while !rest.is_empty() {
            let room = usize::try_from(SECTOR - at % SECTOR).expect("a sector is small");
            let (piece, after) = rest.split_at(room.min(rest.len()));
            pieces.push(Self::Write { offset: at, bytes: piece.to_vec() });
            (at, rest) = (at + piece.len() as u64, after);
        }
        pieces
    }
}

/// A change of the folder that may still be lost.
#[derive(Debug, Clone)]
enum Naming {
    Is(String, usize),
    Gone(String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Is(name, file) => names.insert(name.clone(), *file),
            Self::Gone(name) => names.remove(name),
        };
    }
}

#[derive(Debug, Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// A folder on a disk.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    folder: String,
    /// What the files that count are called like, drafts included.
    data_file: &'static str,
    /// Syncs of files with this ending are not carried out: the control.
    deaf_to: Option<&'static str>,
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// One change after the other, each with the names that go together.
    pending_names: Vec<Vec<Naming>>,
    /// Where the next write without an offset goes, by descriptor.
    positions: BTreeMap<u32, u64>,
}

/// The ending of the file that SQLite makes anew at every start.
const INDEX: &str = "-shm";

impl Disk {
    /// An empty folder, with all in it durable that is synced.
    pub(crate) fn new(folder: &str, data_file: &'static str) -> Self {
        Self {
            folder: folder.to_owned(),
            data_file,
            deaf_to: None,
            contents: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            positions: BTreeMap::new(),
        }
    }

    /// A folder that holds this, all of it durable.
    pub(crate) fn holding(folder: &str, data_file: &'static str, image: Image) -> Self {
        let mut disk = Self::new(folder, data_file);
        for (name, bytes) in image {
            disk.names.insert(name, disk.contents.len());
            disk.contents.push(Content { now: bytes.clone(), durable: bytes, pending: Vec::new() });
        }
        disk.durable_names.clone_from(&disk.names);
        disk
    }

    /// The same under a server that does not sync the files with this ending.
    pub(crate) fn deaf_to(self, ending: &'static str) -> Self {
        Self { deaf_to: Some(ending), ..self }
    }

    /// The same disk where another process finds its folder under another path, and none has a file open.
    pub(crate) fn moved_to(self, folder: &str) -> Self {
        Self { folder: folder.to_owned(), positions: BTreeMap::new(), ..self }
    }

    /// The name of the data file.
    pub(crate) fn data_file(&self) -> &'static str {
        self.data_file
    }

    /// The name of a path within the folder, if it is one that counts.
    pub(crate) fn name_of(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(self.folder.as_str())?.strip_prefix('/')?;
        let ending = name.strip_prefix(self.data_file)?;
        (!ending.starts_with(INDEX)).then(|| name.to_owned())
    }

    /// Whether the call changes what could be left after a crash.
    pub(crate) fn is_touched_by(&self, call: &Call) -> bool {
        match call {
            Call::Open { path, created, emptied, .. } => {
                let is_there = self.name_of(path).map(|name| self.names.contains_key(&name));
                is_there.is_some_and(|is_there| *emptied || (*created && !is_there))
            }
            Call::Write { path, .. } | Call::Truncate { path, .. } | Call::Unlink { path } => {
                self.name_of(path).is_some()
            }
            Call::Sync { path } => *path == self.folder || self.name_of(path).is_some(),
            Call::Rename { to, .. } | Call::Link { to, .. } => self.name_of(to).is_some(),
            Call::Unknown { path, .. } => self.name_of(path).is_some(),
            Call::Close { .. } | Call::Send { .. } | Call::Ended { .. } => false,
        }
    }

    /// Carries out a call.
    pub(crate) fn apply(&mut self, call: &Call) {
        match call {
            Call::Open { fd, path, created, emptied } => self.open(*fd, path, *created, *emptied),
            Call::Close { fd } => {
                self.positions.remove(fd);
            }
            Call::Write { fd, path, offset, bytes } => {
                let Some(file) = self.file(path) else { return };
                let position = self.positions.entry(*fd).or_default();
                let at = offset.unwrap_or(*position);
                if offset.is_none() {
                    *position += bytes.len() as u64;
                }
                self.change(file, Change::Write { offset: at, bytes: bytes.clone() });
            }
            Call::Truncate { path, length } => {
                let Some(file) = self.file(path) else { return };
                self.change(file, Change::Truncate { length: *length });
            }
            Call::Sync { path } => self.sync(path),
            Call::Unlink { path } => {
                if let Some(name) = self.name_of(path) {
                    self.rename(vec![Naming::Gone(name)]);
                }
            }
            Call::Rename { from, to } => {
                let (Some(name), Some(file)) = (self.name_of(to), self.file(from)) else { return };
                let gone = self.name_of(from).map(Naming::Gone);
                self.rename(gone.into_iter().chain([Naming::Is(name, file)]).collect());
            }
            Call::Link { from, to } => {
                let (Some(name), Some(file)) = (self.name_of(to), self.file(from)) else { return };
                self.rename(vec![Naming::Is(name, file)]);
            }
            Call::Unknown { name, path } => {
                assert!(self.name_of(path).is_none(), "{name} of {path}: say here what it does to a file");
            }
            Call::Send { .. } | Call::Ended { .. } => {}
        }
    }

    fn open(&mut self, fd: u32, path: &str, created: bool, emptied: bool) {
        let Some(name) = self.name_of(path) else { return };
        self.positions.insert(fd, 0);
        if created && !self.names.contains_key(&name) {
            self.contents.push(Content::default());
            self.rename(vec![Naming::Is(name, self.contents.len() - 1)]);
        }
        if emptied && let Some(file) = self.file(path) {
            self.change(file, Change::Truncate { length: 0 });
        }
    }

    /// The content behind a path; none for a path that does not count, and for a file that was deleted.
    fn file(&self, path: &str) -> Option<usize> {
        let name = self.name_of(path)?;
        let file = self.names.get(&name).copied();
        assert!(file.is_some() || name.ends_with("(deleted)"), "{name} was never created in this trace");
        file
    }

    fn change(&mut self, file: usize, change: Change) {
        let content = &mut self.contents[file];
        change.apply(&mut content.now);
        content.pending.push(change);
    }

    fn rename(&mut self, change: Vec<Naming>) {
        for naming in &change {
            naming.apply(&mut self.names);
        }
        self.pending_names.push(change);
    }

    fn sync(&mut self, path: &str) {
        if self.deaf_to.is_some_and(|ending| path.ends_with(ending)) {
            return;
        }
        if path == self.folder {
            self.durable_names.clone_from(&self.names);
            self.pending_names.clear();
        } else if let Some(file) = self.file(path) {
            let content = &mut self.contents[file];
            for change in content.pending.drain(..) {
                change.apply(&mut content.durable);
            }
        }
    }

    fn image(names: &BTreeMap<String, usize>, mut content: impl FnMut(usize) -> Vec<u8>) -> Image {
        names.iter().map(|(name, file)| (name.clone(), content(*file))).collect()
    }

    /// After a crash of the process: all that was written.
    pub(crate) fn ordered(&self) -> Image {
        Self::image(&self.names, |file| self.contents[file].now.clone())
    }

    /// After a power cut, at its worst: of each file what was synced, of the folder what was synced.
    pub(crate) fn unsynced_lost(&self) -> Image {
        Self::image(&self.durable_names, |file| self.contents[file].durable.clone())
    }

    /// After a power cut in the middle of `call`: all before it, and of its sectors one more each time, from none to
    /// all but one.
    pub(crate) fn torn(&self, call: &Call) -> Vec<Image> {
        let Call::Write { path, offset: Some(offset), bytes, .. } = call else { return Vec::new() };
        let Some(file) = self.file(path) else { return Vec::new() };
        let sectors = Change::Write { offset: *offset, bytes: bytes.clone() }.sectors();
        let mut content = self.contents[file].now.clone();
        let mut images = Vec::new();
        for sector in &sectors[..sectors.len() - 1] {
            sector.apply(&mut content);
            let torn = |other: usize| if other == file { content.clone() } else { self.contents[other].now.clone() };
            images.push(Self::image(&self.names, torn));
        }
        images
    }

    /// After a power cut that let anything survive: some of the writes that were not synced, whole or some sectors of
    /// them, and some of the folder's changes, which a journal keeps in their order.
    pub(crate) fn subset(&self, seed: u64) -> Image {
        let mut chance = StdRng::seed_from_u64(seed);
        let share = [0.1, 0.5, 0.9][chance.random_range(0..3)];
        // Whole writes have few combinations.
        let is_torn = chance.random_bool(0.8);
        let mut names = self.durable_names.clone();
        let survive = chance.random_range(0..=self.pending_names.len());
        for naming in self.pending_names[..survive].iter().flatten() {
            naming.apply(&mut names);
        }
        Self::image(&names, |file| {
            let content = &self.contents[file];
            let mut survivor = content.durable.clone();
            for change in &content.pending {
                if !is_torn {
                    if chance.random_bool(share) {
                        change.apply(&mut survivor);
                    }
                    continue;
                }
                change
                    .sectors()
                    .iter()
                    .filter(|_| chance.random_bool(share))
                    .for_each(|part| part.apply(&mut survivor));
            }
            survivor
        })
    }

    /// Whether anything could be lost now.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending_names.is_empty() || self.contents.iter().any(|content| !content.pending.is_empty())
    }
}

mod tests {
    use super::*;

    const LEDGER: &str = "doorbuster.db";

    fn write(offset: u64, bytes: &[u8]) -> Call {
        Call::Write { fd: 3, path: "/d/doorbuster.db".to_owned(), offset: Some(offset), bytes: bytes.to_vec() }
    }

    fn disk(calls: &[Call]) -> Disk {
        let mut disk = Disk::new("/d", LEDGER);
        for call in calls {
            disk.apply(call);
        }
        disk
    }

    #[test]
    fn what_is_not_synced_is_lost_and_a_name_goes_with_its_folder() {
        let create = Call::Open { fd: 3, path: "/d/doorbuster.db".to_owned(), created: true, emptied: false };
        let sync = |path: &str| Call::Sync { path: path.to_owned() };
        let image = |bytes: &[u8]| Image::from([(LEDGER.to_owned(), bytes.to_vec())]);
        let mut disk = disk(&[create, write(0, b"one"), sync("/d/doorbuster.db"), write(1, b"xy")]);
        assert_eq!((disk.ordered(), disk.unsynced_lost()), (image(b"oxy"), Image::new()));
        disk.apply(&sync("/d"));
        assert_eq!(disk.unsynced_lost(), image(b"one"));
        disk.apply(&Call::Truncate { path: "/d/doorbuster.db".to_owned(), length: 1 });
        disk.apply(&sync("/d/doorbuster.db"));
        assert_eq!(disk.unsynced_lost(), image(b"o"));
        disk.apply(&Call::Rename { from: "/d/doorbuster.db".to_owned(), to: "/d/doorbuster.db.b".to_owned() });
        assert_eq!(disk.unsynced_lost(), image(b"o"), "a rename is the folder's");
        assert_eq!(disk.ordered().into_keys().collect::<Vec<_>>(), ["doorbuster.db.b"]);
    }

    #[test]
    fn a_write_is_torn_between_its_sectors() {
        let create = Call::Open { fd: 3, path: "/d/doorbuster.db".to_owned(), created: true, emptied: false };
        let disk = disk(&[create, write(0, &[1; 1100])]);
        let torn = disk.torn(&write(500, &[2; 600]));
        let new: Vec<usize> =
            torn.iter().map(|image| image[LEDGER].iter().rposition(|byte| *byte == 2).unwrap()).collect();
        assert_eq!(new, [511, 1023]);
        assert!(disk.torn(&write(512, &[2; 512])).is_empty(), "one sector is whole or not there");
    }
}
