//! **Job:** a snapshot of the house per second, for everybody who watches (server-sent events).
//! **Owns:** the one photographer, who works while somebody watches.
//! **Never:** makes a snapshot per watcher, or one that nobody sees.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::request::Reason;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;

use super::OpsState;
use super::snapshot::{Snapshot, SnapshotBuilder};
use super::telemetry::Telemetry;
use crate::http::hangup::Hangup;
use crate::http::problem::Problem;

/// Time between two snapshots.
const PERIOD: Duration = Duration::from_secs(1);

/// Watchers at once. Each costs a copy of a snapshot per second; an operations room has a few.
const MAX_WATCHERS: usize = 64;

/// The stream of snapshots.
pub struct Snapshots {
    telemetry: Arc<Telemetry>,
    photographer: RefCell<SnapshotBuilder>,
    latest: watch::Sender<Bytes>,
    is_running: RefCell<bool>,
}

/// The whole house at one moment, at once and then once a second: `event: snapshot`, its data a snapshot.
#[utoipa::path(get, path = "/events", operation_id = "stream_snapshots", tag = "observation",
    responses((status = 200, description = "Events without an end.", body = Snapshot,
        content_type = "text/event-stream")))]
pub(super) async fn stream(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let watching = state.authorize(&request).and_then(|()| Snapshots::watch(&state.snapshots));
    match watching {
        Ok(events) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .streaming(Hangup::of(&request).ends(events)),
        Err(problem) => problem.respond(),
    }
}

impl Snapshots {
    /// Of this house.
    #[must_use]
    pub fn of(telemetry: Arc<Telemetry>) -> Self {
        let latest = watch::Sender::new(Bytes::new());
        Self { telemetry, photographer: RefCell::default(), latest, is_running: RefCell::new(false) }
    }

    fn watch(this: &Rc<Self>) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Problem> {
        if this.latest.receiver_count() >= MAX_WATCHERS {
            return Err(Problem::new(Reason::Overloaded, "too many are watching").retry_soon());
        }
        let receiver = this.latest.subscribe();
        if !this.is_running.replace(true) {
            this.take();
            actix_web::rt::spawn(Rc::clone(this).run());
        }
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
        while self.latest.receiver_count() > 0 {
            tokio::time::sleep(PERIOD).await;
            self.take();
        }
        self.is_running.replace(false);
    }

    fn take(&self) {
        let snapshot = self.photographer.borrow_mut().snapshot(&self.telemetry);
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
