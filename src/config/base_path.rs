//! **Job:** the path below which everything public lives, if it is not the root.
//! **Owns:** what such a path looks like, and which paths lie below it.
//! **Never:** is written into a page: links of pages are relative.

use std::fmt;
use std::sync::Arc;

use super::value::Value;

/// Longest of them, in bytes: it is part of every address.
const MAX_LENGTH: usize = 200;

/// Empty, or like `/sale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePath(Arc<str>);

impl Default for BasePath {
    fn default() -> Self {
        Self("".into())
    }
}

impl BasePath {
    /// As it stands in front of a path of ours.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same to be kept, none at the root.
    #[must_use]
    pub fn shared(&self) -> Option<Arc<str>> {
        (!self.is_empty()).then(|| Arc::clone(&self.0))
    }

    /// Whether everything lives at the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What of a path is ours: empty or beginning with `/`; none if the path does not lie below.
    #[must_use]
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&*self.0).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let is_segment = |segment: &str| {
            let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_unreserved)
        };
        let segments = text.strip_prefix('/')?;
        (text.len() <= MAX_LENGTH && segments.split('/').all(is_segment)).then(|| Self(text.into()))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for BasePath {
    const EXPECTED: &'static str = "a path like /sale: a / in front and none at the end, no query, no `.` or `..`, and \
        otherwise only letters, digits, `-`, `.`, `_` and `~`, at most 200 bytes (or an empty text for the root)";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_has_plain_segments_and_no_slash_at_its_end() {
        for good in ["", "/sale", "/a/b-c/d.e/f_g~h", "/2026"] {
            assert_eq!(BasePath::parse(good).map(|path| path.to_string()).as_deref(), Some(good));
        }
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for bad in [
            "/",
            "sale",
            "/sale/",
            "//sale",
            "/a//b",
            "/..",
            "/a/../b",
            "/./a",
            "/a?b",
            "/a#b",
            "/a%20b",
            "/a b",
            "/ü",
            "/{id}",
            "https://a/sale",
            " /sale",
            &long,
        ] {
            assert_eq!(BasePath::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_what_lies_below_is_ours() {
        let sale = BasePath::parse("/sale").expect("a path");
        for (path, rest) in [("/sale", Some("")), ("/sale/", Some("/")), ("/sale/v1/items", Some("/v1/items"))] {
            assert_eq!(sale.strip(path), rest, "{path}");
        }
        for path in ["/", "/sales", "/v1/items", "/sal", "", "/SALE/"] {
            assert_eq!(sale.strip(path), None, "{path}");
        }
        assert_eq!(BasePath::default().strip("/v1/items"), Some("/v1/items"));
    }
}
