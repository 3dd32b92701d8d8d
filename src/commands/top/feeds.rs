//! **Job:** asks the server without making the screen wait: one thread for the stream, one for the rest.
//! **Owns:** the threads, the pace of the questions, and the signals that end the view.
//! **Never:** draws, or interprets an answer.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use doorbuster_actors::ids::ItemId;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::TopError;
use super::client::Client;
use super::keys::Errand;
use super::model::Model;
use super::query::{Query, Steering};
use super::wire::{Page, Snapshot};

/// Between two questions for the actors, and before a stream that broke is opened again: as often as the server has
/// something new to say.
const PERIOD: Duration = Duration::from_secs(1);
/// News that wait for the screen: it takes them several times a second, and a second brings three.
const MAX_NEWS: usize = 64;
/// Errands that wait for the server: nobody types faster than it answers for long.
const MAX_ERRANDS: usize = 16;

/// What a thread has to say.
pub(super) enum News {
    Snapshot(Box<Snapshot>),
    Actors(Page),
    /// A question was not answered.
    Fault(TopError),
    /// What came of pausing or resuming an item.
    Steered(ItemId, Steering, Result<(), TopError>),
    /// Somebody wants the process to end.
    End,
}

/// The threads, from the screen's side.
pub(super) struct Feeds {
    pub(super) news: Receiver<News>,
    errands: SyncSender<Errand>,
    threads: [JoinHandle<()>; 3],
}

impl Feeds {
    pub(super) fn start(client: &Arc<Client>, query: Query) -> io::Result<Self> {
        let (sender, news) = sync_channel(MAX_NEWS);
        let (errands, todo) = sync_channel(MAX_ERRANDS);
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| Builder::new().name(name.to_owned()).spawn(work);
        let signals = signals(sender.clone())?;
        let (stream, its_sender) = (Arc::clone(client), sender.clone());
        let client = Arc::clone(client);
        let threads = [
            start("top-signals", signals)?,
            start("top-events", Box::new(move || follow(&stream, &its_sender)))?,
            start("top-actors", Box::new(move || ask(&client, query, &todo, &sender)))?,
        ];
        Ok(Self { news, errands, threads })
    }

    /// Hands an errand over, or says that there are too many.
    pub(super) fn send(&self, errand: Errand, model: &mut Model) {
        if let Err(TrySendError::Full(_)) = self.errands.try_send(errand) {
            model.notice = Some("nothing was done: the server has not answered yet".to_owned());
        }
    }

    /// Whether a thread has ended: none does while the screen is there.
    pub(super) fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }
}

/// From now on these signals no longer end the process but come as news, so that the terminal can be given back. Not
/// SIGHUP: it says that the terminal has gone, and a read of keys from one that has gone never returns.
fn signals(news: SyncSender<News>) -> io::Result<Box<dyn FnOnce() + Send>> {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let inside = runtime.enter();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    drop(inside);
    Ok(Box::new(move || {
        loop {
            runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
            if news.send(News::End).is_err() {
                return;
            }
        }
    }))
}

/// Reads the stream, and opens it again when it breaks, until the screen has gone.
fn follow(client: &Client, news: &SyncSender<News>) {
    // Nobody sends here: it is the clock between two attempts.
    let (_silent, pause) = sync_channel::<()>(1);
    loop {
        let ended = client.events(|snapshot| match news.send(News::Snapshot(Box::new(snapshot))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
        // It ends well only when nobody listens any more.
        let Err(fault) = ended else { return };
        if news.send(News::Fault(fault)).is_err() {
            return;
        }
        let _elapsed = pause.recv_timeout(PERIOD);
    }
}

/// Asks for the actors once a second, and runs errands in between, until the screen has gone.
fn ask(client: &Client, mut query: Query, errands: &Receiver<Errand>, news: &SyncSender<News>) {
    loop {
        let answer = client.actors(&query).map_or_else(News::Fault, News::Actors);
        if news.send(answer).is_err() {
            return;
        }
        match errands.recv_timeout(PERIOD) {
            Ok(Errand::Look(other)) => query = other,
            Ok(Errand::Steer(item, steering)) => {
                let outcome = client.steer(&item, steering);
                if news.send(News::Steered(item, steering, outcome)).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Errand::Quit) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::commands::ops_client::OpsError;
    use crate::commands::top::query::Sort;
    use crate::commands::top::tests::{self as mock, TOKEN};

    fn query() -> Query {
        Query { sort: Sort::Depth, search: String::new(), limit: 100 }
    }

    fn start(server: &mock::Server) -> Feeds {
        Feeds::start(&Arc::new(Client::new(server.url(), TOKEN)), query()).unwrap()
    }

    /// The first news that `wanted` says yes to.
    fn wait_for(feeds: &Feeds, wanted: impl Fn(&News) -> bool) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            if feeds.news.recv_timeout(Duration::from_millis(100)).is_ok_and(|news| wanted(&news)) {
                return;
            }
        }
        panic!("it never came");
    }

    #[test]
    fn a_stream_that_broke_is_opened_again() {
        let feeds = start(&mock::Server::start(mock::ordinary));
        for _life in 0..2 {
            wait_for(&feeds, |news| matches!(news, News::Snapshot(_)));
            wait_for(&feeds, |news| matches!(news, News::Fault(TopError::Ops(OpsError::Unreachable { .. }))));
        }
        assert!(!feeds.has_ended());
    }

    #[test]
    fn an_errand_is_run_and_its_outcome_comes_back() {
        let server = mock::Server::start(mock::ordinary);
        let (feeds, mut model) = (start(&server), Model::new(String::new(), query()));
        feeds.send(Errand::Steer("sku-1".parse().unwrap(), Steering::Pause), &mut model);
        wait_for(&feeds, |news| matches!(news, News::Steered(_, Steering::Pause, Ok(()))));
        feeds.send(Errand::Steer("gone".parse().unwrap(), Steering::Resume), &mut model);
        wait_for(&feeds, |news| {
            matches!(news, News::Steered(_, Steering::Resume, Err(TopError::Ops(OpsError::Refused { .. }))))
        });
        feeds.send(Errand::Look(Query { search: "abc".to_owned(), ..query() }), &mut model);
        wait_for(&feeds, |_| server.asked().iter().any(|line| line.contains("search=abc")));
    }
}
