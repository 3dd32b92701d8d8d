//! **Job:** what is told of an item beside each of its records.
//! **Owns:** the last definition of every item.
//! **Never:** forgets an item that is gone: money may have come for it.

use std::collections::HashMap;

use doorbuster_actors::item::Currency;
use doorbuster_actors::ledger::{Row, columns_of};

use super::pages::{ExportError, Stretch, damaged, signed};

/// An item.
pub(super) struct Good {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) currency: Currency,
}

/// Items by their numbers.
pub(super) struct Goods(HashMap<i64, Good>);

impl Goods {
    /// As they are at the end of the stretch.
    pub(super) fn read(stretch: &Stretch<'_>) -> Result<Self, ExportError> {
        let columns = columns_of(stretch.version);
        let sql = format!("SELECT {columns} FROM ledger WHERE kind = 1 AND seq <= ?1 ORDER BY item, seq");
        let mut statement = stretch.connection.prepare(&sql)?;
        let mut rows = statement.query([signed(stretch.upto)])?;
        let mut goods = HashMap::new();
        while let Some(row) = rows.next()? {
            let row = Row::read(row)?;
            let definition = row.item_definition().map_err(|reason| damaged(&row, reason))?;
            let (id, title, currency) = (definition.id.to_string(), definition.title, definition.currency);
            goods.insert(row.item, Good { id, title, currency });
        }
        Ok(Self(goods))
    }

    /// The item of an entry; none where money came for no order.
    pub(super) fn of(&self, row: &Row<'_>) -> Option<&Good> {
        self.0.get(&row.item)
    }
}
