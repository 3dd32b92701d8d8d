//! **Job:** a JSON object as it stands in a text: its members, unread, and what is wrong with a text that is none.
//! **Owns:** the sentences about a text that is no object: no word of a parser.
//! **Never:** looks into a member, or decides what an unknown one means.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::fields::Found;

/// The members of an object, in their order, each as it stands in the text.
#[derive(Debug, Clone)]
pub struct Members<'b>(Vec<(String, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl<'b> Members<'b> {
    /// Reads a body; the error is a sentence.
    pub fn read(body: &'b [u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| not_an_object(body, &error))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'b str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }

    /// The values under a name: two, if it stands there twice.
    pub fn of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'b str> + 's {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The first name that stands there again.
    #[must_use]
    pub fn twice(&self) -> Option<&str> {
        let names = self.0.iter().enumerate();
        let is_known = |at: usize, name: &String| self.0[..at].iter().any(|(known, _)| known == name);
        names.into_iter().find(|(at, (name, _))| is_known(*at, name)).map(|(_, (name, _))| name.as_str())
    }
}

/// What is wrong with a body that is no JSON object.
#[must_use]
pub fn not_an_object(body: &[u8], error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Eof if body.trim_ascii().is_empty() => "the body is empty: send a JSON object".to_owned(),
        Category::Eof => "the body ends in the middle of its JSON".to_owned(),
        Category::Data => "the body must be a JSON object".to_owned(),
        Category::Syntax | Category::Io if error.line() > 1 => {
            format!("the body is not JSON: look at its line {}, character {}", error.line(), error.column())
        }
        Category::Syntax | Category::Io => format!("the body is not JSON: look at its character {}", error.column()),
    }
}

/// What is wrong with a body that says something twice.
#[must_use]
pub fn stands_twice(name: &str) -> String {
    format!("member {name:?} stands twice in the body")
}

/// What kind of value it is; `text` is what it says, if it is a text. A whole number in the clothes of a fraction
/// (`1.0`, `1e3`) is none: two readers of the same text may disagree about it.
#[must_use]
pub fn found<'v>(value: &str, text: Option<&'v str>) -> Found<'v> {
    match (text, value) {
        (Some(text), _) => Found::Text(text),
        (None, "null") => Found::Null,
        (None, number) if number.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
            Found::Whole(number.parse().ok())
        }
        (None, _) => Found::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(value: &str) -> Found<'_> {
        found(value, None)
    }

    #[test]
    fn members_are_found_in_their_order_and_twice_if_they_stand_twice() {
        let members = Members::read(br#" {"a":1,"b":{"a":[2]},"a":null} "#).expect("an object");
        assert_eq!(members.iter().collect::<Vec<_>>(), [("a", "1"), ("b", r#"{"a":[2]}"#), ("a", "null")]);
        assert_eq!(members.of("a").collect::<Vec<_>>(), ["1", "null"]);
        assert_eq!((members.twice(), members.of("c").count()), (Some("a"), 0));
        assert_eq!(Members::read(br#"{"a":1,"b":1}"#).expect("an object").twice(), None);
        // Written otherwise, it is the same name.
        assert_eq!(Members::read(br#"{"a":1,"\u0061":1}"#).expect("an object").twice(), Some("a"));
    }

    #[test]
    fn what_is_no_object_is_said_in_plain_words() {
        for (body, sentence) in [
            (" \n", "the body is empty: send a JSON object"),
            ("{\"a\":", "the body ends in the middle of its JSON"),
            ("[1]", "the body must be a JSON object"),
            ("null", "the body must be a JSON object"),
            ("{'a':1}", "the body is not JSON: look at its character 2"),
            ("{\n\"a\":x}", "the body is not JSON: look at its line 2, character 5"),
            ("{}{}", "the body is not JSON: look at its character 3"),
        ] {
            assert_eq!(Members::read(body.as_bytes()).err().as_deref(), Some(sentence), "{body}");
        }
    }

    #[test]
    fn a_number_that_two_readers_may_take_differently_is_no_whole_one() {
        assert_eq!(whole("-7"), Found::Whole(Some(-7)));
        assert_eq!(whole("9223372036854775808"), Found::Whole(None));
        assert_eq!((whole("1.0"), whole("1e3"), whole("true")), (Found::Other, Found::Other, Found::Other));
        assert_eq!((whole("null"), found("\"\"", Some(""))), (Found::Null, Found::Text("")));
    }
}
