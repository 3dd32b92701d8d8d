//! **Job:** the owner of the sale at his desk, and one buyer in front of the shop.
//! **Owns:** the operator's token and the spelling of the admin routes.
//! **Never:** judges an answer: the tests do.

use serde_json::Value;

use crate::support::{Attempt, Client, Response, Server, admin_authorization};

pub(crate) const SKU: &str = "sku-1";

/// The owner, with one connection to the operations listener.
pub(crate) struct Owner {
    client: Client,
}

impl Owner {
    pub(crate) fn of(server: &Server) -> Self {
        Self { client: Client::new(server.ops_address()) }
    }

    /// Sends anything with the operator's token.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> Response {
        let token = admin_authorization();
        self.client.request(method, path, &[("Authorization", &token)], body).await.expect("an answer")
    }

    /// The same by somebody with a name.
    pub(crate) async fn act(&mut self, name: &str, method: &str, path: &str, body: Option<&Value>) -> Response {
        let (token, body) = (admin_authorization(), body.map(Value::to_string));
        let headers = [("Authorization", token.as_str()), ("X-Operator", name)];
        self.client.request(method, path, &headers, body.as_deref()).await.expect("an answer")
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, None).await
    }

    /// Creates or changes an item.
    pub(crate) async fn put(&mut self, item: &str, fields: &Value) -> Response {
        self.send("PUT", &format!("/v1/admin/items/{item}"), Some(&fields.to_string())).await
    }

    /// `restock`, `withdraw`, `pause` and the others.
    pub(crate) async fn steer(&mut self, item: &str, what: &str, body: Option<&Value>) -> Response {
        let body = body.map(Value::to_string);
        self.send("POST", &format!("/v1/admin/items/{item}/{what}"), body.as_deref()).await
    }
}

/// The item as everybody sees it.
pub(crate) async fn shown(server: &Server, item: &str) -> Value {
    let answer = Client::new(server.address()).get(&format!("/v1/items/{item}"), &[]).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A buyer's attempt.
pub(crate) async fn buy(server: &Server, attempt: &Attempt) -> Response {
    attempt.send(&mut Client::new(server.address())).await.expect("an answer")
}
