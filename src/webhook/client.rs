//! **Job:** the HTTP client of webhooks: one request, and what its answer means.
//! **Owns:** time-outs, TLS, and that no redirect is followed.
//! **Never:** decides what becomes of an event, or repeats words of the receiver, which may be anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ureq::http::{HeaderMap, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Error};

use super::signature::Keys;
use crate::config::Webhook;

/// How long a connection may take to come about: less than an answer.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of an answer's body that are read to use its connection again. Nobody looks at them.
const MAX_ANSWER: u64 = 64 << 10;

/// The URL or the authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableReceiver {
    /// The file with the authorities.
    #[error("webhook.tls_ca_file: {}: {reason}", path.display())]
    Authorities {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody's certificate could be checked.
    #[error(
        "webhook.url: https needs authorities, and the system has none: install ca-certificates, or set \
             webhook.tls_ca_file"
    )]
    NoAuthorities,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Any 2xx: the receiver has the event.
    Accepted(u16),
    /// 410: it wants no events any more.
    Gone,
    /// Another status, and how long it wants to be left alone.
    Refused(u16, Option<Duration>),
    /// No answer in time.
    TimedOut,
    /// No connection, no TLS, or no answer that is one.
    Unreachable(String),
}

/// The client, for all threads.
#[derive(Clone)]
pub(super) struct Client {
    agent: Agent,
    url: Arc<str>,
}

impl Client {
    /// A client for the receiver of the configuration; `None`: there is none. Nobody is asked yet.
    pub(super) fn of(webhook: &Webhook) -> Result<Option<Self>, UnusableReceiver> {
        let Some(url) = &webhook.url else { return Ok(None) };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0) // what is signed for one receiver is not shown to another
            .proxy(None)
            .user_agent(concat!("Doorbuster/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections_per_host(webhook.concurrency)
            .timeout_global(Some(webhook.timeout))
            .timeout_connect(Some(CONNECT_WITHIN.min(webhook.timeout)));
        let config = if url.is_encrypted() { config.tls_config(tls(webhook.tls_ca_file.as_deref())?) } else { config };
        Ok(Some(Self { agent: config.build().new_agent(), url: url.as_str().into() }))
    }

    /// Sends a message, signed as of now.
    pub(super) fn send(&self, id: &str, body: &[u8], keys: &Keys) -> Answer {
        // The receiver compares it with its own clock.
        let time_s = Timestamp::now().as_second();
        let request = self
            .agent
            .post(&*self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", time_s)
            .header("webhook-signature", keys.sign(id, time_s, body));
        match request.send(body) {
            Ok(mut response) => {
                let (status, wish) = (response.status().as_u16(), wish(response.headers()));
                // The status has been said: how the rest comes is nobody's business.
                let _rest = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
                match status {
                    200..300 => Answer::Accepted(status),
                    410 => Answer::Gone,
                    429 | 503 => Answer::Refused(status, wish),
                    _other => Answer::Refused(status, None),
                }
            }
            Err(Error::Timeout(_)) => Answer::TimedOut,
            Err(error) => Answer::Unreachable(reason(&error)),
        }
    }
}

/// How long the receiver wants to be left alone: seconds, or a date (RFC 9110, section 10.2.3).
fn wish(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Duration::try_from(date.timestamp().duration_since(Timestamp::now())).unwrap_or_default())
}

/// In our own words where they are known: never the URL.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library, which may grow")]
fn reason(error: &Error) -> String {
    match error {
        Error::HostNotFound => "the host is not known".to_owned(),
        Error::ConnectionFailed => "no connection".to_owned(),
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => format!("TLS: {inner}"),
            None => format!("no answer: {error}"),
        },
        Error::Rustls(error) => format!("TLS: {error}"),
        Error::Tls(reason) => format!("TLS: {reason}"),
        Error::Protocol(_) => "the answer is not HTTP, or was cut off".to_owned(),
        _other => "the request could not be sent".to_owned(),
    }
}

fn tls(authorities: Option<&Path>) -> Result<TlsConfig, UnusableReceiver> {
    let roots = match authorities {
        Some(path) => in_file(path)?,
        None => of_the_system()?,
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn in_file(path: &Path) -> Result<Vec<Certificate<'static>>, UnusableReceiver> {
    let unusable = |reason: String| UnusableReceiver::Authorities { path: path.to_owned(), reason };
    let text = std::fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_other) => {}
            Err(_) => return Err(unusable("is not a certificate in PEM form".to_owned())),
        }
    }
    if certificates.is_empty() { Err(unusable("has no certificate".to_owned())) } else { Ok(certificates) }
}

fn of_the_system() -> Result<Vec<Certificate<'static>>, UnusableReceiver> {
    let found = rustls_native_certs::load_native_certs().certs;
    let certificates: Vec<_> = found.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
    if certificates.is_empty() { Err(UnusableReceiver::NoAuthorities) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    #[test]
    fn a_wish_is_seconds_or_a_date() {
        let wish = |text: &str| {
            let value = HeaderValue::from_str(text).expect("visible ASCII");
            wish(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]))
        };
        assert_eq!(wish(" 120 "), Some(Duration::from_mins(2)));
        assert_eq!(wish("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&later).expect("a date");
        let seconds = wish(&date).expect("a date").as_secs();
        assert!((290..=300).contains(&seconds), "{date}: {seconds}");
        for nonsense in ["", "soon", "-5", "1.5"] {
            assert_eq!(wish(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn authorities_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("ca.pem");
        let refused = |path: &Path| in_file(path).expect_err("no authority").to_string();
        assert!(refused(&path).starts_with("webhook.tls_ca_file: ") && refused(&path).contains("cannot be read"));
        std::fs::write(&path, "canary").expect("writable");
        assert!(refused(&path).ends_with("has no certificate"), "{}", refused(&path));
    }
}
