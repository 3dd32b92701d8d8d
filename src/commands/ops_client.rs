//! **Job:** asks an operations listener, for every command that does.
//! **Owns:** the connection, and what an answer that is no success means.
//! **Never:** retries, follows a redirect, or shows the token.

mod local_socket;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, RequestBuilder};

use super::failure::Failure;
use super::text::Text;
use crate::config::OpsAddress;

/// How long an answer may take: the server answers within five seconds, or never.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Largest answer, in bytes: a thousand actors with all their buckets are a few megabytes.
const MAX_BYTES: u64 = 32 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// Nobody answers there.
    #[error("no answer from {url}: {reason}")]
    Unreachable {
        /// Address that was asked.
        url: OpsUrl,
        /// What is wrong, in words.
        reason: Text,
    },
    /// The token is another server's.
    #[error("{0} does not accept the admin token (auth.admin_token)")]
    Token(OpsUrl),
    /// Something else answers there.
    #[error("{url} is not an operations listener: {path} answers {answer}")]
    Foreign {
        /// Address that was asked.
        url: OpsUrl,
        /// What was asked for.
        path: Text,
        /// What came.
        answer: Text,
    },
    /// The server says no.
    #[error("status {status}: {title}: {detail}")]
    Refused {
        /// Its status.
        status: u16,
        /// In a few words.
        title: Text,
        /// In more words.
        detail: Text,
    },
    /// Nobody knows where the server listens.
    #[error("server.ops_listen: has port 0, which the system picks: name the server with --url")]
    NoPort,
}

impl From<OpsError> for Failure {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::NoPort => Self::configuration(error),
            OpsError::Unreachable { .. } | OpsError::Token(_) | OpsError::Foreign { .. } | OpsError::Refused { .. } => {
                Self::new(error)
            }
        }
    }
}

/// Where an operations listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpsUrl {
    /// `http://127.0.0.1:9190`.
    Http(String),
    /// `unix:/run/doorbuster/ops.sock`.
    Unix(PathBuf),
}

impl FromStr for OpsUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(OpsAddress::Unix(path)) = OpsAddress::parse(text) {
            return Ok(Self::Unix(path));
        }
        if text.starts_with("https://") {
            return Err("https is not built in: look on the machine itself, or through a tunnel");
        }
        let url = text.trim_end_matches('/');
        let uri = url.parse::<ureq::http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
        let is_bare = uri.is_some_and(|uri| uri.host().is_some() && uri.query().is_none() && !url.contains('#'));
        if is_bare && !url.contains('@') {
            Ok(Self::Http(url.to_owned()))
        } else {
            Err("expected http://HOST:PORT, and a path if a proxy has it below one, or unix:/PATH")
        }
    }
}

impl OpsUrl {
    /// Of a server that listens there, seen from its own machine; none if the port is one that the system picks.
    #[must_use]
    pub fn of(listen: &OpsAddress) -> Option<Self> {
        let listen = match listen {
            OpsAddress::Tcp(address) => *address,
            OpsAddress::Unix(path) => return Some(Self::Unix(path.clone())),
        };
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        (listen.port() != 0).then(|| Self::Http(format!("http://{}", SocketAddr::new(ip, listen.port()))))
    }
}

impl fmt::Display for OpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url),
            Self::Unix(path) => write!(f, "{}", OpsAddress::Unix(path.clone())),
        }
    }
}

/// How something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Post,
    Put,
    Delete,
}

/// What an answer that is no success says about itself (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Text,
    detail: Text,
    /// Units that are left, where that is why.
    remaining: Option<u32>,
    /// Where the order stands, where that is why.
    order_status: Option<Text>,
}

impl Problem {
    /// The sentence, with the figures that belong to it.
    fn in_words(&self) -> Text {
        let left = self.remaining.map(|remaining| format!(" ({remaining} left)"));
        let status = self.order_status.as_ref().map(|status| format!(" (it is {status})"));
        let figures = left.or(status).unwrap_or_default();
        format!("{}{figures}", self.detail).into()
    }
}

/// One operations listener and the token for it. No `Debug`: the token is a secret.
pub(super) struct OpsClient {
    agent: Agent,
    url: OpsUrl,
    /// `Bearer <token>`.
    authorization: String,
}

