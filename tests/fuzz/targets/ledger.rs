//! **Job:** lines of the ledger, as it writes them and as nobody should.
//! **Owns:** that a line which can be read says the same when it is written again, and that no lines break the state.
//! **Never:** opens a data file.

use doorbuster_actors::entry::Entry;
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{Fold, Row};
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::Timestamp;

use super::bytes::Bytes;

/// A line with columns of its own.
pub(super) struct Written {
    kind: i64,
    at: i64,
    pub(super) item: i64,
    numbers: [Option<i64>; 5],
    texts: [Option<String>; 4],
    supply: i64,
    remaining: i64,
}

const USERS: &[&str] = &["ada", "bob", ""];
const KEYS: &[&str] = &["key-1", "key-2", "money-1", "money-2"];
const DETAILS: &[&str] = &[
    concat!(
        r#"{"provider":"doorbuster","event":"e-1","result":"succeeded","verdict":"late","amount":1990,"#,
        r#""currency":"CNY","owed":1990}"#,
    ),
    concat!(
        r#"{"provider":"stripe","event":"e-2","result":"succeeded","verdict":"unknown_order","#,
        r#""amount":5,"currency":"EUR","owed":5,"order_reference":"x"}"#,
    ),
    concat!(
        r#"{"provider":"doorbuster","event":"e-3","result":"refunded","verdict":"applied","#,
        r#""amount":1990,"currency":"CNY","owed":0}"#,
    ),
    concat!(
        r#"{"provider":"doorbuster","event":"e-4","result":"failed","verdict":"failed","#,
        r#""amount":1990,"currency":"CNY","owed":0}"#,
    ),
    r#"{"settled":1990,"currency":"CNY","source":"owed","of":"doorbuster","operator":"eve","reason":"asked"}"#,
    r#"{"settled":1990,"amount":1990,"currency":"CNY","source":"applied","provider":"doorbuster","event":"e-5"}"#,
    r#"{"operator":"eve","reason":"a slip"}"#,
];
const DEFINITIONS: &[&str] = &[
    concat!(
        r#"{"id":"sku-1","title":"A","description":null,"image_url":null,"unit_price":1990,"#,
        r#""currency":"CNY","stock":9,"per_user_limit":9,"opens_at":null,"closes_at":null}"#,
    ),
    concat!(
        r#"{"id":"sku-2","title":"B","description":"b","image_url":"/b.png","unit_price":0,"#,
        r#""currency":"EUR","stock":0,"per_user_limit":1,"opens_at":"2026-11-22T12:00:00.000Z","#,
        r#""closes_at":"2026-11-23T12:00:00.000Z"}"#,
    ),
];

impl Written {
    /// A line of the next bytes.
    pub(super) fn from(bytes: &mut Bytes<'_>) -> Self {
        Self {
            kind: bytes.number(),
            at: bytes.number(),
            item: bytes.number(),
            supply: bytes.number(),
            remaining: bytes.number(),
            numbers: std::array::from_fn(|_| bytes.number_if_any()),
            texts: [USERS, KEYS, DEFINITIONS, DETAILS].map(|likely| bytes.text_if_any(likely)),
        }
    }

    /// The line, without its number and checksum.
    pub(super) fn row(&self) -> Row<'_> {
        let [order_number, quantity, unit_price, pay_by, user_live] = self.numbers;
        let [user_id, idempotency_key, definition, detail] = self.texts.each_ref().map(|text| text.as_deref());
        Row {
            seq: 7,
            kind: self.kind,
            at: self.at,
            item: self.item,
            order_number,
            user_id,
            quantity,
            unit_price,
            idempotency_key,
            pay_by,
            user_live,
            supply: self.supply,
            remaining: self.remaining,
            definition: definition.map(Into::into),
            detail: detail.map(Into::into),
            checksum: 0,
        }
    }
}

/// The line that defines an item.
pub(super) fn item_row(item: i64) -> Row<'static> {
    Row { definition: Some(DEFINITIONS[0].into()), item, ..empty_row() }
}

/// A line that can be read is written again as it was understood.
///
/// # Panics
/// It does not hold.
pub fn ledger_row(input: &[u8]) {
    let written = Written::from(&mut Bytes(input));
    let row = written.row();
    match row.to_entry() {
        Ok(entry) => {
            let again = Row::of(7, &entry);
            assert_eq!(again.to_entry().as_ref(), Ok(&entry), "it says the same");
            let (mut one, mut other) = (Vec::new(), Vec::new());
            assert_eq!(again.checksum(1, &mut one), Row::of(7, &entry).checksum(1, &mut other));
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}

fn first_entry() -> Entry {
    let definition: ItemDefinition =
        Row { definition: Some(DEFINITIONS[0].into()), ..empty_row() }.item_definition().expect("a definition");
    Stock::creation(ItemNumber(1), definition, Timestamp::from_millis(1))
}

/// Any lines behind the one that creates an item, with the right numbers and checksums: each follows, or the ledger is
/// said to be damaged. Units are conserved all the way.
///
/// # Panics
/// It does not hold.
pub fn ledger_fold(input: &[u8]) {
    let mut bytes = Bytes(input);
    let (mut fold, mut checksums) = (Fold::default(), Vec::new());
    let first = first_entry();
    let mut row = Row::of(1, &first);
    row.checksum = row.checksum(0, &mut checksums);
    fold.follow(&row).expect("it creates an item");
    while !bytes.is_empty() {
        let written = Written::from(&mut bytes);
        let mut row = written.row();
        row.seq = i64::try_from(fold.seq + 1).expect("few");
        row.checksum = row.checksum(fold.checksum, &mut checksums);
        let followed = fold.follow(&row);
        for stock in &fold.recovered.stocks {
            assert!(followed.is_err() || stock.balance().holds(), "units are conserved: {:?}", stock.balance());
        }
        if followed.is_err() {
            return;
        }
    }
}

fn empty_row() -> Row<'static> {
    Row { seq: 1, kind: 1, at: 1, item: 1, supply: 9, remaining: 9, ..Row::default() }
}
