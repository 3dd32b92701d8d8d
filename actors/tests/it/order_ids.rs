//! The data file names orders by itself, for whoever reads it with SQL: by the same names as the program.

use doorbuster_actors::ids::{ItemNumber, NodeNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::format;

#[test]
fn the_view_of_the_data_file_names_every_order_as_the_program_does() {
    let connection = format::pattern(format::known_version()).expect("an empty ledger");
    let powers = || (0..=6).map(|digits| 31_u32.pow(digits));
    let edges = |of: u32| [of - 1, of, of + 1];
    let numbers: Vec<u32> = powers().flat_map(edges).chain([1_000, 123_456_789, u32::MAX]).filter(|n| *n > 0).collect();
    let nodes = [1, 2, 30, 31, 32, NodeNumber::MAX].map(|node| NodeNumber::new(node).expect("a number"));
    let of =
        |node: NodeNumber| numbers.iter().filter_map(move |ordinal| ItemNumber::of(node, *ordinal)).map(|item| item.0);
    let mut seq = 0;
    let mut insert = |kind: u8, item: u32, order: Option<u32>, definition: Option<&str>| {
        seq += 1;
        let sql = "INSERT INTO ledger (seq, kind, at, item, order_number, definition, supply, remaining, checksum) \
                   VALUES (?1, ?2, 0, ?3, ?4, ?5, 1, 1, 0)";
        connection.execute(sql, (seq, kind, item, order, definition)).expect("the table lets it through");
    };
    let items: Vec<_> = nodes.into_iter().flat_map(of).collect();
    for item in &items {
        insert(1, *item, None, Some(r#"{"id":"x","currency":"EUR"}"#));
    }
    for item in &items {
        for order in &numbers {
            insert(2, *item, Some(*order), None);
        }
    }
    let sql = "SELECT ledger.item, ledger.order_number, order_ids.order_id FROM order_ids JOIN ledger USING (seq)";
    let mut rows = connection.prepare(sql).expect("the view is there");
    let told = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))).expect("it reads");
    let mut count = 0;
    for row in told {
        let (item, order, told) = row.expect("a row");
        let id = OrderId { item: ItemNumber(item), order: OrderNumber(order) };
        assert_eq!(told, id.to_string());
        count += 1;
    }
    assert_eq!(count, items.len() * numbers.len());
}
