//! **Job:** an origin of web pages, as a browser names it.
//! **Owns:** what one looks like.
//! **Never:** is a pattern: who may buy is listed, one by one.

use std::fmt;

use super::value::Value;

/// `https://shop.example.com`: scheme, host, and the port if it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// As a browser writes it into `Origin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _whole => (address, None),
        };
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.[]:".contains(&byte);
        let port_is_told = match port {
            None => true,
            Some("80") => text.starts_with("https:"),
            Some("443") => text.starts_with("http:"),
            Some(port) => port.parse::<u16>().is_ok(),
        };
        (!host.is_empty() && host.bytes().all(is_host) && port_is_told).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Vec<WebOrigin> {
    const EXPECTED: &'static str = "a list of origins as browsers name them, like https://shop.example.com (small \
        letters, no path, no `*`, no port that is the scheme's own)";

    /// Commas stand between the origins; an empty text is an empty list.
    fn from_text(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::new());
        }
        text.split(',').map(|origin| WebOrigin::parse(origin.trim())).collect()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(|origin| WebOrigin::parse(origin.as_str()?)).collect()
    }

    fn to_toml(&self) -> toml::Value {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in ["https://shop.example.com", "http://localhost:3000", "https://[::1]:8443", "http://[::1]"] {
            assert!(WebOrigin::parse(good).is_some(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "shop.example.com",
            "https://",
            "https://*.example.com",
            "https://Shop.example.com",
            "https://shop.example.com/",
            "https://shop.example.com:443",
            "http://shop.example.com:80",
            "https://shop.example.com:x",
            "https://a@shop.example.com",
        ] {
            assert!(WebOrigin::parse(bad).is_none(), "{bad}");
        }
    }
}
