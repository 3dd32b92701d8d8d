//! **Job:** finds where requests on a connection begin and end, and objects to heads that two readers could take
//! differently or that are too large.
//! **Owns:** the form of a head's lines, its size, and how long the body behind it is (RFC 9112, sections 2 to 7).
//! **Never:** judges what a header says beyond that, or keeps a byte.

use doorbuster_actors::request::Reason;
use memchr::memchr_iter;

use super::chunks::{ChunkParser, Parsed};

/// Longest request line, in bytes: a path with its query has at most 8 KiB.
const MAX_REQUEST_LINE: usize = 10 * 1024;

/// Largest head, in bytes. A token has at most 4 KiB, and what browsers send with it fits in twice as much.
pub const MAX_HEAD: usize = 16 * 1024;
const _: () = assert!(MAX_REQUEST_LINE < MAX_HEAD);

/// Most headers of a head; the library gives up at 96.
const MAX_HEADERS: usize = 90;

/// Most bytes of a body that are handed on. Routes take far less; what does not read its body is not fed for ever.
const MAX_BODY: u64 = 128 * 1024;

/// What a head says that announces no body.
pub(super) const NO_BODY: &[u8] = b"Content-Length: 0\r\n";

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    /// RFC 9112 tolerates it (section 2.2), but a proxy that does not would see other requests than we do.
    #[error("every line of a head ends in CR LF")]
    BareLineFeed,
    #[error("a request line has at most 10 KiB")]
    LongRequestLine,
    #[error("a head has at most 90 headers and 16 KiB")]
    LargeHead,
    #[error("a request line is a method, a target and HTTP/1.1 or HTTP/1.0")]
    RequestLine,
    #[error("CONNECT is for proxies")]
    Connect,
    #[error("send exactly one Host")]
    Hosts,
    #[error("send one Content-Length, a whole number")]
    Length,
    #[error("the only transfer coding is chunked, once, in HTTP/1.1")]
    Coding,
    #[error("send Content-Length or Transfer-Encoding, not both")]
    TwoFramings,
    #[error("a head must come within 5 seconds")]
    SlowHead,
    /// What the library finds and we do not look for.
    #[error("the request is not one of HTTP/1.1")]
    NotHttp,
}

impl Violation {
    /// What it is called outside.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::LongRequestLine => Reason::UriTooLong,
            Self::LargeHead => Reason::HeadersTooLarge,
            Self::SlowHead => Reason::RequestTimeout,
            Self::BareLineFeed
            | Self::RequestLine
            | Self::Connect
            | Self::Hosts
            | Self::Length
            | Self::Coding
            | Self::TwoFramings
            | Self::NotHttp => Reason::Malformed,
        }
    }
}

/// Where in the requests of a connection we are.
#[derive(Debug, Default)]
pub(super) struct HeadGuard {
    phase: Phase,
    /// Bytes of the current body so far.
    body: u64,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Head,
    /// So many bytes of a body are still to come.
    Body(u64),
    ChunkParser(ChunkParser),
}

impl HeadGuard {
    /// Whether the next byte begins a request.
    pub(super) fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Head)
    }

    /// Looks at the bytes that come next, from a request's first one on until its head is complete. Never looks past
    /// the end of a request.
    pub(super) fn step(&mut self, bytes: &mut [u8]) -> Result<Parsed, Violation> {
        let Phase::Head = self.phase else { return Ok(self.step_body(0, bytes)) };
        let Some((length, head)) = read_head(bytes)? else { return Ok(Parsed::Incomplete) };
        if let (Some(place), None) = (head.length_belongs_at, head.length) {
            return Ok(Parsed::Lengthless(place));
        }
        if head.offers_upgrade {
            hide_upgrade(&mut bytes[..length]);
        }
        self.body = 0;
        self.phase = head.body()?;
        Ok(self.step_body(length, &bytes[length..]))
    }

    fn step_body(&mut self, before: usize, bytes: &[u8]) -> Parsed {
        let step = match &mut self.phase {
            Phase::Head | Phase::Body(0) => Parsed::End(0),
            Phase::Body(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 { Parsed::End(taken) } else { Parsed::More(taken) }
            }
            Phase::ChunkParser(chunks) => chunks.step(bytes),
        };
        let (Parsed::More(taken) | Parsed::End(taken) | Parsed::Cut(taken)) = step else { return step };
        self.body = self.body.saturating_add(taken as u64);
        match step {
            Parsed::End(_) => {
                self.phase = Phase::Head;
                Parsed::End(before + taken)
            }
            Parsed::More(_) if self.body <= MAX_BODY => Parsed::More(before + taken),
            Parsed::More(_) | Parsed::Cut(_) | Parsed::Incomplete | Parsed::Lengthless(_) => {
                Parsed::Cut(before + taken)
            }
        }
    }
}

