//! **Job:** a real nginx, as it is deployed, in front of three nodes and one Redis.
//! **Owns:** what a shop keeps when a node is down, and what no buyer gets by asking another node.
//! **Never:** knows which node has an item: nginx and the nodes find out.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::watch;

use super::{OF_A, OF_B, OF_C, items};
use crate::support::{
    Attempt, Client, Item, Nginx, RedisServer, Response, Server, Setup, admin_authorization, assert_problem,
    authorization, crowd, crowd_counting, report_paid, seed, shop_at, shop_with_limits, three_addresses, three_nodes,
};

/// One Redis for all, a window per buyer over all items, and a bucket that nobody meets.
fn with_redis(redis: &RedisServer) -> impl Fn(Setup) -> Setup {
    let url = format!("{:?}", redis.url());
    move |setup| setup.set("redis.url", &url).set("redis.timeout", "\"2s\"").set("gate.throttle.window", "\"60s\"")
}

async fn buy(shop: &Nginx, user: &str, item: &str) -> Response {
    Attempt::new(user, item).send(&mut Client::new(shop.address())).await.expect("an answer")
}

async fn get(shop: &Nginx, path: &str) -> Response {
    let buyer = authorization("ann");
    Client::new(shop.address()).get(path, &[("Authorization", buyer.as_str())]).await.expect("an answer")
}

