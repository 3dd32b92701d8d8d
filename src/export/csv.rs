//! **Job:** records as comma-separated values.
//! **Owns:** the quoting of RFC 4180.
//! **Never:** writes a text that a spreadsheet would run or change: see [`super::defuse`].

use super::cell::Cell;
use super::defuse::defused;

/// What makes Excel read a file as UTF-8. Other programs take it for a part of the first column's name.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The line with the names of the columns.
pub(super) fn header(columns: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(columns.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// One record.
pub(super) fn line(record: &[Cell], out: &mut Vec<u8>) {
    for (index, cell) in record.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let plain = cell.plain();
        match cell {
            Cell::Text(_) => field(&defused(&plain), out),
            Cell::Word(_) | Cell::Whole(_) | Cell::Decimal(_) | Cell::Time(_) | Cell::Nothing => field(&plain, out),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Quoted where a reader could part it: semicolons and tabs separate fields in some countries' spreadsheets.
fn field(text: &str, out: &mut Vec<u8>) {
    if text.contains([',', '"', ';', '\t', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(record: &[Cell]) -> String {
        let mut out = Vec::new();
        line(record, &mut out);
        String::from_utf8(out).expect("texts")
    }

    #[test]
    fn fields_that_could_be_parted_are_quoted() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let record = [text("a,b"), text("say \"hi\""), text("灯; 杯"), text("two\nlines"), Cell::Nothing, text(" x")];
        assert_eq!(written(&record), "\"a,b\",\"say \"\"hi\"\"\",\"灯; 杯\",\"two\nlines\",,\" x\"\r\n");
    }

    #[test]
    fn texts_of_others_are_defused_and_our_own_values_are_not() {
        let record = [
            Cell::Text("=1+1".to_owned()),
            Cell::Word("C0110000001N".to_owned()),
            Cell::Whole(-5),
            Cell::Decimal("19.90".to_owned()),
            Cell::Time("2026-11-22T12:00:00Z".parse().expect("a time")),
        ];
        assert_eq!(written(&record), "'=1+1,C0110000001N,-5,19.90,2026-11-22T12:00:00.000Z\r\n");
    }
}
