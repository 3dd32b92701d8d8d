//! **Job:** finds where requests on a connection begin and end.
//! **Owns:** how long the body behind a head is (RFC 9112, sections 6 and 7).
//! **Never:** looks past the end of a request, or keeps a byte.

use memchr::memchr_iter;

use super::chunks::{ChunkParser, Parsed};
use super::head::{Head, HeadReader};
use super::refusal::Violation;

/// Most bytes of a body that are handed on. Routes take far less; what does not read its body is not fed for ever.
const MAX_BODY: u64 = 128 * 1024;

/// What a head says that announces no body.
pub(super) const NO_BODY: &[u8] = b"Content-Length: 0\r\n";

/// Where in the requests of a connection we are.
#[derive(Debug, Default)]
pub(super) struct HeadGuard {
    phase: Phase,
    /// Bytes of the current body so far.
    body: u64,
}

#[derive(Debug)]
enum Phase {
    Head(HeadReader),
    /// So many bytes of a body are still to come.
    Body(u64),
    Chunks(ChunkParser),
}

impl Default for Phase {
    fn default() -> Self {
        Self::Head(HeadReader::default())
    }
}

impl HeadGuard {
    /// Whether the next byte begins a request.
    pub(super) fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Head(_))
    }

    /// Looks at the bytes that come next, from a request's first one on until its head is complete: what comes of it
    /// is appended to them. Never looks past the end of a request.
    pub(super) fn step(&mut self, bytes: &mut [u8]) -> Result<Parsed, Violation> {
        let Phase::Head(reader) = &mut self.phase else { return Ok(self.step_body(0, bytes)) };
        let Some((length, head)) = reader.read(bytes)? else { return Ok(Parsed::Incomplete) };
        if let (Some(place), None) = (head.length_belongs_at, head.length) {
            self.phase = Phase::default();
            return Ok(Parsed::Lengthless(place));
        }
        if head.offers_upgrade {
            hide_upgrade(&mut bytes[..length]);
        }
        self.body = 0;
        self.phase = phase_behind(&head)?;
        Ok(self.step_body(length, &bytes[length..]))
    }

    fn step_body(&mut self, before: usize, bytes: &[u8]) -> Parsed {
        let step = match &mut self.phase {
            Phase::Head(_) | Phase::Body(0) => Parsed::End(0),
            Phase::Body(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 { Parsed::End(taken) } else { Parsed::More(taken) }
            }
            Phase::Chunks(chunks) => chunks.step(bytes),
        };
        let (Parsed::More(taken) | Parsed::End(taken) | Parsed::Cut(taken)) = step else { return step };
        self.body = self.body.saturating_add(taken as u64);
        match step {
            Parsed::End(_) => {
                self.phase = Phase::default();
                Parsed::End(before + taken)
            }
            Parsed::More(_) if self.body <= MAX_BODY => Parsed::More(before + taken),
            Parsed::More(_) | Parsed::Cut(_) | Parsed::Incomplete | Parsed::Lengthless(_) => {
                Parsed::Cut(before + taken)
            }
        }
    }
}

fn phase_behind(head: &Head) -> Result<Phase, Violation> {
    match (head.is_chunked, head.length) {
        (true, Some(_)) => Err(Violation::TwoFramings),
        (true, None) => Ok(Phase::Chunks(ChunkParser::default())),
        (false, length) => Ok(Phase::Body(length.unwrap_or(0))),
    }
}

/// An offer of another protocol that is not taken is as if it were not there (RFC 9110, section 7.8); the library
/// would read the body as that protocol. Like a proxy, which drops the fields of one hop, we rename it.
fn hide_upgrade(head: &mut [u8]) {
    let lines: Vec<usize> = memchr_iter(b'\n', head).map(|end| end + 1).collect();
    for start in lines {
        let Some(line) = head.get_mut(start..) else { continue };
        if value_of(b"upgrade:", line).is_some() {
            line[..7].copy_from_slice(b"Ignored");
        } else if value_of(b"connection:", line).is_some() {
            let end = memchr::memchr(b'\r', line).unwrap_or(line.len());
            for option in line[b"connection:".len()..end].split_mut(|byte| *byte == b',') {
                let option = option.trim_ascii_mut();
                if option.eq_ignore_ascii_case(b"upgrade") {
                    option.copy_from_slice(b"ignored");
                }
            }
        }
    }
}

trait TrimMut {
    fn trim_ascii_mut(&mut self) -> &mut [u8];
}

impl TrimMut for [u8] {
    fn trim_ascii_mut(&mut self) -> &mut [u8] {
        let start = self.len() - self.trim_ascii_start().len();
        let length = self.trim_ascii().len();
        &mut self[start..start + length]
    }
}

fn value_of<'l>(name: &[u8], line: &'l [u8]) -> Option<&'l [u8]> {
    line.split_at_checked(name.len()).filter(|(start, _)| start.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
