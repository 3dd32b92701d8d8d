//! **Job:** asks the operations listener, and reads its stream of events.
//! **Owns:** the requests, and what an answer that is no success means.
//! **Never:** retries, or shows the token.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::Duration;

use doorbuster_actors::ids::ItemId;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::TopError;
use super::query::{Query, Steering};
use super::wire::{Funnel, Page, Problem, Readiness, Snapshot, Text, Verdict};
use crate::commands::event_stream::EventStream;

/// How long an answer may take: the server answers within five seconds, or never.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Longest silence of the stream: five events that did not come.
const SILENCE: Duration = Duration::from_secs(5);
/// Largest answer or event, in bytes: a thousand actors with all their buckets are a few megabytes.
const MAX_BYTES: u64 = 32 << 20;

/// Where an operations listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpsUrl(String);

impl FromStr for OpsUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            return Err("https is not built in: look on the machine itself, or through a tunnel");
        }
        let url = text.trim_end_matches('/');
        let uri = url.parse::<ureq::http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
        let is_bare = uri.is_some_and(|uri| uri.host().is_some() && uri.query().is_none() && !url.contains('#'));
        if is_bare && !url.contains('@') {
            Ok(Self(url.to_owned()))
        } else {
            Err("expected http://HOST:PORT, and a path if a proxy has it below one")
        }
    }
}

impl OpsUrl {
    /// Of a server that listens there, seen from its own machine; none if the port is one that the system picks.
    #[must_use]
    pub fn of(listen: SocketAddr) -> Option<Self> {
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        (listen.port() != 0).then(|| Self(format!("http://{}", SocketAddr::new(ip, listen.port()))))
    }
}

impl fmt::Display for OpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One operations listener and the token for it. No `Debug`: the token is a secret.
pub(super) struct Client {
    agent: Agent,
    url: OpsUrl,
    /// `Bearer <token>`.
    authorization: String,
}

