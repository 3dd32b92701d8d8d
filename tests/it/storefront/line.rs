//! **Job:** a bad line between a browser and the server: answers are lost on it when a test says so.
//! **Owns:** the connections of both sides, one request each, so that the browser does not repeat anything by itself.
//! **Never:** loses a request: the server has always carried out what the browser hears nothing of.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the answer to a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends without a byte of it.
    Lost,
    /// The connection ends in the middle of its body.
    Torn,
    /// Nothing comes, and the connection stays open.
    Silence,
}

/// A line to a server.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Line {
    /// Lays a line whose first answers to purchases meet these faults.
    pub(crate) async fn to(server: SocketAddr, faults: impl IntoIterator<Item = Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let line = Self {
            address,
            faults: Arc::new(Mutex::new(faults.into_iter().collect())),
            keys: Arc::new(Mutex::new(Vec::new())),
        };
        let (faults, keys) = (Arc::clone(&line.faults), Arc::clone(&line.keys));
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(carry(browser, server, Arc::clone(&faults), Arc::clone(&keys)));
            }
        });
        line
    }

    /// The idempotency keys of the purchases that have gone over the line.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.lock().clone()
    }
}

async fn carry(
    mut browser: TcpStream,
    server: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    keys: Arc<Mutex<Vec<String>>>,
) -> Result<()> {
    let (head, body) = read_request(&mut browser).await?;
    let is_purchase = head.starts_with("POST ") && head.lines().next().is_some_and(|line| line.contains("/orders "));
    let fault = if is_purchase { faults.lock().pop_front() } else { None };
    if is_purchase {
        keys.lock().push(header(&head, "idempotency-key").unwrap_or_default().to_owned());
    }
    let kept = head.trim_end().lines().filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head: String = kept.chain(["Connection: close", ""]).map(|line| format!("{line}\r\n")).collect();
    let mut server = TcpStream::connect(server).await?;
    server.write_all(&[head.as_bytes(), &body].concat()).await?;
    let Some(fault) = fault else { return copy(&mut server, &mut browser).await.map(drop) };
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match fault {
        Fault::Lost => Ok(()),
        Fault::Torn => browser.write_all(&answer[..answer.len() - 20]).await,
        Fault::Silence => browser.read_to_end(&mut Vec::new()).await.map(drop),
    }
}

async fn read_request(browser: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if browser.read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).map_err(Error::other)?;
    let length = header(&head, "content-length").map_or(Ok(0), str::parse).map_err(Error::other)?;
    while body.len() < length {
        browser.read_buf(&mut body).await?;
    }
    Ok((head, body))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
