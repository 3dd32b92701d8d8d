//! **Job:** texts from a server, made safe to print.
//! **Owns:** which letters a terminal would obey, or be fooled by.
//! **Never:** shortens or translates.

use std::fmt;

use serde::Deserialize;

/// A text from the server, safe to print: control characters and invisible ones that turn a line around are U+FFFD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub struct Text(String);

impl Text {
    pub(in crate::commands) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.chars().map(|letter| if is_harmless(letter) { letter } else { '\u{FFFD}' }).collect())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn is_harmless(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        && !matches!(letter, '\u{61C}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_does_not_reach_it() {
        let title: Text = serde_json::from_str(r#""\u001b[2Jred\u009b31m\u202e\u0007\nx""#).unwrap();
        assert_eq!(title.as_str(), "\u{FFFD}[2Jred\u{FFFD}31m\u{FFFD}\u{FFFD}\u{FFFD}x");
        assert_eq!(Text::from("空气清新剂 é").as_str(), "空气清新剂 é");
    }
}
