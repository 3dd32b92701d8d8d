//! **Job:** how a value is read from text and TOML, and written back.
//! **Owns:** the phrase after "expected" for each type.
//! **Never:** knows a key, or repeats a value it could not read: it may be a secret in the wrong place.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// The value does not have the type of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub(super) struct Mismatch(&'static str);

/// A type a key may have.
pub(super) trait Value: Sized {
    /// What a value looks like, to end the sentence "expected …".
    const EXPECTED: &'static str;
    /// Whether the value must not be shown.
    const SECRET: bool = false;
    /// Whether the value may be read from a file instead: `<key>_file`.
    const IN_FILE: bool = Self::SECRET;

    /// Whether this text contains a secret: always where the type is one, and in some texts of other types.
    fn holds_secret(_text: &str) -> bool {
        Self::SECRET
    }

    /// Reads a value of the environment or the command line.
    fn from_text(text: &str) -> Option<Self>;

    /// Reads a value of the configuration file; types that TOML does not have are strings there.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_str().and_then(Self::from_text)
    }

    /// The value as a configuration file has it, a secret masked.
    fn to_toml(&self) -> toml::Value;

    /// The whole value, a secret not masked: to be compared, never shown.
    fn whole(&self) -> String {
        self.to_toml().to_string()
    }
}

/// A place for a value of some type: what the list of all keys is made of.
pub(super) trait Setting {
    fn set_text(&mut self, text: &str) -> Result<(), Mismatch>;
    fn set_toml(&mut self, value: &toml::Value) -> Result<(), Mismatch>;
    fn to_toml(&self) -> toml::Value;
    fn whole(&self) -> String;
    fn may_be_in_file(&self) -> bool;
    fn holds_secret(&self, text: &str) -> bool;
}

impl<T: Value> Setting for T {
    fn set_text(&mut self, text: &str) -> Result<(), Mismatch> {
        *self = T::from_text(text).ok_or(Mismatch(T::EXPECTED))?;
        Ok(())
    }

    fn set_toml(&mut self, value: &toml::Value) -> Result<(), Mismatch> {
        *self = T::from_toml(value).ok_or(Mismatch(T::EXPECTED))?;
        Ok(())
    }

    fn to_toml(&self) -> toml::Value {
        Value::to_toml(self)
    }

    fn whole(&self) -> String {
        Value::whole(self)
    }

    fn may_be_in_file(&self) -> bool {
        T::IN_FILE
    }

    fn holds_secret(&self, text: &str) -> bool {
        T::holds_secret(text)
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Boolean(*self)
    }
}

impl Value for usize {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Integer((*self).into())
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// Takes `2` for `2.0`: nobody should have to know that TOML tells them apart.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "no limit of a key is near 2^53")]
        let whole = |number: i64| number as Self;
        value.as_float().or_else(|| value.as_integer().map(whole))
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Float(*self)
    }
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration with its unit, like 250ms, 5s or 15m";

    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok()
    }

    fn to_toml(&self) -> toml::Value {
        humantime::format_duration(*self).to_string().into()
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str = "an IP address with a port, like 127.0.0.1:8080 or [::1]:8080";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
}

impl Value for Vec<IpNet> {
    const EXPECTED: &'static str = "a list of networks, like 10.0.0.0/8 or ::1/128";

    /// Commas stand between the networks; an empty text is an empty list.
    fn from_text(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::new());
        }
        text.split(',').map(|network| network.trim().parse().ok()).collect()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(|network| network.as_str()?.parse().ok()).collect()
    }

    fn to_toml(&self) -> toml::Value {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().into()
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string_lossy().into_owned().into()
    }
}

/// A key that may be left empty: an empty text is `None`.
impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const SECRET: bool = T::SECRET;
    const IN_FILE: bool = T::IN_FILE;

    fn holds_secret(text: &str) -> bool {
        T::holds_secret(text)
    }

    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::from_text(text).map(Some) }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        if value.as_str() == Some("") { Some(None) } else { T::from_toml(value).map(Some) }
    }

    fn to_toml(&self) -> toml::Value {
        self.as_ref().map_or_else(|| "".into(), T::to_toml)
    }

    fn whole(&self) -> String {
        self.as_ref().map_or_else(String::new, T::whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_toml_read_the_same_value() {
        assert_eq!(<u32 as Value>::from_text("7"), <u32 as Value>::from_toml(&7.into()));
        assert_eq!(<bool as Value>::from_text("true"), <bool as Value>::from_toml(&true.into()));
        assert_eq!(<f64 as Value>::from_text("2"), <f64 as Value>::from_toml(&2.into()));
        let list = toml::Value::from(vec!["10.0.0.0/8", "::1/128"]);
        assert_eq!(Vec::<IpNet>::from_text("10.0.0.0/8, ::1/128"), Vec::<IpNet>::from_toml(&list));
    }

    #[test]
    fn lists_are_separated_by_commas_on_the_command_line() {
        assert_eq!(Vec::<IpNet>::from_text("10.0.0.0/8, ::1/128").map(|list| list.len()), Some(2));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert_eq!(<u32 as Value>::from_toml(&(-1).into()), None);
        assert_eq!(<u32 as Value>::from_toml(&"7".into()), None);
        assert_eq!(<usize as Value>::from_text("1.5"), None);
        assert_eq!(<bool as Value>::from_text("yes"), None);
        assert_eq!(<SocketAddr as Value>::from_text("localhost:80"), None);
        assert_eq!(Vec::<IpNet>::from_text("10.0.0.0/8,,"), None);
        assert_eq!(<String as Value>::from_toml(&5.into()), None);
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(<Duration as Value>::from_text("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(<Duration as Value>::from_text("15m"), Some(Duration::from_mins(15)));
        assert_eq!(<Duration as Value>::from_text("0us"), Some(Duration::ZERO));
        for bad in ["", "5", "-5s", "5 parsecs", "99999999999999999999s"] {
            assert_eq!(<Duration as Value>::from_text(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["250ms", "5s", "15m", "1h 30m", "0s"] {
            let duration = <Duration as Value>::from_text(text).expect("valid");
            assert_eq!(Value::to_toml(&duration), text.into());
        }
    }
}
