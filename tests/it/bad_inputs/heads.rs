//! **Job:** a head that two readers could take differently, or that is no HTTP, gets a problem document as the last
//! answer of its connection: on every listener, at any place on it, however its bytes come.
//! **Owns:** the table of such heads, and what else may stand on the wire: nothing.
//! **Never:** leaves open which answer it is: the server sees all of the head before it says anything.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::{GOOD_BODY, Row, SKU, bare, purchase};
use crate::support::{Certificate, Item, Response, Setup, assert_conservation, doorbuster, problem_code, text};

/// How long all of a connection may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// Heads that are refused before anybody looks at their route.
pub(super) fn refused() -> Vec<Row> {
    let good = String::from_utf8(purchase(GOOD_BODY)).expect("a good purchase is text");
    let mut rows = framings(&good);
    rows.extend(lines(&good));
    rows.extend(sizes(&good));
    rows
}

fn with(good: &str, line: &str) -> String {
    good.replacen("\r\n", &format!("\r\n{line}\r\n"), 1)
}

fn malformed(rows: Vec<(&str, String)>) -> Vec<Row> {
    rows.into_iter().map(|(name, bytes)| Row::last(name, bytes, 400, "malformed")).collect()
}

/// Where a request ends, and for whom it is.
fn framings(good: &str) -> Vec<Row> {
    let chunks = "e\r\n{\"quantity\":1}\r\n0\r\n\r\n";
    let without_length = good.replace("Content-Length: 14\r\n", "").replace(GOOD_BODY, chunks);
    let of_http_1_0 = good.replacen("HTTP/1.1", "HTTP/1.0", 1);
    malformed(vec![
        ("no Host", good.replace("Host: shop\r\n", "")),
        ("two Hosts", with(good, "Host: other")),
        ("two equal Hosts", with(good, "Host: shop")),
        ("a Host with a path", good.replace("Host: shop", "Host: shop/v1")),
        ("a Host with a user", good.replace("Host: shop", "Host: ann@shop")),
        ("a Host of two words", good.replace("Host: shop", "Host: shop other")),
        ("two different Content-Lengths", with(good, "Content-Length: 15")),
        ("two equal Content-Lengths", with(good, "content-length: 14")),
        ("Content-Length list", good.replace("Length: 14", "Length: 14, 14")),
        ("empty Content-Length", good.replace("Length: 14", "Length:")),
        ("hexadecimal Content-Length", good.replace("Length: 14", "Length: 0xe")),
        ("Content-Length and chunked", with(&good.replace(GOOD_BODY, chunks), "Transfer-Encoding: chunked")),
        ("chunked and Content-Length 0", with(&without_length, "Transfer-Encoding: chunked\r\nContent-Length: 0")),
        ("chunked twice", with(&without_length, "Transfer-Encoding: chunked, chunked")),
        ("two Transfer-Encodings", with(&without_length, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
        ("unknown transfer coding", with(&without_length, "Transfer-Encoding: sausage")),
        ("transfer coding identity", with(good, "Transfer-Encoding: identity")),
        ("gzip, then chunked", with(&without_length, "Transfer-Encoding: gzip, chunked")),
        ("chunked behind a vertical tab", with(&without_length, "Transfer-Encoding: \u{b}chunked")),
        ("chunked in HTTP/1.0", with(&of_http_1_0, "Transfer-Encoding: chunked")),
    ])
}

/// What the lines of a head are.
fn lines(good: &str) -> Vec<Row> {
    let first = |line: &str| good.replacen("POST /v1/items/sku-1/orders HTTP/1.1", line, 1);
    let target = |target: &str| first(&format!("POST {target} HTTP/1.1"));
    malformed(vec![
        ("bare line feeds", good.replace("\r\n", "\n")),
        ("a bare line feed after the request line", good.replacen("\r\n", "\n", 1)),
        ("a bare line feed in the middle", with(good, "X-Bare: 1\nX-After: 2")),
        ("a bare line feed for the empty line", good.replacen("\r\n\r\n", "\r\n\n", 1)),
        ("a bare line feed before the request", format!("\n{good}")),
        ("a bare carriage return in a header", with(good, "X-Bare: 1\rX-After: 2")),
        ("a bare carriage return in the path", target("/v1/items/sku\r-1/orders")),
        ("space before the colon", good.replace("Host:", "Host :")),
        ("space before the colon of Content-Length", good.replace("Length:", "Length :")),
        ("tab before the colon of Transfer-Encoding", with(good, "Transfer-Encoding\t: chunked")),
        ("folded header", with(good, "X-Folded: 1\r\n 2")),
        ("folded request line", good.replacen(" HTTP/1.1", "\r\n HTTP/1.1", 1)),
        ("space before the first header", with(good, " X-Space: 1")),
        ("header without a colon", with(good, "nonsense")),
        ("header without a name", with(good, ": nonsense")),
        ("header with a name beyond ASCII", with(good, "X-\u{e9}: 1")),
        ("NUL in a header", with(good, "X-Nul: a\0b")),
        ("DEL in a header", with(good, "X-Del: a\u{7f}b")),
        ("NUL in the path", target("/v1/items/sku\0-1/orders")),
        ("ESC in the path", target("/v1/items/sku\u{1b}-1/orders")),
        ("a space in the path", target("/v1/items/sku -1/orders")),
        ("UTF-8 in the path", target("/v1/items/sk\u{fc}/orders")),
        ("a fragment", target("/v1/items/sku-1/orders#x")),
        ("a target without a slash", target("v1/items/sku-1/orders")),
        ("a target of another protocol", target("ftp://shop/v1/items/sku-1/orders")),
        ("an asterisk for a resource", target("*")),
        ("a method that is none", first("PO(ST /v1/items/sku-1/orders HTTP/1.1")),
        ("two spaces", first("POST  /v1/items/sku-1/orders HTTP/1.1")),
        ("a space before the method", format!(" {good}")),
        ("HTTP/2.0", first("POST /v1/items/sku-1/orders HTTP/2.0")),
        ("HTTP/3.0", first("POST /v1/items/sku-1/orders HTTP/3.0")),
        ("HTTP/1.2", first("POST /v1/items/sku-1/orders HTTP/1.2")),
        ("http/1.1", first("POST /v1/items/sku-1/orders http/1.1")),
        ("no version", first("POST /v1/items/sku-1/orders")),
        ("CONNECT", first("CONNECT shop:80 HTTP/1.1")),
        ("the preface of HTTP/2", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{good}")),
        ("not HTTP at all", "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03 hello\r\n\r\n".to_owned()),
    ])
}

fn sizes(good: &str) -> Vec<Row> {
    let with_path = |start: &str| good.replacen("/v1/items/", &format!("/v1/items/{start}"), 1);
    let many: String = (0..97).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = |header: &str| with(good, &format!("{header}: {}", "x".repeat(128 << 10)));
    let length = |length: &str| good.replace("Length: 14", &format!("Length: {length}"));
    vec![
        Row::last("97 more headers", with(good, many.trim_end()), 431, "headers-too-large"),
        Row::last("head of 128 KiB", long("X-Long"), 431, "headers-too-large"),
        Row::last("128 KiB of Host", long("Host"), 431, "headers-too-large"),
        Row::last("path of 70,000 bytes", with_path(&"a".repeat(70_000)), 414, "uri-too-long"),
        Row::last("Content-Length 2^64", length("18446744073709551616"), 413, "payload-too-large"),
        Row::last("Content-Length of 1,000 digits", length(&"9".repeat(1_000)), 413, "payload-too-large"),
    ]
}

/// Sends the pieces one after the other and reads to the end of the connection.
async fn everything_said<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, pieces: &[&[u8]]) -> Vec<u8> {
    let mut said = Vec::new();
    let exchange = async {
        for piece in pieces {
            // Who has refused need not listen to the rest.
            if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                break;
            }
        }
        while stream.read_buf(&mut said).await.is_ok_and(|count| count > 0) {}
    };
    timeout(PATIENCE, exchange).await.expect("the server ends the connection");
    said
}

/// The first answer and what stands behind it. An answer to `HEAD` has no body.
fn first_answer(bytes: &[u8], has_body: bool) -> (Response, &[u8]) {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or_else(|| panic!("{}", bytes.escape_ascii()));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut response = Response {
        status: status[..3].parse().expect("a status"),
        headers: lines.filter_map(header).collect(),
        body: Vec::new(),
    };
    let length = response.header("content-length").expect("a length").parse().expect("a number");
    let (body, rest) = bytes[end + 4..].split_at(if has_body { length } else { 0 });
    response.body = body.to_vec();
    (response, rest)
}

/// What is wrong with the answer to the row, if anything; it must be the last bytes of all.
fn complaint(row: &Row, bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return Some("closed without an answer".to_owned());
    }
    let (response, rest) = first_answer(bytes, true);
    let got = format!("{} {}, then {:?}", response.status, response.text(), rest.escape_ascii().to_string());
    let code = problem_code(&response);
    let is_last = rest.is_empty() && response.header("connection") == Some("close");
    ((response.status, code.as_str()) != row.expected || !is_last).then_some(got)
}

