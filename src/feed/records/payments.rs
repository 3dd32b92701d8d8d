//! **Job:** reads payments from the data file: those that are owed, were settled, or paid an order.
//! **Owns:** the questions to the view `debts`, and to the entries that say that an order was paid.
//! **Never:** decides what is owed: the view folds the ledger.

use doorbuster_actors::ids::{ItemNumber, OrderId};
use doorbuster_actors::payment::Verdict;
use doorbuster_actors::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::feed::ReadError;
use crate::feed::reader::order_id;

/// Which payments somebody asks for.
#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    /// Whether something is owed.
    pub status: PaymentStatus,
    /// Only events that meant this.
    pub verdict: Option<Verdict>,
    /// Only payments for orders of this item.
    pub item: Option<ItemNumber>,
    /// Only payments for this order.
    pub order: Option<OrderId>,
}

/// Whether something is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaymentStatus {
    /// Something has to go back now.
    #[default]
    Owed,
    /// Something had to go back, and did.
    Settled,
    /// Whatever is on record.
    All,
}

/// Which debt of the order's account a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debt {
    /// None: it pays the order.
    None,
    /// The price of the order.
    Price,
    /// What came with this payment.
    Payment,
}

/// A payment on record.
#[derive(Debug, Clone)]
pub struct PaymentRow {
    /// The number of its entry.
    pub seq: i64,
    /// The order it was for, if it is known.
    pub order: Option<OrderId>,
    /// The item of that order.
    pub item_id: Option<String>,
    /// The buyer of that order.
    pub user_id: Option<String>,
    /// Who reported it; none where an operator cancelled a paid order.
    pub provider: Option<String>,
    /// The provider's id of the event.
    pub event_id: Option<String>,
    /// The provider's id of the money.
    pub payment_reference: Option<String>,
    /// The order as the provider called it, where there is none.
    pub order_reference: Option<String>,
    /// What it meant.
    pub verdict: String,
    /// How much came.
    pub amount: i64,
    /// In which currency.
    pub currency: String,
    /// How much had to go back at first.
    pub due: i64,
    /// How much has to go back now.
    pub owed: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What its amount stands under.
    pub debt: Debt,
}

/// A page of payments.
#[derive(Debug, Clone)]
pub struct PaymentsPage {
    /// The payments, the oldest first.
    pub payments: Vec<PaymentRow>,
    /// Currency and amount of each that is owed, on any page.
    pub owed: Vec<(String, i64)>,
}

/// Of the last definition of the item; found by the index over definitions.
const ITEM_ID: &str = "(SELECT json_extract(definition, '$.id') FROM ledger WHERE kind = 1 AND item = entry.item \
                       ORDER BY seq DESC LIMIT 1)";

const CURRENCY: &str = "(SELECT json_extract(definition, '$.currency') FROM ledger \
                        WHERE kind = 1 AND item = entry.item ORDER BY seq DESC LIMIT 1)";

/// Debts with these filters; `entry` is the entry itself.
const DEBTS: &str = "FROM debts JOIN ledger AS entry ON entry.seq = debts.seq \
                     WHERE (?1 IS NULL OR debts.item = ?1) AND (?2 IS NULL OR debts.order_number = ?2) \
                     AND (?3 IS NULL OR debts.verdict = ?3)";

const DUE: &str = "coalesce(json_extract(entry.detail, '$.owed'), debts.amount)";

fn debts_columns() -> String {
    format!(
        "SELECT debts.seq, debts.item, debts.order_number, {ITEM_ID}, debts.user_id, debts.provider, debts.event_id, \
         debts.payment_reference, debts.order_reference, debts.verdict, debts.amount, debts.currency, {DUE}, \
         debts.owed, debts.at, entry.kind"
    )
}

