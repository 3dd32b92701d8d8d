//! **Job:** decodes a record into a row of the ledger.
//! **Owns:** the byte layout of <https://www.sqlite.org/fileformat2.html#record_format>.
//! **Never:** takes a record with other columns or types than the ledger's.

use std::borrow::Cow;

use crate::ledger::{Kind, Row};

/// Most bytes of a variable-length integer.
const MAX_VARINT: usize = 9;

/// A variable-length integer and its length in bytes.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        if at + 1 == MAX_VARINT {
            return Some((value << 8 | u64::from(*byte), MAX_VARINT));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// The record is none of the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unfit;

/// The row with the number `seq` and this record.
pub(super) fn row(seq: i64, record: &[u8]) -> Option<Row<'_>> {
    read(seq, record).ok()
}

fn read(seq: i64, record: &[u8]) -> Result<Row<'_>, Unfit> {
    let mut columns = Columns::of(record).ok_or(Unfit)?;
    // `seq` is the row's own number, for which the record has a NULL.
    if seq < 1 || columns.next() != Some(Value::Null) {
        return Err(Unfit);
    }
    let row = Row {
        seq,
        kind: columns.number()?,
        at: columns.number()?,
        item: columns.number()?,
        order_number: columns.optional_number()?,
        user_id: columns.optional_text()?,
        quantity: columns.optional_number()?,
        unit_price: columns.optional_number()?,
        idempotency_key: columns.optional_text()?,
        pay_by: columns.optional_number()?,
        user_live: columns.optional_number()?,
        supply: columns.number()?,
        remaining: columns.number()?,
        definition: columns.optional_text()?.map(Cow::Borrowed),
        detail: None,
        checksum: 0,
    };
    let (detail, checksum) = columns.detail_and_checksum()?;
    let row = Row { detail: detail.map(Cow::Borrowed), checksum, ..row };
    let is_whole = columns.is_done() && Kind::from_number(row.kind).is_some();
    if is_whole { Ok(row) } else { Err(Unfit) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'r> {
    Null,
    Number(i64),
    Text(&'r str),
}

/// The columns of a record, one after another.
struct Columns<'r> {
    types: &'r [u8],
    values: &'r [u8],
}

impl<'r> Columns<'r> {
    fn of(record: &'r [u8]) -> Option<Self> {
        let (length, own) = varint(record)?;
        let length = usize::try_from(length).ok()?;
        Some(Self { types: record.get(own..length)?, values: record.get(length..)? })
    }

    fn next(&mut self) -> Option<Value<'r>> {
        let (kind, length) = varint(self.types)?;
        self.types = &self.types[length..];
        match kind {
            0 => Some(Value::Null),
            1..=4 => self.integer(usize::try_from(kind).ok()?),
            5 => self.integer(6),
            6 => self.integer(8),
            8 | 9 => Some(Value::Number(i64::from(kind == 9))),
            text if text >= 13 && text % 2 == 1 => {
                let bytes = self.take(usize::try_from((text - 13) / 2).ok()?)?;
                std::str::from_utf8(bytes).ok().map(Value::Text)
            }
            _real_blob_or_reserved => None,
        }
    }

    fn take(&mut self, length: usize) -> Option<&'r [u8]> {
        let (value, rest) = self.values.split_at_checked(length)?;
        self.values = rest;
        Some(value)
    }

    /// Big-endian, two's complement.
    fn integer(&mut self, length: usize) -> Option<Value<'r>> {
        let bytes = self.take(length)?;
        let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1_i64 };
        Some(Value::Number(bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))))
    }

    fn number(&mut self) -> Result<i64, Unfit> {
        self.optional_number()?.ok_or(Unfit)
    }

    fn optional_number(&mut self) -> Result<Option<i64>, Unfit> {
        match self.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(Value::Text(_)) | None => Err(Unfit),
        }
    }

    fn optional_text(&mut self) -> Result<Option<&'r str>, Unfit> {
        match self.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Number(_)) | None => Err(Unfit),
        }
    }

    /// Files before version 3 have no detail, only the number behind it.
    fn detail_and_checksum(&mut self) -> Result<(Option<&'r str>, i64), Unfit> {
        match self.next() {
            Some(Value::Number(checksum)) => Ok((None, checksum)),
            Some(Value::Text(detail)) => Ok((Some(detail), self.number()?)),
            Some(Value::Null) => Ok((None, self.number()?)),
            None => Err(Unfit),
        }
    }

    fn is_done(&self) -> bool {
        self.types.is_empty() && self.values.is_empty()
    }
}

/// The checksum of the row, if it is the one that was written after the one with the checksum `before`.
pub(super) fn follows(seq: u64, record: &[u8], before: i64, buffer: &mut Vec<u8>) -> Option<i64> {
    let row = row(i64::try_from(seq).ok()?, record)?;
    row.verify(seq, before, buffer).ok()
}
