//! **Job:** what the watch lets pass and what it objects to, however reads cut the bytes.
//! **Owns:** heads at their limits, and line feeds where they may be and where they may not.
//! **Never:** opens a connection.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Feeds the bytes in one piece, then one by one: where reads cut must not matter.
fn verdict(bytes: &[u8]) -> Result<(), Violation> {
    let whole = Watch::default().feed(bytes).map_err(|objection| objection.violation);
    assert_eq!(whole, feed_cut(bytes, &[1]));
    whole
}

#[test]
fn every_line_of_every_head_ends_in_cr_lf() {
    for head in ["\n", "\n\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n\n"] {
        assert_eq!(verdict(head.as_bytes()), Err(Violation::BareLineFeed), "{head:?}");
    }
    let second = "POST / HTTP/1.1\r\ncontent-LENGTH:\t2 \r\n\r\n\n\nGET / HTTP/1.1\n";
    assert_eq!(verdict(second.as_bytes()), Err(Violation::BareLineFeed));
    assert_eq!(verdict(b"\r\nGET / HTTP/1.1\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n"), Ok(()));
}

#[test]
fn requests_before_a_refused_head_are_accepted() {
    let earlier = "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\n";
    let objection = Watch::default().feed(format!("{earlier}GET / HTTP/1.1\r\nHost: a\n").as_bytes());
    assert_eq!(objection, Err(Objection { violation: Violation::BareLineFeed, accepted: earlier.len() }));
}

#[test]
fn a_line_and_a_head_have_their_sizes() {
    let line = |length: usize| [b"GET /", vec![b'a'; length - 15].as_slice(), b" HTTP/1.1\r"].concat();
    assert_eq!(verdict(&line(MAX_REQUEST_LINE)), Ok(()));
    assert_eq!(verdict(&line(MAX_REQUEST_LINE + 1)), Err(Violation::LongRequestLine));
    let head = |length: usize| [b"GET / HTTP/1.1\r\na: ", vec![b'a'; length - 19].as_slice()].concat();
    assert_eq!(verdict(&head(MAX_HEAD)), Ok(()));
    assert_eq!(verdict(&head(MAX_HEAD + 1)), Err(Violation::LargeHead));
    let headers = |count| format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(count));
    let twice = format!("{}\r\n{}", headers(MAX_HEADERS), headers(MAX_HEADERS));
    assert_eq!(verdict(twice.as_bytes()), Ok(()), "the second head counts from nought");
    assert_eq!(verdict(headers(MAX_HEADERS + 1).as_bytes()), Err(Violation::LargeHead));
}

#[test]
fn a_body_whose_end_only_the_library_knows_is_not_watched() {
    let lists = ["Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2, 2", "Content-Length: +2"];
    let others = ["Content-Length:", "Transfer-Encoding: chunked", "UPGRADE: websocket"];
    let padded = format!("Content-Length:{}2", " ".repeat(MAX_BEGINNING));
    for headers in lists.into_iter().chain(others) {
        assert_eq!(verdict(format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n\n\n\n").as_bytes()), Ok(()), "{headers}");
    }
    assert_eq!(verdict(b"CONNECT a:1 HTTP/1.1\r\n\r\n\n\n\n"), Ok(()));
    let mut watch = Watch::default();
    let cut = format!("GET / HTTP/1.1\r\n{padded}\r\n\r\n\n\n\n");
    assert!(cut.as_bytes().chunks(10).all(|piece| watch.feed(piece).is_ok()), "a length cut off was believed");
}

/// A request with any headers and a body of any bytes, most of them of the kind that matters in heads.
fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let header = "[a-zA-Z-]{1,20}: [ -~]{0,100}\r\n".prop_filter("frames the body", |line| {
        let framing = ["content-length:", "transfer-encoding:", "upgrade:"];
        !framing.iter().any(|name| line.to_ascii_lowercase().starts_with(name))
    });
    let byte = prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()];
    let name = prop_oneof![Just("content-length"), Just("Content-Length")];
    (vec(header.clone(), 0..8), name, vec(header, 0..8), vec(byte, 0..200)).prop_map(|(before, name, after, body)| {
        let (before, length, after) = (before.concat(), body.len(), after.concat());
        (format!("POST /a HTTP/1.1\r\n{before}{name}: {length}\r\n{after}\r\n").into_bytes(), body)
    })
}

/// Feeds the bytes in pieces of these lengths, over and over.
fn feed_cut(bytes: &[u8], lengths: &[usize]) -> Result<(), Violation> {
    let (mut watch, mut rest) = (Watch::default(), bytes);
    for length in lengths.iter().cycle() {
        let (piece, left) = rest.split_at(rest.len().min(*length));
        watch.feed(piece).map_err(|objection| objection.violation)?;
        if left.is_empty() {
            break;
        }
        rest = left;
    }
    Ok(())
}

proptest! {
    #[test]
    fn acceptable_requests_pass_however_they_are_cut(
        requests in vec(request(), 1..6),
        cuts in vec(1..200_usize, 1..20),
    ) {
        let bytes: Vec<u8> = requests.into_iter().flat_map(|(head, body)| [head, body]).flatten().collect();
        prop_assert_eq!(feed_cut(&bytes, &cuts), Ok(()));
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
        let earlier = earlier.into_iter().flat_map(|(head, body)| [head, body]).flatten();
        let bytes: Vec<u8> = earlier.chain(head).collect();
        prop_assert_eq!(feed_cut(&bytes, &cuts), Err(Violation::BareLineFeed));
    }
}
