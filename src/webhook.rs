//! **Job:** tells the shop's own URL of every entry about an order: Standard Webhooks, signed, at least once, those of
//! one order in their order.
//! **Owns:** its threads, its data file beside the sale's, and the keys that sign.
//! **Never:** holds up the sale, or an order's events because of another order's.
//!
//! In reading order, the way of one event:
//!
//! | file | does |
//! |---|---|
//! | `worker` | the loop: take entries in, send, write down what became of them |
//! | `message`, `signature` | what is sent of an entry, and what proves who sends it |
//! | `queue`, `schedule`, `endpoint` | which event is next, when again, whether the receiver is left alone: pure |
//! | `senders`, `client` | the threads, and one request |
//! | `delivery`, `store` | what is written down, and the data file |
//! | `command`, `answers`, `standing` | what the operator may ask and sees |

mod answers;
mod client;
mod command;
mod delivery;
mod endpoint;
mod message;
mod queue;
mod schedule;
mod senders;
mod signature;
mod standing;
mod store;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use doorbuster_actors::time::Clock;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::feed::{Feed, ReadError};
use client::Client;
pub use client::UnusableReceiver;
pub use command::NoAnswer;
use command::{Command, Reply};
pub use delivery::{Delivery, DeliveryStatus};
use endpoint::Endpoint;
pub use message::event_type;
use queue::Queue;
use schedule::Schedule;
use senders::Senders;
use signature::Keys;
pub use standing::{AttemptOutcome, Standing, Trouble, TroubleKind};
use store::Store;
pub use store::StoreError;
use worker::{State, Worker};

/// What the name of the webhook's file has more than that of the data file.
const FILE_SUFFIX: &str = ".webhook";

/// Questions of operators that may wait: there are few.
const MAX_QUESTIONS: usize = 16;

/// How long a question may take: the file lies on a disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Why a webhook cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Where events are to be sent.
    #[error(transparent)]
    Receiver(#[from] UnusableReceiver),
    /// Its data file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system has no thread left.
    #[error("cannot start a thread of the webhook: {0}")]
    Thread(#[from] std::io::Error),
}

/// A webhook at work.
pub struct Webhook {
    feed: Arc<Feed>,
    url: String,
    keys: Arc<ArcSwap<Keys>>,
    commands: mpsc::Sender<Command>,
    standing: Arc<Standing>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Webhook {
    /// Starts sending what `feed` has, if `webhook.url` is set and there is a key. The receiver need not be there yet.
    pub fn start(config: &Config, clock: &Clock, feed: &Arc<Feed>) -> Result<Option<Self>, WebhookError> {
        let webhook = &config.webhook;
        let (Some(url), Some(client)) = (&webhook.url, Client::of(webhook)?) else { return Ok(None) };
        if webhook.secret.is_empty() {
            tracing::warn!(
                "webhook.url is not used: development mode uses no given secret, and nothing is sent unsigned"
            );
            return Ok(None);
        }
        let store = Store::open(&file_of(&config.storage.path))?;
        let keys = Arc::new(ArcSwap::from_pointee(Keys::of(webhook)));
        let standing = Arc::<Standing>::default();
        let (commands, asked) = mpsc::channel(MAX_QUESTIONS);
        let worker = Worker {
            feed: Arc::clone(feed),
            reader: feed.reader()?,
            store,
            senders: Senders::start(webhook.concurrency, &client, &keys)?,
            commands: asked,
            standing: Arc::clone(&standing),
            clock: clock.clone(),
            schedule: Schedule { retry_for: webhook.retry_for },
            concurrency: webhook.concurrency,
            receiver: hex::encode(Sha256::digest(url.as_str())),
            state: State::Unread(None),
            queue: Queue::default(),
            endpoint: Endpoint::default(),
            round: 0,
            cursor: 0,
            dead: 0,
            last_refusal: String::new(),
            arrived: Vec::new(),
            resume_at: None,
            back_off: worker::BACK_OFF.0,
            is_probing: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let work = move || runtime.block_on(worker.run());
        let thread = std::thread::Builder::new().name("webhook".to_owned()).spawn(work)?;
        tracing::info!(%url, "order events are sent to the webhook");
        let (feed, thread) = (Arc::clone(feed), Mutex::new(Some(thread)));
        Ok(Some(Self { feed, url: url.to_string(), keys, commands, standing, thread }))
    }

    /// Finds out whether a start would work, without touching the file.
    pub fn check(config: &Config) -> Result<(), UnusableReceiver> {
        Client::of(&config.webhook).map(drop)
    }

    /// Signs with the keys of this configuration from now on.
    ///
    /// # Errors
    /// There is none; then everything stays as it was.
    pub fn renew(&self, config: &Config) -> Result<(), &'static str> {
        if config.webhook.secret.is_empty() {
            return Err("webhook.secret: nothing is sent unsigned");
        }
        self.keys.store(Arc::new(Keys::of(&config.webhook)));
        Ok(())
    }

    /// Where events are sent, without what must not be shown.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Deliveries in the order of their entries: of one status, after an entry, at most `limit`.
    pub async fn deliveries(
        &self,
        status: Option<DeliveryStatus>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, NoAnswer> {
        self.ask(|reply| Command::Page { status, after, limit, reply }).await
    }

    /// Sends everything after that entry again; answers the last entry of the ledger. Durable when it answers.
    pub async fn replay(&self, after: u64) -> Result<u64, NoAnswer> {
        self.ask(|reply| Command::Replay { after, reply }).await
    }

    /// Sends an event again that was given up. Durable when it answers.
    pub async fn retry(&self, seq: u64) -> Result<Delivery, NoAnswer> {
        self.ask(|reply| Command::Retry { seq, reply }).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Command) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(question(reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => NoAnswer::Busy,
            mpsc::error::TrySendError::Closed(_) => NoAnswer::Closing,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_gone)) => Err(NoAnswer::Closing),
            Err(_late) => Err(NoAnswer::Busy),
        }
    }

    /// Ends it: what is on its way gets a moment, the file is let go of. The feed closes with it.
    pub fn close(&self) {
        self.feed.close();
        if let Some(thread) = self.thread.lock().take() {
            let _ended = thread.join();
        }
    }
}

/// The file beside the data file.
fn file_of(data_file: &Path) -> PathBuf {
    let mut name = data_file.as_os_str().to_owned();
    name.push(FILE_SUFFIX);
    name.into()
}
