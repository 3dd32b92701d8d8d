//! **Job:** where requests begin and end, and what is objected to, however reads cut the bytes.
//! **Owns:** heads at their limits, framings, and line feeds where they may be and where they may not.
//! **Never:** opens a connection.

use actix_codec::Decoder as _;
use actix_http::h1::Codec;
use actix_web::web::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::cut::{Cuts, End, cut};
use super::super::head::{MAX_HEAD, MAX_HEADERS, MAX_REQUEST_LINE};
use super::super::refusal::bare_refusal;
use super::*;

/// What came of a connection's bytes: the requests that were handed on whole, and what ended it, if anything did.
type Outcome = (Vec<Vec<u8>>, Option<Result<(), Violation>>);

fn take(bytes: &[u8], lengths: &[usize]) -> Outcome {
    let Cuts { whole, end, .. } = cut(bytes, lengths);
    let end = end.map(|end| match end {
        End::Refused(violation) => Err(violation),
        End::Cut => Ok(()),
    });
    (whole, end)
}

/// Takes the bytes in one piece, then one by one: where reads cut must not matter.
fn verdict(bytes: &[u8]) -> Result<usize, Violation> {
    let (requests, end) = take(bytes, &[bytes.len()]);
    assert_eq!((requests.clone(), end), take(bytes, &[1]));
    end.map_or(Ok(()), |end| end)?;
    Ok(requests.len())
}

#[test]
fn every_line_of_every_head_ends_in_cr_lf() {
    for head in ["\n", "\n\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n\n"] {
        assert_eq!(verdict(head.as_bytes()), Err(Violation::BareLineFeed), "{head:?}");
    }
    let first = "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:\t2 \r\n\r\n\n\n";
    assert_eq!(verdict(format!("{first}GET / HTTP/1.1\n").as_bytes()), Err(Violation::BareLineFeed));
    assert_eq!(verdict(format!("\r\n{first}\r\n\r\n{first}").as_bytes()), Ok(2));
}

#[test]
fn requests_before_a_refused_head_are_handed_on() {
    let earlier = "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n\n\n";
    let (requests, end) = take(format!("{earlier}GET / HTTP/1.1\r\nHost: a\n").as_bytes(), &[7]);
    assert_eq!((requests.concat(), end), (earlier.as_bytes().to_vec(), Some(Err(Violation::BareLineFeed))));
}

#[test]
fn a_line_and_a_head_have_their_sizes() {
    let line = |length: usize| [b"GET /", vec![b'a'; length - 14].as_slice(), b" HTTP/1.1"].concat();
    assert_eq!(verdict(&line(MAX_REQUEST_LINE)), Ok(0));
    assert_eq!(verdict(&line(MAX_REQUEST_LINE + 1)), Err(Violation::LongRequestLine));
    let head = |length: usize| [b"GET / HTTP/1.1\r\na: ", vec![b'a'; length - 19].as_slice()].concat();
    assert_eq!(verdict(&head(MAX_HEAD)), Ok(0));
    assert_eq!(verdict(&head(MAX_HEAD + 1)), Err(Violation::LargeHead));
    let headers = |count| format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "a: b\r\n".repeat(count - 1));
    let twice = format!("{}\r\n{}\r\n", headers(MAX_HEADERS), headers(MAX_HEADERS));
    assert_eq!(verdict(twice.as_bytes()), Ok(2), "the second head counts from nought");
    assert_eq!(verdict(headers(MAX_HEADERS + 1).as_bytes()), Err(Violation::LargeHead));
}

