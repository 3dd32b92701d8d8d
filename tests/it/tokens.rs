//! **Job:** nobody buys with papers that are not exactly in order (RFC 8725).
//! **Owns:** the table of forged, stale and malformed papers.
//! **Never:** tests what a good buyer may do: only who counts as one.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::support::{
    ADMIN_TOKEN, Attempt, Claims, Client, Item, JWT_SECRET, Response, Server, Setup, WEBHOOK_SECRET,
    assert_conservation, assert_problem, base64url, hs256, key_pair, now_s, sealed, signature, token,
};

const SKU: &str = "sku-1";
const BODY: Option<&str> = Some(r#"{"quantity":1}"#);

fn plain_header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

/// The header of a good token with one more member.
fn header_with(name: &str, value: impl Into<Value>) -> Value {
    let mut header = plain_header();
    header[name] = value.into();
    header
}

fn secret() -> EncodingKey {
    EncodingKey::from_secret(JWT_SECRET.as_bytes())
}

/// Buys with these headers instead of a good buyer's.
async fn buy_with(server: &Server, headers: &[(&str, &str)]) -> Response {
    let mut client = Client::new(server.address());
    client.request("POST", "/v1/items/sku-1/orders", headers, BODY).await.expect("an answer")
}

async fn buy_with_token(server: &Server, token: &str) -> Response {
    buy_with(server, &[("Authorization", &format!("Bearer {token}"))]).await
}

/// Every paper of the table is refused, for buying and for reading; all failures are reported at once.
async fn assert_all_refused(server: &Server, papers: &[(String, String)]) {
    let mut admitted = Vec::new();
    for (name, token) in papers {
        let answer = buy_with_token(server, token).await;
        if answer.status != 401 {
            admitted.push(format!("{name}: {} {}", answer.status, answer.text()));
            continue;
        }
        assert_problem(&answer, 401, "unauthenticated");
        let headers = [("Authorization", format!("Bearer {token}"))];
        let headers = [(headers[0].0, headers[0].1.as_str())];
        let read = Client::new(server.address()).get("/v1/orders?item_id=sku-1", &headers).await.expect("an answer");
        assert_problem(&read, 401, "unauthenticated");
    }
    assert!(admitted.is_empty(), "not refused with 401:\n{}", admitted.join("\n"));
    assert_eq!(assert_conservation(server).await.len(), 0, "something was sold");
}

fn named(papers: Vec<(&str, String)>) -> Vec<(String, String)> {
    papers.into_iter().map(|(name, token)| (name.to_owned(), token)).collect()
}

fn forged_signatures() -> Vec<(String, String)> {
    let good = token("ann");
    let (message, sealed_part) = good.rsplit_once('.').expect("three parts");
    let (header, payload) = message.split_once('.').expect("three parts");
    let foreign = EncodingKey::from_secret(b"another secret of thirty-two byte");
    let claims = Claims::of("ann");
    let changed = base64url(Claims::of("mallory").json().to_string().as_bytes());
    let mut papers = named(vec![
        ("empty signature", format!("{message}.")),
        ("no signature", message.to_owned()),
        ("foreign secret", sealed(&plain_header(), claims.json(), &foreign, Algorithm::HS256)),
        ("empty secret", sealed(&plain_header(), claims.json(), &EncodingKey::from_secret(b""), Algorithm::HS256)),
        ("changed payload", format!("{header}.{changed}.{sealed_part}")),
        ("cut signature", good[..good.len() - 4].to_owned()),
        ("HS384 with the same secret", sealed(&json!({"alg": "HS384"}), claims.json(), &secret(), Algorithm::HS384)),
        ("HS512 with the same secret", sealed(&json!({"alg": "HS512"}), claims.json(), &secret(), Algorithm::HS512)),
        ("HS256 signature under RS256", sealed(&json!({"alg": "RS256"}), claims.json(), &secret(), Algorithm::HS256)),
        ("lower-case algorithm", sealed(&json!({"alg": "hs256"}), claims.json(), &secret(), Algorithm::HS256)),
        ("no algorithm", sealed(&json!({"typ": "JWT"}), claims.json(), &secret(), Algorithm::HS256)),
        ("padding", padded(&good)),
        ("standard alphabet", format!("{header}.{payload}+/.{sealed_part}")),
        ("four parts", format!("{good}.{sealed_part}")),
        ("five parts", format!("{good}.{sealed_part}.{sealed_part}")),
        ("three empty parts", "..".to_owned()),
        ("not base64", format!("{header}.%%%.{sealed_part}")),
    ]);
    for spelling in ["none", "None", "NONE", "nOnE"] {
        let header = base64url(json!({"alg": spelling, "typ": "JWT"}).to_string().as_bytes());
        papers.push((format!("alg {spelling}"), format!("{header}.{payload}.")));
        papers.push((format!("alg {spelling}, signed"), format!("{header}.{payload}.{sealed_part}")));
    }
    papers
}

/// Every part of a token with the padding that base64url of tokens must not have.
fn padded(token: &str) -> String {
    let pad = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
    let (message, _) = token.rsplit_once('.').expect("three parts");
    let message = message.split('.').map(pad).collect::<Vec<_>>().join(".");
    let seal = signature(&message, &secret(), Algorithm::HS256);
    format!("{message}.{}", pad(&seal))
}

fn foreign_headers() -> Vec<(String, String)> {
    let claims = Claims::of("ann");
    let headers = vec![
        ("crit", header_with("crit", json!(["exp"]))),
        ("crit of an unknown extension", header_with("crit", json!(["urn:unknown"]))),
        ("typ of another kind", header_with("typ", "dpop+jwt")),
        ("typ that is no text", header_with("typ", 1)),
        ("header that is an array", json!(["HS256"])),
    ];
    headers.into_iter().map(|(name, header)| (name.to_owned(), hs256(&header, claims.json()))).collect()
}

fn stale_claims() -> Vec<(String, String)> {
    let ann = || Claims::of("ann");
    let now = now_s();
    let claims = vec![
        ("exp missing", ann().without("exp")),
        ("exp null", ann().with("exp", Value::Null)),
        ("exp text", ann().with("exp", (now + 3600).to_string())),
        ("exp past by more than the leeway", ann().with("exp", now - 6)),
        ("exp long past", ann().with("exp", 1)),
        ("exp zero", ann().with("exp", 0)),
        ("exp negative", ann().with("exp", -1)),
        ("exp 1e18", ann().with("exp", 1_000_000_000_000_000_000_u64)),
        ("exp 1e18 as a float", ann().with("exp", 1e18)),
        ("nbf in the future", ann().with("nbf", now + 60)),
        ("nbf text", ann().with("nbf", "now")),
        ("iat in the future", ann().with("iat", now + 60)),
        ("iat text", ann().with("iat", "now")),
        ("sub missing", ann().without("sub")),
        ("sub null", ann().with("sub", Value::Null)),
        ("sub number", ann().with("sub", 7)),
        ("sub array", ann().with("sub", json!(["ann"]))),
        ("sub empty", ann().with("sub", "")),
        ("sub of 256 characters", ann().with("sub", "a".repeat(256))),
        ("sub with a space", ann().with("sub", "ann ")),
        ("sub with a NUL", ann().with("sub", "ann\0")),
        ("sub with a line feed", ann().with("sub", "ann\n")),
        ("sub beyond ASCII", ann().with("sub", "änn")),
        ("longer than 4 KiB", ann().with("note", "x".repeat(4096))),
    ];
    claims.into_iter().map(|(name, claims)| (name.to_owned(), hs256(&plain_header(), claims.json()))).collect()
}

#[tokio::test]
async fn forged_and_malformed_papers_are_refused() {
    let server = Setup::new([Item::new(SKU, 100).limit(100)]).start();
    assert_all_refused(&server, &forged_signatures()).await;
}

#[tokio::test]
async fn papers_that_bring_their_own_rules_are_refused() {
    let server = Setup::new([Item::new(SKU, 100).limit(100)]).start();
    assert_all_refused(&server, &foreign_headers()).await;
    assert_all_refused(&server, &brought_keys()).await;
}

#[tokio::test]
async fn papers_out_of_time_or_without_a_name_are_refused() {
    let server = Setup::new([Item::new(SKU, 100).limit(100)]).start();
    assert_all_refused(&server, &stale_claims()).await;
}

#[tokio::test]
async fn an_authorization_that_is_not_one_bearer_token_is_refused() {
    let server = Setup::new([Item::new(SKU, 100).limit(100)]).start();
    let good = token("ann");
    let (left, right) = good.split_at(good.len() / 2);
    let values = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        good.clone(),
        format!("Basic {good}"),
        format!("Basic {}", base64url(b"ann:password")),
        format!("Token {good}"),
        format!("Bearer{good}"),
        format!("Bearer {good} {good}"),
        format!("Bearer {good},{good}"),
        format!("Bearer {left} {right}"),
        format!("Bearer {left}\t{right}"),
        format!("Bearer \"{good}\""),
    ];
    for value in &values {
        assert_problem(&buy_with(&server, &[("Authorization", value)]).await, 401, "unauthenticated");
    }
    let bearer = format!("Bearer {good}");
    assert_problem(&buy_with(&server, &[]).await, 401, "unauthenticated");
    let twice = [("Authorization", bearer.as_str()), ("Authorization", bearer.as_str())];
    assert_problem(&buy_with(&server, &twice).await, 401, "unauthenticated");
    let with_stranger = [("Authorization", bearer.as_str()), ("Authorization", "Bearer x")];
    assert_problem(&buy_with(&server, &with_stranger).await, 401, "unauthenticated");
    let in_query = format!("/v1/items/sku-1/orders?access_token={good}");
    let answer = Client::new(server.address()).request("POST", &in_query, &[], BODY).await.expect("an answer");
    assert_problem(&answer, 401, "unauthenticated");
    assert_eq!(assert_conservation(&server).await.len(), 0, "something was sold");
}

