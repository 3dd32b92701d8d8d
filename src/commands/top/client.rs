//! **Job:** asks the operations listener what the view shows, and reads its stream of events.
//! **Owns:** the requests.
//! **Never:** retries, or shows the token.

use std::ops::ControlFlow;
use std::time::Duration;

use doorbuster_actors::ids::ItemId;

use super::TopError;
use super::query::{Query, Steering};
use super::wire::{Funnel, Page, Readiness, Snapshot, Verdict};
use crate::commands::event_stream::EventStream;
use crate::commands::ops_client::{Method, OpsClient, OpsUrl};

/// Longest silence of the stream: five events that did not come.
const SILENCE: Duration = Duration::from_secs(5);

/// One operations listener and the token for it. No `Debug`: the token is a secret.
pub(super) struct Client(OpsClient);

impl Client {
    pub(super) fn new(url: OpsUrl, token: &str) -> Self {
        Self(OpsClient::new(url, token))
    }

    pub(super) fn url(&self) -> &OpsUrl {
        self.0.url()
    }

    pub(super) fn actors(&self, query: &Query) -> Result<Page, TopError> {
        let limit = query.limit.to_string();
        let mut parameters = vec![("sort", query.sort.asked_as())];
        if !query.search.is_empty() {
            parameters.push(("search", &query.search));
        }
        parameters.extend([("limit", limit.as_str()), ("buckets", "true")]);
        Ok(self.0.get("/actors", &parameters)?)
    }

    pub(super) fn funnel(&self) -> Result<Funnel, TopError> {
        Ok(self.0.get("/funnel", &[])?)
    }

    /// The verdict. The answer that carries it has status 503 while nothing can be sold.
    pub(super) fn verdict(&self) -> Result<Verdict, TopError> {
        let answer = match self.0.request("/readyz?verbose").call() {
            Ok(answer) if answer.status() == 503 => answer,
            other => self.0.accepted("/readyz", other)?,
        };
        Ok(self.0.read::<Readiness>("/readyz", answer)?.verdict)
    }

    /// Pauses or resumes an item; done when it is durable.
    pub(super) fn steer(&self, item: &ItemId, steering: Steering) -> Result<(), TopError> {
        let path = format!("/v1/admin/items/{item}/{}", steering.as_str());
        Ok(self.0.send(Method::Post, &path, &[], None).map(drop)?)
    }

    /// Reads events until the stream ends or `see` has seen enough.
    pub(super) fn events(&self, mut see: impl FnMut(Snapshot) -> ControlFlow<()>) -> Result<(), TopError> {
        let request = self.0.request("/events");
        let request = request.config().timeout_global(None).timeout_per_read(Some(SILENCE)).build();
        let answer = self.0.accepted("/events", request.header("Accept", "text/event-stream").call())?;
        let mut stream = EventStream::of(answer.into_body().into_reader());
        while let Some(data) = stream.next_data().map_err(|error| self.0.unreachable(&error))? {
            let snapshot = serde_json::from_slice(&data).map_err(|_| self.0.foreign("/events", "something else"))?;
            if see(snapshot).is_break() {
                return Ok(());
            }
        }
        Err(self.0.unreachable(&"the stream ended").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::ops_client::OpsError;
    use crate::commands::top::query::Sort;
    use crate::commands::top::tests::{self as mock, TOKEN};

    fn query(search: &str) -> Query {
        Query { sort: Sort::Rate, search: search.to_owned(), limit: 7 }
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
        assert!(matches!(Client::new(older.url(), TOKEN).verdict(), Err(TopError::Ops(OpsError::Foreign { .. }))));
    }

    #[test]
    fn events_are_read_from_a_chunked_stream_however_it_is_cut() {
        let server = mock::Server::start(mock::ordinary);
        let mut seen = Vec::new();
        let ended = Client::new(server.url(), TOKEN).events(|snapshot| {
            seen.push(snapshot.uptime_s);
            ControlFlow::Continue(())
        });
        assert!(matches!(ended, Err(TopError::Ops(OpsError::Unreachable { .. }))), "{ended:?}");
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
        assert!(matches!(wrong, TopError::Ops(OpsError::Token(_))), "{wrong}");
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