/// Sends every row over connections of one kind, and lists what is wrong with the answers.
async fn complaints<S: AsyncRead + AsyncWrite + Unpin>(way: &str, mut connect: impl AsyncFnMut() -> S) -> Vec<String> {
    let mut complaints = Vec::new();
    for row in refused() {
        let bytes = everything_said(&mut connect().await, &[&row.bytes]).await;
        let complaint = complaint(&row, &bytes);
        complaints.extend(complaint.map(|got| format!("{way}, {}: expected {:?}, got {got}", row.name, row.expected)));
    }
    complaints
}

fn shop() -> Setup {
    Setup::new([Item::new(SKU, 1_000).limit(1_000)])
}

#[tokio::test]
async fn a_refused_head_gets_a_problem_on_every_listener() {
    let certificate = Certificate::valid_for(90);
    let setup = shop();
    let socket = setup.directory().join("ops.sock");
    let local = setup.set("server.ops_listen", &format!("\"unix:{}\"", socket.display())).start();
    let encrypted = shop().with_tls(&certificate.pem(), &certificate.key()).start();
    let tcp = async |address| TcpStream::connect(address).await.expect("the server listens");
    let mut all = complaints("public", async || tcp(local.address()).await).await;
    all.extend(complaints("operations", async || tcp(encrypted.ops_address()).await).await);
    let over_unix = async || UnixStream::connect(&socket).await.expect("the server listens");
    all.extend(complaints("operations on a socket", over_unix).await);
    for row in refused() {
        let mut client = certificate.connect(encrypted.address()).await.expect("a connection");
        let bytes = everything_said(client.stream(), &[&row.bytes]).await;
        all.extend(complaint(&row, &bytes).map(|got| format!("TLS, {}: {got}", row.name)));
    }
    assert!(all.is_empty(), "{} rows:\n{}", all.len(), all.join("\n"));
    for server in [&local, &encrypted] {
        let orders = doorbuster(&["orders", "--format", "csv"], &[("--db", &server.data_file())]);
        assert_eq!(text(&orders).lines().count(), 1, "something was sold: {}", text(&orders));
    }
}

