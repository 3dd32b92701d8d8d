//! **Job:** the URL that order events are sent to, and the form of the key that signs them.
//! **Owns:** what either may look like.
//! **Never:** takes a URL with a user or a password, or shows what stands behind its `?`.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::secret::Secret;
use super::value::Value;

/// Longest URL, in bytes.
const MAX_LENGTH: usize = 2_048;

/// What a signing key begins with (Standard Webhooks, "Symmetric").
const KEY_MARK: &str = "whsec_";

/// Bytes of a signing key, as Standard Webhooks wants them.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Fewest distinct bytes of a key: 24 random ones have fewer once in 10¹⁸ times.
const MIN_DISTINCT_BYTES: usize = 8;

/// Standard base64, with its padding or without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where order events are sent. It is shown in logs and on the operations listener: credentials do not belong in it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// The whole URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the way there is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['#', '\\', '"', '<', '>']);
        let uri = text.parse::<ureq::http::Uri>().ok();
        let has_host = uri.is_some_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        let has_port = match authority.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok_and(|port| port > 0),
            Some(_) | None => true,
        };
        let fits = is_plain && has_host && has_port && !authority.contains('@') && text.len() <= MAX_LENGTH;
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once('?') {
            Some((place, _)) => write!(f, "{place}?***"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Value for WebhookUrl {
    const EXPECTED: &'static str = "a URL like https://shop.example.com/hooks, without user, password and #: it is \
        shown in logs, and webhook.secret proves who sends";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }

    fn whole(&self) -> String {
        self.0.clone()
    }
}

/// The bytes of a signing key: `whsec_` and base64 of 24 to 64 of them. `None` if it is not one, or easy to guess.
#[must_use]
pub fn signing_key(secret: &Secret) -> Option<Vec<u8>> {
    let key = BASE64.decode(secret.expose().strip_prefix(KEY_MARK)?).ok()?;
    let distinct = key.iter().collect::<BTreeSet<_>>().len();
    (KEY_BYTES.contains(&key.len()) && distinct >= MIN_DISTINCT_BYTES).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_no_credentials_and_shows_no_query() {
        for good in [
            "https://shop.example.com",
            "https://shop.example.com:8443/hooks/doorbuster?shop=1&x=@",
            "http://127.0.0.1:9/x",
            "http://[::1]:9/",
        ] {
            let shown = WebhookUrl::from_text(good).expect(good).to_string();
            assert_eq!(shown, good.replace("shop=1&x=@", "***"));
        }
        for bad in [
            "",
            "shop.example.com",
            "ftp://shop.example.com",
            "https://",
            "https:///hooks",
            "https://ann@shop.example.com",
            "https://ann:canary@shop.example.com/hooks",
            "https://:canary@shop.example.com",
            "https://shop.example.com:0",
            "https://shop.example.com:",
            "https://shop.example.com:99999",
            "https://shop.example.com/#hooks",
            "https://shop.example.com/a b",
            "https://shop.example.com/\r\nx",
            "https://läden.example.com/",
        ] {
            assert!(WebhookUrl::from_text(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_base64_of_24_to_64_bytes() {
        let key = |bytes: usize, tail: &str| {
            let bytes: Vec<_> = (0..64).take(bytes).collect();
            signing_key(&Secret::new(format!("{KEY_MARK}{}{tail}", BASE64.encode(bytes)))).map(|key| key.len())
        };
        assert_eq!([24, 32, 64].map(|bytes| key(bytes, "")), [Some(24), Some(32), Some(64)]);
        assert_eq!([23, 0].map(|bytes| key(bytes, "")), [None, None]);
        assert_eq!(key(24, "\n"), None);
        let of = |text: &str| signing_key(&Secret::new(text.to_owned()));
        // The example of the specification, with padding and without.
        let example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(of(example).map(|key| key.len()), Some(24));
        assert_eq!(of("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA").map(|key| key.len()), Some(25));
        for bad in [&example[6..], "whsec_", "whsec_!!!!", &format!("whsec_{}", "A".repeat(44)), "whsk_AAAA"] {
            assert!(of(bad).is_none(), "{bad}");
        }
        assert!(of(&format!("whsec_{}", BASE64.encode([1; 65]))).is_none());
    }
}
