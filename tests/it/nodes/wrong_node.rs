//! **Job:** a node that is asked for what another has says which, and does nothing.
//! **Owns:** every route that names an item, an order or a payment.
//! **Never:** goes through a proxy.

use serde_json::json;

use super::{OF_A, OF_B, OF_C, items};
use crate::support::{
    Attempt, Client, Response, Server, admin_authorization, assert_problem, authorization, doorbuster, report_paid,
    three_addresses, three_nodes,
};

fn assert_misdirected(answer: &Response, node: &str) {
    assert_problem(answer, 421, "misdirected");
    assert_eq!(answer.json()["node"], node);
    assert_eq!(answer.header("doorbuster-node"), Some(node), "{:?}", answer.headers);
}

async fn get(server: &Server, path: &str) -> Response {
    let buyer = authorization("ann");
    Client::new(server.address()).get(path, &[("Authorization", buyer.as_str())]).await.expect("an answer")
}

async fn admin(server: &Server, method: &str, path: &str, body: Option<&str>) -> Response {
    let admin = admin_authorization();
    let headers = [("Authorization", admin.as_str())];
    Client::new(server.ops_address()).request(method, path, &headers, body).await.expect("an answer")
}

async fn buy(server: &Server, item: &str) -> Response {
    Attempt::new("ann", item).send(&mut Client::new(server.address())).await.expect("an answer")
}

#[tokio::test]
async fn an_item_is_shown_and_sold_by_its_own_node_and_the_others_say_whose_it_is() {
    let [a, b, c] = three_nodes(&three_addresses(), &items(5), |setup| setup);
    for (server, own, others) in [(&a, OF_A, [("b", OF_B), ("c", OF_C)]), (&b, OF_B, [("a", OF_A), ("c", OF_C)])] {
        let list = get(server, "/v1/items").await.json();
        let shown: Vec<_> = list["items"].as_array().expect("a list").iter().map(|item| &item["item_id"]).collect();
        assert_eq!(shown, own, "each node creates its own items of the one catalogue");
        assert_eq!(list["nodes"], json!(["a", "b", "c"]));
        for (node, theirs) in others {
            for item in theirs {
                assert_misdirected(&get(server, &format!("/v1/items/{item}")).await, node);
                assert_misdirected(&buy(server, item).await, node);
                assert_misdirected(&get(server, &format!("/v1/orders?item_id={item}")).await, node);
            }
            assert_misdirected(&get(server, &format!("/v1/items?node={node}")).await, node);
            assert_misdirected(&get(server, &format!("/v1/orders?node={node}")).await, node);
        }
    }
    assert_problem(&get(&a, "/v1/items?node=zebra").await, 422, "validation");
    assert_eq!(get(&a, "/v1/items?node=a").await.status, 200);
    for server in [a, b, c] {
        assert_eq!(server.orders(), Vec::<serde_json::Value>::new());
    }
}

#[tokio::test]
async fn an_order_says_by_its_id_which_node_has_it() {
    let [a, b, c] = three_nodes(&three_addresses(), &items(5), |setup| setup);
    for (server, item, number, name) in [(&a, OF_A[0], "01", "a"), (&b, OF_B[0], "02", "b"), (&c, OF_C[0], "03", "c")] {
        let order = buy(server, item).await;
        assert_eq!(order.status, 201, "{}", order.text());
        let id = order.json()["order_id"].as_str().expect("an id").to_owned();
        assert_eq!(&id[1..3], number, "{id}");
        for other in [&a, &b, &c] {
            let (read, cancelled) = (format!("/v1/orders/{id}"), format!("/v1/orders/{id}/cancel"));
            let found = get(other, &read).await;
            if std::ptr::eq(other, server) {
                assert_eq!(found.status, 200);
                continue;
            }
            assert_misdirected(&found, name);
            let buyer = authorization("ann");
            let headers = [("Authorization", buyer.as_str())];
            let cancel = Client::new(other.address()).request("POST", &cancelled, &headers, None).await;
            assert_misdirected(&cancel.expect("an answer"), name);
            assert_misdirected(&get(other, &format!("{read}/events")).await, name);
            assert_misdirected(&admin(other, "GET", &format!("/v1/admin/orders/{id}"), None).await, name);
        }
        let exported = server.orders();
        assert_eq!(exported.len(), 1);
        assert_eq!(exported[0]["order_id"], id.as_str(), "the view of the data file calls it alike");
        assert_eq!(server.verify().0, 0, "{}", server.verify().1);
    }
}

#[tokio::test]
async fn a_payment_is_written_down_by_the_node_that_has_its_order_and_by_no_other() {
    let [a, b, _c] = three_nodes(&three_addresses(), &items(5), |setup| setup);
    let order = buy(&b, OF_B[0]).await.json();
    let astray = report_paid(&mut Client::new(a.address()), "e1", &order).await.expect("an answer");
    assert_misdirected(&astray, "b");
    let paid = report_paid(&mut Client::new(b.address()), "e1", &order).await.expect("an answer");
    assert_eq!((paid.status, paid.json()["verdict"].as_str()), (200, Some("applied")), "{}", paid.text());
    let payments = |out: std::process::Output| String::from_utf8(out.stdout).expect("text").lines().count();
    let count =
        |server: &Server| payments(doorbuster(&["payments", "--format", "ndjson"], &[("--db", &server.data_file())]));
    assert_eq!((count(&a), count(&b)), (0, 1));
}

#[tokio::test]
async fn an_operator_is_told_which_node_to_steer() {
    let [a, _b, _c] = three_nodes(&three_addresses(), &items(5), |setup| setup);
    let item = format!("/v1/admin/items/{}", OF_C[0]);
    let body = json!({ "title": "New", "unit_price": 1, "currency": "CNY", "stock": 1 }).to_string();
    assert_misdirected(&admin(&a, "PUT", &item, Some(&body)).await, "c");
    assert_misdirected(&admin(&a, "POST", &format!("{item}/pause"), None).await, "c");
    assert_misdirected(&admin(&a, "DELETE", &item, None).await, "c");
    let journal = admin(&a, "GET", "/v1/admin/journal", None).await.json();
    assert_eq!(journal["entries"].as_array().map(Vec::len), Some(2), "its own two items: {journal}");
}
