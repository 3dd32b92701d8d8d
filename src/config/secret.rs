//! **Job:** values that must not be seen.
//! **Owns:** the mask.
//! **Never:** shows itself unasked: not in logs, errors or `Debug`.

use std::fmt;

use super::value::Value;

/// What follows a secret key's name if its value is the path of the secret.
pub(super) const SECRET_FILE_SUFFIX: &str = "_file";

/// What stands for a secret wherever one would be shown.
const MASK: &str = "***";

/// A secret text; empty if it is not set. Compare it in constant time, never with `==`: it has none.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// A secret with this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself. Every caller of this is a place where it could leak.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "" } else { MASK })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Value for Secret {
    const EXPECTED: &'static str = "a text";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }

    fn whole(&self) -> String {
        self.0.clone()
    }
}

/// The address of a Redis. It may carry a password, so it shows itself without user, password and parameters.
#[derive(Clone)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The address with everything in it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").expect("a RedisUrl is only built with a scheme");
        match (rest.rfind('@'), rest.find('?')) {
            (None, None) => f.write_str(&self.0),
            (Some(at), None) => write!(f, "{scheme}://{MASK}{}", &rest[at..]),
            (None, Some(query)) => write!(f, "{scheme}://{}?{MASK}", &rest[..query]),
            // Which of the two marks belongs to a password cannot be told: nothing is shown.
            (Some(_), Some(_)) => write!(f, "{scheme}://{MASK}"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Value for RedisUrl {
    const EXPECTED: &'static str =
        "a URL like redis://127.0.0.1:6379, rediss://redis.example.com:6380 or unix:///run/redis.sock";
    const IN_FILE: bool = true;

    /// A password stands before `@`, or in the parameter `pass` of a socket.
    fn holds_secret(text: &str) -> bool {
        text.contains('@') || text.contains("pass=")
    }

    fn from_text(text: &str) -> Option<Self> {
        let known = ["redis://", "rediss://", "unix://", "redis+unix://"].iter().any(|scheme| text.starts_with(scheme));
        known.then(|| Self(text.to_owned()))
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }

    fn whole(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_only_whether_it_is_set() {
        let secret = Secret::new("canary".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Secret::default()), "*** \"***\" \"\"");
    }

    #[test]
    fn a_redis_url_shows_no_password() {
        let shown = |text| RedisUrl::from_text(text).expect("valid").to_string();
        assert_eq!(shown("redis://127.0.0.1:6379/1"), "redis://127.0.0.1:6379/1");
        for url in [
            "redis://:canary@10.0.0.1/",
            "redis://user:ca@canary@10.0.0.1",
            "unix:///run/redis.sock?pass=canary",
            "redis://:canary?canary@10.0.0.1",
            "redis+unix:///run/redis.sock?pass=x@canary",
        ] {
            assert!(!shown(url).contains("canary"), "{}", shown(url));
        }
    }
}
