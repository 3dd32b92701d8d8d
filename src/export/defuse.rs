//! **Job:** keeps a spreadsheet from running a text as a formula, or from making a number or a date of it.
//! **Owns:** the apostrophe in front of such a text, and what looks like one.
//! **Never:** loses anything: who takes one leading apostrophe away has the text as it was, whatever it was.
//!
//! An apostrophe is how spreadsheets themselves mark a text (OWASP, "CSV Injection"). Quoting does not help: quotes are
//! gone before a cell is interpreted.

use std::borrow::Cow;

/// In front of a formula: of any spreadsheet, and what East Asian ones take for the same characters.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Most digits of a number that every spreadsheet keeps: they calculate with binary64.
const EXACT_DIGITS: usize = 15;

/// Words that spreadsheets know within dates, times and numbers.
const KNOWN: [&str; 32] = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "am",
    "pm",
    "a",
    "p",
    "e",
    "t",
    "z",
    "h",
];

/// The text, with an apostrophe in front if a spreadsheet would make something else of it, or if it begins with one.
pub(super) fn defused(text: &str) -> Cow<'_, str> {
    let is_misread = text.starts_with('\'')
        || text.trim_start_matches(' ').starts_with(FORMULA)
        || is_a_truth_value(text)
        || is_number_or_date(text);
    if is_misread { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn is_a_truth_value(text: &str) -> bool {
    ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether it has digits, and nothing that a date, a time or a number could not have. Plain numbers that stay what they
/// are do not count.
fn is_number_or_date(text: &str) -> bool {
    let is_plain = text.len() <= EXACT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    let keeps_its_digits = is_plain && (text == "0" || !text.starts_with('0'));
    if keeps_its_digits || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let is_part = |char: char| char.is_ascii_alphanumeric() || " -/.,:+%$()€£¥年月日".contains(char);
    let begins = text.starts_with(|first: char| !first.is_ascii_alphabetic()) || begins_with_a_month(text);
    let mut words = text.split(|char: char| !char.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    text.chars().all(is_part) && begins && words.all(|word| is_known(&word.to_ascii_lowercase()))
}

fn begins_with_a_month(text: &str) -> bool {
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    word.len() > 2 && is_known(&word.to_ascii_lowercase())
}

fn is_known(word: &str) -> bool {
    KNOWN.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_or_change_has_an_apostrophe_in_front() {
        for text in [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1+1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "  =1",
            "＝1+1",
            "＠x",
            "1-2-3",
            "2026-11-28",
            "28.11.2026",
            "1/2",
            "12:30",
            "7:05 pm",
            "007",
            "0123",
            "103547991597142817347",
            "1e5",
            "12E-3",
            "1.50",
            "1,5",
            "50%",
            "$5",
            "(5)",
            ".5",
            "MAR1",
            "Sept-2",
            "1 Jan 2026",
            "10jan",
            "2026年11月28日",
            "true",
            "FALSE",
            "'quoted",
            "--",
        ] {
            let defused = defused(text);
            assert_eq!(defused.strip_prefix('\''), Some(text));
        }
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "",
            "0",
            "5",
            "1001",
            "123456789012345",
            "ann",
            "user-1",
            "sku-1",
            "auth0|5f7c8ec7",
            "ann@example.org",
            "may",
            "market-5",
            "jan1x",
            "b1-2",
            "Lamp 5 W",
            "a=1",
            "灯",
            "C0110000001N",
            "P000000012",
            "e5",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(defused(text), text);
        }
    }
}