#[tokio::test]
async fn identity_is_asked_for_before_anything_else_is_told() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    let mut client = Client::new(server.address());
    for body in [BODY, Some("{"), Some(r#"{"quantity":0}"#)] {
        let answer = client.request("POST", "/v1/items/unknown/orders", &[], body).await.expect("an answer");
        assert_problem(&answer, 401, "unauthenticated");
    }
}

#[tokio::test]
async fn issuer_and_audience_are_checked_if_they_are_set() {
    let setup = Setup::new([Item::new(SKU, 100).limit(100)]).set("auth.jwt_issuer", "\"https://id.example\"");
    let server = setup.set("auth.jwt_audience", "\"doorbuster\"").start();
    let good = || Claims::of("ann").with("iss", "https://id.example").with("aud", "doorbuster");
    let papers = [
        ("no iss", good().without("iss")),
        ("another iss", good().with("iss", "https://id.example.attacker")),
        ("iss number", good().with("iss", 1)),
        ("no aud", good().without("aud")),
        ("another aud", good().with("aud", "another-shop")),
        ("aud list without us", good().with("aud", json!(["another-shop", "third-shop"]))),
    ];
    let papers = papers.map(|(name, claims)| (name.to_owned(), hs256(&plain_header(), claims.json())));
    assert_all_refused(&server, &papers).await;
    for claims in [good(), good().with("aud", json!(["another-shop", "doorbuster"]))] {
        let answer = buy_with_token(&server, &hs256(&plain_header(), claims.json())).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_good_token_buys_for_its_subject() {
    let server = Setup::new([Item::new(SKU, 100).limit(100)]).start();
    let now = now_s();
    let claims = Claims::of("Ann_7.b-c").with("nbf", now).with("iat", now).with("jti", "1").with("scope", "buy");
    for header in [plain_header(), json!({"alg": "HS256"})] {
        let answer = buy_with_token(&server, &hs256(&header, claims.json())).await;
        assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!("Ann_7.b-c")), "{}", answer.text());
    }
}

