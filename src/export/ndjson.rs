//! **Job:** records as one JSON object a line.
//! **Owns:** that nothing is lost: each value is as it is, and what there is none of is `null`.
//! **Never:** changes a text.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::cell::Cell;

/// One record.
pub(super) fn line(columns: &[&str], record: &[Cell], out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, &Object { columns, record }).expect("texts and numbers, and a vector takes them");
    out.push(b'\n');
}

struct Object<'r> {
    columns: &'r [&'r str],
    record: &'r [Cell],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, cell) in self.columns.iter().zip(self.record) {
            match cell {
                Cell::Whole(number) => object.serialize_entry(column, number)?,
                Cell::Nothing => object.serialize_entry(column, &())?,
                Cell::Text(_) | Cell::Word(_) | Cell::Decimal(_) | Cell::Time(_) => {
                    object.serialize_entry(column, &cell.plain())?;
                }
            }
        }
        object.end()
    }
}