/// Events that paid an order.
fn applied() -> String {
    format!(
        "SELECT entry.seq, entry.item, entry.order_number, {ITEM_ID}, entry.user_id, \
         coalesce(json_extract(entry.detail, '$.provider'), 'doorbuster'), \
         coalesce(json_extract(entry.detail, '$.event'), entry.idempotency_key), entry.idempotency_key, NULL, \
         'applied', entry.quantity * entry.unit_price, {CURRENCY}, 0, 0, entry.at, entry.kind \
         FROM ledger AS entry WHERE entry.kind = 3 AND entry.idempotency_key IS NOT NULL"
    )
}

impl PaymentFilter {
    fn numbers(&self) -> (Option<u32>, Option<u32>) {
        let item = self.order.map_or(self.item, |order| Some(order.item));
        (item.map(|item| item.0), self.order.map(|order| order.order.0))
    }

    /// The order and the item contradict each other.
    fn is_empty(&self) -> bool {
        self.order.zip(self.item).is_some_and(|(order, item)| order.item != item)
    }

    fn wants_applied(&self) -> bool {
        self.status == PaymentStatus::All && self.verdict.is_none_or(|verdict| verdict == Verdict::Applied)
    }
}

/// A page of payments after an entry.
pub(super) fn page(
    connection: &Connection,
    filter: &PaymentFilter,
    (after, limit): (i64, usize),
) -> Result<PaymentsPage, ReadError> {
    if filter.is_empty() {
        return Ok(PaymentsPage { payments: Vec::new(), owed: Vec::new() });
    }
    let ((item, order), verdict) = (filter.numbers(), filter.verdict.map(Verdict::as_str));
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let status = match filter.status {
        PaymentStatus::Owed => "AND debts.owed > 0",
        PaymentStatus::Settled => &format!("AND debts.owed = 0 AND {DUE} > 0"),
        PaymentStatus::All => "",
    };
    let sql = format!("{} {DEBTS} {status} AND debts.seq > ?4 ORDER BY debts.seq LIMIT ?5", debts_columns());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((item, order, verdict, after, most), read)?;
    let mut payments = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if filter.wants_applied() {
        let sql = format!(
            "{} AND (?1 IS NULL OR entry.item = ?1) AND (?2 IS NULL OR entry.order_number = ?2) AND entry.seq > ?3 \
             ORDER BY entry.seq LIMIT ?4",
            applied()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        for row in statement.query_map((item, order, after, most), read)? {
            payments.push(row?);
        }
        payments.sort_by_key(|payment| payment.seq);
        payments.truncate(limit);
    }
    let sql = format!("SELECT debts.currency, debts.owed {DEBTS} AND debts.owed > 0");
    let mut statement = connection.prepare_cached(&sql)?;
    let owed = statement.query_map((item, order, verdict), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(PaymentsPage { payments, owed: owed.collect::<rusqlite::Result<_>>()? })
}

/// The payment of that entry.
pub(super) fn one(connection: &Connection, seq: i64) -> Result<Option<PaymentRow>, ReadError> {
    let sql = format!("{} {DEBTS} AND debts.seq = ?4", debts_columns());
    let none: Option<i64> = None;
    let debt = connection.prepare_cached(&sql)?.query_row((none, none, none, seq), read).optional()?;
    if debt.is_some() {
        return Ok(debt);
    }
    let sql = format!("{} AND entry.seq = ?1", applied());
    Ok(connection.prepare_cached(&sql)?.query_row([seq], read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<PaymentRow> {
    let (item, order): (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
    Ok(PaymentRow {
        seq: row.get(0)?,
        order: order.and_then(|order| order_id(item, order).ok()),
        item_id: row.get(3)?,
        user_id: row.get(4)?,
        provider: row.get(5)?,
        event_id: row.get(6)?,
        payment_reference: row.get(7)?,
        order_reference: row.get(8)?,
        verdict: row.get(9)?,
        amount: row.get(10)?,
        currency: row.get(11)?,
        due: row.get(12)?,
        owed: row.get(13)?,
        at: Timestamp::from_millis(row.get(14)?),
        debt: match row.get(15)? {
            3 => Debt::None,
            16 => Debt::Payment,
            _price => Debt::Price,
        },
    })
}
