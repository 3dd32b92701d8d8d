//! **Job:** why a connection is given up for what came on it, and the last words on it.
//! **Owns:** the sentence of each violation and what it is called outside.
//! **Never:** looks for violations: who reads the bytes does.

use std::sync::Arc;

use doorbuster_actors::request::Reason;

use super::Problem;

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    /// RFC 9112 tolerates it (section 2.2), but a proxy that does not would see other requests than we do.
    #[error("every line of a head ends in CR LF")]
    BareLineFeed,
    #[error("a request line has at most 10 KiB")]
    LongRequestLine,
    #[error("a head has at most 90 headers and 16 KiB")]
    LargeHead,
    #[error("a request line is a method, a target and a version, with one space between them")]
    RequestLine,
    #[error("this server speaks HTTP/1.1 and HTTP/1.0")]
    Version,
    #[error("a target is a path with a query, and other characters in it are percent-encoded")]
    Target,
    #[error("CONNECT is for proxies")]
    Connect,
    #[error("a head has no control characters but tabs and the ends of its lines")]
    Control,
    #[error("a header is a name, a colon right behind it and a value, on one line")]
    Header,
    #[error("send exactly one Host, a name with or without a port")]
    Hosts,
    #[error("send one Content-Length, a whole number")]
    Length,
    #[error("no body is that long")]
    HugeLength,
    #[error("the only transfer coding is chunked, once, in HTTP/1.1")]
    Coding,
    #[error("send Content-Length or Transfer-Encoding, not both")]
    TwoFramings,
    #[error("a head must come within 5 seconds")]
    SlowHead,
    /// What the library finds and we do not look for: nothing that we know of.
    #[error("the request is not one of HTTP/1.1")]
    NotHttp,
}

impl Violation {
    /// What it is called outside.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::LongRequestLine => Reason::UriTooLong,
            Self::LargeHead => Reason::HeadersTooLarge,
            Self::HugeLength => Reason::PayloadTooLarge,
            Self::SlowHead => Reason::RequestTimeout,
            Self::BareLineFeed
            | Self::RequestLine
            | Self::Version
            | Self::Target
            | Self::Connect
            | Self::Control
            | Self::Header
            | Self::Hosts
            | Self::Length
            | Self::Coding
            | Self::TwoFramings
            | Self::NotHttp => Reason::Malformed,
        }
    }
}

/// A request that is refused as the last one of its connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) violation: Violation,
    /// The answer to `HEAD` ends with its head (RFC 9110, section 9.3.2).
    has_body: bool,
}

impl Refusal {
    /// Refuses the request that begins with these bytes.
    pub(super) fn of(violation: Violation, request: &[u8]) -> Self {
        Self { violation, has_body: !request.trim_ascii_start().starts_with(b"HEAD ") }
    }

    /// The whole answer as it goes over the wire.
    pub(super) fn to_bytes(self, base_path: Option<Arc<str>>) -> Vec<u8> {
        let problem = Problem::new(self.violation.reason(), self.violation.to_string()).and_close();
        let mut bytes = problem.to_bytes(base_path);
        if !self.has_body {
            let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
            bytes.truncate(end.expect("an answer has a head") + 4);
        }
        bytes
    }
}

/// The HTTP library refuses without a word: a status, no body, in the version of the request before. All that our
/// handlers send has one.
pub(super) fn bare_refusal(bytes: &[u8]) -> Option<Refusal> {
    const LENGTH: usize = 256;
    let is_refusal = bytes.starts_with(b"HTTP/1.1 4") || bytes.starts_with(b"HTTP/1.0 4");
    if !is_refusal || !bytes.ends_with(b"\r\n\r\n") || bytes.len() > LENGTH {
        return None;
    }
    let is_bare = bytes.windows(19).any(|header| header.eq_ignore_ascii_case(b"content-length: 0\r\n"));
    let violation = match &bytes[9..12] {
        b"408" => Violation::SlowHead,
        b"431" => Violation::LargeHead,
        _other => Violation::NotHttp,
    };
    is_bare.then_some(Refusal { violation, has_body: true })
}
