//! **Job:** reads the document: its operations, and what each says of itself.
//! **Owns:** what every operation must say.
//! **Never:** asks a server for anything but the document.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{Client, Server, admin_authorization, authorization};

/// The whole document.
pub(super) struct Document(pub(super) Value);

/// One of its operations.
pub(super) struct Operation {
    pub(super) path: String,
    pub(super) method: String,
    pub(super) spec: Value,
}

impl Document {
    pub(super) async fn of(server: &Server) -> Self {
        let authorization = admin_authorization();
        let mut client = Client::new(server.ops_address());
        let answer = client.get("/openapi.json", &[("Authorization", &authorization)]).await.expect("an answer");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        Self(answer.json())
    }

    /// The operations of every path.
    pub(super) fn paths(&self) -> BTreeMap<String, Vec<Operation>> {
        let mut paths: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for operation in self.operations() {
            paths.entry(operation.path.clone()).or_default().push(operation);
        }
        paths
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("a document has paths");
        let of_path = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().expect("a path has methods").clone();
            let path = path.clone();
            let operation = move |(method, spec): (String, Value)| Operation {
                path: path.clone(),
                method: method.to_uppercase(),
                spec,
            };
            methods.into_iter().map(operation).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    pub(super) fn assert_references_resolve(&self) {
        let mut open = vec![&self.0];
        while let Some(value) = open.pop() {
            match value {
                Value::Array(values) => open.extend(values),
                Value::Object(members) => {
                    open.extend(members.values());
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let target = self.0.pointer(reference.trim_start_matches('#'));
                        assert!(target.is_some(), "{reference} leads nowhere");
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
}

impl Operation {
    /// Says what it is, what it takes, and what it answers.
    pub(super) fn assert_whole(&self, document: &Value) {
        let at = format!("{} {}", self.method, self.path);
        assert!(self.spec["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{at}: no summary");
        let known = document["tags"].as_array().expect("the document has tags");
        let tags = self.spec["tags"].as_array().expect("an operation has tags");
        assert!(!tags.is_empty() && tags.iter().all(|tag| known.iter().any(|it| it["name"] == *tag)), "{at}: {tags:?}");
        assert_eq!(self.path_parameters(), in_braces(&self.path), "{at}");
        for name in self.key_names() {
            assert!(document["components"]["securitySchemes"][&name].is_object(), "{at}: what is {name}?");
        }
        let answers = self.spec["responses"].as_object().expect("an operation has answers");
        assert!(answers.keys().any(|status| status.starts_with('2')), "{at}: never succeeds");
        let is_problem = |answer: &Value| answer["content"].get("application/problem+json").is_some();
        // Who only says that he lives refuses nothing.
        let cannot_refuse = ["/livez", "/healthz"].contains(&self.path.as_str());
        assert!(cannot_refuse || answers.values().any(is_problem), "{at}: never refuses");
    }

    fn path_parameters(&self) -> BTreeSet<String> {
        let of_path = self.parameters().into_iter().filter(|parameter| parameter["in"] == "path");
        of_path.map(|parameter| parameter["name"].as_str().expect("a parameter has a name").to_owned()).collect()
    }

    fn parameters(&self) -> Vec<Value> {
        self.spec["parameters"].as_array().cloned().unwrap_or_default()
    }

    /// Parameters of the query that are numbers between two bounds: name, least, most.
    pub(super) fn bounded_parameters(&self) -> Vec<(String, i64, i64)> {
        let bounds = |parameter: Value| {
            let schema = &parameter["schema"];
            Some((parameter["name"].as_str()?.to_owned(), schema["minimum"].as_i64()?, schema["maximum"].as_i64()?))
        };
        self.parameters().into_iter().filter(|parameter| parameter["in"] == "query").filter_map(bounds).collect()
    }

    /// The keys any of which opens it.
    pub(super) fn key_names(&self) -> BTreeSet<String> {
        let keys = self.spec["security"].as_array().expect("an operation says who may use it");
        keys.iter().flat_map(|key| key.as_object().expect("a key has a name").keys().cloned()).collect()
    }

    /// What fits in the `Authorization` of its listener.
    pub(super) fn key(&self) -> String {
        if self.is_of_operations() { admin_authorization() } else { authorization("ann") }
    }

    fn is_of_operations(&self) -> bool {
        self.spec["servers"][0]["url"] == "/"
    }

    /// The listener that serves it.
    pub(super) fn address(&self, server: &Server) -> SocketAddr {
        if self.is_of_operations() {
            return server.ops_address();
        }
        assert_eq!(self.spec["servers"][0]["url"], format!("http://{}", server.address()));
        server.address()
    }
}

fn in_braces(path: &str) -> BTreeSet<String> {
    let parts = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    parts.map(str::to_owned).collect()
}
