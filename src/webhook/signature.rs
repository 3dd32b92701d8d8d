//! **Job:** signs messages as Standard Webhooks says: HMAC-SHA256 over id, time and body.
//! **Owns:** the keys, and that each has its signature while two are in use.
//! **Never:** shows a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::config::{Webhook, signing_key};

/// The keys that sign, the current one first. Deliberately without `Debug`.
#[derive(Clone)]
pub(super) struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Those of the configuration, which has been validated.
    pub(super) fn of(webhook: &Webhook) -> Self {
        Self([&webhook.secret, &webhook.previous_secret].into_iter().filter_map(signing_key).collect())
    }

    /// The value of `webhook-signature`: a signature of each key, with blanks between them.
    pub(super) fn sign(&self, id: &str, time_s: i64, body: &[u8]) -> String {
        let sign = |key: &Vec<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(format!("{id}.{time_s}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn keys(secret: &str, previous: &str) -> Keys {
        let [secret, previous_secret] = [secret, previous].map(|text| Secret::new(text.to_owned()));
        Keys::of(&Webhook { secret, previous_secret, ..Webhook::default() })
    }

    /// The example that the libraries of Standard Webhooks are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_example_is_signed_as_published() {
        let signed = keys(SECRET, "").sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, SIGNATURE);
    }

    #[test]
    fn while_a_key_is_replaced_each_signs() {
        let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let sign = |keys: Keys| keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let both = sign(keys(other, SECRET));
        assert_eq!(both, format!("{} {SIGNATURE}", sign(keys(other, ""))));
    }
}