#[test]
fn a_request_that_two_readers_could_take_differently_is_refused() {
    let with = |headers: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n");
    let cases = [
        (with("Content-Length: 2\r\nContent-Length: 2"), Violation::Length),
        (with("Content-Length: 2, 2"), Violation::Length),
        (with("Content-Length: +2"), Violation::Length),
        (with("Content-Length: -2"), Violation::Length),
        (with("Content-Length: 0x2"), Violation::Length),
        (with("Content-Length:"), Violation::Length),
        (with("Content-Length: 99999999999999999999"), Violation::HugeLength),
        (with("Content-Length : 2"), Violation::Header),
        (with("Transfer-Encoding : chunked"), Violation::Header),
        (with("Transfer-Encoding: chunked\r\n , chunked"), Violation::Header),
        (with("Transfer-Encoding: \x0bchunked"), Violation::Control),
        (with("Transfer-Encoding:\r chunked"), Violation::Control),
        (with(": a"), Violation::Header),
        (with("a"), Violation::Header),
        (with(" a: b"), Violation::Header),
        (with("a\u{e9}: b"), Violation::Header),
        (with("a: b\0"), Violation::Control),
        (with("a: b\x7f"), Violation::Control),
        (with("Content-Length: 2\r\nTransfer-Encoding: chunked"), Violation::TwoFramings),
        (with("transfer-encoding: chunked\r\nTransfer-Encoding: chunked"), Violation::Coding),
        (with("Transfer-Encoding: gzip, chunked"), Violation::Coding),
        (with("Transfer-Encoding: identity"), Violation::Coding),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), Violation::Coding),
    ];
    for (head, violation) in cases {
        assert_eq!(verdict(head.as_bytes()), Err(violation), "{head:?}");
    }
}

#[test]
fn a_head_that_says_not_clearly_what_is_asked_of_whom_is_refused() {
    let cases = [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Violation::Hosts),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Violation::Hosts),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", Violation::Hosts),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Violation::Hosts),
        ("GET / HTTP/1.1\r\n\r\n", Violation::Hosts),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", Violation::Connect),
        ("GET / HTTP/2.0\r\n\r\n", Violation::Version),
        ("GET / HTTP/1.10\r\n\r\n", Violation::Version),
        ("GET / http/1.1\r\n\r\n", Violation::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Violation::Version),
        ("GET /#a HTTP/1.1\r\n\r\n", Violation::Target),
        ("GET * HTTP/1.1\r\n\r\n", Violation::Target),
        ("GET a:80 HTTP/1.1\r\n\r\n", Violation::Target),
        ("GET /\x1b HTTP/1.1\r\n\r\n", Violation::Control),
        ("GET /a\r/b HTTP/1.1\r\n\r\n", Violation::Control),
        ("G(T / HTTP/1.1\r\n\r\n", Violation::RequestLine),
        ("#GET / HTTP/1.1\r\n\r\n", Violation::RequestLine),
        ("GET /\r\n\r\n", Violation::RequestLine),
        ("GET  / HTTP/1.1\r\n\r\n", Violation::RequestLine),
        ("GET /a b HTTP/1.1\r\n\r\n", Violation::RequestLine),
        (" GET / HTTP/1.1\r\n\r\n", Violation::RequestLine),
    ];
    for (head, violation) in cases {
        assert_eq!(verdict(head.as_bytes()), Err(violation), "{head:?}");
    }
}

#[test]
fn what_the_library_refuses_without_a_word_is_known_in_either_version() {
    let refused = |version: &str, status: &str, length: u8| {
        let answer = format!("HTTP/{version} {status}\r\ncontent-length: {length}\r\nconnection: keep-alive\r\n\r\n");
        bare_refusal(answer.as_bytes()).map(|refusal| refusal.violation)
    };
    for version in ["1.0", "1.1"] {
        assert_eq!(refused(version, "400 Bad Request", 0), Some(Violation::NotHttp));
        assert_eq!(refused(version, "408 Request Timeout", 0), Some(Violation::SlowHead));
        assert_eq!(refused(version, "431 Request Header Fields Too Large", 0), Some(Violation::LargeHead));
        assert_eq!(refused(version, "200 OK", 0), None);
        assert_eq!(refused(version, "400 Bad Request", 2), None, "it has a word");
    }
}

#[test]
fn an_upgrade_that_is_not_taken_is_hidden() {
    for (offered, handed_on) in [
        ("Connection: Upgrade\r\nUpgrade: websocket", "Connection: ignored\r\nIgnored: websocket"),
        (
            "UPGRADE:h2c\r\nconnection:keep-alive ,\tUPGRADE , HTTP2-Settings",
            "Ignored:h2c\r\nconnection:keep-alive ,\tignored , HTTP2-Settings",
        ),
        ("Connection: upgrade", "Connection: upgrade"),
        ("X-Upgrade: websocket", "X-Upgrade: websocket"),
    ] {
        let request =
            |headers: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\nContent-Length: 9\r\n\r\nupgrade:x");
        let (requests, end) = take(request(offered).as_bytes(), &[5]);
        assert_eq!((requests, end), (vec![request(handed_on).into_bytes()], None), "{offered:?}");
    }
}

