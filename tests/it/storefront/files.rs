//! **Job:** the pages as they come over the wire: small, cacheable, and under a strict policy.
//! **Owns:** the walk through all that a browser loads.
//! **Never:** runs a script.

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::shop::SKU;
use crate::support::{Client, Item, Response, Server, Setup, assert_problem};

/// All that a visitor loads of a page, uncompressed.
const MAX_BYTES: usize = 80_000;

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8");

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    Client::new(server.address()).get(path, headers).await.expect("an answer")
}

/// All that comes back for `HEAD`.
async fn head(server: &Server, path: &str) -> String {
    let mut connection = TcpStream::connect(server.address()).await.expect("the server listens");
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("a text");
    answer
}

/// The URLs of the assets that a page at the root names.
fn assets(page: &str) -> BTreeSet<String> {
    let urls = page.split('"').filter_map(|text| text.strip_prefix("./assets/"));
    urls.map(|rest| format!("/assets/{rest}")).collect()
}

/// The files that a script imports, by their names as the script has them: `./a.js`, `../shared/b.js`.
fn imports(script: &str) -> impl Iterator<Item = &str> {
    script.split(" from '").skip(1).filter_map(|rest| rest.split('\'').next())
}

#[tokio::test]
async fn a_visitor_loads_less_than_eighty_kilobytes_and_all_of_it_is_there() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for language in ["en", "zh-CN"] {
        let page = get(&server, "/", &[BROWSER, ("Accept-Language", language)]).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let urls = assets(&page.text());
        assert!(urls.len() > 5, "{urls:?}");
        let total = page.body.len() + bytes_of(&server, &urls).await;
        assert!(total < MAX_BYTES, "{total} bytes in {language}");
    }
}

/// Loads assets as a browser does.
async fn bytes_of(server: &Server, urls: &BTreeSet<String>) -> usize {
    let mut total = 0;
    for url in urls {
        // What a browser sends for a style sheet has a rest of everything; for others not always.
        let strict = get(server, url, &[("Accept", "text/css, image/svg+xml")]).await;
        let asset = get(server, url, &[("Accept", "text/css,*/*;q=0.1")]).await;
        assert_eq!((asset.status, strict.status), (200, 200), "{url}");
        total += asset.body.len();
        let folder = url.rsplit_once('/').expect("a path").0;
        for name in imports(&asset.text()) {
            let (site, own) =
                (folder.rsplit_once('/').expect("a folder").0, format!("{folder}/{}", name.trim_start_matches("./")));
            let imported = name.strip_prefix("../").map_or(own, |other| format!("{site}/{other}"));
            assert!(urls.contains(&imported), "{url} imports {name}, which the page does not preload");
        }
    }
    total
}

#[tokio::test]
async fn pages_are_asked_for_again_and_assets_never() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for path in ["/", "/items/sku-1", "/items/unknown"] {
        let page = get(&server, path, &[BROWSER]).await;
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-cache")), "{path}");
        let tag = page.header("etag").expect("a tag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");
        let weak = format!("\"another\", W/{tag}");
        for known in [tag.as_str(), weak.as_str(), "*"] {
            let again = get(&server, path, &[BROWSER, ("If-None-Match", known)]).await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} with {known}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
        }
        assert_eq!(get(&server, path, &[BROWSER, ("If-None-Match", "\"another\"")]).await.status, 200);
    }
    for url in assets(&get(&server, "/", &[BROWSER]).await.text()) {
        let asset = get(&server, &url, &[]).await;
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"), "{url}");
        let tag = asset.header("etag").expect("a tag");
        assert_eq!(get(&server, &url, &[("If-None-Match", tag)]).await.status, 304, "{url}");
    }
}

#[tokio::test]
async fn nothing_inline_runs_and_nobody_frames_a_page() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for path in ["/", "/items/sku-1"] {
        let page = get(&server, path, &[BROWSER]).await;
        let policy = page.header("content-security-policy").expect("a policy");
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let html = page.text();
        assert!(!html.contains("<style") && !html.contains(" style="), "an inline style");
        // A block of data is none that runs.
        let data = html.matches("<script type=\"application/json\" id=\"words\">").count();
        assert_eq!(
            (data, html.matches("<script").count()),
            (1, 1 + html.matches("<script type=\"module\" src=\".").count())
        );
        assert!(!html.contains("=\"/"), "an absolute link: {html}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body_and_other_methods_are_refused() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let asset = assets(&get(&server, "/", &[]).await.text()).into_iter().next().expect("an asset");
    let mut client = Client::new(server.address());
    for path in ["/", "/items/sku-1", &asset] {
        let whole = head(&server, path).await;
        let full = get(&server, path, &[]).await;
        let length = format!("content-length: {}\r\n", full.body.len());
        assert!(whole.starts_with("HTTP/1.1 200 ") && whole.to_lowercase().contains(&length), "{whole}");
        assert!(whole.ends_with("\r\n\r\n"), "a body after HEAD: {whole}");
        let posted = client.request("POST", path, &[], None).await.expect("an answer");
        assert_problem(&posted, 405, "method-not-allowed");
        assert_eq!(posted.header("allow"), Some("GET, HEAD"));
    }
}

#[tokio::test]
async fn what_is_no_page_is_not_found_and_who_takes_no_html_gets_none() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let asset = assets(&get(&server, "/", &[]).await.text()).into_iter().next().expect("an asset");
    let old = asset.replacen("/assets/", "/assets/0", 1);
    let climbing = format!("{}/../schema/0001_ledger.sql", asset.rsplit_once('/').expect("a path").0);
    let html = format!("{}/index.html", asset.rsplit_once('/').expect("a path").0);
    for path in ["/items/a%20b", "/items/%3Cb%3E", "/items/", "/assets/", "/index.html", &old, &climbing, &html] {
        assert_problem(&get(&server, path, &[]).await, 404, "not-found");
    }
    assert_problem(&get(&server, "/", &[("Accept", "application/json")]).await, 406, "not-acceptable");
    assert_problem(&get(&server, "/v1/items", &[("Accept", "text/html")]).await, 406, "not-acceptable");
}