/// What is known of a head.
#[derive(Debug, Default)]
struct Head {
    is_http_1_0: bool,
    /// Where the first header begins, if the library would refuse the request for want of a length.
    length_belongs_at: Option<usize>,
    hosts: usize,
    length: Option<u64>,
    is_chunked: bool,
    offers_upgrade: bool,
}

/// A head with all that stands before it, and its length; `None` if it is not complete. Sizes are checked as it grows.
fn read_head(bytes: &[u8]) -> Result<Option<(usize, Head)>, Violation> {
    let mut head = Head::default();
    let (mut start, mut lines) = (0, 0);
    for end in memchr_iter(b'\n', bytes) {
        let line = bytes[start..end].strip_suffix(b"\r").ok_or(Violation::BareLineFeed)?;
        check_size(lines, line.len(), end)?;
        start = end + 1;
        match (line.is_empty(), lines) {
            // Empty lines before a request are no part of it (RFC 9112, section 2.2).
            (true, 0) => continue,
            (true, _) => return Ok(Some((start, head))),
            (false, 0) => {
                head.is_http_1_0 = read_request_line(line)?;
                head.length_belongs_at = (head.is_http_1_0 && line.starts_with(b"POST ")).then_some(start);
            }
            (false, _) => head.add_header(line)?,
        }
        lines += 1;
        if lines > MAX_HEADERS + 1 {
            return Err(Violation::LargeHead);
        }
    }
    check_size(lines, bytes.len() - start, bytes.len())?;
    Ok(None)
}

fn check_size(lines: usize, line: usize, head: usize) -> Result<(), Violation> {
    if lines == 0 && line > MAX_REQUEST_LINE {
        Err(Violation::LongRequestLine)
    } else if head > MAX_HEAD {
        Err(Violation::LargeHead)
    } else {
        Ok(())
    }
}

/// Whether it is a request of HTTP/1.0.
fn read_request_line(line: &[u8]) -> Result<bool, Violation> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version, rest) = (words.next(), words.next(), words.next(), words.next());
    let is_there = |word: Option<&[u8]>| word.is_some_and(|word| !word.is_empty());
    if method == Some(b"CONNECT") {
        return Err(Violation::Connect);
    }
    match version {
        _ if !is_there(method) || !is_there(target) || rest.is_some() => Err(Violation::RequestLine),
        Some(b"HTTP/1.1") => Ok(false),
        Some(b"HTTP/1.0") => Ok(true),
        Some(_) | None => Err(Violation::RequestLine),
    }
}

impl Head {
    fn add_header(&mut self, line: &[u8]) -> Result<(), Violation> {
        // The first letter tells nearly all headers apart from those that matter here.
        match line[0] {
            b'c' | b'C' => {
                if let Some(value) = value_of(b"content-length:", line) {
                    let length = whole_number(value).ok_or(Violation::Length)?;
                    if self.length.replace(length).is_some() {
                        return Err(Violation::Length);
                    }
                }
            }
            b'h' | b'H' => self.hosts += usize::from(value_of(b"host:", line).is_some()),
            b't' | b'T' => {
                if let Some(value) = value_of(b"transfer-encoding:", line) {
                    let is_chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
                    if !is_chunked || self.is_chunked || self.is_http_1_0 {
                        return Err(Violation::Coding);
                    }
                    self.is_chunked = true;
                }
            }
            b'u' | b'U' => self.offers_upgrade |= value_of(b"upgrade:", line).is_some(),
            _any_other => {}
        }
        Ok(())
    }

    fn body(&self) -> Result<Phase, Violation> {
        if self.hosts > 1 || (self.hosts == 0 && !self.is_http_1_0) {
            return Err(Violation::Hosts);
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(Violation::TwoFramings),
            (true, None) => Ok(Phase::ChunkParser(ChunkParser::default())),
            (false, length) => Ok(Phase::Body(length.unwrap_or(0))),
        }
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

fn whole_number(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value.trim_ascii()).ok()?;
    (!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The HTTP library refuses without a word: a status, no body. All that our handlers send has one.
pub(super) fn bare_refusal(bytes: &[u8]) -> Option<Violation> {
    const LENGTH: usize = 256;
    if !bytes.starts_with(b"HTTP/1.1 4") || !bytes.ends_with(b"\r\n\r\n") || bytes.len() > LENGTH {
        return None;
    }
    let is_bare = bytes.windows(19).any(|header| header.eq_ignore_ascii_case(b"content-length: 0\r\n"));
    is_bare.then_some(match &bytes[9..12] {
        b"408" => Violation::SlowHead,
        b"431" => Violation::LargeHead,
        _other => Violation::NotHttp,
    })
}

#[cfg(test)]
mod tests;