fn ids(orders: &[Value]) -> BTreeSet<String> {
    orders.iter().map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_crowd_buys_every_item_of_three_nodes_through_one_door_and_none_is_oversold() {
    let addresses = three_addresses();
    // The map knows no item: whoever gets a request says whose it is. That is slower, and as right.
    for map in [items(20), Vec::new()] {
        let nodes = three_nodes(&addresses, &items(20), |setup| setup);
        let shop = shop_at(&addresses, &map);
        let all = [OF_A, OF_B, OF_C].concat();
        let attempts = all.iter().flat_map(|item| Attempt::shuffled(item, 60, seed())).collect();
        let tally = crowd(shop.address(), attempts).await;
        tally.assert_answered_with(&["sold-out"]);
        let sold: Vec<_> = nodes.iter().flat_map(Server::orders).collect();
        assert_eq!((tally.orders().len(), sold.len()), (120, 120), "20 units each of six items");
        assert_eq!(ids(&tally.orders()), ids(&sold));
        for item in all {
            let page = get(&shop, &format!("/v1/items/{item}")).await.json();
            assert_eq!(page["stock"], 20, "{page}");
        }
        assert!(nodes.iter().all(|node| node.verify().0 == 0));
        let list = get(&shop, "/v1/items").await.json();
        let mut listed = Vec::new();
        for node in list["nodes"].as_array().expect("a list") {
            let page = get(&shop, &format!("/v1/items?node={}", node.as_str().expect("a name"))).await.json();
            let items = page["items"].as_array().expect("a list").clone();
            listed.extend(items.iter().map(|item| item["item_id"].as_str().expect("an id").to_owned()));
        }
        listed.sort();
        let mut whole: Vec<_> = items(1).into_iter().map(|item| item.id).collect();
        whole.sort();
        assert_eq!(listed, whole, "the whole shop, node by node");
    }
}

#[tokio::test]
async fn one_window_of_a_buyer_counts_on_every_node() {
    let (redis, addresses) = (RedisServer::start(), three_addresses());
    let nodes = three_nodes(&addresses, &items(50), with_redis(&redis));
    let shop = shop_at(&addresses, &items(50));
    assert_eq!(buy(&shop, "ann", OF_A[0]).await.status, 201);
    for item in [OF_A[0], OF_A[1], OF_B[0], OF_C[0]] {
        assert_problem(&buy(&shop, "ann", item).await, 429, "throttled");
    }
    // 40 buyers, each of whom tries all nodes at the same moment.
    let buyers: Vec<_> = (0..40).map(|buyer| format!("buyer-{buyer}")).collect();
    let attempts = buyers.iter().flat_map(|user| [OF_A[0], OF_B[0], OF_C[0]].map(|item| Attempt::new(user, item)));
    let tally = crowd(shop.address(), attempts.collect()).await;
    tally.assert_answered_with(&["throttled"]);
    assert_eq!(tally.orders().len(), buyers.len(), "one each");
    assert_eq!(nodes.iter().flat_map(Server::orders).count(), 1 + buyers.len());
}

#[tokio::test]
async fn a_node_that_is_down_takes_only_its_own_items_away_and_comes_back_with_all_orders() {
    let addresses = three_addresses();
    let [a, mut b, c] = three_nodes(&addresses, &items(50), |setup| setup);
    let shop = shop_at(&addresses, &items(50));
    let mut orders = Vec::new();
    for (buyer, item) in [("ann", OF_A[0]), ("ann", OF_B[0]), ("bob", OF_B[1]), ("ann", OF_C[0])] {
        let order = buy(&shop, buyer, item).await;
        assert_eq!(order.status, 201, "{}", order.text());
        orders.push(order.json());
    }
    b.kill9();
    let own = format!("/v1/orders/{}", orders[1]["order_id"].as_str().expect("an id"));
    for answer in [buy(&shop, "cay", OF_B[0]).await, get(&shop, &own).await] {
        assert_problem(&answer, 503, "outcome-unknown");
    }
    let html = [("Accept", "text/html")];
    let page = Client::new(shop.address()).get(&format!("/v1/items/{}", OF_B[0]), &html).await.expect("an answer");
    assert_eq!(page.status, 503);
    assert!(page.text().contains("One moment please") && page.text().contains("请稍候"), "{}", page.text());
    for item in [OF_A[0], OF_A[1], OF_C[0], OF_C[1]] {
        assert_eq!(buy(&shop, "dan", item).await.status, 201, "{item}");
    }
    assert_eq!(get(&shop, "/items/sku-1").await.status, 200, "any node that lives has the pages");
    let unpaid = report_paid(&mut Client::new(shop.address()), "e1", &orders[1]).await.expect("an answer");
    assert_problem(&unpaid, 503, "outcome-unknown");
    b.restart();
    let read = get(&shop, &own).await;
    assert_eq!((read.status, &read.json()["order_id"]), (200, &orders[1]["order_id"]), "{}", read.text());
    let paid = report_paid(&mut Client::new(shop.address()), "e1", &orders[1]).await.expect("an answer");
    assert_eq!((paid.status, paid.json()["verdict"].as_str()), (200, Some("applied")), "{}", paid.text());
    let found = ids(&b.orders());
    assert!(ids(&orders[1..3]).is_subset(&found), "{found:?}");
    assert!([&a, &b, &c].iter().all(|node| node.verify().0 == 0));
}

#[tokio::test]
async fn a_node_that_ends_at_the_peak_and_comes_again_has_every_order_that_anybody_was_told_of() {
    let addresses = three_addresses();
    let mut nodes = three_nodes(&addresses, &items(400), |setup| setup);
    let shop = shop_at(&addresses, &items(400));
    let attempts: Vec<_> = [OF_A[0], OF_B[0], OF_C[0]]
        .iter()
        .flat_map(|item| (0..300).map(move |buyer| Attempt::new(&format!("b{buyer}"), item).key(&format!("k-{buyer}"))))
        .collect();
    let (confirmed, mut seen) = watch::channel(0);
    let running = tokio::spawn(crowd_counting(shop.address(), attempts.clone(), confirmed));
    seen.wait_for(|count| *count >= 100).await.expect("it goes on");
    assert!(nodes[1].terminate().success());
    nodes[1].restart();
    let tally = running.await.expect("the crowd comes home");
    assert_eq!(tally.unanswered(), 0, "nginx answers for a node that is not there");
    let codes: BTreeSet<_> = tally.refusals().into_keys().collect();
    let told: BTreeSet<_> = ["outcome-unknown", "shutting-down"].map(str::to_owned).into();
    assert!(codes.is_subset(&told), "{codes:?}");
    // Whoever heard nothing definite asks again with the same key, as the problem says.
    let again = crowd(shop.address(), attempts).await;
    again.assert_answered_with(&[]);
    let sold: Vec<_> = nodes.iter().flat_map(Server::orders).collect();
    assert_eq!((again.orders().len(), sold.len()), (900, 900), "each key has made one order");
    assert!(ids(&tally.orders()).is_subset(&ids(&sold)), "who was told has it");
    assert!(nodes.iter().all(|node| node.verify().0 == 0));
}

#[tokio::test]
async fn an_address_is_the_clients_own_whatever_it_says_of_itself() {
    let setup = Setup::new([Item::new("sku", 50)]).set("gate.address.window", "\"60s\"");
    let server = setup.set("server.trusted_proxies", "[\"127.0.0.1/32\"]").start();
    let shop = shop_at(&[server.address()], &[]);
    let told = |user: &str, forged: &str| {
        let (buyer, forged) = (authorization(user), forged.to_owned());
        let address = shop.address();
        async move {
            let headers = [("Authorization", buyer.as_str()), ("X-Forwarded-For", forged.as_str())];
            // Who comes from the proxy's own address would be taken for a proxy.
            let mut client = Client::at([127, 0, 0, 2], address);
            let order = client.request("POST", "/v1/items/sku/orders", &headers, Some("{\"quantity\":1}"));
            order.await.expect("an answer")
        }
    };
    assert_eq!(told("ann", "198.51.100.1").await.status, 201);
    let refused = told("bob", "198.51.100.2").await;
    assert_problem(&refused, 429, "throttled");
    assert_eq!(refused.json()["scope"], "address");
    // Whom we trust may say so: another client of the same proxy is somebody else.
    let (buyer, body) = (authorization("cay"), Some("{\"quantity\":1}"));
    let headers = [("Authorization", buyer.as_str()), ("X-Forwarded-For", "198.51.100.3")];
    let direct = Client::new(server.address()).request("POST", "/v1/items/sku/orders", &headers, body).await;
    assert_eq!(direct.expect("an answer").status, 201);
    let admin = admin_authorization();
    let headers = [("Authorization", admin.as_str())];
    let funnel = Client::new(server.ops_address()).get("/funnel", &headers).await.expect("an answer").json();
    let address = funnel["layers"].as_array().expect("layers").iter().find(|layer| layer["name"] == "address");
    let address = address.expect("where it limits, it is a layer");
    assert_eq!((&address["in"], &address["out"], &address["answered"]["throttled"]), (&3.into(), &2.into(), &1.into()));
}

#[tokio::test]
async fn nobody_becomes_a_buyer_by_a_header_that_the_trusted_proxy_passes_on() {
    let setup = Setup::new([Item::new("sku", 5)]).set("auth.mode", "\"header\"");
    let server = setup.set("server.trusted_proxies", "[\"127.0.0.1/32\"]").start();
    let shop = shop_at(&[server.address()], &[]);
    let headers = [("X-User-Id", "ann")];
    for (address, status) in [(server.address(), 201), (shop.address(), 401)] {
        let mut client = Client::new(address);
        let order = client.request("POST", "/v1/items/sku/orders", &headers, Some("{\"quantity\":1}")).await;
        assert_eq!(order.expect("an answer").status, status, "{address}");
    }
    assert_eq!(server.orders().len(), 1);
}

#[tokio::test]
async fn the_proxy_slows_one_address_down_before_its_purchases_reach_a_node() {
    let server = Setup::new([Item::new("sku", 500)]).start();
    let shop = shop_with_limits(&server);
    let attempts = (0..120).map(|buyer| Attempt::new(&format!("b{buyer}"), "sku")).collect();
    let tally = crowd(shop.address(), attempts).await;
    assert_eq!(tally.unanswered(), 0);
    let refusals = tally.refusals();
    assert_eq!(refusals.keys().collect::<Vec<_>>(), ["rate-limited"], "{refusals:?}");
    let bought = tally.orders().len();
    assert!((40..120).contains(&bought), "a burst of 40 passes, and twenty a second: {bought}");
    assert_eq!(server.orders().len(), bought);
    let reads = futures_util::future::join_all((0..60).map(|_| get(&shop, "/v1/items/sku"))).await;
    assert!(reads.iter().all(|answer| answer.status == 200), "who only looks is not limited");
}

#[tokio::test]
async fn the_nodes_share_one_bucket() {
    let (redis, addresses) = (RedisServer::start(), three_addresses());
    let with = with_redis(&redis);
    let nodes = three_nodes(&addresses, &items(500), |setup| {
        with(setup).set("gate.throttle.window", "\"0s\"").set("gate.bucket.rate", "30").set("gate.bucket.burst", "30")
    });
    let shop = shop_at(&addresses, &items(500));
    let begun = std::time::Instant::now();
    let attempts = [OF_A[0], OF_B[0], OF_C[0]].into_iter().flat_map(|item| Attempt::shuffled(item, 100, seed()));
    let tally = crowd(shop.address(), attempts.collect()).await;
    tally.assert_answered_with(&["rate-limited"]);
    let (sold, seconds) = (tally.orders().len(), begun.elapsed().as_secs() + 1);
    let most = 30 + 30 * usize::try_from(seconds).expect("a short test");
    assert!((30..=most).contains(&sold), "one burst of 30 for all, and 30 a second: {sold} in {seconds} s");
    assert_eq!(nodes.iter().flat_map(Server::orders).count(), sold);
}

#[tokio::test]
async fn what_may_be_kept_is_served_from_the_cache_and_the_operations_listener_is_nowhere() {
    let mut server = Setup::new([Item::new("sku", 5)]).start();
    let shop = shop_at(&[server.address()], &[]);
    for path in ["/actors", "/metrics", "/v1/admin/items", "/v1/feed", "/ops/", "/doorbuster-closed.json"] {
        assert_eq!(get(&shop, path).await.status, 404, "{path}");
    }
    let page = get(&shop, "/").await.text();
    let script = page.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the page has a script");
    let script = format!("/{}", script.trim_start_matches("./").trim_start_matches('/'));
    assert_eq!(get(&shop, &script).await.status, 200, "{script}");
    server.kill9();
    assert_eq!(get(&shop, &script).await.status, 200, "from the cache");
    assert_eq!(get(&shop, "/").await.status, 503, "what is asked for again each time is not kept");
}
