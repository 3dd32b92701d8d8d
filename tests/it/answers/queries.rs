//! **Job:** a parameter that a route does not know is refused, and never passed over.
//! **Owns:** a look at every route of the document, on both listeners.
//! **Never:** knows a route: the document names them and their parameters.

use serde_json::Value;

use crate::support::{Client, Item, Setup, admin_authorization, assert_problem, authorization};

const SKU: &str = "sku-1";

/// Path, method and parameters of every route of the document.
fn routes(document: &Value) -> Vec<(String, String, Vec<Value>)> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_query = parameters.into_iter().filter(|parameter| parameter["in"] == "query").collect();
            routes.push((path.clone(), method.to_uppercase(), in_query));
        }
    }
    routes
}

#[tokio::test]
async fn every_route_of_both_listeners_refuses_parameters_that_are_unknown_or_stand_twice() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    let admin = admin_authorization();
    let mut owner = Client::new(server.ops_address());
    let document = owner.get("/openapi.json", &[("Authorization", &admin)]).await.expect("an answer").json();
    let servers = &document["servers"];
    let (routes, buyer) = (routes(&document), authorization("ann"));
    assert!(routes.len() > 20, "{routes:?}");
    for (path, method, parameters) in routes {
        let is_public = document["paths"][&path][method.to_lowercase()]["servers"][0] == servers[0];
        let (address, key) = if is_public { (server.address(), &buyer) } else { (server.ops_address(), &admin) };
        let target = path.replace("{item_id}", SKU).replace("{order_id}", "1-1-1");
        let ask = async |query: String| {
            let (body, target) = ((method != "GET").then_some("{}"), format!("{target}?{query}"));
            let headers = [("Authorization", key.as_str())];
            Client::new(address).request(&method, &target, &headers, body).await.expect("an answer")
        };
        let answer = ask("utm_source=mail".to_owned()).await;
        assert_problem(&answer, 422, "validation");
        assert_eq!(answer.json()["errors"][0]["field"], "utm_source", "{method} {path}");
        for parameter in parameters.iter().filter(|parameter| !is_list(parameter)) {
            let name = parameter["name"].as_str().expect("a name");
            let answer = ask(format!("{name}=1&{name}=1")).await;
            assert_problem(&answer, 422, "validation");
            assert_eq!(answer.json()["errors"][0]["detail"], format!("{name} must stand once in the query"));
        }
    }
}

fn is_list(parameter: &Value) -> bool {
    parameter["schema"]["items"].is_object()
}

#[tokio::test]
async fn who_is_unknown_hears_nothing_about_the_query() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    for (address, path) in [
        (server.address(), "/v1/orders?user_id=ann"),
        (server.address(), "/v1/orders/1-1-1?x"),
        (server.ops_address(), "/v1/admin/orders?x"),
        (server.ops_address(), "/v1/feed?after=1&after=1"),
    ] {
        let answer = Client::new(address).get(path, &[]).await.expect("an answer");
        assert_problem(&answer, 401, "unauthenticated");
    }
}

#[tokio::test]
async fn pages_may_be_linked_to_with_any_parameters() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    for (address, path) in [
        (server.address(), "/?utm_source=mail&utm_source=mail&fbclid=x"),
        (server.address(), "/items/sku-1?gclid=%ff"),
        (server.address(), "/problems/sold-out?ref=x"),
        (server.ops_address(), "/?utm_source=mail"),
    ] {
        let answer = Client::new(address).get(path, &[]).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}
