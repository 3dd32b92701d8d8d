//! What is answered about orders: own ones, pages of a buyer's and of everybody's.

use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::payment::Origin;
use doorbuster_actors::request::{OfBuyer, Query, Rejection, Transition, Which};
use doorbuster_actors::stock::Stock;

use crate::support::{POLICY, item, moment, one_unit, placed, user};

/// An item of which ada has bought three units, one by one, the second of which she gave up, and bob one in between.
fn eventful(number: u32) -> Stock {
    let definition = ItemDefinition { per_user_limit: 3, ..item(&format!("sku-{number}"), 10) };
    let mut stock = Stock::create(&Stock::creation(ItemNumber(number), definition, moment(0))).expect("a creation");
    assert!(!stock.has_orders());
    for (buyer, at) in [("ada", 1), ("bob", 2), ("ada", 3), ("ada", 4)] {
        placed(stock.reserve(one_unit(buyer), &POLICY, moment(at)));
    }
    assert!(stock.cancel(OrderNumber(3), &user("ada"), moment(5)).answer.is_ok());
    assert!(stock.has_orders());
    stock
}

fn numbers(orders: &[Order]) -> Vec<u32> {
    orders.iter().map(|order| order.id.order.0).collect()
}

#[test]
fn an_order_is_shown_to_its_buyer_only() {
    let stock = eventful(1);
    let own = |name: &str, number| stock.find(&Query::Own { user: user(name), number: OrderNumber(number) });
    assert_eq!(numbers(&own("bob", 2)), [2]);
    assert!(own("ada", 2).is_empty() && own("ada", 9).is_empty());
    assert_eq!(numbers(&stock.find(&Query::AllOf { user: user("ada") })), [4, 3, 1]);
    assert!(stock.find(&Query::AllOf { user: user("eve") }).is_empty());
}

#[test]
fn pages_follow_each_other_in_the_order_of_numbers() {
    let stock = eventful(1);
    let page = |after, limit, status| numbers(&stock.find(&Query::Page { after: OrderNumber(after), limit, status }));
    assert_eq!((page(0, 2, None), page(2, 2, None), page(4, 2, None)), (vec![1, 2], vec![3, 4], vec![]));
    assert_eq!(page(0, 9, Some(Status::Cancelled)), [3]);
    assert_eq!(page(u32::MAX, 9, None), [0; 0]);
    let of = |name, after, limit, status| {
        numbers(&stock.find(&Query::PageOf { user: user(name), after: OrderNumber(after), limit, status }))
    };
    assert_eq!((of("ada", 0, 2, None), of("ada", 3, 2, None)), (vec![1, 3], vec![4]));
    assert_eq!((of("ada", 0, 9, Some(Status::Pending)), of("eve", 0, 9, None)), (vec![1, 4], vec![]));
}

#[test]
fn orders_of_several_items_are_one_list() {
    let stocks = [eventful(1), eventful(2)];
    let ask = |which, limit| {
        let question = OfBuyer { user: user("ada"), which, limit };
        let queries = stocks.iter().filter_map(|stock| Some((stock, question.of_item(stock.number())?)));
        let orders = question.answer(queries.flat_map(|(stock, query)| stock.find(&query)).collect());
        orders.iter().map(|order| (order.id.item.0, order.id.order.0)).collect::<Vec<_>>()
    };
    assert_eq!(ask(Which::Newest, 3), [(2, 4), (1, 4), (2, 3)], "of two at one moment the greater id comes first");
    assert_eq!(ask(Which::Page { after: None, status: None }, 4), [(1, 1), (1, 3), (1, 4), (2, 1)]);
    let after = |item, order| Some(OrderId { item: ItemNumber(item), order: OrderNumber(order) });
    assert_eq!(ask(Which::Page { after: after(1, 4), status: None }, 4), [(2, 1), (2, 3), (2, 4)]);
    assert_eq!(ask(Which::Page { after: after(2, 1), status: Some(Status::Pending) }, 4), [(2, 4)]);
}

#[test]
fn an_order_is_given_up_by_its_buyer_or_by_the_operator() {
    let mut stock = eventful(1);
    let cancel = Transition::Cancel { user: user("bob") };
    assert_eq!(stock.transition(OrderNumber(1), &cancel, moment(6)).answer, Err(Rejection::UnknownOrder));
    let cancelled = stock.transition(OrderNumber(2), &cancel, moment(6)).answer.expect("it is pending");
    assert_eq!(cancelled.status, Status::Cancelled);
    let revoke = Transition::Revoke(Origin { operator: Some("eve".into()), ..Origin::default() });
    let revoked = stock.transition(OrderNumber(1), &revoke, moment(7));
    assert_eq!(revoked.answer.map(|order| order.status), Ok(Status::Cancelled));
    assert_eq!(revoked.entries[0].origin.as_ref().and_then(|origin| origin.operator.as_deref()), Some("eve"));
    assert_eq!(stock.transition(OrderNumber(9), &revoke, moment(8)).answer, Err(Rejection::UnknownOrder));
}