impl OpsClient {
    pub(super) fn new(url: OpsUrl, token: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0) // the token is for this listener only
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT_PATIENCE))
            .build();
        let agent = match &url {
            OpsUrl::Http(_) => config.new_agent(),
            OpsUrl::Unix(path) => local_socket::agent(config, path.clone()),
        };
        Self { agent, url, authorization: format!("Bearer {token}") }
    }

    pub(super) fn url(&self) -> &OpsUrl {
        &self.url
    }

    /// A question, not asked yet.
    pub(super) fn request(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.agent.get(self.address(path)).header("Authorization", &self.authorization)
    }

    /// The answer to a question.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, OpsError> {
        let request = query.iter().fold(self.request(path), |request, (name, value)| request.query(*name, *value));
        self.read(path, self.accepted(path, request.call())?)
    }

    /// Sends something; it was done if there is an answer.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        json: Option<&str>,
    ) -> Result<Response<Body>, OpsError> {
        let address = self.address(path);
        let request = match method {
            Method::Post => self.agent.post(address),
            Method::Put => self.agent.put(address),
            Method::Delete => self.agent.delete(address).force_send_body(),
        };
        let request = request.header("Authorization", &self.authorization);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = match json {
            Some(json) => request.header("Content-Type", "application/json").send(json),
            None => request.send_empty(),
        };
        self.accepted(path, answer)
    }

    fn address(&self, path: &str) -> String {
        match &self.url {
            OpsUrl::Http(url) => format!("{url}{path}"),
            OpsUrl::Unix(_) => format!("http://localhost{path}"),
        }
    }

    pub(super) fn accepted(
        &self,
        path: &str,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, OpsError> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        match answer.status().as_u16() {
            200..300 => Ok(answer),
            401 | 403 => Err(OpsError::Token(self.url.clone())),
            status => {
                let body = answer.body_mut().read_to_vec().unwrap_or_default();
                match serde_json::from_slice::<Problem>(&body) {
                    Ok(problem) if status != 404 || path.starts_with("/v1/") => {
                        let detail = problem.in_words();
                        Err(OpsError::Refused { status, title: problem.title, detail })
                    }
                    Ok(_) | Err(_) => Err(self.foreign(path, &format!("status {status}"))),
                }
            }
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self, path: &str, mut answer: Response<Body>) -> Result<T, OpsError> {
        let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|_| self.foreign(path, "something else"))
    }

    pub(super) fn unreachable(&self, reason: &dyn fmt::Display) -> OpsError {
        OpsError::Unreachable { url: self.url.clone(), reason: reason.to_string().into() }
    }

    pub(super) fn foreign(&self, path: &str, answer: &str) -> OpsError {
        OpsError::Foreign { url: self.url.clone(), path: path.into(), answer: Text::from(answer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_plain_http_and_may_have_a_path() {
        for good in ["http://127.0.0.1:9190", "http://[::1]:1/", "http://ops.local", "http://a/ops"] {
            assert!(good.parse::<OpsUrl>().is_ok(), "{good}");
        }
        for bad in
            ["", "127.0.0.1:9190", "http://", "http://a/#b", "http://a/?b", "ftp://a", "http://u:p@a", "http://a b"]
        {
            assert!(bad.parse::<OpsUrl>().is_err(), "{bad}");
        }
        assert!("https://a".parse::<OpsUrl>().unwrap_err().contains("https"));
        let url = |listen: &str| OpsUrl::of(&OpsAddress::parse(listen).unwrap()).map(|url| url.to_string());
        assert_eq!(url("unix:/run/ops.sock").as_deref(), Some("unix:/run/ops.sock"));
        assert_eq!("unix:/run/ops.sock".parse(), Ok(OpsUrl::Unix("/run/ops.sock".into())));
        assert_eq!(url("0.0.0.0:9190").as_deref(), Some("http://127.0.0.1:9190"));
        assert_eq!(url("[::]:9190").as_deref(), Some("http://[::1]:9190"));
        assert_eq!(url("127.0.0.1:0"), None);
    }
}
