//! **Job:** an operator who looks: asks the operations listener, watches its stream, reads its metrics.
//! **Owns:** how a stream of events and a page of metrics are read.
//! **Never:** changes anything.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, Response, Server, admin_authorization};

/// Far more than the second between two snapshots.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn token() -> String {
    admin_authorization()
}

pub(super) struct Observer {
    client: Client,
    address: std::net::SocketAddr,
}

impl Observer {
    pub(super) fn of(server: &Server) -> Self {
        Self { client: Client::new(server.ops_address()), address: server.ops_address() }
    }

    pub(super) async fn ask(&mut self, path: &str) -> Response {
        self.client.get(path, &[("Authorization", &token())]).await.expect("an answer")
    }

    pub(super) async fn get(&mut self, path: &str) -> Value {
        let answer = self.ask(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The names of the actors that a query finds.
    pub(super) async fn names(&mut self, query: &str) -> Vec<String> {
        let seen = self.get(&format!("/actors{query}")).await;
        let actors = seen["actors"].as_array().expect("a list");
        actors.iter().map(|actor| actor["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The metrics: value by name with labels.
    pub(super) async fn metrics(&mut self) -> BTreeMap<String, f64> {
        let page = self.ask("/metrics").await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().ends_with("# EOF\n"), "an OpenMetrics page says where it ends");
        let text = page.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        lines.map(value).collect()
    }

    /// Opens the stream of snapshots.
    pub(super) async fn watch(&self) -> Snapshots {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        let request = format!("GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", token());
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        Snapshots { stream, text: String::new() }
    }
}

/// A stream of snapshots.
pub(super) struct Snapshots {
    stream: TcpStream,
    text: String,
}

impl Snapshots {
    /// The next one. The server writes an event in one piece; the sizes of chunks that lie between two events are
    /// skipped.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.split_once("data: ").map(|(_, data)| serde_json::from_str(data));
                let rest = rest.to_owned();
                self.text = rest;
                match data {
                    Some(snapshot) => return snapshot.expect("a snapshot is JSON"),
                    None => continue,
                }
            }
            let mut bytes = vec![0; 16 * 1024];
            let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("a snapshot a second");
            let read = read.expect("the stream stays open");
            assert!(read > 0, "the stream has ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    /// The first of which this is true.
    pub(super) async fn until(&mut self, is_right: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..PATIENCE.as_secs() {
            let snapshot = self.next().await;
            if is_right(&snapshot) {
                return snapshot;
            }
        }
        panic!("no such snapshot within {PATIENCE:?}");
    }
}
