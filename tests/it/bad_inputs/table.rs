//! **Job:** the table of bad inputs: bodies, ids, queries, media types, sizes, routes, header values, credentials.
//! **Owns:** the bytes of each, and its one answer; heads that are no HTTP are in `heads`.
//! **Never:** sends anything.

use super::{GOOD_BODY, JSON, Row, bare, purchase, purchase_of, purchase_with, request};
use crate::support::{admin_authorization, authorization, token};

fn bodies_that_are_not_the_document() -> Vec<Row> {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(GOOD_BODY.bytes().flat_map(|byte| [byte, 0])).collect();
    let texts = [
        "",
        "{}",
        "[]",
        "null",
        "1",
        "true",
        "\"quantity\"",
        "[{\"quantity\":1}]",
        "{",
        "{\"quantity\":1",
        "{\"quantity\":",
        "{\"quantity\":1}x",
        "{\"quantity\":1}{\"quantity\":1}",
        "{\"quantity\":1},",
        "{\"quantity\":NaN}",
        "{\"quantity\":Infinity}",
        "{\"quantity\":01}",
        "{\"quantity\":+1}",
        "{\"quantity\":0x1}",
        "{\"quantity\":1e3}",
        "{\"quantity\":1.0}",
        "{\"quantity\":1e0}",
        "{'quantity':1}",
        "{quantity:1}",
        "{\"quantity\":1,}",
        "{\"quantity\":1}//",
        "{\"quantity\":1,\"quantity\":1}",
        "{\"quantity\":1,\"quantity\":2}",
        "{\"quantity\":1,\"\\ud800\":1}",
        "\u{feff}{\"quantity\":1}",
        "{\"quantity\":1}\0",
    ];
    let mut rows: Vec<Row> =
        texts.iter().map(|text| Row::new(format!("body {text:?}"), purchase(text), 400, "malformed")).collect();
    rows.push(Row::new("UTF-16", purchase(utf16), 400, "malformed"));
    rows.push(Row::new("invalid UTF-8 in a name", purchase(b"{\"quantity\":1,\"\xff\":1}"), 400, "malformed"));
    rows.push(Row::new("invalid UTF-8 alone", purchase([0xc0, 0x80]), 400, "malformed"));
    let surrogate = purchase(r#"{"quantity":1,"note":"\udc00"}"#);
    rows.push(Row::new("lone surrogate in an unknown member", surrogate, 400, "malformed"));
    let deep = |levels| format!("{{\"quantity\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    rows.push(Row::new("1,000 levels", purchase(deep(1_000)), 400, "malformed"));
    rows.push(Row::new("100,000 levels", purchase(deep(100_000)), 413, "payload-too-large"));
    rows
}

fn documents_that_are_not_valid() -> Vec<Row> {
    let quantities = [
        "0",
        "-1",
        "1.5",
        "\"1\"",
        "true",
        "null",
        "[]",
        "{}",
        "2147483648",
        "4294967296",
        "4294967297",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "-9223372036854775809",
    ];
    let quantities = quantities.map(|quantity| format!("{{\"quantity\":{quantity}}}"));
    let members = [
        r#"{"quantity":1,"note":"x"}"#,
        r#"{"quantity":1,"price":1}"#,
        r#"{"quantity":1,"unit_price":1}"#,
        r#"{"quantity":1,"user_id":"bob"}"#,
        r#"{"quantity":1,"__proto__":{"quantity":2}}"#,
        r#"{"quantity":1,"":1}"#,
        r#"{"Quantity":1,"quantity":1}"#,
    ];
    let bodies = quantities.into_iter().chain(members.map(str::to_owned));
    let mut rows: Vec<Row> =
        bodies.map(|body| Row::new(format!("body {body}"), purchase(&body), 422, "validation")).collect();
    let dear = purchase_of("/v1/items/dear/orders", &[JSON], r#"{"quantity":2}"#);
    rows.push(Row::new("a total beyond every amount", dear, 422, "validation"));
    rows
}

fn ids() -> Vec<Row> {
    let ids = [
        "%00",
        "sku-1%00",
        "sku-1%0d%0aX-Injected:%201",
        "%1b%5b31m",
        "%E2%80%AEsku-1",
        "..",
        ".",
        "%2e",
        "%2e%2e",
        "%2e%2e%2fetc",
        "%252e",
        "sku-1%27%20OR%201=1--",
        "sku-1;DROP%20TABLE",
        "sku-1:x",
        "%7Bsku-1%7D",
        "*",
        "sku-1%20",
        "%ff",
        "%zz",
        "SKU-1",
        "unknown",
    ];
    let long = "a".repeat(65);
    let endless = "a".repeat(7_000); // a path may have 8 KiB
    let mut rows = Vec::new();
    for id in ids.into_iter().chain([long.as_str(), endless.as_str()]) {
        let name = |route: &str| format!("{route} of {}", id.chars().take(70).collect::<String>());
        let buying = purchase_of(&format!("/v1/items/{id}/orders"), &[JSON], GOOD_BODY);
        let showing = bare("GET", &format!("/v1/items/{id}"));
        let order = bare("GET", &format!("/v1/orders/{id}"));
        for (route, bytes) in [("purchase", buying), ("item", showing), ("order", order)] {
            rows.push(Row::new(name(route), bytes, 404, "not-found"));
        }
    }
    rows.push(Row::new("empty item id", purchase_of("/v1/items//orders", &[JSON], GOOD_BODY), 404, "not-found"));
    rows
}

fn queries() -> Vec<Row> {
    let queries = ["limit=-1", "limit=1000000000", "limit=x", "limit=1.5", "limit=", "after=a%2Fb", "after=%00"];
    let mut rows: Vec<Row> = queries
        .into_iter()
        .map(|query| Row::new(query, bare("GET", &format!("/v1/items?{query}")), 422, "validation"))
        .collect();
    let foreign_item = bare("GET", "/v1/orders?item_id=%00");
    rows.push(Row::new("orders of item NUL", foreign_item, 422, "validation"));
    rows
}

fn media() -> Vec<Row> {
    let mut rows = vec![Row::new("no Content-Type", purchase_with(&[], GOOD_BODY), 415, "unsupported-media-type")];
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/json",
        "application/xml",
        "application/json2",
        "json",
        "*/*",
    ] {
        let bytes = purchase_with(&[("Content-Type", media_type)], GOOD_BODY);
        rows.push(Row::new(format!("Content-Type {media_type}"), bytes, 415, "unsupported-media-type"));
    }
    for coding in ["gzip", "br", "zstd", "deflate", "gzip, gzip"] {
        let bytes = purchase_with(&[JSON, ("Content-Encoding", coding)], GOOD_BODY);
        rows.push(Row::new(format!("Content-Encoding {coding}"), bytes, 415, "unsupported-media-type"));
    }
    for accept in ["text/html", "image/png, text/*", "application/json;q=0"] {
        let bytes = purchase_with(&[JSON, ("Accept", accept)], GOOD_BODY);
        rows.push(Row::new(format!("purchase with Accept {accept}"), bytes, 406, "not-acceptable"));
        let bytes = request("GET", "/v1/items/sku-1", &[("Host", "shop"), ("Accept", accept)], "");
        rows.push(Row::new(format!("item with Accept {accept}"), bytes, 406, "not-acceptable"));
    }
    rows
}

fn sizes() -> Vec<Row> {
    let too_large = format!("{{\"quantity\":1,\"note\":\"{}\"}}", "x".repeat(4096));
    let spaces = format!("{GOOD_BODY}{}", " ".repeat(4096));
    let buyer = authorization("ann");
    let claiming = |length: &str| {
        let headers = [("Host", "shop"), ("Authorization", buyer.as_str()), ("Content-Length", length), JSON];
        request("POST", "/v1/items/sku-1/orders", &headers, GOOD_BODY)
    };
    let chunked = [("Host", "shop"), ("Authorization", buyer.as_str()), ("Transfer-Encoding", "chunked"), JSON];
    let chunks = format!("400\r\n{}\r\n", " ".repeat(1024)).repeat(64);
    let bad_chunk = "zz\r\n{\"quantity\":1}\r\n0\r\n\r\n";
    let path = "/v1/items/sku-1/orders";
    vec![
        Row::new("4 KiB of note", purchase(too_large), 413, "payload-too-large"),
        Row::new("4 KiB of space after the document", purchase(spaces), 413, "payload-too-large"),
        Row::new("1 MiB", purchase(vec![b' '; 1 << 20]), 413, "payload-too-large"),
        Row::last("Content-Length 10^11", claiming("100000000000"), 413, "payload-too-large"),
        Row::new("endless chunks", request("POST", path, &chunked, chunks), 413, "payload-too-large"),
        Row::last("chunk without a size", request("POST", path, &chunked, bad_chunk), 400, "malformed"),
        Row::last("Content-Length 2^64", claiming("18446744073709551616"), 413, "payload-too-large"),
        Row::last("Content-Length -1", claiming("-1"), 400, "malformed"),
        Row::last("Content-Length +14", claiming("+14"), 400, "malformed"),
        Row::last("Content-Length text", claiming("many"), 400, "malformed"),
        Row::new(
            "no Content-Length",
            request("POST", path, &[chunked[0], chunked[1], JSON], ""),
            411,
            "length-required",
        ),
        Row::new("path of 9,000 bytes", bare("GET", &format!("/v1/items/{}", "a".repeat(9_000))), 414, "uri-too-long"),
    ]
}

fn methods_and_routes() -> Vec<Row> {
    let wrong = [
        ("GET", "/v1/items/sku-1/orders"),
        ("PUT", "/v1/items/sku-1/orders"),
        ("DELETE", "/v1/items/sku-1/orders"),
        ("PATCH", "/v1/items/sku-1"),
        ("DELETE", "/v1/items/sku-1"),
        ("PUT", "/v1/items/sku-1"),
        ("DELETE", "/v1/items"),
        ("PUT", "/v1/orders/1-1-1"),
        ("DELETE", "/v1/orders/1-1-1"),
        ("DELETE", "/v1/orders"),
        ("BREW", "/v1/items"),
    ];
    let mut rows: Vec<Row> = wrong
        .into_iter()
        .map(|(method, path)| Row::new(format!("{method} {path}"), bare(method, path), 405, "method-not-allowed"))
        .collect();
    let admin = admin_authorization();
    let headers = [("Host", "shop"), ("Authorization", admin.as_str())];
    for (method, path) in [
        ("GET", "/nowhere"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "//v1/items"),
        ("GET", "/v1/items/sku-1/extra"),
        ("GET", "/v1/admin/orders"),
        ("POST", "/v1/admin/items/sku-1/restock"),
        ("GET", "/metrics"),
        ("GET", "/actors"),
        ("GET", "/.git/config"),
        ("GET", "/static/../../etc/passwd"),
    ] {
        let length = [headers[0], headers[1], ("Content-Length", "0")];
        rows.push(Row::new(format!("{method} {path}"), request(method, path, &length, ""), 404, "not-found"));
    }
    rows
}

fn header_values() -> Vec<Row> {
    let with_key = |key: &str| purchase_with(&[JSON, ("Idempotency-Key", key)], GOOD_BODY);
    let mut rows: Vec<Row> = ["", "\"\"", "a b", "a\tb", "\u{e9}", "schl\u{fc}ssel"]
        .into_iter()
        .map(|key| Row::new(format!("key {key:?}"), with_key(key), 400, "malformed"))
        .collect();
    rows.push(Row::new("key of 256 characters", with_key(&"k".repeat(256)), 400, "malformed"));
    let twice = purchase_with(&[JSON, ("Idempotency-Key", "one"), ("Idempotency-Key", "two")], GOOD_BODY);
    rows.push(Row::new("two keys", twice, 400, "malformed"));
    for control in ["\u{1}", "\0", "\u{7f}"] {
        // Such a byte ends the request before anybody reads the header's name.
        rows.push(Row::last(format!("key with {control:?}"), with_key(&format!("a{control}b")), 400, "malformed"));
    }
    rows
}

fn credentials() -> Vec<Row> {
    let as_user = |headers: &[(&str, &str)]| {
        let length = GOOD_BODY.len().to_string();
        let mut all = vec![("Host", "shop"), JSON, ("Content-Length", length.as_str())];
        all.extend(headers);
        request("POST", "/v1/items/sku-1/orders", &all, GOOD_BODY)
    };
    let good = authorization("ann");
    let long = format!("Bearer {}", "x".repeat(100_000));
    let in_query = format!("/v1/orders?item_id=sku-1&access_token={}", token("ann"));
    let refused = |name: &str, bytes| Row::new(name, bytes, 401, "unauthenticated");
    vec![
        refused("no Authorization", as_user(&[])),
        refused("empty Authorization", as_user(&[("Authorization", "")])),
        refused("Basic", as_user(&[("Authorization", "Basic YW5uOnBhc3N3b3Jk")])),
        refused("two Authorizations", as_user(&[("Authorization", &good), ("Authorization", &good)])),
        refused("token in the query", request("GET", &in_query, &[("Host", "shop")], "")),
        Row::last("100 kB of Authorization", as_user(&[("Authorization", &long)]), 431, "headers-too-large"),
    ]
}

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [
        bodies_that_are_not_the_document(),
        documents_that_are_not_valid(),
        ids(),
        queries(),
        media(),
        sizes(),
        methods_and_routes(),
        super::heads::refused(),
        header_values(),
        credentials(),
    ];
    parts.into_iter().flatten().collect()
}
