//! **Job:** a disk that keeps what a ledger's table keeps: columns, not entries.
//! **Owns:** the rows that were written, in the real encoding and with the real checksum chain.
//! **Never:** encodes, decodes or judges a row itself: the ledger's own code does.

use std::ops::Range;

use doorbuster_actors::entry::Entry;
use doorbuster_actors::ledger::{Fold, Row};

use super::violation::{Outcome, hold};

/// The columns of a row; texts lie in the disk's own memory.
#[derive(Debug, Clone)]
struct Columns {
    numbers: [i64; 7],
    optional: [Option<i64>; 5],
    texts: [Option<Range<usize>>; 4],
}

/// All that was committed. What was not is nowhere.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    rows: Vec<Columns>,
    texts: String,
    buffer: Vec<u8>,
}

impl Disk {
    pub(crate) fn last_seq(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The checksum of the last row.
    pub(crate) fn checksum(&self) -> i64 {
        self.rows.last().map_or(0, |row| row.numbers[6])
    }

    /// Writes the next row.
    pub(crate) fn write(&mut self, entry: &Entry) {
        let row = Row::of(self.last_seq() + 1, entry);
        let checksum = row.checksum(self.checksum(), &mut self.buffer);
        let texts = [row.user_id, row.idempotency_key, row.definition.as_deref(), row.detail.as_deref()];
        let texts = texts.map(|text| text.map(|text| self.keep(text)));
        self.rows.push(Columns {
            numbers: [row.seq, row.kind, row.at, row.item, row.supply, row.remaining, checksum],
            optional: [row.order_number, row.quantity, row.unit_price, row.pay_by, row.user_live],
            texts,
        });
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    /// The row of that number.
    pub(crate) fn row(&self, seq: u64) -> Row<'_> {
        let columns = &self.rows[usize::try_from(seq).expect("small") - 1];
        let [seq, kind, at, item, supply, remaining, checksum] = columns.numbers;
        let [order_number, quantity, unit_price, pay_by, user_live] = columns.optional;
        let [user_id, idempotency_key, definition, detail] =
            columns.texts.each_ref().map(|range| range.clone().map(|range| &self.texts[range]));
        let (definition, detail) = (definition.map(Into::into), detail.map(Into::into));
        Row {
            seq,
            kind,
            at,
            item,
            order_number,
            user_id,
            quantity,
            unit_price,
            idempotency_key,
            pay_by,
            user_live,
            supply,
            remaining,
            definition,
            detail,
            checksum,
        }
    }

    /// Folds all rows, as every start does.
    pub(crate) fn fold(&self) -> Outcome<Fold> {
        let mut fold = Fold::default();
        for seq in 1..=self.last_seq() {
            let followed = fold.follow(&self.row(seq));
            hold(followed.is_ok(), "I14", || format!("the start is refused: {}", followed.expect_err("it is one")))?;
        }
        Ok(fold)
    }

    /// Loses the last rows, as no disk may.
    pub(crate) fn lose(&mut self, rows: usize) {
        self.rows.truncate(self.rows.len().saturating_sub(rows));
    }
}
