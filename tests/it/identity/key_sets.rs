//! **Job:** the identity provider's keys, picked by `kid` and rotated by file.
//! **Owns:** a provider with keys of every kind.
//! **Never:** waits for a time: it asks until the server knows.

use std::path::Path;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::providers::{buy_with, shop};
use crate::support::{
    Claims, Client, PATIENCE, Server, Setup, assert_problem, base64url, key_pair, metric, sealed, token,
};

/// One key of the provider.
struct ProviderKey {
    id: &'static str,
    algorithm: Algorithm,
    signing: EncodingKey,
}

impl ProviderKey {
    fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let pem = |arguments: &[&str]| std::fs::read(key_pair(folder.path(), arguments).0).expect("made by openssl");
        let signing = if algorithm == Algorithm::RS256 {
            EncodingKey::from_rsa_pem(&pem(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]))
        } else if algorithm == Algorithm::ES256 {
            EncodingKey::from_ec_pem(&pem(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]))
        } else if algorithm == Algorithm::EdDSA {
            EncodingKey::from_ed_pem(&pem(&["-algorithm", "ed25519"]))
        } else {
            Ok(EncodingKey::from_secret(id.repeat(40).as_bytes()))
        };
        Self { id, algorithm, signing: signing.expect("a key of openssl") }
    }

    /// As the provider publishes it.
    fn jwk(&self) -> Value {
        let mut jwk = json!(Jwk::from_encoding_key(&self.signing, self.algorithm).expect("what is public of it"));
        jwk["kid"] = self.id.into();
        jwk["use"] = "sig".into();
        jwk["alg"] = format!("{:?}", self.algorithm).into();
        jwk
    }

    fn token(&self, user: &str) -> String {
        self.token_with(&json!({"alg": format!("{:?}", self.algorithm), "typ": "at+jwt", "kid": self.id}), user)
    }

    fn token_with(&self, header: &Value, user: &str) -> String {
        sealed(header, Claims::of(user).json(), &self.signing, self.algorithm)
    }
}

/// Written beside and renamed, as provisioning tools do.
fn publish(path: &Path, keys: &[Value]) {
    write(path, &json!({ "keys": keys }).to_string());
}

fn write(path: &Path, text: &str) {
    let draft = path.with_extension("new");
    std::fs::write(&draft, text).expect("writable");
    std::fs::rename(&draft, path).expect("the same directory");
}

fn with_set(keys: &[Value]) -> (Setup, std::path::PathBuf) {
    let setup = shop().unset("auth.jwt_secret");
    let path = setup.directory().join("jwks.json");
    publish(&path, keys);
    let quoted = format!("{:?}", path.display().to_string());
    (setup.set("auth.jwt_jwks_file", &quoted), path)
}

async fn assert_refused(server: &Server, what: &str, token: &str) {
    let answer = buy_with(server, token).await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert_problem(&answer, 401, "unauthenticated");
}

