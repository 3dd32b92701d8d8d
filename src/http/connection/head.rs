//! **Job:** reads the lines of a request's head as they come, each once, and objects to what is not HTTP/1.1 or could
//! be taken differently by two readers.
//! **Owns:** the grammar of request lines and headers, and the size of a head (RFC 9112, sections 2 to 6).
//! **Never:** is more lenient than the library behind it, which refuses without a word; or keeps a byte.

use actix_web::http::Uri;
use memchr::memchr_iter;

use super::refusal::Violation;

/// Longest request line, in bytes: a path with its query has at most 8 KiB.
pub(super) const MAX_REQUEST_LINE: usize = 10 * 1024;

/// Largest head, in bytes. A token has at most 4 KiB, and what browsers send with it fits in twice as much.
pub const MAX_HEAD: usize = 16 * 1024;
const _: () = assert!(MAX_REQUEST_LINE < MAX_HEAD);

/// Most headers of a head; the library gives up at 96.
pub(super) const MAX_HEADERS: usize = 90;

/// What is known of a head.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) is_http_1_0: bool,
    /// Where the first header begins, if the library would refuse the request for want of a length.
    pub(super) length_belongs_at: Option<usize>,
    hosts: usize,
    pub(super) length: Option<u64>,
    pub(super) is_chunked: bool,
    pub(super) offers_upgrade: bool,
}

/// Reads a head in as many pieces as it comes in.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    head: Head,
    /// Where the first line begins that was not read.
    start: usize,
    lines: usize,
}

impl HeadReader {
    /// The head with all that stands before it, and its length; `None` if it is not complete: then more is appended to
    /// the same bytes before the next reading. Sizes are checked as it grows.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Option<(usize, Head)>, Violation> {
        let first = self.start;
        let read = self.read_lines(bytes);
        // All lines at once: the compiler then takes many bytes at a time.
        if has_controls(&bytes[first..self.start]) { Err(Violation::Control) } else { read }
    }

    fn read_lines(&mut self, bytes: &[u8]) -> Result<Option<(usize, Head)>, Violation> {
        let first = self.start;
        for end in memchr_iter(b'\n', &bytes[first..]).map(|end| first + end) {
            let line = bytes[self.start..end].strip_suffix(b"\r").ok_or(Violation::BareLineFeed)?;
            check_size(self.lines, line.len(), end)?;
            self.start = end + 1;
            match (line.is_empty(), self.lines) {
                // Empty lines before a request are no part of it (RFC 9112, section 2.2).
                (true, 0) => continue,
                (true, _) => {
                    return self.head.check_hosts().map(|()| Some((self.start, std::mem::take(&mut self.head))));
                }
                (false, 0) => self.head.add_request_line(line, self.start)?,
                (false, _) => self.head.add_header(line)?,
            }
            self.lines += 1;
            if self.lines > MAX_HEADERS + 1 {
                return Err(Violation::LargeHead);
            }
        }
        check_size(self.lines, bytes.len() - self.start, bytes.len())?;
        Ok(None)
    }
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

impl Head {
    fn add_request_line(&mut self, line: &[u8], next: usize) -> Result<(), Violation> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Violation::RequestLine);
        };
        // Narrower than the grammar: the library takes not every token for a method.
        let is_of_method = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if method.is_empty() || !method.iter().all(is_of_method) {
            return Err(Violation::RequestLine);
        }
        if method == b"CONNECT" {
            return Err(Violation::Connect);
        }
        self.is_http_1_0 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _any_other => return Err(Violation::Version),
        };
        self.length_belongs_at = (self.is_http_1_0 && method == b"POST").then_some(next);
        check_target(method, target)
    }

    fn add_header(&mut self, line: &[u8]) -> Result<(), Violation> {
        let end = line.iter().position(|byte| !is(Class::TOKEN, *byte)).filter(|end| *end > 0 && line[*end] == b':');
        let (name, value) = line.split_at(end.ok_or(Violation::Header)?);
        let value = &value[1..];
        // The first letter tells nearly all headers apart from those that matter here.
        match name[0] {
            b'c' | b'C' if name.eq_ignore_ascii_case(b"content-length") => self.add_length(value),
            b'h' | b'H' if name.eq_ignore_ascii_case(b"host") => {
                self.hosts += 1;
                all_are(Class::HOST, value.trim_ascii()).then_some(()).ok_or(Violation::Hosts)
            }
            b't' | b'T' if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let is_chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
                let is_first = !std::mem::replace(&mut self.is_chunked, true);
                (is_chunked && is_first && !self.is_http_1_0).then_some(()).ok_or(Violation::Coding)
            }
            b'u' | b'U' => {
                self.offers_upgrade |= name.eq_ignore_ascii_case(b"upgrade");
                Ok(())
            }
            _any_other => Ok(()),
        }
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        let digits = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(Violation::Length);
        }
        // More than a number can hold is a length all the same (RFC 9110, section 8.6).
        let length = digits.parse().map_err(|_| Violation::HugeLength)?;
        if self.length.replace(length).is_some() { Err(Violation::Length) } else { Ok(()) }
    }

    fn check_hosts(&self) -> Result<(), Violation> {
        let is_one = self.hosts == 1 || (self.hosts == 0 && self.is_http_1_0);
        is_one.then_some(()).ok_or(Violation::Hosts)
    }
}

