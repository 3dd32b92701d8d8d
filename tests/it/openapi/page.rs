//! **Job:** the page that shows the document loads, with nothing from elsewhere.
//! **Owns:** where its files may come from.
//! **Never:** runs its scripts.

use super::shop;
use crate::support::{Client, Server, assert_problem};

async fn get(server: &Server, path: &str) -> crate::support::Response {
    Client::new(server.ops_address()).get(path, &[]).await.expect("an answer")
}

/// What a page refers to.
fn references(html: &str) -> Vec<String> {
    let attributes = ["src=\"", "href=\""];
    let after = attributes.iter().flat_map(|attribute| html.split(attribute).skip(1));
    after.map(|rest| rest.split('"').next().expect("a split has a first part").to_owned()).collect()
}

#[tokio::test]
async fn the_page_loads_without_a_token_and_so_do_all_its_files() {
    let server = shop();
    let page = get(&server, "/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let files = references(&page.text());
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        // Relative: a proxy may have put a path in front.
        assert!(!file.starts_with('/'), "{file}");
        let answer = get(&server, &format!("/{file}")).await;
        let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap();
        let wanted = match file.rsplit_once('.').expect("a file has an ending").1 {
            "js" => "text/javascript",
            "css" => "text/css",
            "png" => "image/png",
            other => panic!("{file}: what is {other}?"),
        };
        assert_eq!((answer.status, media_type), (200, wanted), "{file}");
        assert!(!answer.body.is_empty(), "{file} is empty");
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere_and_does_not_try() {
    let server = shop();
    let page = get(&server, "/docs").await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("http"), "{policy}");
    assert!(!page.text().contains("<script>"), "a script in the page itself is blocked by the policy");
    for path in ["/docs", "/docs/start.js", "/docs/page.css"] {
        let text = get(&server, path).await.text();
        assert!(!text.contains("://") && !text.contains("\"//"), "{path} names another server");
    }
}

#[tokio::test]
async fn there_is_no_other_file_and_no_other_method() {
    let server = shop();
    for path in ["/docs/swagger-initializer.js", "/docs/..%2fCargo.toml", "/docs/"] {
        assert_ne!(get(&server, path).await.status, 200, "{path}");
    }
    assert_problem(&get(&server, "/docs/index").await, 404, "not-found");
    let posted = Client::new(server.ops_address()).request("POST", "/docs", &[], None).await.expect("an answer");
    assert_problem(&posted, 405, "method-not-allowed");
    assert_eq!(posted.header("allow"), Some("GET, HEAD"));
}
