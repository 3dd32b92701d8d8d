//! **Job:** follows the requests on a connection and objects to heads that the HTTP library would read too kindly or
//! refuse too curtly.
//! **Owns:** the form of a head's lines, and its size.
//! **Never:** looks into a body, or judges what a header says.

use doorbuster_actors::observe::Code;
use memchr::memchr_iter;

/// Longest request line, in bytes. The library cannot read paths of 64 KiB, and says no more than 400 to them.
const MAX_REQUEST_LINE: usize = 60 * 1024;

/// Largest head, in bytes: below the 128 KiB and the 96 headers at which the library gives up without a document.
const MAX_HEAD: usize = 96 * 1024;
const MAX_HEADERS: usize = 90;

/// What is kept of a line that a read has cut: a name and a length fit in, and honest ones need a third of it.
const MAX_BEGINNING: usize = 64;

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    /// RFC 9112 tolerates it (section 2.2), but a proxy that does not would see other requests than we do.
    #[error("every line of a head ends in CR LF")]
    BareLineFeed,
    #[error("a request line has at most 60 KiB")]
    LongRequestLine,
    #[error("a head has at most 90 headers and 96 KiB")]
    LargeHead,
}

impl Violation {
    /// What it is called outside.
    pub(super) fn code(self) -> Code {
        match self {
            Self::BareLineFeed => Code::Malformed,
            Self::LongRequestLine => Code::UriTooLong,
            Self::LargeHead => Code::HeadersTooLarge,
        }
    }
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Objection {
    pub(super) violation: Violation,
    /// How many of the bytes are no part of the head in question: they belong to requests before it.
    pub(super) accepted: usize,
}

/// Where in the requests of a connection we are.
#[derive(Debug, Default)]
pub(super) struct Watch {
    phase: Phase,
    head: Head,
    /// Of the line that the last read has cut; empty between lines.
    cut: CutLine,
}

#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    #[default]
    Head,
    /// So many bytes of a body are still to come.
    Body(u64),
    /// Only the library knows where this body ends; it and the checks of the protocol have to do without us.
    Blind,
}

/// What is known of the current head.
#[derive(Debug, Default)]
struct Head {
    bytes: usize,
    /// Lines with the request line.
    lines: usize,
    length: Option<u64>,
    /// A length that readers may take differently, another framing than a length, or another protocol.
    is_blinding: bool,
}

#[derive(Debug)]
struct CutLine {
    beginning: [u8; MAX_BEGINNING],
    length: usize,
    last: u8,
}

impl Default for CutLine {
    fn default() -> Self {
        Self { beginning: [0; MAX_BEGINNING], length: 0, last: 0 }
    }
}

impl CutLine {
    fn add(&mut self, piece: &[u8]) {
        if let Some(room) = self.beginning.get_mut(self.length..) {
            let kept = piece.len().min(room.len());
            room[..kept].copy_from_slice(&piece[..kept]);
        }
        self.length += piece.len();
        self.last = piece.last().copied().unwrap_or(self.last);
    }
}

impl Watch {
    /// Looks at the next bytes of the connection, however they are cut. After an objection it is of no more use.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Objection> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let object = |violation| Objection { violation, accepted: bytes.len() - rest.len() };
            rest = match self.phase {
                Phase::Head => self.read_head(rest).map_err(object)?,
                Phase::Body(left) => self.skip_body(left, rest),
                Phase::Blind => return Ok(()),
            };
        }
        Ok(())
    }

    /// Returns what follows the head.
    fn read_head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Violation> {
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let is_last = self.end_line(&bytes[start..end])?;
            start = end + 1;
            if is_last {
                self.phase = std::mem::take(&mut self.head).body();
                return Ok(&bytes[start..]);
            }
        }
        self.cut.add(&bytes[start..]);
        self.head.check_size(self.cut.length)?;
        Ok(&[])
    }

    /// A line without its line feed. Returns whether it ends the head.
    fn end_line(&mut self, piece: &[u8]) -> Result<bool, Violation> {
        if self.cut.length == 0 {
            return self.head.add_line(piece, piece.len(), piece.last().copied());
        }
        self.cut.add(piece);
        let line = std::mem::take(&mut self.cut);
        self.head.add_line(&line.beginning[..line.length.min(MAX_BEGINNING)], line.length, Some(line.last))
    }

    fn skip_body<'b>(&mut self, left: u64, bytes: &'b [u8]) -> &'b [u8] {
        let (skipped, rest) = bytes.split_at(usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len())));
        self.phase = body_of(left - skipped.len() as u64);
        rest
    }
}

fn body_of(length: u64) -> Phase {
    if length == 0 { Phase::Head } else { Phase::Body(length) }
}

impl Head {
    /// A line of that length, of which at least the beginning is there. Returns whether it ends the head.
    fn add_line(&mut self, beginning: &[u8], length: usize, last: Option<u8>) -> Result<bool, Violation> {
        if last != Some(b'\r') {
            return Err(Violation::BareLineFeed);
        }
        self.check_size(length)?;
        self.bytes += length + 1;
        if length == 1 {
            // Empty lines before a request are no part of it (RFC 9112, section 2.2).
            return Ok(self.lines > 0);
        }
        if self.lines == 0 {
            self.is_blinding = beginning.starts_with(b"CONNECT ");
        } else {
            self.add_header(beginning, length);
        }
        self.lines += 1;
        if self.lines > MAX_HEADERS + 1 { Err(Violation::LargeHead) } else { Ok(false) }
    }

    fn check_size(&self, line: usize) -> Result<(), Violation> {
        if self.lines == 0 && line > MAX_REQUEST_LINE {
            Err(Violation::LongRequestLine)
        } else if self.bytes + line > MAX_HEAD {
            Err(Violation::LargeHead)
        } else {
            Ok(())
        }
    }

    fn add_header(&mut self, beginning: &[u8], length: usize) {
        match beginning[0] {
            b'c' | b'C' => {
                let Some(value) = value_of(b"content-length:", beginning) else { return };
                let number = whole_number(value).filter(|_| beginning.len() == length);
                self.is_blinding |= self.length.is_some() || number.is_none();
                self.length = number;
            }
            b't' | b'T' => self.is_blinding |= value_of(b"transfer-encoding:", beginning).is_some(),
            b'u' | b'U' => self.is_blinding |= value_of(b"upgrade:", beginning).is_some(),
            _any_other => {}
        }
    }

    fn body(self) -> Phase {
        if self.is_blinding { Phase::Blind } else { body_of(self.length.unwrap_or(0)) }
    }
}

fn value_of<'l>(name: &[u8], line: &'l [u8]) -> Option<&'l [u8]> {
    line.split_at_checked(name.len()).filter(|(start, _)| start.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn whole_number(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value.trim_ascii()).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
