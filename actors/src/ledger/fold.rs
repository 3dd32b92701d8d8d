//! **Job:** reads a whole ledger, checks every entry, and folds them into the state they lead to.
//! **Owns:** the walk along the checksum chain up to the mark.
//! **Never:** writes, or stops before the last entry.

use rusqlite::Connection;

use super::kind::Kind;
use super::mark::{Acknowledged, Kept};
use super::row::{Row, columns_of};
use super::{LedgerError, Recovered, schema};
use crate::entry::{Entry, NO_ITEM};
use crate::stock::{Discrepancy, Stock};

/// What a ledger folds to, and where it ends.
#[derive(Debug, Default)]
pub struct Fold {
    /// The state.
    pub recovered: Recovered,
    /// Number of the last entry; 0 if there is none.
    pub seq: u64,
    /// Its checksum.
    pub checksum: i64,
    /// Item and number of each entry that defines an item.
    pub(super) definitions: Vec<(i64, i64)>,
    buffer: Vec<u8>,
}

impl Fold {
    /// Takes the next line in, if it is the next one, whole, and follows from those before it.
    pub fn follow(&mut self, row: &Row<'_>) -> Result<Entry, LedgerError> {
        let seq = self.seq + 1;
        let damaged = |reason: String| LedgerError::Damaged { seq, reason };
        let checksum = row.verify(seq, self.checksum, &mut self.buffer).map_err(damaged)?;
        let entry = row.to_entry().map_err(damaged)?;
        apply(&mut self.recovered, &entry).map_err(|Discrepancy(what)| damaged(what.to_owned()))?;
        if row.kind == Kind::Item as i64 {
            self.definitions.push((row.item, row.seq));
        }
        self.recovered.latest = self.recovered.latest.max(entry.at);
        self.recovered.entries = seq;
        (self.seq, self.checksum) = (seq, checksum);
        Ok(entry)
    }
}

/// Folds all entries; `each` sees them on the way.
pub(super) fn read(
    connection: &Connection,
    acknowledged: Option<&Acknowledged>,
    mut each: impl FnMut(&Entry),
) -> Result<Fold, LedgerError> {
    let mut fold = Fold::default();
    let columns = columns_of(schema::version(connection)?);
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM ledger ORDER BY seq"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let entry = fold.follow(&Row::read(row)?)?;
        if let Some(mark) = acknowledged.filter(|mark| mark.seq == fold.seq && mark.checksum != fold.checksum) {
            let reason = "it is not the entry that was acknowledged under this number".to_owned();
            return Err(LedgerError::Damaged { seq: mark.seq, reason });
        }
        each(&entry);
    }
    complete(fold, acknowledged)
}

/// The fold, if nothing that was acknowledged comes after it.
pub(super) fn complete(fold: Fold, acknowledged: Option<&Acknowledged>) -> Result<Fold, LedgerError> {
    match acknowledged.filter(|mark| mark.seq > fold.seq) {
        None => Ok(fold),
        Some(mark) if mark.kept == Kept::UnlessPowerFailed => {
            tracing::warn!(
                found = fold.seq,
                acknowledged = mark.seq,
                "the machine went down, and storage.durability = \"normal\": the last entries are lost"
            );
            Ok(fold)
        }
        Some(mark) => Err(LedgerError::Lost { found: fold.seq, acknowledged: mark.seq, mark: mark.path.clone() }),
    }
}

fn apply(Recovered { stocks, suspense, .. }: &mut Recovered, entry: &Entry) -> Result<(), Discrepancy> {
    if entry.item == NO_ITEM {
        return suspense.apply(entry);
    }
    // Items are created in the order of their numbers, all by one node.
    let Some(last) = stocks.last() else {
        if entry.item.ordinal() != 1 {
            return Err(Discrepancy("its item was never created"));
        }
        stocks.push(Stock::create(entry)?);
        return Ok(());
    };
    if last.number().next() == Some(entry.item) {
        stocks.push(Stock::create(entry)?);
        return Ok(());
    }
    let known = (entry.item.node() == last.number().node()).then_some(entry.item.ordinal());
    let index = known.and_then(|ordinal| usize::try_from(ordinal).ok()?.checked_sub(1));
    let stock = index.and_then(|index| stocks.get_mut(index));
    stock.ok_or(Discrepancy("its item was never created"))?.apply(entry)
}
