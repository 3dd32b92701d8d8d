//! **Job:** secrets and tokens overlap while they are rotated.
//! **Owns:** two servers of one shop, before and after.
//! **Never:** looks into a set of keys: `key_sets` does.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use super::providers::{buy_with, shop};
use crate::support::{ADMIN_TOKEN, Claims, Client, JWT_SECRET, Server, assert_problem, doorbuster, sealed, token};

/// How long a signal may take to be heard.
const PATIENCE: Duration = Duration::from_secs(30);

const FEED: &str = "hT5gR4fE3dW2sQ1aZ0xC9vB8nM7kJ6lP";
const NEXT: &str = "mN8bV5cX2zL7kJ4hG9fD6sA3qW0eR1tY";

fn signed(secret: &str, claims: &Claims) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    sealed(&json!({"alg": "HS256", "typ": "JWT"}), claims.json(), &key, Algorithm::HS256)
}

#[tokio::test]
async fn tokens_of_both_secrets_buy_while_the_secret_is_rotated() {
    let key = format!("{NEXT:?}");
    let both = shop().set("auth.jwt_secret", &key).set("auth.jwt_previous_secret", &format!("{JWT_SECRET:?}")).start();
    for token in [token("ann"), signed(NEXT, &Claims::of("bob"))] {
        let answer = buy_with(&both, &token).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    for claims in [Claims::of("ann").with("exp", 1), Claims::of("a b")] {
        for secret in [NEXT, JWT_SECRET] {
            assert_problem(&buy_with(&both, &signed(secret, &claims)).await, 401, "unauthenticated");
        }
    }
    let stranger = signed("qP1wO2eI3rU4tY5aS6dF7gH8jK9lZ0xC", &Claims::of("ann"));
    assert_problem(&buy_with(&both, &stranger).await, 401, "unauthenticated");
    let empty = signed("", &Claims::of("ann"));
    assert_problem(&buy_with(&both, &empty).await, 401, "unauthenticated");
    let config = both.data_file().with_file_name("doorbuster.toml");
    let minted =
        String::from_utf8(doorbuster(&["token", "--user", "cid"], &[("--config", &config)]).stdout).expect("ASCII");
    let after = shop().set("auth.jwt_secret", &key).start();
    assert_eq!(buy_with(&after, minted.trim_end()).await.status, 201, "signed with the new secret");
    assert_problem(&buy_with(&after, &token("ann")).await, 401, "unauthenticated");
    assert_problem(&buy_with(&after, &empty).await, 401, "unauthenticated");
}

#[tokio::test]
async fn a_hangup_takes_the_next_secret_over_without_a_start() {
    let server = shop().start();
    let file = server.data_file().with_file_name("doorbuster.toml");
    let text = std::fs::read_to_string(&file).expect("written by the setup");
    let both = format!("jwt_secret = {NEXT:?}\njwt_previous_secret = {JWT_SECRET:?}");
    let changed = text.replace(&format!("jwt_secret = {JWT_SECRET:?}"), &both);
    assert_ne!(changed, text);
    assert_problem(&buy_with(&server, &signed(NEXT, &Claims::of("bob"))).await, 401, "unauthenticated");
    std::fs::write(&file, changed).expect("an own file");
    server.send("HUP");
    let begun = Instant::now();
    while buy_with(&server, &signed(NEXT, &Claims::of("bob"))).await.status != 201 {
        assert!(begun.elapsed() < PATIENCE, "the next secret is not taken: {}", server.stderr());
    }
    assert_eq!(buy_with(&server, &token("ann")).await.status, 201, "the one before still counts");
}

#[tokio::test]
async fn a_hangup_takes_the_next_tokens_of_the_operations_listener_over() {
    let server = shop().start();
    let file = server.data_file().with_file_name("doorbuster.toml");
    let text = std::fs::read_to_string(&file).expect("written by the setup");
    let both = format!("admin_token = {NEXT:?}\nadmin_previous_token = {ADMIN_TOKEN:?}");
    let changed = text.replace(&format!("admin_token = {ADMIN_TOKEN:?}"), &both);
    let changed = format!("{changed}[feed]\ntoken = {FEED:?}\n");
    assert_eq!(status(&server, "/actors", NEXT).await, 401);
    std::fs::write(&file, changed).expect("an own file");
    server.send("HUP");
    let begun = Instant::now();
    while status(&server, "/actors", NEXT).await != 200 {
        assert!(begun.elapsed() < PATIENCE, "the next token is not taken: {}", server.stderr());
    }
    assert_eq!(status(&server, "/actors", ADMIN_TOKEN).await, 200, "the one before still counts");
    assert_eq!((status(&server, "/v1/feed", FEED).await, status(&server, "/actors", FEED).await), (200, 401));
    assert!(!server.stderr().contains(NEXT) && !server.stderr().contains(FEED), "no secret is logged");
}

async fn status(server: &Server, path: &str, token: &str) -> u16 {
    let papers = format!("Bearer {token}");
    let mut client = Client::new(server.ops_address());
    client.get(path, &[("Authorization", &papers)]).await.expect("an answer").status
}

#[tokio::test]
async fn both_admin_tokens_open_everything_while_the_token_is_rotated() {
    let setup = shop().set("auth.admin_token", &format!("{NEXT:?}"));
    let server = setup.set("auth.admin_previous_token", &format!("{ADMIN_TOKEN:?}")).start();
    for path in ["/actors", "/v1/feed", "/metrics", "/invariants"] {
        for token in [NEXT, ADMIN_TOKEN] {
            assert_eq!(status(&server, path, token).await, 200, "{path}");
        }
        for token in ["", &NEXT[1..]] {
            assert_eq!(status(&server, path, token).await, 401, "{path} {token:?}");
        }
    }
}

#[test]
fn what_is_still_accepted_must_be_as_good_as_what_takes_its_place() {
    for key in ["auth.jwt_previous_secret", "auth.admin_previous_token"] {
        for weak in ["short-but-secret-7Q", "changemechangemechangemechangeme", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            let stopped = shop().set(key, &format!("{weak:?}")).try_start().err().expect("no start");
            assert_eq!(stopped.status.code(), Some(78), "{stopped}");
            assert!(stopped.stderr.contains(key) && !stopped.stderr.contains(weak), "{stopped}");
        }
    }
    let alone = shop().unset("auth.jwt_secret").set("auth.jwt_previous_secret", &format!("{NEXT:?}"));
    let stopped = alone.try_start().err().expect("no start");
    assert!(stopped.stderr.contains("auth.jwt_previous_secret: needs auth.jwt_secret"), "{stopped}");
}
