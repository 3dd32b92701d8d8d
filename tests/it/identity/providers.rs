//! **Job:** tokens as identity providers issue them buy; those that only look like it do not.
//! **Owns:** the table of headers and claims of real providers.
//! **Never:** rotates a key.

use serde_json::{Value, json};

use crate::support::{Claims, Client, Item, Response, Server, Setup, assert_problem, doorbuster, hs256, now_s};

const SKU: &str = "sku-1";

pub(crate) async fn buy_with(server: &Server, token: &str) -> Response {
    let papers = format!("Bearer {token}");
    let headers = [("Authorization", papers.as_str())];
    let mut client = Client::new(server.address());
    client.request("POST", "/v1/items/sku-1/orders", &headers, Some("{\"quantity\":1}")).await.expect("an answer")
}

pub(crate) fn shop() -> Setup {
    Setup::new([Item::new(SKU, 1_000).limit(1_000)])
}

fn header(members: &Value) -> Value {
    let mut header = json!({"alg": "HS256"});
    for (name, value) in members.as_object().expect("an object") {
        header[name] = value.clone();
    }
    header
}

#[tokio::test]
async fn headers_of_real_providers_are_taken_and_none_of_them_is_followed() {
    let server = shop().start();
    let jwk = json!({"kty": "oct", "k": "c3RyYW5nZXI"});
    for members in [
        json!({}),
        json!({"typ": "JWT"}),
        json!({"typ": "jwt"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "AT+JWT"}),
        json!({"typ": "application/at+jwt"}),
        json!({"typ": "Application/JWT"}),
        json!({"kid": "2026-11"}),
        json!({"kid": "a", "x5t": "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg", "typ": "JWT"}),
        json!({"jku": "https://id.example/keys", "typ": "JWT"}),
        json!({"x5u": "https://id.example/cert"}),
        json!({"x5c": ["MIIB"]}),
        json!({"jwk": jwk}),
        json!({"cty": "json", "unknown": {"a": [1]}}),
    ] {
        let answer = buy_with(&server, &hs256(&header(&members), Claims::of("ann").json())).await;
        assert_eq!(answer.status, 201, "{members}: {}", answer.text());
    }
    for members in [
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"typ": "dpop+jwt"}),
        json!({"typ": "application/"}),
        json!({"typ": "text/jwt"}),
        json!({"typ": ""}),
        json!({"typ": "secevent+jwt"}),
    ] {
        let answer = buy_with(&server, &hs256(&header(&members), Claims::of("ann").json())).await;
        assert_eq!(answer.status, 401, "{members}: {}", answer.text());
    }
}

#[tokio::test]
async fn dates_may_have_a_fraction_and_must_be_dates() {
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
    let now = now_s() as f64;
    let server = shop().start();
    let good = [
        json!({"exp": now + 600.5}),
        json!({"exp": now + 600.0}),
        json!({"exp": now + 600.25, "nbf": now - 0.5, "iat": now - 0.001}),
        json!({"exp": now + 600.0, "nbf": 0.5, "iat": 1}),
    ];
    let bad = [
        json!({"exp": now - 6.5}),
        json!({"exp": -0.5}),
        json!({"exp": 1e300}),
        json!({"exp": now + 600.5, "iat": now + 60.5}),
        json!({"exp": now + 600.5, "iat": -1.5}),
        json!({"exp": now + 600.5, "nbf": now + 60.5}),
    ];
    for (dates, status) in good.iter().map(|dates| (dates, 201)).chain(bad.iter().map(|dates| (dates, 401))) {
        let claims = dates.as_object().expect("an object").iter();
        let claims = claims.fold(Claims::of("ann"), |claims, (name, value)| claims.with(name, value.clone()));
        let answer = buy_with(&server, &hs256(&header(&json!({})), claims.json())).await;
        assert_eq!(answer.status, status, "{dates}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_buyer_is_named_by_the_claim_that_the_operator_chose() {
    let server = shop().set("auth.jwt_user_claim", "\"https://shop.example/id\"").start();
    let claims = || Claims::of("the subject");
    let named = claims().with("https://shop.example/id", "ann|7");
    let answer = buy_with(&server, &hs256(&header(&json!({})), named.json())).await;
    assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!("ann|7")), "{}", answer.text());
    let without_subject = named.without("sub");
    let answer = buy_with(&server, &hs256(&header(&json!({})), without_subject.json())).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    for value in [Value::Null, json!(7), json!(["ann"]), json!(""), json!("a b")] {
        let claims = claims().with("https://shop.example/id", value);
        assert_problem(&buy_with(&server, &hs256(&header(&json!({})), claims.json())).await, 401, "unauthenticated");
    }
    assert_problem(&buy_with(&server, &hs256(&header(&json!({})), claims().json())).await, 401, "unauthenticated");
    let late = claims().with("https://shop.example/id", "ann").with("iat", now_s() + 60);
    assert_problem(&buy_with(&server, &hs256(&header(&json!({})), late.json())).await, 401, "unauthenticated");

    let config = server.data_file().with_file_name("doorbuster.toml");
    let minted = doorbuster(&["token", "--user", "bob@example.org"], &[("--config", &config)]);
    let answer = buy_with(&server, String::from_utf8(minted.stdout).expect("ASCII").trim_end()).await;
    assert_eq!(answer.json()["user_id"], json!("bob@example.org"));
}

#[test]
fn a_claim_that_names_nobody_is_no_start() {
    for claim in ["", "exp", "iss", "aud"] {
        let stopped = shop().set("auth.jwt_user_claim", &format!("{claim:?}")).try_start().err().expect("no start");
        assert_eq!(stopped.status.code(), Some(78), "{stopped}");
        assert!(stopped.stderr.contains("auth.jwt_user_claim"), "{stopped}");
    }
}
