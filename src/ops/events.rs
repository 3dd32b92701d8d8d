//! **Job:** a snapshot of the server per second, for everybody who watches (server-sent events).
//! **Owns:** the pace: a reading for the verdict, and right after it the snapshot that shows it.
//! **Never:** makes a snapshot per watcher, or one that nobody sees.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::request::Reason;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;

use super::OpsState;
use super::monitor::Monitor;
use super::snapshot::Snapshot;
use super::telemetry::Telemetry;
use crate::http::problem::Problem;
use crate::http::{event_stream, schemas};

/// Time between two readings, and between two snapshots.
const PERIOD: Duration = Duration::from_secs(1);

/// Watchers at once. Each costs a copy of a snapshot per second; an operations room has a few.
const MAX_WATCHERS: usize = 64;

/// The stream of snapshots.
pub struct Snapshots {
    telemetry: Arc<Telemetry>,
    monitor: Arc<Monitor>,
    latest: watch::Sender<Bytes>,
}

/// The whole server at one moment, at once and then once a second: `event: snapshot`, its data a snapshot.
#[utoipa::path(get, path = "/events", operation_id = "stream_snapshots", tag = "observation",
    responses((status = 200, description = "Events without an end.", body = schemas::SnapshotEvent,
        content_type = "text/event-stream")))]
pub(super) async fn stream(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let watching = state.authorize(&request).and_then(|()| state.snapshots.watch());
    if request.method() == Method::HEAD && watching.is_ok() {
        return event_stream::head();
    }
    match watching {
        Ok(events) => event_stream::respond(&request, events),
        Err(problem) => problem.respond(),
    }
}

impl Snapshots {
    /// Of this server: from now on a reading is taken once a second. Call it on a thread with an actix system.
    #[must_use]
    pub fn start(telemetry: Arc<Telemetry>, monitor: Arc<Monitor>) -> Rc<Self> {
        let this = Rc::new(Self { telemetry, monitor, latest: watch::Sender::new(Bytes::new()) });
        actix_web::rt::spawn(Rc::clone(&this).run());
        this
    }

    fn watch(&self) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Problem> {
        let watchers = self.latest.receiver_count();
        if watchers >= MAX_WATCHERS {
            return Err(Problem::new(Reason::Overloaded, "too many are watching").retry_soon());
        }
        if watchers == 0 {
            self.take();
        }
        let receiver = self.latest.subscribe();
        Ok(unfold((receiver, Turn::First), |(mut receiver, turn)| async move {
            if turn == Turn::Later {
                // The sender lives as long as the listener; when it goes, so does the stream.
                receiver.changed().await.ok()?;
            }
            let event = receiver.borrow_and_update().clone();
            Some((Ok(event), (receiver, Turn::Later)))
        }))
    }

    async fn run(self: Rc<Self>) {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.monitor.look();
            if self.latest.receiver_count() > 0 {
                self.take();
            }
        }
    }

    fn take(&self) {
        let snapshot = Snapshot::of(&self.telemetry, &self.monitor.busiest(), self.monitor.verdict());
        let data = serde_json::to_string(&snapshot).expect("a snapshot has only names and numbers");
        self.latest.send_replace(format!("event: snapshot\ndata: {data}\n\n").into());
    }
}

/// The first event is the snapshot that is there, the others are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Later,
}