#[tokio::test]
async fn a_refused_head_gets_a_problem_behind_other_requests_and_in_pieces() {
    let server = shop().start();
    let good = bare("GET", "/v1/items/sku-1");
    for row in refused() {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket option");
        stream.write_all(&good).await.expect("the server reads");
        let mut first = Vec::new();
        while !first.ends_with(b"}") {
            assert!(stream.read_buf(&mut first).await.expect("the server answers") > 0, "{}", row.name);
        }
        // Now in pieces, on the same connection.
        let pieces: Vec<_> = row.bytes.chunks(if row.bytes.len() < 1024 { 1 } else { 1021 }).collect();
        let bytes = everything_said(&mut stream, &pieces).await;
        assert_eq!(complaint(&row, &bytes), None, "{} as a second request in pieces", row.name);

        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        let pipelined = [good.as_slice(), &good, &row.bytes].concat();
        let bytes = everything_said(&mut stream, &[&pipelined]).await;
        let (one, rest) = first_answer(&bytes, true);
        let (two, rest) = first_answer(rest, true);
        assert_eq!((one.status, two.status), (200, 200), "{}", row.name);
        assert_eq!(complaint(&row, rest), None, "{} behind two others", row.name);
    }
    assert_eq!(assert_conservation(&server).await.len(), 0, "something was sold");
}

