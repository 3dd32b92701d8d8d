//! **Job:** a user id is whatever visible ASCII a provider gives, and comes through everything that carries it.
//! **Owns:** the table of names.
//! **Never:** forges a token.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    Attempt, Client, Item, RedisServer, Response, Server, Setup, admin_authorization, assert_conservation,
    assert_problem, authorization, doorbuster, text,
};

const SKU: &str = "sku-1";

/// Subjects as providers issue them, and everything that a format between buyer and owner could trip over.
fn names() -> Vec<String> {
    let plain = [
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "ann@example.org",
        "urn:user:77",
        "a:b=c/d+e",
        "\"quoted\"",
        "back\\slash",
        "it's",
        "comma,semicolon;",
        "{braces}",
        "%2e%2e%2f..",
        "<b>&amp;</b>",
        "=1+2",
        "-dash",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ];
    let all: String = (b'!'..=b'~').map(char::from).collect();
    let mut names: Vec<String> = plain.map(str::to_owned).into();
    names.extend([all, "u".repeat(255), format!("{}|", "v".repeat(254)), format!("{}@", "v".repeat(254))]);
    names
}

async fn buy(server: &Server, user: &str) -> Response {
    let mut client = Client::new(server.address());
    Attempt::new(user, SKU).key("k").send(&mut client).await.expect("an answer")
}

/// Buys one unit for everybody.
async fn sell(server: &Server) -> Vec<Value> {
    let mut orders = Vec::new();
    for name in names() {
        let answer = buy(server, &name).await;
        assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!(name)), "{}", answer.text());
        orders.push(answer.json());
    }
    orders
}

fn users_of<'v>(orders: impl IntoIterator<Item = &'v Value>) -> BTreeSet<String> {
    orders.into_iter().map(|order| order["user_id"].as_str().expect("a user").to_owned()).collect()
}

fn expected() -> BTreeSet<String> {
    names().into_iter().collect()
}

/// The fields of a line of CSV, read as RFC 4180 says.
fn csv_fields(line: &str) -> Vec<String> {
    let (mut fields, mut characters) = (vec![String::new()], line.chars().peekable());
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let field = fields.last_mut().expect("there is always one");
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    fields
}

#[tokio::test]
async fn every_visible_name_buys_and_reads_its_own_order_before_and_after_a_kill() {
    let mut server = Setup::new([Item::new(SKU, 100)]).start();
    let orders = sell(&server).await;
    server.kill9();
    server.restart();
    for order in &orders {
        let user = order["user_id"].as_str().expect("a user");
        let papers = authorization(user);
        let mut client = Client::new(server.address());
        let own = client.get("/v1/orders?item_id=sku-1", &[("Authorization", &papers)]).await.expect("an answer");
        assert_eq!(users_of(own.json()["orders"].as_array().expect("a list")), BTreeSet::from([user.to_owned()]));
        let again = buy(&server, user).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")), "{user}");
        assert_eq!(again.json()["order_id"], order["order_id"]);
    }
    assert_eq!(users_of(&assert_conservation(&server).await), expected());
}

#[tokio::test]
async fn exports_feed_audit_and_backup_have_every_name_as_it_is() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    sell(&server).await;
    let db = server.data_file();
    let csv = doorbuster(&["orders", "--format", "csv"], &[("--db", &db)]);
    let csv = String::from_utf8(csv.stdout).expect("UTF-8");
    let rows: Vec<Vec<String>> = csv.split_terminator("\r\n").map(csv_fields).collect();
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
    // What a spreadsheet would take for a formula has an apostrophe in front.
    let meant = |row: &Vec<String>| row[2].strip_prefix('\'').unwrap_or(&row[2]).to_owned();
    assert_eq!(rows.iter().skip(1).map(meant).collect::<BTreeSet<_>>(), expected());
    let table = text(&doorbuster(&["orders"], &[("--db", &db)]));
    let users = table.lines().skip(1).map(|line| line.split_whitespace().nth(2).expect("a column").to_owned());
    assert_eq!(users.collect::<BTreeSet<_>>(), expected());
    assert_eq!(users_of(&server.orders()), expected());

    let mut owner = Client::new(server.ops_address());
    let admin = admin_authorization();
    let feed = owner.get("/v1/feed?limit=1000", &[("Authorization", &admin)]).await.expect("an answer").text();
    let entries: Vec<Value> = feed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(users_of(entries.iter().filter(|entry| entry["kind"] == "placed")), expected());
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
    let copy = server.directory().join("copy.db");
    let backup = doorbuster(&["backup"], &[("--db", &db), ("--to", &copy)]);
    assert!(backup.status.success(), "{}", text(&backup));
    let new = server.directory().join("new.db");
    let salvage = doorbuster(&["salvage"], &[("--db", &copy), ("--to", &new)]);
    assert!(new.exists(), "{}", text(&salvage));
    let audited = doorbuster(&["verify"], &[("--db", &new)]);
    assert!(audited.status.success(), "{}", text(&audited));
}

/// The windows are those of the same names in another process.
#[tokio::test]
async fn in_redis_every_name_has_a_window_of_its_own() {
    let redis = RedisServer::start();
    let setup = || {
        let setup = Setup::new([Item::new(SKU, 100).limit(9)]).set("gate.throttle.window", "\"1h\"");
        setup.set("redis.url", &format!("{:?}", redis.url())).set("redis.on_error", "\"closed\"")
    };
    let (one, other) = (setup().start(), setup().start());
    sell(&one).await;
    for name in names() {
        let answer = Attempt::new(&name, SKU).send(&mut Client::new(other.address())).await.expect("an answer");
        assert_problem(&answer, 429, "throttled");
    }
}

#[tokio::test]
async fn a_trusted_proxy_may_name_anybody_and_tokens_are_minted_for_anybody() {
    let setup = Setup::new([Item::new(SKU, 100)]).set("auth.mode", "\"header\"");
    let server = setup.set("server.trusted_proxies", "[\"127.0.0.0/8\"]").start();
    let mut client = Client::new(server.address());
    let buy = async |client: &mut Client, name: &str| {
        let headers = [("X-User-Id", name)];
        client.request("POST", "/v1/items/sku-1/orders", &headers, Some("{\"quantity\":1}")).await.expect("an answer")
    };
    for name in names() {
        let answer = buy(&mut client, &name).await;
        assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!(name)), "{}", answer.text());
    }
    for name in ["u".repeat(256), "a b".to_owned()] {
        assert_problem(&buy(&mut client, &name).await, 401, "unauthenticated");
    }

    let server = Setup::new([Item::new(SKU, 100)]).start();
    let config = server.data_file().with_file_name("doorbuster.toml");
    for name in names() {
        let minted = doorbuster(&["token", &format!("--user={name}")], &[("--config", &config)]);
        let papers = format!("Bearer {}", String::from_utf8(minted.stdout).expect("ASCII").trim_end());
        let mut client = Client::new(server.address());
        let headers = [("Authorization", papers.as_str())];
        let answer = client.request("POST", "/v1/items/sku-1/orders", &headers, Some("{\"quantity\":1}")).await;
        assert_eq!(answer.expect("an answer").json()["user_id"], json!(name));
    }
}
