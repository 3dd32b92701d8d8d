//! **Job:** tokens, raw and well signed, in front of the check that every purchase goes through.
//! **Owns:** that nothing is accepted that is not signed, has expired, or names nobody.
//! **Never:** trusts the product's own reading of a token.

use std::cell::LazyCell;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::auth::Identity;
use crate::config::{Requested, Sources, load};

const SECRET: &str = "a secret of more than thirty-two bytes, for fuzzing";

/// Begins an input of which header and claims (behind a line end) are signed as they are.
const SIGNED: u8 = b'!';

thread_local! {
    static IDENTITY: LazyCell<Identity> = LazyCell::new(|| {
        let flags = [
            ("auth.jwt_secret", SECRET),
            ("auth.admin_token", "an-admin-token-of-more-than-thirty-two-bytes"),
            ("payment.webhook_secret", "a webhook secret of more than thirty-two bytes"),
            ("auth.jwt_issuer", "idp"),
            ("auth.jwt_audience", "shop"),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let loaded = load(Sources { flags, requested: Requested::None, ..Sources::default() });
        Identity::new(&loaded.expect("a configuration")).expect("keys")
    });
}

fn mac(text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn signed(input: &[u8]) -> Vec<u8> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (header, claims) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac(text.as_bytes()))).into_bytes()
}

fn request(token: &[u8]) -> Option<HttpRequest> {
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
    Some(TestRequest::default().insert_header((AUTHORIZATION, value)).to_http_request())
}

/// Whoever is let in has a token that is signed with our secret, says HS256, holds now, and names them.
///
/// # Panics
/// It does not hold.
pub fn token(input: &[u8]) {
    let token = match input.split_first() {
        Some((&SIGNED, rest)) => signed(rest),
        _raw => input.to_vec(),
    };
    let Some(request) = request(&token) else { return };
    IDENTITY.with(|identity| {
        let inspected = identity.inspect(&token).expect("there are tokens").verdict.is_ok();
        match identity.pass(&request) {
            Ok(pass) => {
                assert!(inspected, "the inspection says what the check says");
                judge(&token, pass.user.as_str());
            }
            // The way of the header is narrower: a token has a largest size, and no blanks.
            Err(problem) => assert_eq!(problem.detail(), "send a valid token"),
        }
    });
}

fn judge(token: &[u8], user: &str) {
    let parts: Vec<_> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, signature] = parts[..] else { panic!("a token has three parts") };
    let text = [header, b".", claims].concat();
    assert_eq!(URL_SAFE_NO_PAD.decode(signature).ok(), Some(mac(&text)), "signed with our secret");
    // What a provider signs beside the claims that are looked at is its own business, UTF-8 or not.
    let read = |part: &[u8]| -> Value {
        let text = URL_SAFE_NO_PAD.decode(part).expect("Base64");
        serde_json::from_str(&String::from_utf8_lossy(&text)).expect("JSON")
    };
    let (header, claims) = (read(header), read(claims));
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("crit").is_none_or(Value::is_null), "{header}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let expiry = claims["exp"].as_f64().expect("an expiry");
    assert!(expiry + 6.0 > now && expiry < 253_402_300_800.0, "{claims}");
    for claim in ["nbf", "iat"] {
        let time = claims.get(claim).filter(|time| !time.is_null());
        assert!(time.is_none_or(|time| time.as_f64().is_some_and(|time| time < now + 6.0)), "{claims}");
    }
    assert_eq!(claims["sub"], user);
    assert!((1..=255).contains(&user.len()) && user.bytes().all(|byte| byte.is_ascii_graphic()), "{user:?}");
    let is_ours =
        |claim: &Value, name: &str| claim == name || claim.as_array().is_some_and(|all| all.contains(&name.into()));
    assert!(is_ours(&claims["iss"], "idp") && is_ours(&claims["aud"], "shop"), "{claims}");
}
