//! **Job:** one connection to the shop: sends a purchase, reads its answer, connects again when it has to.
//! **Owns:** what an answer is called, and how it may fail to come.
//! **Never:** repeats a purchase by itself, or trusts an answer that is not what the contract says.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tally::Label;

/// Problem codes of the contract that a purchase may get: their names need no memory of their own.
const CODES: [&str; 22] = [
    "sold-out",
    "throttled",
    "no-token",
    "rate-limited",
    "limit-reached",
    "overloaded",
    "sale-not-started",
    "sale-paused",
    "sale-closed",
    "outcome-unknown",
    "shutting-down",
    "storage-full",
    "storage-unavailable",
    "gate-unavailable",
    "unauthenticated",
    "not-found",
    "validation",
    "idempotency-key-reused",
    "malformed",
    "request-timeout",
    "cool-down",
    "internal",
];

/// An answer, or none.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) label: Label,
    /// The order, if there is one.
    pub(super) order: Option<Order>,
    pub(super) retry_after: Duration,
    /// As it came; empty if nothing did.
    pub(super) body: Bytes,
}

/// What is read of an order.
#[derive(Debug, Deserialize)]
pub(super) struct Order {
    #[serde(rename = "order_id")]
    pub(super) id: Box<str>,
    pub(super) user_id: Box<str>,
    pub(super) item_id: Box<str>,
    pub(super) quantity: u32,
    pub(super) durability: Box<str>,
}

#[derive(Deserialize)]
struct Problem<'b> {
    #[serde(borrow)]
    code: Cow<'b, str>,
}

impl Response {
    fn failed(name: &'static str) -> Self {
        let label = Label { name: name.into(), status: 0 };
        Self { label, order: None, retry_after: Duration::ZERO, body: Bytes::new() }
    }

    /// Whether the purchase may have been made or not, or may be made later.
    pub(super) fn is_indefinite(&self) -> bool {
        self.label.status == 0 || self.label.status >= 500
    }
}

/// One connection, opened when it is needed.
pub(super) struct Connection {
    address: SocketAddr,
    patience: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// How often the server has ended the connection between two purchases.
    pub(super) reconnects: u64,
}

impl Connection {
    pub(super) fn to(address: SocketAddr, patience: Duration) -> Self {
        Self { address, patience, sender: None, reconnects: 0 }
    }

    /// Opens the connection, so that the first purchase need not wait for it.
    pub(super) async fn open(&mut self) -> Result<(), Response> {
        let connected = timeout(self.patience, TcpStream::connect(self.address)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => return Err(Response::failed("refused")),
            Ok(Err(_other)) => return Err(Response::failed("unconnected")),
            Err(_late) => return Err(Response::failed("timeout")),
        };
        let ready = stream.set_nodelay(true);
        ready.map_err(|_gone| Response::failed("reset"))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_gone| Response::failed("reset"))?;
        // Its end is seen by the sender.
        tokio::spawn(connection);
        self.sender = Some(sender);
        Ok(())
    }

    /// Sends a request made by `request` and reads its answer.
    pub(super) async fn ask(&mut self, request: impl Fn() -> Request<Full<Bytes>>) -> Response {
        let mut is_fresh = false;
        loop {
            if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
                self.reconnects += u64::from(self.sender.is_some());
                is_fresh = true;
                if let Err(answer) = self.open().await {
                    self.sender = None;
                    return answer;
                }
            }
            let sender = self.sender.as_mut().expect("opened above");
            match timeout(self.patience, exchange(sender, request())).await {
                Ok(Ok(answer)) => return answer,
                // An idle connection that ended just now: the request has not left this process.
                Ok(Err(error)) if error.is_canceled() && !is_fresh => self.reconnects += 1,
                Ok(Err(error)) => {
                    self.sender = None;
                    return Response::failed(if error.is_parse() { "unparsable" } else { "reset" });
                }
                Err(_late) => {
                    self.sender = None;
                    return Response::failed("timeout");
                }
            }
            self.sender = None;
        }
    }
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> hyper::Result<Response> {
    sender.ready().await?;
    let response: hyper::Response<Incoming> = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let response = read(head.status.as_u16(), &head.headers, &body);
    Ok(Response { body, ..response })
}

fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Response {
    if status == 201 {
        let Ok(order) = serde_json::from_slice::<Order>(body) else { return Response::failed("unparsable") };
        let name = if headers.contains_key("idempotent-replayed") { "replayed" } else { "confirmed" };
        let label = Label { name: name.into(), status };
        return Response { label, order: Some(order), retry_after: Duration::ZERO, body: Bytes::new() };
    }
    if status == 200 {
        let label = Label { name: "ok".into(), status };
        return Response { label, order: None, retry_after: Duration::ZERO, body: Bytes::new() };
    }
    let Ok(problem) = serde_json::from_slice::<Problem<'_>>(body) else { return Response::failed("unparsable") };
    let known = CODES.iter().find(|known| **known == problem.code);
    let name = known.map_or_else(|| problem.code.into_owned().into(), |known| Cow::Borrowed(*known));
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = Duration::from_secs(seconds.unwrap_or(0));
    Response { label: Label { name, status }, order: None, retry_after, body: Bytes::new() }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn an_answer_is_called_by_what_it_says() {
        let order =
            br#"{"order_id":"1-1-1","user_id":"a","item_id":"x","quantity":1,"durability":"full","status":"paid"}"#;
        let (plain, mut headers) = (HeaderMap::new(), HeaderMap::new());
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("3"));
        let name = |status, headers: &HeaderMap, body: &[u8]| read(status, headers, body).label.name;
        assert_eq!(name(201, &plain, order), "confirmed");
        assert_eq!(name(201, &headers, order), "replayed");
        assert_eq!(name(201, &plain, b"{}"), "unparsable");
        assert_eq!(name(409, &plain, br#"{"code":"sold-out"}"#), "sold-out");
        assert_eq!(name(400, &plain, br#"{"code":"of-another-server"}"#), "of-another-server");
        assert_eq!(name(502, &plain, b"<html>"), "unparsable");
        let busy = read(503, &headers, br#"{"code":"overloaded"}"#);
        assert!(busy.is_indefinite() && busy.retry_after == Duration::from_secs(3));
    }
}
