//! **Job:** everything public below a path, and nothing outside it.
//! **Owns:** the places where the path must stand: `Location`, problems, the OpenAPI document, the welcome text.
//! **Never:** runs a script: the pages have tests of their own.

use serde_json::json;

use crate::support::{
    Attempt, Client, Item, Response, Server, Setup, admin_authorization, authorization, doorbuster, raw_exchange, text,
};

fn below_sale() -> Server {
    Setup::new([Item::new("sku", 9).limit(9)]).set("server.base_path", "\"/sale\"").start()
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    Client::new(server.address()).get(path, headers).await.expect("an answer")
}

fn assert_problem_below(answer: &Response, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let problem = answer.json();
    assert_eq!((&problem["type"], &problem["code"]), (&json!(format!("/sale/problems/{code}")), &json!(code)));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
}

#[tokio::test]
async fn everything_public_lives_below_the_path_and_nothing_outside_it() {
    let server = below_sale();
    for path in ["/sale/", "/sale/items/sku", "/sale/v1/items", "/sale/v1/items/sku"] {
        assert_eq!(get(&server, path, &[]).await.status, 200, "{path}");
    }
    let html = ("Accept", "text/html");
    assert_eq!(get(&server, "/sale/", &[html]).await.status, 200);
    for path in ["/", "/items/sku", "/v1/items", "/sales/v1/items", "/salev1/items", "/nowhere", "/SALE/"] {
        assert_problem_below(&get(&server, path, &[]).await, 404, "not-found");
        assert_problem_below(&get(&server, path, &[html]).await, 404, "not-found");
    }
    assert_problem_below(&get(&server, "/sale/nowhere", &[]).await, 404, "not-found");
    assert_problem_below(&get(&server, "/sale/v1/items", &[html]).await, 406, "not-acceptable");
    let redirect = get(&server, "/sale?a=b", &[html]).await;
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/sale/?a=b")));
}

#[tokio::test]
async fn what_answers_name_is_below_the_path_whoever_refuses() {
    let server = below_sale();
    let buyer = authorization("ann");
    let headers = [("Authorization", buyer.as_str())];
    let mut client = Client::new(server.address());
    let bought = client.request("POST", "/sale/v1/items/sku/orders", &headers, Some("{\"quantity\":1}")).await;
    let bought = bought.expect("an answer");
    assert_eq!(bought.status, 201, "{}", bought.text());
    let location = bought.header("location").expect("where it is").to_owned();
    assert!(location.starts_with("/sale/v1/orders/"), "{location}");
    assert_eq!(get(&server, &location, &headers).await.json(), bought.json());
    let wrong = client.request("POST", "/sale/v1/items/sku/orders", &headers, Some("{\"quantity\":0}")).await;
    assert_problem_below(&wrong.expect("an answer"), 422, "validation");
    assert_problem_below(&get(&server, &location, &[]).await, 401, "unauthenticated");
    // These are refused on the connection, before there is a request.
    let torn = raw_exchange(server.address(), b"GET /sale/ HTTP/9\r\n\r\n").await.expect("an answer");
    assert_problem_below(&torn.response.expect("an answer"), 400, "malformed");
    // The operations listener stays where it is.
    let operator = admin_authorization();
    let spec = Client::new(server.ops_address()).get("/openapi.json", &[("Authorization", &operator)]).await;
    let spec = spec.expect("an answer").json();
    assert_eq!(spec["servers"][0]["url"], format!("http://{}/sale", server.address()));
    assert!(server.stdout().contains(&format!("http://{}/sale/\n", server.address())), "{}", server.stdout());
}

#[tokio::test]
async fn at_the_root_nothing_has_changed() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let bought = Attempt::new("ann", "sku").send(&mut Client::new(server.address())).await.expect("an answer");
    assert!(bought.header("location").is_some_and(|path| path.starts_with("/v1/orders/")), "{:?}", bought.headers);
    let unknown = get(&server, "/sale/", &[]).await.json();
    assert_eq!(unknown["type"], "/problems/not-found");
}

#[tokio::test]
async fn the_load_generator_buys_below_a_path() {
    let server = below_sale();
    let arguments = format!(
        "bench --url http://{}/sale/ --ops-url http://{} --requests 5 --users 5 --connections 1 --json",
        server.address(),
        server.ops_address()
    );
    let arguments: Vec<_> = arguments.split(' ').collect();
    let output = doorbuster(&arguments, &[("--config", &server.directory().join("doorbuster.toml"))]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(server.orders().len(), 5);
}
