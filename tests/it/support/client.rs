//! **Job:** a minimal HTTP/1.1 client that hides nothing: keep-alive requests, and any bytes at all.
//! **Owns:** how an answer is read from a connection.
//! **Never:** retries, redirects or reconnects within a request: what was sent, was sent once.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a client waits for an answer before it calls the request lost. Three times what the contract of answers
/// (5 s) allows, because the machine is shared.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may linger on a connection that it has refused.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in the order of the wire.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, for messages.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} with body {:?}", self.status, self.text()))
    }
}

/// One connection, opened when needed and kept while the server keeps it.
pub(crate) struct Client {
    address: SocketAddr,
    from: Option<SocketAddr>,
    connection: Option<Connection>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, from: None, connection: None }
    }

    /// A client at another address of this machine, for example `127.0.0.2`.
    pub(crate) fn at(from: [u8; 4], address: SocketAddr) -> Self {
        Self { from: Some((from, 0).into()), ..Self::new(address) }
    }

    /// Sends a request and reads its answer. `body` brings its Content-Length and, as JSON, its Content-Type.
    ///
    /// # Errors
    /// If the connection breaks or no answer comes: whether the request was carried out is then unknown.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Response> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            bytes.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        } else {
            bytes.push_str("\r\n");
        }
        self.send(bytes.as_bytes()).await
    }

    /// `GET path`.
    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        self.request("GET", path, headers, None).await
    }

    /// Sends a whole request as bytes and reads its answer; the connection is kept as HTTP/1.1 has it.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<Response> {
        let answer = timeout(PATIENCE, self.exchange(bytes)).await.unwrap_or(Err(ErrorKind::TimedOut.into()));
        let close = |response: &Response| response.header("connection").is_some_and(|value| value == "close");
        if answer.as_ref().map_or(true, close) {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, bytes: &[u8]) -> Result<Response> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(self.address, self.from).await?);
        }
        let connection = self.connection.as_mut().expect("opened above");
        connection.stream.write_all(bytes).await?;
        connection.read_response().await?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}

/// What came back for raw bytes.
pub(crate) struct RawAnswer {
    /// The answer; `None` if the server closed without one.
    pub(crate) response: Option<Response>,
    connection: Connection<ReadHalf<TcpStream>>,
}

impl RawAnswer {
    /// Whether the server ends the connection by itself soon.
    pub(crate) async fn closes(mut self) -> bool {
        timeout(CLOSE_PATIENCE, self.connection.at_end()).await.is_ok()
    }
}

/// Sends any bytes on a fresh connection and waits for an answer or the end. The sending may fail on the way: a
/// server that has refused need not listen to the rest.
///
/// # Errors
/// If neither an answer nor the end comes in time.
pub(crate) async fn raw_exchange(address: SocketAddr, bytes: &[u8]) -> Result<RawAnswer> {
    let stream = TcpStream::connect(address).await?;
    let (reader, mut writer) = tokio::io::split(stream);
    let mut connection = Connection { stream: reader, buffer: Vec::new() };
    let send = async {
        let _ = writer.write_all(bytes).await;
        std::future::pending::<()>().await;
    };
    let receive = timeout(PATIENCE, connection.read_response());
    let received =
        tokio::select! { () = send => unreachable!("the sender never ends"), received = receive => received };
    let response = received.map_err(|_| Error::from(ErrorKind::TimedOut))?.ok().flatten();
    Ok(RawAnswer { response, connection })
}

/// Requests and answers on a connection that somebody else has made: encrypted, or of another kind.
pub(crate) struct Conversation<S>(Connection<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self(Connection { stream, buffer: Vec::new() })
    }

    /// Sends a whole request as text and reads its answer.
    ///
    /// # Errors
    /// If none comes.
    pub(crate) async fn say(&mut self, request: &str) -> Result<Response> {
        let exchange = async {
            self.0.stream.write_all(request.as_bytes()).await?;
            self.0.stream.flush().await?;
            self.0.read_response().await?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
        };
        timeout(PATIENCE, exchange).await.unwrap_or(Err(ErrorKind::TimedOut.into()))
    }

    /// The stream itself.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.0.stream
    }
}

struct Connection<S = TcpStream> {
    stream: S,
    /// Bytes that arrived after the last answer.
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, from: Option<SocketAddr>) -> Result<Self> {
        let stream = match from {
            None => TcpStream::connect(address).await?,
            Some(from) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(from)?;
                socket.connect(address).await?
            }
        };
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1024) })
    }
}

impl<S: tokio::io::AsyncRead + Unpin> Connection<S> {
    /// The next answer; `None` if the server closed before its first byte.
    async fn read_response(&mut self) -> Result<Option<Response>> {
        loop {
            let Some(head) = self.read_head().await? else { return Ok(None) };
            let mut response = parse_head(&head)?;
            if response.status < 200 {
                continue;
            }
            response.body = self.read_body(&response).await?;
            return Ok(Some(response));
        }
    }

    async fn read_head(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            if !self.read_more().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn read_body(&mut self, response: &Response) -> Result<Vec<u8>> {
        if matches!(response.status, 204 | 304) {
            return Ok(Vec::new());
        }
        if response.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            return self.read_chunks().await;
        }
        match response.header("content-length") {
            Some(length) => self.take(length.parse().map_err(|_| Error::from(ErrorKind::InvalidData))?).await,
            None => {
                while self.read_more().await? {}
                Ok(std::mem::take(&mut self.buffer))
            }
        }
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line().await?;
            let length = usize::from_str_radix(&line, 16).map_err(|_| Error::from(ErrorKind::InvalidData))?;
            body.extend(self.take(length).await?);
            self.take_line().await?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    async fn take_line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = self.take(end + 2).await?;
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.read_more().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.read_more().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    /// Waits for the end of the connection, orderly or not; whatever else comes is thrown away.
    async fn at_end(&mut self) {
        while let Ok(true) = self.read_more().await {
            self.buffer.clear();
        }
    }

    /// Reads what is there; `false` at the end of the connection.
    async fn read_more(&mut self) -> Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn parse_head(head: &[u8]) -> Result<Response> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|rest| rest.get(2..5));
    let status = status.and_then(|digits| digits.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    Ok(Response { status, headers: lines.filter_map(header).collect(), body: Vec::new() })
}
