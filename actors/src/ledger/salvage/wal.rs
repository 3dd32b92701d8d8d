//! **Job:** reads the headers of a write-ahead log and says which of its frames are as they were written.
//! **Owns:** the byte layout of <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
//! **Never:** reads a file, or gives up behind a damaged frame: each is judged by the sums stored in the one before.

/// Bytes before the first frame.
pub(super) const HEADER: usize = 32;

/// Bytes before the page in each frame.
pub(super) const FRAME_HEADER: usize = 24;

/// The magic number; its lowest bit says in which byte order the sums are taken.
const MAGIC: u32 = 0x377f_0682;

/// The running sums of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums(u32, u32);

/// What the first bytes of a log say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) page_size: u32,
    pub(super) salts: [u8; 8],
    /// Whether its own sums hold.
    pub(super) is_intact: bool,
    sums: Sums,
    is_big_endian: bool,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let is_big_endian = word(bytes, 0) & 1 == 1;
        let sums = Sums(word(bytes, 24), word(bytes, 28));
        let is_intact = word(bytes, 0) & !1 == MAGIC && add(Sums(0, 0), &bytes[..24], is_big_endian) == sums;
        let salts = bytes[16..24].try_into().expect("a range of eight bytes");
        Some(Self { page_size: word(bytes, 8), salts, is_intact, sums, is_big_endian })
    }
}

/// One frame, without its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) page: u32,
    /// Whether a transaction ends with it.
    pub(super) is_commit: bool,
    pub(super) salts: [u8; 8],
    /// Whether header and page are what was written, as far as the sums before it can be believed.
    pub(super) is_intact: bool,
}

/// Judges frame after frame.
#[derive(Debug)]
pub(super) struct Judge {
    before: Sums,
    is_big_endian: bool,
}

impl Judge {
    pub(super) fn new(header: &Header) -> Self {
        Self { before: header.sums, is_big_endian: header.is_big_endian }
    }

    /// The next frame, with its page.
    pub(super) fn frame(&mut self, bytes: &[u8]) -> Frame {
        let (header, page) = bytes.split_at(FRAME_HEADER);
        let stored = Sums(word(header, 16), word(header, 20));
        let sums = add(self.before, &header[..8], self.is_big_endian);
        let is_intact = add(sums, page, self.is_big_endian) == stored;
        self.before = stored;
        let salts = header[8..16].try_into().expect("a range of eight bytes");
        Frame { page: word(header, 0), is_commit: word(header, 4) != 0, salts, is_intact }
    }
}

fn add(Sums(mut first, mut second): Sums, bytes: &[u8], is_big_endian: bool) -> Sums {
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().expect("a chunk of four bytes");
        if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
    }
    Sums(first, second)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("a range of four bytes"))
}
