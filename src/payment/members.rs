//! **Job:** the members of a JSON object that count, whatever else is in it.
//! **Owns:** what is malformed, and what is missing.
//! **Never:** looks into a member that nobody asked for: providers add some when they like.

use std::fmt;

use doorbuster_actors::ids::IdempotencyKey;
use doorbuster_actors::item::{Amount, Currency};

use super::event::Refusal;
use crate::fields::{Field, faults};
use crate::json_object::{Members, found, stands_twice};

/// An object, and where it stands.
pub(super) struct Object<'b> {
    /// Empty for the body, else with a full stop at its end: `data.object.`.
    path: String,
    members: Members<'b>,
}

impl<'b> Object<'b> {
    /// The body as an object.
    pub(super) fn read(body: &'b [u8]) -> Result<Self, Refusal> {
        Ok(Self { path: String::new(), members: Members::read(body).map_err(Refusal::Malformed)? })
    }

    /// What a member is called in a sentence.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// A member as it stands there; null counts as none.
    fn raw(&self, name: &str) -> Result<Option<&'b str>, Refusal> {
        let mut found = self.members.of(name);
        let value = found.next();
        match found.next() {
            Some(_) => Err(Refusal::Malformed(stands_twice(&self.name(name)))),
            None => Ok(value.filter(|value| *value != "null")),
        }
    }

    /// Says all at once what is wrong with the members in `fields`.
    pub(super) fn check(&self, fields: &[Field]) -> Result<(), Refusal> {
        let mut values = Vec::new();
        for field in fields {
            if let Some(value) = self.raw(field.name)? {
                let text = if value.starts_with('"') { self.text(field.name)? } else { None };
                values.push((field.name, value, text));
            }
        }
        let found = values.iter().map(|(name, value, text)| (*name, found(value, text.as_deref())));
        let wrong = faults(fields, found);
        if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
    }

    /// An object in it, if it is there.
    pub(super) fn object(&self, name: &str) -> Result<Option<Object<'b>>, Refusal> {
        let Some(value) = self.raw(name)? else { return Ok(None) };
        let members = serde_json::from_str(value).map_err(|_error| self.wrong(name, "must be an object"))?;
        Ok(Some(Self { path: format!("{}{name}.", self.path), members }))
    }

    /// A text, if it is there.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(value) = self.raw(name)? else { return Ok(None) };
        if !value.starts_with('"') {
            return Err(self.wrong(name, "must be a text"));
        }
        // Half a character, written as an escape, passes for a text until it is read.
        let broken = |_error| Refusal::Malformed(format!("the value of member {:?} is no JSON", self.name(name)));
        serde_json::from_str(value).map(Some).map_err(broken)
    }

    /// The id of something: a text, or the object itself where the provider was asked to write it out.
    pub(super) fn id(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.raw(name)? {
            Some(value) if value.starts_with('{') => match self.object(name)? {
                Some(whole) => whole.text("id"),
                None => Ok(None),
            },
            Some(_) | None => self.text(name),
        }
    }

    /// A whole number, if it is there. One in the clothes of a fraction is none: two readers may disagree about it.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.raw(name)? else { return Ok(None) };
        value.parse().map(Some).map_err(|_error| self.wrong(name, "must be a whole number"))
    }

    /// An object that must be there.
    pub(super) fn needed_object(&self, name: &str) -> Result<Object<'b>, Refusal> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that must be there.
    pub(super) fn needed_text(&self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A whole number that must be there.
    pub(super) fn needed_whole(&self, name: &str) -> Result<i64, Refusal> {
        self.whole(name)?.ok_or_else(|| self.missing(name))
    }

    /// An amount that must be there.
    pub(super) fn amount(&self, name: &str) -> Result<Amount, Refusal> {
        Amount::new(self.needed_whole(name)?).ok_or_else(|| self.wrong(name, "is out of range"))
    }

    /// A currency that must be there, in letters of either case.
    pub(super) fn currency(&self, name: &str) -> Result<Currency, Refusal> {
        let code = self.needed_text(name)?.to_ascii_uppercase();
        code.parse().map_err(|bad| self.wrong(name, &bad))
    }

    /// An id that can be kept.
    pub(super) fn key(&self, name: &str, text: &str) -> Result<IdempotencyKey, Refusal> {
        text.parse().map_err(|bad| self.wrong(name, &bad))
    }

    pub(super) fn wrong(&self, name: &str, reason: &(impl fmt::Display + ?Sized)) -> Refusal {
        Refusal::member(&self.name(name), reason)
    }

    fn missing(&self, name: &str) -> Refusal {
        self.wrong(name, "is missing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_nobody_asked_for_may_be_whatever_they_like() {
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let body = format!("{{\"x\":{deep},\"y\":1e999,\"x\":\"\\ud800\",\"\":{{}},\"id\":\"e1\",\"none\":null}}");
        let object = Object::read(body.as_bytes()).expect("an object");
        assert_eq!(object.text("id"), Ok(Some("e1".to_owned())));
        assert_eq!(object.text("none"), Ok(None));
        assert!(matches!(object.text("x"), Err(Refusal::Malformed(_))), "it stands twice");
    }

    #[test]
    fn what_counts_is_read_strictly() {
        let object = Object::read(br#"{"a":{"n":1.0,"m":7,"t":3,"l":[],"o":{"id":"x"}}}"#).expect("an object");
        let inner = object.needed_object("a").expect("an object");
        assert_eq!(inner.whole("n"), Err(Refusal::member("a.n", "must be a whole number")));
        assert_eq!(inner.whole("m"), Ok(Some(7)));
        assert_eq!(inner.text("t"), Err(Refusal::member("a.t", "must be a text")));
        assert_eq!(inner.id("o"), Ok(Some("x".to_owned())));
        assert_eq!(inner.needed_text("z"), Err(Refusal::member("a.z", "is missing")));
        assert!(inner.object("l").is_err_and(|refusal| refusal == Refusal::member("a.l", "must be an object")));
        for body in ["", "[]", "null", "{", "{}x", "{\"a\":1"] {
            assert!(matches!(Object::read(body.as_bytes()), Err(Refusal::Malformed(_))), "{body}");
        }
    }
}