#[test]
fn a_body_that_nobody_reads_is_not_handed_on_for_ever() {
    let length = usize::try_from(MAX_BODY).expect("small") + 1;
    let endless = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length - 1));
    assert_eq!(take(endless.as_bytes(), &[1024]), (Vec::new(), None));
    let beyond = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", length + 9, "x".repeat(length));
    assert_eq!(take(beyond.as_bytes(), &[1024]), (Vec::new(), Some(Ok(()))));
}

/// A request with any headers and a body of any bytes, most of them of the kind that matters in heads.
fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let header = "[a-zA-Z-]{1,20}: [ -~]{0,100}\r\n".prop_filter("frames the body", |line| {
        let framing = ["content-length:", "transfer-encoding:", "upgrade:", "host:"];
        !framing.iter().any(|name| line.to_ascii_lowercase().starts_with(name))
    });
    let byte = prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()];
    let framing = prop_oneof![Just("content-length"), Just("Content-Length"), Just("transfer-encoding")];
    (vec(header.clone(), 0..8), framing, vec(header, 0..8), vec(byte, 0..200)).prop_map(
        |(before, name, after, body)| {
            let (before, length, after) = (before.concat(), body.len(), after.concat());
            let (value, body) = match name {
                "transfer-encoding" if length > 0 => {
                    ("chunked".to_owned(), [format!("{length:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat())
                }
                "transfer-encoding" => ("chunked".to_owned(), b"0\r\n\r\n".to_vec()),
                _length => (length.to_string(), body),
            };
            (format!("POST /a HTTP/1.1\r\nHost: a\r\n{before}{name}: {value}\r\n{after}\r\n").into_bytes(), body)
        },
    )
}

/// One of those that a head is made of, or any.
fn interesting_byte() -> impl Strategy<Value = u8> {
    prop_oneof![proptest::sample::select(b"\r\n\t :/?#%@,;\"GET01".as_slice()), any::<u8>()]
}

proptest! {
    #[test]
    fn requests_are_handed_on_one_by_one_however_they_are_cut(
        requests in vec(request(), 1..6),
        cuts in vec(1..200_usize, 1..20),
    ) {
        let requests: Vec<Vec<u8>> = requests.into_iter().map(|(head, body)| [head, body].concat()).collect();
        prop_assert_eq!(take(&requests.concat(), &cuts), (requests, None));
    }

    #[test]
    fn a_bare_line_feed_anywhere_in_a_head_is_found(
        earlier in vec(request(), 0..3),
        (mut head, _) in request(),
        place in any::<Index>(),
        cuts in vec(1..200_usize, 1..20),
    ) {
        // Not between the last CR and its LF: there it would complete the head and begin the body.
        head.insert(place.index(head.len() - 1), b'\n');
        let earlier: Vec<Vec<u8>> = earlier.into_iter().map(|(head, body)| [head, body].concat()).collect();
        let bytes = [earlier.concat(), head].concat();
        let (handed_on, end) = take(&bytes, &cuts);
        prop_assert_eq!(handed_on, earlier);
        prop_assert_eq!(end, Some(Err(Violation::BareLineFeed)));
    }

    #[test]
    fn the_library_refuses_nothing_that_is_let_through(
        (head, body) in request(),
        changes in vec((any::<Index>(), interesting_byte(), any::<bool>()), 0..4),
    ) {
        let mut bytes = [head, body].concat();
        for (place, byte, is_added) in changes {
            let place = place.index(bytes.len());
            if is_added { bytes.insert(place, byte) } else { bytes[place] = byte }
        }
        let (requests, _) = take(&bytes, &[bytes.len()]);
        for request in requests {
            let mut unread = BytesMut::from(request.as_slice());
            // The library keeps its date in a task.
            let decoded = actix_web::rt::System::new().block_on(async { Codec::default().decode(&mut unread) });
            prop_assert!(matches!(decoded, Ok(Some(_))), "{}", request.escape_ascii());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..600), cuts in vec(1..50_usize, 1..5)) {
        let _any_outcome = take(&bytes, &cuts);
    }
}
