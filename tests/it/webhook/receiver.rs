//! **Job:** the shop's own end of a webhook: hears messages, and answers as a test wants it to.
//! **Owns:** its port for as long as the test lasts, and everything it ever heard.
//! **Never:** believes a message: whoever looks at what was heard checks it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::lasting_port;

/// A message as it came.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) signature: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) at: Instant,
    /// Whether it was answered with 2xx.
    pub(super) accepted: bool,
}

impl Heard {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body is JSON")
    }

    pub(super) fn seq(&self) -> u64 {
        self.json()["data"]["seq"].as_u64().expect("data is an entry")
    }

    pub(super) fn order(&self) -> String {
        self.json()["data"]["order_id"].as_str().expect("an event is about an order").to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

/// What it does with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Does {
    /// Answers with this status.
    Answer(u16),
    /// The same with a header more.
    AnswerWith(u16, &'static str, String),
    /// Says nothing, and keeps the connection.
    Hang,
    /// Closes without a word.
    Close,
    /// Closes in the middle of the head of its answer.
    CloseMidAnswer,
    /// Answers something that is not HTTP.
    Babble,
}

/// Decides by the message and how many came before it.
pub(super) type Manner = dyn Fn(&Heard, usize) -> Does + Send + Sync;

/// A receiver. It is heard at `http://127.0.0.1:<port>/hooks`.
pub(super) struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    manner: Arc<Mutex<Arc<Manner>>>,
    task: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Listens, and accepts everything.
    pub(super) async fn start() -> Self {
        Self::with(|_heard, _before| Does::Answer(204)).await
    }

    /// Listens, and does as it is told.
    pub(super) async fn with(manner: impl Fn(&Heard, usize) -> Does + Send + Sync + 'static) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], lasting_port()));
        let manner: Arc<Manner> = Arc::new(manner);
        let manner = Arc::new(Mutex::new(manner));
        let mut receiver = Self { address, heard: Arc::default(), manner, task: None };
        receiver.come_back().await;
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does something else from now on.
    pub(super) fn change(&self, manner: impl Fn(&Heard, usize) -> Does + Send + Sync + 'static) {
        *self.manner.lock() = Arc::new(manner);
    }

    /// Closes the port and all connections.
    pub(super) async fn die(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _aborted = task.await;
        }
    }

    /// Listens again.
    pub(super) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is its own");
        let (heard, manner) = (Arc::clone(&self.heard), Arc::clone(&self.manner));
        self.task = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("it listens");
                let (heard, manner) = (Arc::clone(&heard), Arc::clone(&manner));
                connections.spawn(async move {
                    // Who is killed in the middle of a message is none of its business.
                    let _cut_off = serve(stream, &heard, &manner).await;
                });
            }
        }));
    }

    /// Everything it ever heard, in the order of arrival.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn serve(mut stream: TcpStream, heard: &Mutex<Vec<Heard>>, manner: &Mutex<Arc<Manner>>) -> std::io::Result<()> {
    loop {
        let Some(mut message) = read(&mut stream).await? else { return Ok(()) };
        let manner = Arc::clone(&manner.lock());
        let (place, does) = {
            let mut heard = heard.lock();
            let does = manner(&message, heard.len());
            message.accepted = matches!(&does, Does::Answer(200..300) | Does::AnswerWith(200..300, ..));
            heard.push(message);
            (heard.len() - 1, does)
        };
        let text = match does {
            Does::Answer(status) => format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"),
            Does::AnswerWith(status, name, value) => {
                format!("HTTP/1.1 {status} x\r\n{name}: {value}\r\nContent-Length: 0\r\n\r\n")
            }
            Does::Hang => {
                let _until_the_other_end_closes = stream.read(&mut [0]).await?;
                return Ok(());
            }
            Does::Close => return Ok(()),
            Does::CloseMidAnswer => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await?;
                return Ok(());
            }
            Does::Babble => {
                stream.write_all(b"welcome to my server\r\n\r\n").await?;
                return Ok(());
            }
        };
        if let Err(error) = stream.write_all(text.as_bytes()).await {
            heard.lock()[place].accepted = false;
            return Err(error);
        }
    }
}

/// The next message of a connection; none at its end.
async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Heard>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let request = lines.next().unwrap_or_default();
    assert!(request.starts_with("POST /hooks"), "what is sent is a POST to the path of the URL: {request}");
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let value = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let length: usize = value("content-length").and_then(|length| length.parse().ok()).expect("a body has a length");
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let needed = |name: &str| value(name).unwrap_or_else(|| panic!("no {name}: {text}"));
    Ok(Some(Heard {
        id: needed("webhook-id"),
        timestamp: needed("webhook-timestamp"),
        signature: needed("webhook-signature"),
        body: String::from_utf8(bytes[head..head + length].to_vec()).expect("JSON is UTF-8"),
        headers,
        at: Instant::now(),
        accepted: false,
    }))
}