#[tokio::test]
async fn the_refusal_of_a_head_request_is_a_head() {
    let server = shop().start();
    for address in [server.address(), server.ops_address()] {
        for row in refused() {
            let bytes = String::from_utf8_lossy(&row.bytes);
            let Some(rest) = bytes.strip_prefix("POST ") else { continue };
            let mut stream = TcpStream::connect(address).await.expect("the server listens");
            let bytes = everything_said(&mut stream, &[format!("HEAD {rest}").as_bytes()]).await;
            let (answer, rest) = first_answer(&bytes, false);
            assert_eq!(answer.status, row.expected.0, "{}", row.name);
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", row.name);
            assert_eq!(answer.header("connection"), Some("close"), "{}", row.name);
            assert_eq!(rest.escape_ascii().to_string(), "", "{} is answered with more than a head", row.name);
        }
    }
}

/// A body that is no chunks, or ends before its length: who reads it says so, and the library adds nothing.
#[tokio::test]
async fn a_body_that_breaks_off_gets_one_answer() {
    let server = shop().start();
    let good = String::from_utf8(purchase(GOOD_BODY)).expect("a good purchase is text");
    let chunked = good.replace("Content-Length: 14", "Transfer-Encoding: chunked");
    let with_body = |body: &str| chunked.replace(GOOD_BODY, body);
    let cases = [
        ("no size", with_body("zz\r\n{\"quantity\":1}\r\n0\r\n\r\n")),
        ("a negative size", with_body("-e\r\n{\"quantity\":1}\r\n0\r\n\r\n")),
        ("a size beyond every number", with_body("fffffffffffffffff\r\n{\"quantity\":1}\r\n0\r\n\r\n")),
        ("bare line feeds", with_body("e\n{\"quantity\":1}\n0\n\n")),
        ("a chunk longer than its size", with_body("d\r\n{\"quantity\":1}\r\n0\r\n\r\n")),
        ("no chunk behind a good one", with_body("e\r\n{\"quantity\":1}\r\nx\r\n")),
        ("a long line of a trailer", with_body(&format!("e\r\n{GOOD_BODY}\r\n0\r\nX: {}\r\n\r\n", "x".repeat(300)))),
    ];
    for (name, bytes) in cases {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        let said = everything_said(&mut stream, &[bytes.as_bytes()]).await;
        let row = Row::last(name, bytes, 400, "malformed");
        assert_eq!(complaint(&row, &said), None, "{name}");
    }
    // The end of what the client sends is not the end of its body.
    let short = good.replace("Content-Length: 14", "Content-Length: 15");
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    stream.write_all(short.as_bytes()).await.expect("the server reads");
    stream.shutdown().await.expect("a half-closed connection");
    let said = everything_said(&mut stream, &[]).await;
    assert_eq!(complaint(&Row::last("short", short, 400, "malformed"), &said), None, "a body that ends early");
    assert_eq!(assert_conservation(&server).await.len(), 0, "something was sold");
}
