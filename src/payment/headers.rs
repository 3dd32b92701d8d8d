//! **Job:** the headers of a notification.
//! **Owns:** that a header which counts stands there once.
//! **Never:** knows a web server.

/// Names and values, in the order in which they came.
pub struct Headers<'h>(Vec<(&'h str, &'h str)>);

impl<'h> Headers<'h> {
    /// The value of `name`, whatever its case, if it stands there exactly once: of two, nobody can say which a proxy
    /// has looked at.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&'h str> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        values.next().filter(|_| values.next().is_none())
    }
}

impl<'h> FromIterator<(&'h str, &'h str)> for Headers<'h> {
    fn from_iter<I: IntoIterator<Item = (&'h str, &'h str)>>(lines: I) -> Self {
        Self(lines.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_stands_twice_is_none() {
        let headers: Headers<'_> = [("A", "1"), ("b", "2"), ("B", "3")].into_iter().collect();
        assert_eq!((headers.one("a"), headers.one("b"), headers.one("c")), (Some("1"), None, None));
    }
}
