//! **Job:** the threads that send: each one message at a time.
//! **Owns:** how many there are, and the channels to and from them.
//! **Never:** knows an order, or waits for anything but the receiver and the next message.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, Sender, bounded};
use tokio::sync::mpsc;

use super::client::{Answer, Client};
use super::queue::OpenEvent;
use super::signature::Keys;

/// A message to be sent.
pub(super) struct Job {
    /// The event.
    pub(super) event: OpenEvent,
    /// The round of the queue that it belongs to.
    pub(super) round: u64,
    /// Its `webhook-id`.
    pub(super) id: String,
    /// Its body.
    pub(super) body: Vec<u8>,
}

/// What came of it.
pub(super) struct Sent {
    /// The event.
    pub(super) event: OpenEvent,
    /// The round of the queue that it belongs to.
    pub(super) round: u64,
    /// What the receiver said.
    pub(super) answer: Answer,
}

/// The threads. They end when this is dropped, each after the message it is at: nobody waits for that.
pub(super) struct Senders {
    jobs: Sender<Job>,
    sent: mpsc::Receiver<Sent>,
}

impl Senders {
    /// Starts `count` threads.
    pub(super) fn start(count: usize, client: &Client, keys: &Arc<ArcSwap<Keys>>) -> io::Result<Self> {
        let (jobs, asked) = bounded(count);
        let (done, sent) = mpsc::channel(count);
        for number in 1..=count {
            let (asked, done, client, keys) = (asked.clone(), done.clone(), client.clone(), Arc::clone(keys));
            let work = move || send_all(&asked, &done, &client, &keys);
            std::thread::Builder::new().name(format!("webhook-{number}")).spawn(work)?;
        }
        Ok(Self { jobs, sent })
    }

    /// Hands a message to a thread. Whoever calls has no more on their way than there are threads.
    pub(super) fn send(&self, job: Job) {
        self.jobs.try_send(job).map_err(drop).expect("there is a place for a message of each thread");
    }

    /// Waits until a message has been sent, or could not be.
    pub(super) async fn sent(&mut self) -> Option<Sent> {
        self.sent.recv().await
    }

    /// One that has been sent already.
    pub(super) fn sent_already(&mut self) -> Option<Sent> {
        self.sent.try_recv().ok()
    }
}

fn send_all(asked: &Receiver<Job>, done: &mpsc::Sender<Sent>, client: &Client, keys: &ArcSwap<Keys>) {
    for Job { event, round, id, body } in asked {
        let answer = client.send(&id, &body, &keys.load());
        if done.blocking_send(Sent { event, round, answer }).is_err() {
            break;
        }
    }
}
