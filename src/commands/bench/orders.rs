//! **Job:** the parts that all purchases of a run are put together from.
//! **Owns:** the request of a purchase.
//! **Never:** sends one.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};

use super::workload::{Purchase, Workload};

/// What all generator threads work from. Requests are put together from parts that are ready.
pub(in crate::commands) struct Orders {
    pub(in crate::commands) address: SocketAddr,
    pub(in crate::commands) host: HeaderValue,
    /// Names of the buyers, and the value of each one's `Authorization`.
    pub(in crate::commands) users: Vec<(Box<str>, HeaderValue)>,
    /// Names of the items, and the path of their orders.
    pub(in crate::commands) items: Vec<(Box<str>, Uri)>,
    pub(in crate::commands) body: Bytes,
    pub(in crate::commands) quantity: u32,
    pub(in crate::commands) workload: Workload,
    pub(in crate::commands) retries: u32,
    /// Share of the confirmed purchases that something follows.
    pub(in crate::commands) mix: f64,
    pub(in crate::commands) patience: Duration,
    pub(in crate::commands) warmup: Duration,
    /// Nothing is sent after this.
    pub(in crate::commands) last_call: Duration,
}

impl Orders {
    pub(super) fn request(&self, purchase: &Purchase) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.items[purchase.item].1.clone();
        let headers = request.headers_mut();
        headers.reserve(5);
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.users[purchase.user].1.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let key = HeaderValue::from_str(&purchase.key).expect("a key is of letters, digits and dashes");
        headers.insert("idempotency-key", key);
        request
    }
}
