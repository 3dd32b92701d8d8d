//! **Job:** pulls entries from an ops listener: long polls of `GET /v1/feed`, one JSON entry a line.
//! **Owns:** the request and what its answers mean.
//! **Never:** remembers what it has seen: `after` is what has been applied.

use std::time::Duration;

use super::delivery::{Delivery, FetchFault, Fetched};
use super::wire::seq_of;
use crate::config::Secret;

/// How long the feed may hold an empty answer back, in seconds. Lag is as old as this at most.
const WAIT_SECONDS: u64 = 4;
/// How long a request may take in all: the wait, and as long again as any answer may take.
const PATIENCE: Duration = Duration::from_secs(WAIT_SECONDS + 5);
/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Largest answer, in bytes: 256 entries of 16 KiB, many times what they really have.
const MAX_BODY: u64 = 4 << 20;
/// The feed's header with the last committed entry.
const LAST_SEQ_HEADER: &str = "Feed-Last-Seq";

/// The pull feed is not one this program can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("inventory.source: https is not built in: pull on the machine itself, or through a tunnel")]
pub struct UnusableUrl;

/// The pull feed of one ops listener.
pub(super) struct Pull {
    agent: ureq::Agent,
    feed: String,
    /// `Bearer <token>`.
    authorization: Secret,
}

impl Pull {
    /// `source` is the ops listener's URL. Nobody is asked yet.
    ///
    /// # Errors
    /// The URL is one of `https`.
    pub(super) fn new(source: &str, token: &Secret) -> Result<Self, UnusableUrl> {
        if !source.starts_with("http://") {
            return Err(UnusableUrl);
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0) // the token is for this listener only
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT_PATIENCE));
        let feed = format!("{}/v1/feed", source.trim_end_matches('/'));
        let authorization = Secret::new(format!("Bearer {}", token.expose()));
        Ok(Self { agent: config.build().new_agent(), feed, authorization })
    }

    pub(super) fn fetch(&self, cursor: u64, limit: u32) -> Result<Fetched, FetchFault> {
        let url = format!("{}?after={cursor}&limit={limit}&wait={WAIT_SECONDS}", self.feed);
        let request = self.agent.get(&url).header("Authorization", self.authorization.expose());
        let mut answer = request.call().map_err(|error| unavailable(&error))?;
        match answer.status().as_u16() {
            200 => {}
            status @ 400..500 => return Err(FetchFault::Refused(format!("status {status}"))),
            status => return Err(FetchFault::Unavailable(format!("status {status}"))),
        }
        let header = answer.headers().get(LAST_SEQ_HEADER).and_then(|value| value.to_str().ok());
        let announced = header.and_then(|text| text.trim().parse::<u64>().ok());
        if let Some(last) = announced.filter(|last| *last < cursor) {
            return Err(FetchFault::Behind { cursor, last });
        }
        let body = answer.body_mut().with_config().limit(MAX_BODY).read_to_vec();
        let deliveries = lines(cursor, &body.map_err(|error| unavailable(&error))?);
        let last_seq = announced.or(deliveries.last().map(|last| last.seq));
        Ok(Fetched { deliveries, last_seq })
    }
}

fn unavailable(error: &ureq::Error) -> FetchFault {
    FetchFault::Unavailable(error.to_string())
}

/// The entries of an answer. A line whose number cannot be read has the one after the line before it: entries are
/// numbered without a gap. An unreadable rest without a line end is an answer that was cut off.
fn lines(cursor: u64, body: &[u8]) -> Vec<Delivery> {
    let (mut deliveries, mut expected) = (Vec::new(), cursor + 1);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let number = seq_of(line);
        if line.trim_ascii().is_empty() || (number.is_none() && !line.ends_with(b"\n")) {
            continue;
        }
        let seq = number.unwrap_or(expected);
        expected = seq.saturating_add(1);
        deliveries.push(Delivery { seq, text: line.trim_ascii().to_vec() });
    }
    deliveries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seqs(body: &str) -> Vec<u64> {
        lines(4, body.as_bytes()).iter().map(|delivery| delivery.seq).collect()
    }

    #[test]
    fn a_line_is_numbered_by_itself_or_else_by_its_place() {
        assert_eq!(seqs("{\"seq\":5}\n{\"seq\":6}\r\n\n{\"seq\":7}"), [5, 6, 7]);
        assert_eq!(seqs("nonsense\n{\"seq\":6}\n{}\n[1]\n{\"seq\":9}\n"), [5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_cut_off_line_is_not_an_entry() {
        assert_eq!(seqs("{\"seq\":5}\n{\"seq\":6,\"ki"), [5]);
        assert_eq!(seqs(""), [0u64; 0]);
    }

    #[test]
    fn only_plain_http_can_be_asked() {
        let token = Secret::new("t".to_owned());
        assert!(Pull::new("http://127.0.0.1:9190/", &token).is_ok());
        assert!(Pull::new("https://127.0.0.1:9190", &token).is_err());
    }
}