async fn until(server: &Server, token: &str, status: u16) {
    let papers = format!("Bearer {token}");
    let mut client = Client::new(server.address());
    let asked = async {
        loop {
            let answer = client.get("/v1/orders?item_id=sku-1", &[("Authorization", &papers)]).await;
            if answer.expect("an answer").status == status {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the file is looked at once a second");
}

async fn is_stale(server: &Server) -> bool {
    metric::<u64>(server, "doorbuster_auth_keys_stale").await == 1
}

/// A key of each algorithm.
const ALL: [(&str, Algorithm); 4] =
    [("rsa", Algorithm::RS256), ("ec", Algorithm::ES256), ("ed", Algorithm::EdDSA), ("oct", Algorithm::HS256)];

#[tokio::test]
async fn each_key_of_a_set_checks_its_own_tokens_and_no_others() {
    let keys = ALL.map(|(id, algorithm)| ProviderKey::new(id, algorithm));
    let (setup, _path) = with_set(&keys.each_ref().map(ProviderKey::jwk));
    let server = setup.start();
    for key in &keys {
        let answer = buy_with(&server, &key.token("auth0|7")).await;
        assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!("auth0|7")), "{}", answer.text());
        let alg = format!("{:?}", key.algorithm);
        assert_refused(&server, "no kid", &key.token_with(&json!({"alg": alg}), "ann")).await;
        for kid in ["", "unknown", "RSA", "../jwks.json"] {
            assert_refused(&server, kid, &key.token_with(&json!({"alg": alg, "kid": kid}), "ann")).await;
        }
        for other in keys.iter().filter(|other| other.id != key.id) {
            let header = json!({"alg": alg, "kid": other.id});
            assert_refused(&server, "the kid of another key", &key.token_with(&header, "ann")).await;
            let header = json!({"alg": format!("{:?}", other.algorithm), "kid": other.id});
            assert_refused(&server, "the whole header of another key", &key.token_with(&header, "ann")).await;
        }
        let stranger = ProviderKey::new("stranger", key.algorithm);
        let header = json!({"alg": alg, "kid": key.id, "jwk": stranger.jwk(), "jku": "http://127.0.0.1:1/keys"});
        assert_refused(&server, "a key brought along", &stranger.token_with(&header, "ann")).await;
    }
    assert_refused(&server, "the secret of other servers", &token("ann")).await;
    let public = base64url(keys[0].jwk()["n"].as_str().expect("a modulus").as_bytes());
    let hmac = EncodingKey::from_secret(public.as_bytes());
    let header = json!({"alg": "HS256", "kid": "rsa"});
    let confused = sealed(&header, Claims::of("ann").json(), &hmac, Algorithm::HS256);
    assert_refused(&server, "HMAC with a public key", &confused).await;
}

#[tokio::test]
async fn an_algorithm_that_was_given_and_the_marks_of_a_key_narrow_the_set() {
    let (ec, other) = (ProviderKey::new("ec", Algorithm::ES256), ProviderKey::new("rsa", Algorithm::RS256));
    let encryption = ProviderKey::new("enc", Algorithm::ES256);
    let mut unused = encryption.jwk();
    unused["use"] = "enc".into();
    let unknown = json!({"kty": "PQ", "kid": "pq", "pub": "AAAA"});
    let (setup, _path) = with_set(&[unknown, unused, other.jwk(), ec.jwk()]);
    let server = setup.set("auth.jwt_algorithm", "\"ES256\"").start();
    assert_eq!(buy_with(&server, &ec.token("ann")).await.status, 201);
    assert_refused(&server, "another algorithm", &other.token("ann")).await;
    assert_refused(&server, "a key for encryption", &encryption.token("ann")).await;
    let only = ec.token_with(&json!({"alg": "ES256"}), "ann");
    assert_eq!(buy_with(&server, &only).await.status, 201, "there is only one key that fits");
}

#[tokio::test]
async fn a_new_file_takes_effect_by_itself_and_a_broken_one_takes_nothing_away() {
    let (old, new) = (ProviderKey::new("old", Algorithm::ES256), ProviderKey::new("new", Algorithm::RS256));
    let (setup, path) = with_set(&[old.jwk()]);
    let server = setup.start();
    assert_eq!(buy_with(&server, &old.token("ann")).await.status, 201);
    assert_refused(&server, "not published yet", &new.token("ann")).await;
    publish(&path, &[old.jwk(), new.jwk()]);
    until(&server, &new.token("ann"), 200).await;
    assert_eq!(buy_with(&server, &old.token("ann")).await.status, 201, "both while they overlap");
    assert!(!is_stale(&server).await);

    for broken in ["", "{\"keys\":", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"x\"}]}"] {
        write(&path, broken);
        let noticed = async {
            while !is_stale(&server).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, noticed).await.expect("told in the metrics");
        assert_eq!(buy_with(&server, &new.token("ann")).await.status, 201, "after {broken:?}");
    }
    std::fs::remove_file(&path).expect("it was there");
    assert_eq!(buy_with(&server, &new.token("ann")).await.status, 201);
    assert!(server.stderr().contains("auth.jwt_jwks_file cannot be used"), "{}", server.stderr());
    publish(&path, &[new.jwk()]);
    until(&server, &old.token("ann"), 401).await;
    assert_eq!(buy_with(&server, &new.token("ann")).await.status, 201);
    assert!(!is_stale(&server).await);
}

#[test]
fn a_set_without_a_key_that_fits_is_no_start() {
    let ec = ProviderKey::new("ec", Algorithm::ES256);
    let mut small = json!({"kty": "RSA", "kid": "small", "e": "AQAB"});
    small["n"] = base64url(&[0xC3; 128]).into();
    let mut off_the_curve = ec.jwk();
    off_the_curve["y"] = off_the_curve["x"].clone();
    let short = json!({"kty": "oct", "kid": "short", "k": "c2hvcnQ"});
    for (what, keys) in [
        ("no key", vec![]),
        ("a small modulus", vec![small]),
        ("no point of the curve", vec![off_the_curve]),
        ("a short secret", vec![short]),
        ("a kid twice", vec![ec.jwk(), ec.jwk()]),
        ("an unknown kind", vec![json!({"kty": "PQ"})]),
        ("no keys at all", vec![json!(7)]),
    ] {
        let stopped = with_set(&keys).0.try_start().err().unwrap_or_else(|| panic!("started with {what}"));
        assert_eq!(stopped.status.code(), Some(78), "{what}: {stopped}");
        assert!(stopped.stderr.contains("auth.jwt_jwks_file") && !stopped.stderr.contains("c2hvcnQ"), "{stopped}");
    }
    let missing = shop().set("auth.jwt_jwks_file", "\"/nowhere/jwks.json\"").try_start().err().expect("no start");
    assert!(missing.stderr.contains("auth.jwt_jwks_file: cannot be read"), "{missing}");
    let (setup, path) = with_set(&[ec.jwk()]);
    let both = setup.set("auth.jwt_public_key_file", &format!("{:?}", path.display().to_string()));
    let stopped = both.try_start().err().expect("no start");
    assert!(stopped.stderr.contains("cannot be given together"), "{stopped}");
}
