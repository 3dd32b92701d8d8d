//! **Job:** a buyer's orders over all items: for themselves, and for the owner of the sale.
//! **Owns:** several buyers with orders of several items, before and after a restart.
//! **Never:** looks at one item's orders: `sale` and `operations` do.

use serde_json::Value;

use crate::support::{Attempt, Client, Item, Server, Setup, admin_authorization, assert_problem, authorization};

const ITEMS: usize = 9;

fn item(number: usize) -> String {
    format!("item-{number}")
}

/// Ann buys of every other item, twice of the first; Bob buys of all.
async fn sold() -> (Server, Vec<Value>) {
    let server = Setup::new((0..ITEMS).map(|number| Item::new(&item(number), 9).limit(5))).start();
    let mut client = Client::new(server.address());
    let mut of_ann = Vec::new();
    for number in (0..ITEMS).chain([0]) {
        let bob = Attempt::new("bob|2", &item(number)).send(&mut client).await.expect("an answer");
        assert_eq!(bob.status, 201);
        if number.is_multiple_of(2) {
            let ann = Attempt::new("ann", &item(number)).send(&mut client).await.expect("an answer");
            assert_eq!(ann.status, 201, "{}", ann.text());
            of_ann.push(ann.json());
        }
    }
    of_ann.reverse();
    (server, of_ann)
}

async fn own(server: &Server, user: &str) -> Vec<Value> {
    let answer = Client::new(server.address()).get("/v1/orders", &[("Authorization", &authorization(user))]).await;
    listed(&answer.expect("an answer").json())
}

fn listed(answer: &Value) -> Vec<Value> {
    answer["orders"].as_array().unwrap_or_else(|| panic!("no orders in {answer}")).clone()
}

fn ids(orders: &[Value]) -> Vec<String> {
    orders.iter().map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_buyer_lists_their_own_orders_of_all_items_the_newest_first_also_right_after_a_restart() {
    let (mut server, of_ann) = sold().await;
    let times = |orders: &[Value]| orders.iter().map(|order| order["created_at"].clone()).collect::<Vec<_>>();
    for start in ["first", "second"] {
        let found = own(&server, "ann").await;
        assert_eq!(times(&found), times(&of_ann), "{start}: the newest first");
        let (mut found, mut expected) = (ids(&found), ids(&of_ann));
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{start}: hers and all of them");
        assert_eq!(own(&server, "bob|2").await.len(), ITEMS + 1, "{start}");
        assert_eq!(own(&server, "cid").await, Vec::<Value>::new(), "{start}");
        // An item that somebody has asked for since the start is read through its actor, the others at once.
        if start == "first" {
            server.restart();
            let path = format!("/v1/orders?item_id={}", item(0));
            let answer = Client::new(server.address()).get(&path, &[("Authorization", &authorization("ann"))]).await;
            assert_eq!(listed(&answer.expect("an answer").json()).len(), 2);
        }
    }
    assert_problem(
        &Client::new(server.address()).get("/v1/orders", &[]).await.expect("an answer"),
        401,
        "unauthenticated",
    );
}

#[tokio::test]
async fn the_owner_pages_through_one_buyers_orders_of_all_items() {
    let (mut server, of_ann) = sold().await;
    let mut expected = ids(&of_ann);
    expected.sort();
    for start in ["first", "second"] {
        for limit in [1, 2, 4, 100] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = owner(&server, &format!("user_id=ann&limit={limit}{after}")).await;
                let orders = listed(&page);
                assert!(orders.len() <= limit && orders.iter().all(|order| order["user_id"] == "ann"), "{page}");
                seen.extend(ids(&orders));
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            seen.sort();
            assert_eq!(seen, expected, "{start}: limit {limit}");
        }
        server.restart();
    }
    let of_one = owner(&server, &format!("user_id=bob%7C2&item_id={}", item(3))).await;
    assert_eq!(listed(&of_one).len(), 1);
    assert_eq!(listed(&owner(&server, "user_id=bob%7C2&status=pending").await).len(), ITEMS + 1);
    assert_eq!(listed(&owner(&server, "user_id=bob%7C2&status=paid").await).len(), 0);
    let admin = admin_authorization();
    let mut client = Client::new(server.ops_address());
    let wrong = client.get("/v1/admin/orders?user_id=a%20b", &[("Authorization", &admin)]).await.expect("an answer");
    assert_problem(&wrong, 422, "validation");
    assert_eq!(wrong.json()["errors"][0]["field"], "user_id");
}

async fn owner(server: &Server, query: &str) -> Value {
    let admin = admin_authorization();
    let path = format!("/v1/admin/orders?{query}");
    Client::new(server.ops_address()).get(&path, &[("Authorization", &admin)]).await.expect("an answer").json()
}
