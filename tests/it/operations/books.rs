//! **Job:** what the owner can read: all orders page by page, and whether the books add up.
//! **Owns:** who may read it.
//! **Never:** counts what is inside: it compares with what the buyers were told.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::watch;

use super::owner::{Owner, SKU, buy};
use crate::support::{
    Attempt, Client, Item, Server, Setup, admin_authorization, assert_conservation, assert_problem, authorization,
    crowd, crowd_counting, live_of, problem_code, report_paid, same_promise, seed,
};

/// All orders behind a filter, page by page, each checked to be no longer than `limit`.
async fn pages(owner: &mut Owner, filter: &str, limit: usize) -> Vec<Value> {
    let mut orders: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let answer = owner.get(&format!("/v1/admin/orders?limit={limit}{filter}{after}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        let listed = page["orders"].as_array().expect("a list");
        assert!(listed.len() <= limit, "{} in a page of {limit}", listed.len());
        orders.extend(listed.iter().cloned());
        let Some(next) = page["next"].as_str() else { return orders };
        after = format!("&after={next}");
        assert!(orders.len() < 10_000, "the pages do not end");
    }
}

fn ids(orders: &[Value]) -> BTreeSet<String> {
    orders.iter().map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

/// Three items with 40, 0 and 17 orders; every fourth of the first is paid. Returns all orders as they are now.
async fn sell(server: &Server) -> Vec<Value> {
    let attempts = [Attempt::shuffled("a", 40, seed()), Attempt::shuffled("c", 17, seed())].concat();
    let mut orders = crowd(server.address(), attempts).await.orders();
    assert_eq!(orders.len(), 57);
    let mut provider = Client::new(server.address());
    for (number, order) in orders.iter_mut().enumerate().filter(|(_, order)| order["item_id"] == "a").step_by(4) {
        *order = report_paid(&mut provider, &format!("e{number}"), order).await.expect("an answer").json();
        assert_eq!(order["status"], "paid");
        order.as_object_mut().expect("an object").remove("verdict");
    }
    orders
}

#[tokio::test]
async fn the_pages_have_every_order_exactly_once_whatever_their_length() {
    let server = Setup::new(["a", "b", "c"].map(|id| Item::new(id, 100))).start();
    let orders = sell(&server).await;
    let mut owner = Owner::of(&server);
    for limit in [1, 2, 7, 17, 40, 57, 58, 1_000] {
        let listed = pages(&mut owner, "", limit).await;
        assert_eq!((listed.len(), ids(&listed)), (57, ids(&orders)), "pages of {limit}");
        for order in &listed {
            let told = orders.iter().find(|told| told["order_id"] == order["order_id"]).expect("an order");
            assert_eq!(order, told, "as its buyer was told");
        }
    }
    for (filter, wanted) in [
        ("&item_id=a", 40),
        ("&item_id=b", 0),
        ("&item_id=c", 17),
        ("&item_id=unknown", 0),
        ("&status=paid", 10),
        ("&status=pending", 47),
        ("&status=expired", 0),
        ("&item_id=a&status=paid", 10),
        ("&item_id=c&status=paid", 0),
    ] {
        for limit in [3, 10, 1_000] {
            let listed = pages(&mut owner, filter, limit).await;
            assert_eq!((listed.len(), ids(&listed).len()), (wanted, wanted), "{filter}, pages of {limit}");
        }
    }
}

#[tokio::test]
async fn orders_that_come_meanwhile_do_not_disturb_the_pages() {
    let server = Setup::new(["a", "c"].map(|id| Item::new(id, 1_000))).start();
    let before = ids(&sell(&server).await);
    let mut owner = Owner::of(&server);
    let meanwhile: Vec<_> = (0..500).map(|buyer| Attempt::new(&format!("late-{buyer}"), "a")).collect();
    let (tally, listed) = tokio::join!(crowd(server.address(), meanwhile), pages(&mut owner, "", 5));
    assert_eq!(tally.orders().len(), 500);
    let seen = ids(&listed);
    assert_eq!(seen.len(), listed.len(), "an order came twice");
    assert!(before.is_subset(&seen), "an order that was there before is missing");
}

#[tokio::test]
async fn behind_the_last_order_that_can_be_there_is_none() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut owner = Owner::of(&server);
    for last in ["1-1-fffffffe", "1-1-ffffffff", "1-3fffff-ffffffff"] {
        let answer = owner.get(&format!("/v1/admin/orders?after={last}")).await;
        assert_eq!((answer.status, answer.json()["orders"].as_array().map(Vec::len)), (200, Some(0)), "{last}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut owner = Owner::of(&server);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=1e9", "limit"),
        ("limit=", "limit"),
        ("after=", "after"),
        ("after=no-order", "after"),
        ("after=1-1", "after"),
        ("item_id=", "item_id"),
        ("item_id=a%20b", "item_id"),
        ("status=", "status"),
        ("status=PAID", "status"),
    ] {
        let answer = owner.get(&format!("/v1/admin/orders?{query}")).await;
        assert_problem(&answer, 422, "validation");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
    let twice = owner.get("/v1/admin/orders?limit=1&limit=2").await;
    assert!(matches!(twice.status, 400 | 422), "{} {}", twice.status, twice.text());
    problem_code(&twice);
    let stranger = Client::new(server.ops_address()).get("/v1/admin/orders?limit=1&limit=2", &[]).await;
    assert_problem(&stranger.expect("an answer"), 401, "unauthenticated");
}

const ROUTES: [(&str, &str); 17] = [
    ("GET", "/v1/admin/orders"),
    ("GET", "/invariants"),
    ("PUT", "/v1/admin/items/sku-1"),
    ("POST", "/v1/admin/items/sku-1/restock"),
    ("POST", "/v1/admin/items/sku-1/pause"),
    ("POST", "/v1/admin/items/sku-1/resume"),
    ("POST", "/v1/admin/items/sku-1/close"),
    ("POST", "/v1/admin/items/sku-1/reopen"),
    ("POST", "/v1/admin/items/sku-1/withdraw"),
    ("POST", "/v1/admin/items/sku-1/hide"),
    ("POST", "/v1/admin/items/sku-1/show"),
    ("GET", "/v1/admin/items"),
    ("GET", "/v1/admin/items/sku-1"),
    ("GET", "/v1/admin/payments"),
    ("GET", "/v1/admin/journal"),
    ("POST", "/v1/admin/payments/P000000001/refunded"),
    ("POST", "/v1/admin/orders/1-1-1/cancel"),
];

#[tokio::test]
async fn nobody_but_the_owner_reads_or_steers() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let buyer = authorization("ann");
    let admin = admin_authorization();
    let strangers: [&[(&str, &str)]; 5] = [
        &[],
        &[("Authorization", &buyer)],
        &[("Authorization", "Bearer ")],
        &[("Authorization", &admin[..admin.len() - 1])],
        &[("Authorization", &admin), ("Authorization", &buyer)],
    ];
    let mut client = Client::new(server.ops_address());
    for (method, path) in ROUTES {
        for headers in strangers {
            let body = (method != "GET").then_some("{\"quantity\":1}");
            let answer = client.request(method, path, headers, body).await.expect("an answer");
            assert_eq!((answer.status, problem_code(&answer).as_str()), (401, "unauthenticated"), "{method} {path}");
        }
    }
    assert_eq!(buy(&server, &Attempt::new("ann", SKU)).await.status, 201, "nothing was paused or closed");
    assert_eq!(assert_conservation(&server).await.len(), 1);
}

#[tokio::test]
async fn another_method_is_told_the_right_one() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut owner = Owner::of(&server);
    for (method, path) in ROUTES {
        let answer = owner.send("PATCH", path, None).await;
        assert_problem(&answer, 405, "method-not-allowed");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains(method)), "{path}: {:?}", answer.headers);
        let stranger = Client::new(server.ops_address()).request("PATCH", path, &[], None).await;
        assert_problem(&stranger.expect("an answer"), 401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_books_add_up_at_every_moment_of_a_sale() {
    let server = Setup::new([Item::new("a", 300), Item::new("b", 300)]).start();
    let attempts = [Attempt::shuffled("a", 1_000, seed()), Attempt::shuffled("b", 1_000, seed() + 1)].concat();
    let (confirmed, confirmed_seen) = watch::channel(0);
    let mut owner = Owner::of(&server);
    let looks = async {
        let (mut looks, mut lowest) = (0_u32, u64::MAX);
        while *confirmed_seen.borrow() < 600 {
            let books = owner.get("/invariants").await.json();
            assert_eq!(books["holds"], true, "{books}");
            for item in books["items"].as_array().expect("a list") {
                let figure = |name: &str| item[name].as_u64().expect("a count");
                assert_eq!((figure("supply"), figure("remaining") + figure("live")), (300, 300), "{books}");
                lowest = lowest.min(figure("remaining"));
            }
            looks += 1;
        }
        (looks, lowest)
    };
    let (tally, (looks, lowest)) = tokio::join!(crowd_counting(server.address(), attempts, confirmed), looks);
    println!("{looks} looks, at least {lowest} left in each");
    tally.assert_answered_with(&["sold-out"]);
    let rows = assert_conservation(&server).await;
    assert_eq!((live_of(&rows, "a"), live_of(&rows, "b")), (300, 300));
    assert!(tally.orders().iter().all(|order| rows.iter().any(|row| same_promise(order, row))));
}