impl Client {
    pub(super) fn new(url: OpsUrl, token: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0) // the token is for this listener only
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT_PATIENCE));
        Self { agent: config.build().new_agent(), url, authorization: format!("Bearer {token}") }
    }

    pub(super) fn url(&self) -> &OpsUrl {
        &self.url
    }

    pub(super) fn actors(&self, query: &Query) -> Result<Page, TopError> {
        let mut request = self.agent.get(self.address("/actors")).query("sort", query.sort.asked_as());
        if !query.search.is_empty() {
            request = request.query("search", &query.search);
        }
        let request = request.query("limit", query.limit.to_string()).query("buckets", "true");
        let answer = request.header("Authorization", &self.authorization).call();
        self.read("/actors", self.accepted("/actors", answer)?)
    }

    pub(super) fn funnel(&self) -> Result<Funnel, TopError> {
        let answer = self.agent.get(self.address("/funnel")).header("Authorization", &self.authorization).call();
        self.read("/funnel", self.accepted("/funnel", answer)?)
    }

    /// The verdict. The answer that carries it has status 503 while nothing can be sold.
    pub(super) fn verdict(&self) -> Result<Verdict, TopError> {
        let request = self.agent.get(self.address("/readyz?verbose")).header("Authorization", &self.authorization);
        let answer = match request.call() {
            Ok(answer) if answer.status() == 503 => Ok(answer),
            other => self.accepted("/readyz", other),
        };
        self.read::<Readiness>("/readyz", answer?).map(|readiness| readiness.verdict)
    }

    /// Pauses or resumes an item; done when it is durable.
    pub(super) fn steer(&self, item: &ItemId, steering: Steering) -> Result<(), TopError> {
        let path = format!("/v1/admin/items/{item}/{}", steering.as_str());
        let request = self.agent.post(self.address(&path)).header("Authorization", &self.authorization);
        self.accepted(&path, request.send_empty()).map(drop)
    }

    /// Reads events until the stream ends or `see` has seen enough.
    pub(super) fn events(&self, mut see: impl FnMut(Snapshot) -> ControlFlow<()>) -> Result<(), TopError> {
        let request = self.agent.get(self.address("/events")).header("Authorization", &self.authorization);
        let request = request.config().timeout_global(None).timeout_per_read(Some(SILENCE)).build();
        let answer = self.accepted("/events", request.header("Accept", "text/event-stream").call())?;
        let mut stream = EventStream::of(answer.into_body().into_reader());
        while let Some(data) = stream.next_data().map_err(|error| self.unreachable(&error))? {
            let snapshot = serde_json::from_slice(&data).map_err(|_| self.foreign("/events", "something else"))?;
            if see(snapshot).is_break() {
                return Ok(());
            }
        }
        Err(self.unreachable(&"the stream ended"))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn accepted(&self, path: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, TopError> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        match answer.status().as_u16() {
            200..300 => Ok(answer),
            401 | 403 => Err(TopError::Token(self.url.clone())),
            status => {
                let body = answer.body_mut().read_to_vec().unwrap_or_default();
                match serde_json::from_slice::<Problem>(&body) {
                    Ok(problem) if status != 404 || path.starts_with("/v1/") => {
                        Err(TopError::Refused { status, title: problem.title, detail: problem.detail })
                    }
                    Ok(_) | Err(_) => Err(self.foreign(path, &format!("status {status}"))),
                }
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, path: &str, mut answer: Response<Body>) -> Result<T, TopError> {
        let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|_| self.foreign(path, "something else"))
    }

    fn unreachable(&self, reason: &dyn fmt::Display) -> TopError {
        TopError::Unreachable { url: self.url.clone(), reason: reason.to_string().into() }
    }

    fn foreign(&self, path: &str, answer: &str) -> TopError {
        TopError::Foreign { url: self.url.clone(), path: path.into(), answer: Text::from(answer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::query::Sort;
    use crate::commands::top::tests::{self as mock, TOKEN};

    fn query(search: &str) -> Query {
        Query { sort: Sort::Rate, search: search.to_owned(), limit: 7 }
    }

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
        let url = |listen: &str| OpsUrl::of(listen.parse().unwrap()).map(|url| url.to_string());
        assert_eq!(url("0.0.0.0:9190").as_deref(), Some("http://127.0.0.1:9190"));
        assert_eq!(url("[::]:9190").as_deref(), Some("http://[::1]:9190"));
        assert_eq!(url("127.0.0.1:0"), None);
    }

    #[test]
    fn actors_are_asked_for_with_the_token_and_what_the_query_says() {
        let server = mock::Server::start(mock::ordinary);
        let page = Client::new(server.url(), TOKEN).actors(&query("a b&c")).unwrap();
        assert_eq!((page.actors.len(), page.actors[1].remaining), (3, Some(37)));
        assert_eq!(server.asked(), ["GET /actors?sort=processed&search=a%20b%26c&limit=7&buckets=true"]);
    }

    #[test]
    fn the_verdict_is_read_whether_the_server_can_sell_or_not() {
        let sells = mock::Server::start(mock::ordinary);
        let stopped = mock::Server::start(|_| mock::answer(503, &mock::readiness("stopped")));
        for (server, level) in [(sells, "healthy"), (stopped, "stopped")] {
            let verdict = Client::new(server.url(), TOKEN).verdict().unwrap();
            assert_eq!((verdict.level.as_str(), verdict.reasons.len()), (level, 1));
            assert_eq!(server.asked(), ["GET /readyz?verbose"]);
        }
        let older = mock::Server::start(|_| mock::answer(200, r#"{"status":"ready"}"#));
        assert!(matches!(Client::new(older.url(), TOKEN).verdict(), Err(TopError::Foreign { .. })));
    }

    #[test]
    fn events_are_read_from_a_chunked_stream_however_it_is_cut() {
        let server = mock::Server::start(mock::ordinary);
        let mut seen = Vec::new();
        let ended = Client::new(server.url(), TOKEN).events(|snapshot| {
            seen.push(snapshot.uptime_s);
            ControlFlow::Continue(())
        });
        assert!(matches!(ended, Err(TopError::Unreachable { .. })), "{ended:?}");
        assert_eq!(seen, [12.0, 22.0]);
    }

    #[test]
    fn who_has_had_enough_of_the_stream_leaves_it() {
        let server = mock::Server::start(mock::ordinary);
        let left = Client::new(server.url(), TOKEN).events(|_| ControlFlow::Break(()));
        assert!(left.is_ok(), "{left:?}");
    }

    #[test]
    fn an_item_is_paused_and_resumed_by_its_id() {
        let server = mock::Server::start(mock::ordinary);
        let (client, item) = (Client::new(server.url(), TOKEN), "sku-1".parse().unwrap());
        client.steer(&item, Steering::Pause).unwrap();
        client.steer(&item, Steering::Resume).unwrap();
        assert_eq!(server.asked(), ["POST /v1/admin/items/sku-1/pause", "POST /v1/admin/items/sku-1/resume"]);
        let refused = client.steer(&"gone".parse().unwrap(), Steering::Pause).unwrap_err();
        assert_eq!(refused.to_string(), "status 404: Not found: there is nothing here");
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_without_the_token() {
        let server = mock::Server::start(mock::ordinary);
        let wrong = Client::new(server.url(), "another-token").actors(&query("")).unwrap_err();
        assert!(matches!(wrong, TopError::Token(_)), "{wrong}");
        assert!(!wrong.to_string().contains("another-token") && wrong.to_string().contains("auth.admin_token"));
        let nothing = mock::Server::start(|_| mock::answer(404, "<html>"));
        let foreign = Client::new(nothing.url(), TOKEN).actors(&query("")).unwrap_err().to_string();
        assert!(foreign.contains("is not an operations listener") && foreign.contains("status 404"), "{foreign}");
        let page = mock::Server::start(|_| mock::answer(200, "hello"));
        let foreign = Client::new(page.url(), TOKEN).actors(&query("")).unwrap_err().to_string();
        assert!(foreign.contains("is not an operations listener"), "{foreign}");
        let nobody = Client::new(mock::closed(), TOKEN).actors(&query("")).unwrap_err().to_string();
        assert!(nobody.starts_with("no answer from http://127.0.0.1:") && !nobody.contains('\n'), "{nobody}");
    }
}