/// A path with its query, `*` for the server as a whole, or what a client sends to a proxy (RFC 9112, section 3.2).
fn check_target(method: &[u8], target: &[u8]) -> Result<(), Violation> {
    let is_one = match target {
        [b'/', path @ ..] => match path.iter().position(|byte| !is(Class::PATH, *byte)) {
            Some(end) if path[end] == b'?' => all_are(Class::QUERY, &path[end + 1..]),
            Some(_) => false,
            None => true,
        },
        b"*" => method == b"OPTIONS",
        _absolute => is_absolute(target),
    };
    is_one.then_some(()).ok_or(Violation::Target)
}

fn is_absolute(target: &[u8]) -> bool {
    let uri = if target.contains(&b'#') { None } else { Uri::try_from(target).ok() };
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// What a byte may be part of: one bit each.
struct Class;

impl Class {
    /// The name of a header (RFC 9110, section 5.6.2).
    const TOKEN: u8 = 1;
    /// A path. Browsers send more than RFC 3986 has; a `#` is where two readers would part.
    const PATH: u8 = 2;
    const QUERY: u8 = 4;
    /// A host with its port (RFC 3986, section 3.2).
    const HOST: u8 = 8;

    const fn of_all() -> [u8; 256] {
        let mut classes = [0; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            let (is_word, mut class) = (byte.is_ascii_alphanumeric(), 0);
            if is_word || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~') {
                class |= Self::TOKEN;
            }
            if byte.is_ascii_graphic() && !matches!(byte, b'#' | b'<' | b'>' | b'?' | b'`') {
                class |= Self::PATH;
            }
            if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>') {
                class |= Self::QUERY;
            }
            if is_word || matches!(byte, b'!' | b'$'..=b'.' | b':' | b';' | b'=' | b'[' | b']' | b'_' | b'~') {
                class |= Self::HOST;
            }
            classes[byte as usize] = class;
            byte += 1;
        }
        classes
    }
}

/// The classes of every byte.
static CLASSES: [u8; 256] = Class::of_all();

fn is(class: u8, byte: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

fn all_are(class: u8, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is(class, *byte))
}

/// Whether there is a control character in whole lines, besides tabs and their ends.
fn has_controls(lines: &[u8]) -> bool {
    let control = |byte: u8| {
        let is_allowed = u8::from(byte == b'\t') | u8::from(byte == b'\r') | u8::from(byte == b'\n');
        (u8::from(byte < b' ') & !is_allowed) | u8::from(byte == 0x7f)
    };
    let found = lines.iter().fold(0, |found, byte| found | control(*byte));
    // Every line feed has its carriage return, so that any other is one too many.
    found != 0 || memchr_iter(b'\r', lines).count() != memchr_iter(b'\n', lines).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(target: &[u8]) -> bool {
        check_target(b"GET", target).is_ok()
    }

    #[test]
    fn the_library_takes_every_target_that_is_let_through() {
        for byte in 0..=u8::MAX {
            for target in [[b"/a", [byte].as_slice(), b"b"], [b"/a?b", &[byte], b"c"], [b"http://a/", &[byte], b""]] {
                let target = target.concat();
                let reads = || Uri::try_from(target.as_slice()).is_ok_and(|uri| uri.path().starts_with('/'));
                assert!(!taken(&target) || reads(), "{:?}", target.escape_ascii().to_string());
            }
        }
    }

    #[test]
    fn a_target_is_a_path_or_an_address() {
        let long = format!("/{}", "a".repeat(9_000));
        for target in ["/", "//", "/a?", "/a?b=[c]&d=%20|{e}", "/a\"{}|^\\", "http://shop/a?b", "HTTPS://shop:1", &long]
        {
            assert!(taken(target.as_bytes()), "{target}");
        }
        for target in
            ["*", "", "a", "a/b", "?a", "/a#b", "/a?b#c", "/a<b", "http://", "http:///a", "ftp://a/", "//\u{e9}"]
        {
            assert!(!taken(target.as_bytes()), "{target}");
        }
        assert!(check_target(b"OPTIONS", b"*").is_ok());
    }

    #[test]
    fn classes_are_those_of_the_standard() {
        let of = |class| (0..=u8::MAX).filter(|byte| is(class, *byte)).map(char::from).collect::<String>();
        let (digits, upper, lower) = ("0123456789", ('A'..='Z').collect::<String>(), ('a'..='z').collect::<String>());
        assert_eq!(of(Class::TOKEN), format!("!#$%&'*+-.{digits}{upper}^_`{lower}|~"));
        assert_eq!(of(Class::HOST), format!("!$%&'()*+,-.{digits}:;={upper}[]_{lower}~"));
    }
}
