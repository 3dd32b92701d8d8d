//! **Job:** bytes of a client, sent to a real server in this process, and what it answers.
//! **Owns:** that every request is answered, each answer is one of HTTP, and none is 500.
//! **Never:** knows what an answer should say beyond that.

use std::cell::LazyCell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::recovery::scratch;
use crate::config::{Requested, Sources, load};
use crate::http::connection::cut::{Cuts, cut};
use crate::server::in_process;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

const CATALOGUE: &str = r#"
[[item]]
id = "mug"
title = "A mug"
unit_price = 990
currency = "EUR"
stock = 1000000000
per_user_limit = 2147483647
[[item]]
id = "rare"
title = "One of a kind"
unit_price = 990
currency = "EUR"
stock = 1
[[item]]
id = "later"
title = "Not yet"
unit_price = 990
currency = "EUR"
stock = 1
opens_at = "2100-01-01T00:00:00Z"
"#;

thread_local! {
    static SERVER: LazyCell<SocketAddr> = LazyCell::new(|| {
        let folder = scratch("answers");
        let (catalogue, data_file) = (folder.join("catalogue.toml"), folder.join("sale.db"));
        std::fs::write(&catalogue, CATALOGUE).expect("room");
        let flags = [
            ("server.listen", "127.0.0.1:0"),
            ("server.ops_listen", "127.0.0.1:0"),
            ("server.workers", "1"),
            ("server.trusted_proxies", "127.0.0.0/8"),
            ("storage.path", data_file.to_str().expect("a path")),
            ("storage.durability", "normal"),
            ("catalogue.path", catalogue.to_str().expect("a path")),
            ("auth.mode", "header"),
            ("auth.admin_token", "an-admin-token-of-more-than-thirty-two-bytes"),
            ("payment.webhook_secret", "a webhook secret of more than thirty-two bytes"),
            ("gate.throttle.window", "0s"),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let loaded = load(Sources { flags, requested: Requested::None, ..Sources::default() });
        in_process::start(loaded.expect("a configuration"))
    });
}

/// Every request that came whole is answered, unless an answer before it closed the connection; what is no request
/// hears so; nothing else is said, and nothing says 500.
///
/// # Panics
/// It does not hold.
pub fn http_answers(input: &[u8]) {
    let answers = SERVER.with(|server| said(**server, input));
    let Cuts { whole, begun, refused, end } = cut(input, &[input.len().max(1)]);
    let last = if refused.is_empty() { begun.as_slice() } else { refused.trim_ascii_start() };
    let asked: Vec<_> = whole.iter().map(Vec::as_slice).chain([last]).collect();
    let (mut rest, mut count, mut is_closed) = (answers.as_slice(), 0, false);
    while !rest.is_empty() {
        assert!(!is_closed, "something follows an answer that closes the connection: {}", shown(&answers));
        let is_head = asked.get(count).is_some_and(|request| trimmed(request).starts_with(b"HEAD "));
        let answer =
            Answer::read(&mut rest, is_head).unwrap_or_else(|| panic!("no answer of HTTP: {}", shown(&answers)));
        assert!(answer.status != 500, "500: {}", shown(&answers));
        assert!(answer.status < 400 || is_head || answer.has_words, "no without a reason: {}", shown(&answers));
        if answer.status >= 200 {
            let is_old = asked.get(count).is_some_and(|request| first_line(request).ends_with(b" HTTP/1.0"));
            (count, is_closed) = (count + 1, answer.closes || (is_old && !answer.is_kept));
        }
    }
    let is_one_more = end.is_some() || !begun.is_empty();
    assert!(count <= whole.len() + usize::from(is_one_more), "more answers than requests: {}", shown(&answers));
    assert!(is_closed || count >= whole.len(), "{count} answers to {} requests: {}", whole.len(), shown(&answers));
    assert!(count > 0 || end.is_none(), "what is no request hears so");
}

fn first_line(request: &[u8]) -> &[u8] {
    trimmed(request).split(|byte| *byte == b'\r').next().unwrap_or_default()
}

fn trimmed(request: &[u8]) -> &[u8] {
    let start = request.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(request.len());
    &request[start..]
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends the bytes and nothing more; answers all that comes until the server closes.
fn said(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).expect("a server that listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut answers = Vec::new();
    // A server that has refused may close while we send.
    let _sent = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    match stream.read_to_end(&mut answers) {
        Ok(_all) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error} after {}", shown(&answers)),
    }
    answers
}

struct Answer {
    status: u16,
    closes: bool,
    /// It says so: whoever speaks HTTP/1.0 has to be told.
    is_kept: bool,
    /// Its body is not empty.
    has_words: bool,
}

impl Answer {
    /// Takes one answer off the front; none if it is not one.
    fn read(rest: &mut &[u8], is_head: bool) -> Option<Self> {
        let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        *rest = &rest[end + 4..];
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let status: u16 = line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 "))?.get(..3)?.parse().ok()?;
        let headers: Option<Vec<_>> = headers.lines().map(|line| line.split_once(": ")).collect();
        let headers = headers?;
        let value =
            |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let says = |word: &str| value("connection").is_some_and(|value| value.eq_ignore_ascii_case(word));
        let (closes, is_kept) = (says("close"), says("keep-alive"));
        // Who is refused hears why, whatever they asked for: nothing follows that could be taken for it.
        let has_body = (!is_head || (closes && !rest.is_empty())) && status >= 200 && status != 204 && status != 304;
        let is_stream = value("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let (before, mut is_cut) = (rest.len(), false);
        if has_body && value("transfer-encoding").is_some() {
            is_cut = !chunks(rest, is_stream)?;
        } else if is_stream && line.starts_with("HTTP/1.0 ") {
            // Whoever does not know chunks reads to the end of the connection (RFC 9112, section 6.3).
            (*rest, is_cut) = (&[], true);
        } else if has_body {
            let length = value("content-length")?.parse().ok()?;
            *rest = rest.split_at_checked(length)?.1;
        }
        Some(Self { status, closes: closes || is_cut, is_kept, has_words: rest.len() < before })
    }
}

/// Takes a chunked body off the front; whether it has its end. A stream may lack it: its client was gone.
fn chunks(rest: &mut &[u8], is_stream: bool) -> Option<bool> {
    loop {
        if rest.is_empty() && is_stream {
            return Some(false);
        }
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        *rest = rest[end + 2..].split_at_checked(size)?.1.strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some(true);
        }
    }
}
