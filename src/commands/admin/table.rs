//! **Job:** columns of text, each as wide as its widest cell.
//! **Owns:** how a member of an answer looks in a cell.
//! **Never:** lets a cell tell the terminal what to do.

use doorbuster_actors::item::Currency;
use serde_json::Value;
use textwrap::core::display_width;

use crate::commands::text::Text;

/// What stands where there is nothing.
const NONE: &str = "-";

/// The side that a column keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A column: its heading, its side, and what stands in it.
pub(super) type Column = (&'static str, Side, fn(&Value) -> String);

/// A member as it is.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => Text::from(text.as_str()).to_string(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Minor units as people write them: with as many decimals as the currency has.
pub(super) fn money(amount: &Value, currency: &Value) -> String {
    let (Some(minor), Some(code)) = (amount.as_i64(), currency.as_str()) else { return NONE.to_owned() };
    let digits = code.parse::<Currency>().ok().and_then(|currency| currency.minor_digits()).unwrap_or(0);
    let code = Text::from(code);
    let digits = usize::from(digits);
    let text = format!("{minor:0width$}", width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    if part.is_empty() { format!("{whole} {code}") } else { format!("{whole}.{part} {code}") }
}

/// A line of headings, then one a row.
pub(super) fn print(columns: &[Column], rows: &[Value]) -> String {
    let headings = columns.iter().map(|(heading, ..)| (*heading).to_owned()).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|(.., text)| text(row)).collect());
    let table: Vec<Vec<String>> = std::iter::once(headings).chain(cells).collect();
    let widest = |at: usize| table.iter().map(|row| display_width(&row[at])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let mut text = String::new();
    for row in &table {
        let mut line = String::new();
        for ((cell, width), (_, side, _)) in row.iter().zip(&widths).zip(columns) {
            let blanks = " ".repeat(width - display_width(cell));
            match side {
                Side::Left => line.extend([cell.as_str(), &blanks, "  "]),
                Side::Right => line.extend([blanks.as_str(), cell, "  "]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        for (minor, code, text) in [
            (1_990, "CNY", "19.90 CNY"),
            (5, "EUR", "0.05 EUR"),
            (1_990, "JPY", "1990 JPY"),
            (1_990, "KWD", "1.990 KWD"),
            (0, "KWD", "0.000 KWD"),
        ] {
            assert_eq!(money(&json!(minor), &json!(code)), text);
        }
        assert_eq!(money(&Value::Null, &json!("EUR")), "-");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_no_cell_steers_the_terminal() {
        let columns: [Column; 2] =
            [("name", Side::Left, |row| cell(&row["name"])), ("n", Side::Right, |row| cell(&row["n"]))];
        let rows = [json!({"name": "a\u{1b}[2J", "n": 7}), json!({"name": "longer name", "n": 1000})];
        assert_eq!(print(&columns, &rows), "name            n\na\u{FFFD}[2J          7\nlonger name  1000\n");
    }
}