/// Papers signed with a key that they bring along themselves, or say where to find.
fn brought_keys() -> Vec<(String, String)> {
    let stranger = b"a secret of the stranger, quite long";
    let jwk = json!({"kty": "oct", "k": base64url(stranger), "kid": "stranger"});
    let url = "https://keys.example/attacker";
    let headers = vec![
        ("kid", header_with("kid", "../../dev/null")),
        ("jku", header_with("jku", url)),
        ("x5u", header_with("x5u", url)),
        ("x5c", header_with("x5c", json!(["MIIB"]))),
        ("jwk", header_with("jwk", jwk)),
    ];
    let key = EncodingKey::from_secret(stranger);
    let sealed = |header: &Value| sealed(header, Claims::of("ann").json(), &key, Algorithm::HS256);
    headers.into_iter().map(|(name, header)| (name.to_owned(), sealed(&header))).collect()
}

/// A server that knows only a public key sells for its owner, and takes that key for nothing else.
async fn assert_public_key_mode(algorithm: Algorithm, name: &str, genpkey: &[&str], key: fn(&[u8]) -> EncodingKey) {
    let setup = Setup::new([Item::new(SKU, 100).limit(100)]).unset("auth.jwt_secret");
    let (private, public) = key_pair(setup.directory(), genpkey);
    let public_pem = std::fs::read(&public).expect("written by openssl");
    let key = key(&std::fs::read(private).expect("written by openssl"));
    let setup = setup.set("auth.jwt_algorithm", &format!("{name:?}"));
    let server = setup.set("auth.jwt_public_key_file", &format!("{:?}", public.display().to_string())).start();
    let claims = Claims::of("ann");
    let (own, none) = (json!({"alg": name, "typ": "JWT"}), json!({"alg": "none"}));
    let trimmed = public_pem.trim_ascii();
    let hmac_with =
        |pem: &[u8], header: &Value| sealed(header, claims.json(), &EncodingKey::from_secret(pem), Algorithm::HS256);
    let unsigned =
        format!("{}.{}.", base64url(none.to_string().as_bytes()), base64url(claims.json().to_string().as_bytes()));
    let papers = named(vec![
        ("HMAC with the public key", hmac_with(&public_pem, &plain_header())),
        ("HMAC with the trimmed public key", hmac_with(trimmed, &plain_header())),
        ("HMAC with the public key under the right name", hmac_with(&public_pem, &own)),
        ("unsigned", unsigned),
        ("HS256 with the secret of other servers", token("ann")),
        ("stale", sealed(&own, claims.clone().with("exp", now_s() - 6).json(), &key, algorithm)),
    ]);
    assert_all_refused(&server, &papers).await;
    let answer = buy_with_token(&server, &sealed(&own, claims.json(), &key, algorithm)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn an_ed25519_key_is_enough_to_sell() {
    let key = |pem: &[u8]| EncodingKey::from_ed_pem(pem).expect("a key of openssl");
    assert_public_key_mode(Algorithm::EdDSA, "EdDSA", &["-algorithm", "ed25519"], key).await;
}

#[tokio::test]
async fn an_elliptic_curve_key_is_enough_to_sell() {
    let key = |pem: &[u8]| EncodingKey::from_ec_pem(pem).expect("a key of openssl");
    let genpkey = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    assert_public_key_mode(Algorithm::ES256, "ES256", &genpkey, key).await;
}

#[tokio::test]
async fn an_rsa_key_is_enough_to_sell() {
    let key = |pem: &[u8]| EncodingKey::from_rsa_pem(pem).expect("a key of openssl");
    let genpkey = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    assert_public_key_mode(Algorithm::RS256, "RS256", &genpkey, key).await;
}

#[tokio::test]
async fn a_user_header_is_believed_from_trusted_proxies_only() {
    let setup = |proxies: &str| {
        let setup = Setup::new([Item::new(SKU, 100).limit(100)]).set("auth.mode", "\"header\"");
        setup.set("server.trusted_proxies", proxies)
    };
    let trusting = setup("[\"127.0.0.0/8\"]").start();
    let answer = buy_with(&trusting, &[("X-User-Id", "ann")]).await;
    assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!("ann")), "{}", answer.text());
    let refused: [&[(&str, &str)]; 5] = [
        &[],
        &[("X-User-Id", "")],
        &[("X-User-Id", "ann sku-1")],
        &[("X-User-Id", "ann"), ("X-User-Id", "bob")],
        &[("Authorization", &format!("Bearer {}", token("ann")))],
    ];
    for headers in refused {
        assert_problem(&buy_with(&trusting, headers).await, 401, "unauthenticated");
    }
    assert_eq!(assert_conservation(&trusting).await.len(), 1);

    let distrusting = setup("[\"10.0.0.0/8\"]").start();
    for headers in [&[("X-User-Id", "ann")][..], &[("X-User-Id", "ann"), ("X-Forwarded-For", "10.0.0.1")]] {
        assert_problem(&buy_with(&distrusting, headers).await, 401, "unauthenticated");
    }
    assert_eq!(assert_conservation(&distrusting).await.len(), 0);
}

