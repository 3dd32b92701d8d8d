//! **Job:** what is wrong with a text that is not TOML, for people who write such a file twice a year.
//! **Owns:** the sentences.
//! **Never:** quotes the text: there may be a secret in the line.

/// What a message of the reader means, by a part of it.
const MEANINGS: &[(&str, &str)] = &[
    ("duplicate key", "the name stands there twice"),
    ("unclosed table", "a section's name stands between [ and ]"),
    ("unclosed array table", "an item begins with [[item]], with two brackets on each side"),
    ("unclosed array", "a list stands between [ and ]"),
    ("key with no value", "a name is followed by = and its value"),
    ("invalid basic string", "a text is not ended by a double quote"),
    ("invalid literal string", "a text is not ended by a quote"),
    ("string values must be quoted", "a value that is no number, true or false stands between double quotes"),
    ("invalid float", "a value that is no number stands between double quotes"),
    ("invalid integer", "a value that is no whole number stands between double quotes"),
    ("invalid date", "a time is written like 2030-01-01T12:00:00+08:00"),
    ("invalid time", "a time is written like 2030-01-01T12:00:00+08:00"),
    ("unexpected key or value", "there is one name and one value a line"),
];

/// The line, and what is wrong with it.
pub(crate) fn describe(fault: &toml::de::Error, text: &str) -> String {
    let before = fault.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let message = fault.message();
    let meaning = MEANINGS.iter().find(|(part, _)| message.contains(part)).map(|(_, meaning)| *meaning);
    format!("line {line}: {}", meaning.unwrap_or("this is not TOML: write a line as name = value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_toml_is_named_and_told_in_plain_words() {
        for (text, said) in [
            ("a = 1\na = 2", "line 2: the name stands there twice"),
            ("[server\nworkers = 1", "line 1: a section's name stands between [ and ]"),
            ("[[item\nid = 1", "line 1: an item begins with [[item]], with two brackets on each side"),
            ("a = [1", "line 1: a list stands between [ and ]"),
            ("a \"x\"", "line 1: a name is followed by = and its value"),
            ("a", "line 1: a name is followed by = and its value"),
            ("a = \"x\nb = 1", "line 1: a text is not ended by a double quote"),
            ("a = 'x\n", "line 1: a text is not ended by a quote"),
            ("\n\na = x", "line 3: a value that is no number, true or false stands between double quotes"),
            ("a = 127.0.0.1:80", "line 1: a value that is no number stands between double quotes"),
            ("a = 1 b = 2", "line 1: there is one name and one value a line"),
        ] {
            let fault = toml::from_str::<toml::Table>(text).expect_err("not TOML");
            assert_eq!(describe(&fault, text), said, "{text:?}: {}", fault.message());
        }
    }
}
