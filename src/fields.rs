//! **Job:** what a document's members must be, as a table, and what is wrong with those that are there, in plain words.
//! **Owns:** the sentences: no term of a parser, no type of a programming language.
//! **Never:** knows a format: whoever reads one says what kind of value it found.

use std::borrow::Cow;

use indicatif::HumanCount;

/// One member of a document.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// Whether it must be there.
    pub presence: Presence,
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text; what it says is for its reader to judge.
    Text,
    /// A whole number within these bounds.
    Whole {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// Whether a member must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It may be missing, or null where the format has that.
    Optional,
}

/// A value as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'v> {
    /// A text.
    Text(&'v str),
    /// A whole number; none if it is out of every bound.
    Whole(Option<i64>),
    /// What stands for "nothing".
    Null,
    /// Something else: a truth value, a fraction, a list, an object.
    Other,
}

/// What is wrong with one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it must be, or what is the matter: to come after the name.
    pub reason: Cow<'static, str>,
    /// The whole sentence.
    pub sentence: String,
}

impl Field {
    /// A member that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, presence: Presence::Required }
    }

    /// A member that may be missing.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, presence: Presence::Optional }
    }

    fn takes(&self, found: Found<'_>) -> bool {
        match (self.kind, found) {
            (Kind::Text, Found::Text(_)) => true,
            (Kind::Whole { least, most }, Found::Whole(Some(number))) => (least..=most).contains(&number),
            (Kind::OneOf(words), Found::Text(text)) => words.contains(&text),
            (_, Found::Null) => self.presence == Presence::Optional,
            (_, Found::Text(_) | Found::Whole(_) | Found::Other) => false,
        }
    }
}

impl Kind {
    /// "a whole number from 1 to 100".
    #[must_use]
    pub fn description(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Whole { least, most } => format!("a whole number from {} to {}", grouped(least), grouped(most)),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
        }
    }
}

impl Wrong {
    /// A member that has another value than it must.
    #[must_use]
    pub fn value(name: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        let (name, reason) = (name.into(), reason.into());
        let sentence = format!("{name} {reason}");
        Self { name, reason, sentence }
    }

    /// A member that nobody knows; `what` is what the format calls such a thing.
    #[must_use]
    pub fn unknown(what: &str, name: &str, allowed: &str) -> Self {
        let allowed = if allowed.is_empty() { "none" } else { allowed };
        Self {
            name: name.to_owned().into(),
            reason: format!("is not known here; allowed: {allowed}").into(),
            sentence: format!("unknown {what} {name:?}; allowed: {allowed}"),
        }
    }
}

/// All that is wrong with the members of a document, in the order in which they came, then those that are missing.
#[must_use]
pub fn faults<'v>(fields: &[Field], found: impl IntoIterator<Item = (&'v str, Found<'v>)>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut missing: Vec<_> = fields.iter().filter(|field| field.presence == Presence::Required).collect();
    for (name, value) in found {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            wrong.push(Wrong::unknown("member", name, &names(fields)));
            continue;
        };
        missing.retain(|required| required.name != name);
        if !field.takes(value) {
            wrong.push(Wrong::value(field.name, format!("must be {}", field.kind.description())));
        }
    }
    wrong.extend(missing.into_iter().map(|field| Wrong::value(field.name, "is missing")));
    wrong
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

/// A number as people write it: 1,000,000.
#[must_use]
pub fn grouped(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", HumanCount(number.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        Field::required("title", Kind::Text),
        Field::required("count", Kind::Whole { least: 1, most: 1_000 }),
        Field::optional("kind", Kind::OneOf(&["a", "b"])),
    ];

    fn sentences(found: &[(&str, Found<'_>)]) -> Vec<String> {
        faults(FIELDS, found.iter().copied()).into_iter().map(|wrong| wrong.sentence).collect()
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words_and_all_of_it_at_once() {
        let good = [("title", Found::Text("x")), ("count", Found::Whole(Some(1_000)))];
        assert_eq!(sentences(&good), [""; 0]);
        let null = [good[0], good[1], ("kind", Found::Null)];
        assert_eq!(sentences(&null), [""; 0]);
        let all = [("count", Found::Whole(Some(0))), ("price", Found::Other), ("kind", Found::Text("c"))];
        let expected = [
            "count must be a whole number from 1 to 1,000",
            "unknown member \"price\"; allowed: title, count, kind",
            "kind must be one of a, b",
            "title is missing",
        ];
        assert_eq!(sentences(&all), expected);
        for value in [Found::Null, Found::Other, Found::Whole(Some(1))] {
            assert_eq!(sentences(&[("title", value), good[1]]), ["title must be a text"]);
        }
        assert_eq!(sentences(&[good[0], ("count", Found::Whole(None))]).len(), 1);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (-1_000, "-1,000"), (9_007_199_254_740_991, "9,007,199,254,740,991")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