#[tokio::test]
async fn a_user_header_means_nothing_when_papers_are_asked_for() {
    let server = Setup::new([Item::new(SKU, 100)]).set("server.trusted_proxies", "[\"127.0.0.0/8\"]").start();
    assert_problem(&buy_with(&server, &[("X-User-Id", "ann")]).await, 401, "unauthenticated");
    let answer =
        buy_with(&server, &[("Authorization", &format!("Bearer {}", token("bob"))), ("X-User-Id", "ann")]).await;
    assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!("bob")), "{}", answer.text());
}

#[test]
fn a_weak_or_missing_secret_is_no_start_and_is_not_told() {
    let weak = "short-but-secret-7Q";
    for key in ["auth.jwt_secret", "auth.admin_token"] {
        for value in [format!("{weak:?}"), "\"\"".to_owned()] {
            let Err(stopped) = Setup::new([Item::new(SKU, 1)]).set(key, &value).try_start() else {
                panic!("started with {key} = {value}");
            };
            assert_eq!(stopped.status.code(), Some(78), "{key} = {value}: {stopped}");
            let name = key.rsplit('.').next().expect("a key has a name");
            assert!(stopped.stderr.contains(name), "the message does not name {name}: {stopped}");
            assert!(!stopped.stderr.contains(weak), "the message tells the secret: {stopped}");
        }
    }
}

#[tokio::test]
async fn secrets_and_tokens_do_not_reach_the_log() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let good = token("ann");
    assert_eq!(buy_with_token(&server, &good).await.status, 201);
    assert_eq!(buy_with_token(&server, &format!("{good}x")).await.status, 401);
    let attempt = Attempt::new("bob", SKU).send(&mut Client::new(server.address())).await;
    assert_eq!(attempt.expect("an answer").status, 201);
    let log = server.stderr();
    for secret in [JWT_SECRET, ADMIN_TOKEN, WEBHOOK_SECRET, good.as_str()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
