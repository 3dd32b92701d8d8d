//! **Job:** the independent inventory system: consumes the order feed into its own data file, at its own rate.
//! **Owns:** the composition of that process; its parts know the feed's wire format and nothing else of the server.
//! **Never:** holds a sale up: what it has not consumed waits in the feed.
//!
//! In reading order, the way of one entry:
//!
//! | file | does |
//! |---|---|
//! | `worker` | the loop: look at the feed, apply, confirm |
//! | `pacer` | the configured rate |
//! | `source`, `pull`, `redis_source` | where entries come from, and which follow the cursor |
//! | `wire`, `book` | what an entry says, and what it does |
//! | `order_name` | under which name an order is kept |
//! | `apply`, `store`, `schema` | effect and cursor in one transaction; the data file, and those of older versions |
//! | `reader`, `gauges`, `ops` | what it tells about itself |

mod apply;
mod book;
mod delivery;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod gauges;
mod ops;
mod order_name;
mod pacer;
mod pull;
mod reader;
mod redis_source;
mod schema;
mod source;
mod store;
mod unfit;
mod wire;
mod worker;

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use doorbuster_actors::data_file::Medium;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::background::{Background, within_a_moment};
use crate::config::{Config, InventorySource, Loaded};
use crate::redis_client::{RedisAddress, UnusableAddress};
use crate::service_manager;
use crate::service_manager::watchdog::Watchdog;
use crate::signals::{Signals, Told};
use gauges::Gauges;
use ops::State;
use pull::Pull;
pub use pull::UnusableUrl;
use reader::Reader;
use redis_source::RedisSource;
use source::Source;
use store::Store;
pub use store::StoreError;
use worker::{SharedStore, Stop, Worker};

/// Why an inventory did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// `inventory.source` is a URL that cannot be asked.
    #[error(transparent)]
    Url(#[from] UnusableUrl),
    /// The way to Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] UnusableAddress),
    /// `inventory.source` is `redis`, and a key it needs is not set.
    #[error("{0}: must be set: inventory.source is redis")]
    Missing(&'static str),
    /// The data file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The listener.
    #[error("inventory.listen: cannot listen on {address}: {source}")]
    Listen {
        /// Address to listen on.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The process.
    #[error("the inventory ended: {0}")]
    Ended(#[from] io::Error),
    /// A bug: the worker panicked.
    #[error("the inventory ended: its worker panicked")]
    Panicked,
}

/// How often the status line is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Runs an inventory until it is told to close; `passed` is the socket that takes the place of a new one. Call it on a
/// thread with an actix system.
///
/// # Errors
/// A key that cannot be used, a data file that is in use or fails, an address that is taken.
pub async fn run(loaded: &Loaded, passed: Option<TcpListener>) -> Result<(), InventoryError> {
    let mut signals = Signals::listen()?;
    let config = &loaded.config;
    let path = &config.inventory.path;
    let store = Store::open(path)?;
    let cursor = store.cursor()?;
    let gauges = Arc::new(Gauges::new(cursor, store.dead_letters()?));
    let source = source(config, &store)?;

    let (server, address) = serve(config, passed, &gauges)?;
    let answering = actix_web::rt::spawn(server);
    announce(address);
    if let Some(warning) = Medium::of(path).warning() {
        tracing::warn!(path = %path.display(), "{warning}");
    }
    tracing::info!(%address, cursor, path = %path.display(), "the inventory works");

    let store: SharedStore = Arc::new(Mutex::new(Some(store)));
    let stop = Arc::<Stop>::default();
    let told = Arc::clone(&gauges);
    let worker = Worker::new(Arc::clone(&store), cursor, source, config.inventory.rate, gauges, Arc::clone(&stop));
    let ended = start(worker)?;
    let (_telling, _watching) = tell_manager(&told, address)?;
    let outcome = tokio::select! {
        () = closing(&mut signals, &told, address) => Ok(()),
        ended = ended => ended.map_err(|_| InventoryError::Panicked)?.map_err(InventoryError::Store),
    };
    tracing::info!("closing");
    service_manager::stopping("closing");
    stop.set();
    // Waits for the transaction that runs now; after that there will be none. The worker itself may still wait for the
    // feed, and is not waited for.
    let closed = store.lock().take().map_or(Ok(()), Store::close);
    answering.abort();
    outcome.and(closed.map_err(InventoryError::Store))
}

/// Nothing of the inventory's can be read again while it runs: that is said, and it goes on.
async fn closing(signals: &mut Signals, gauges: &Gauges, address: SocketAddr) {
    while signals.next().await == Told::Reload {
        service_manager::reloading();
        tracing::info!("SIGHUP: the inventory takes its keys over at a start only");
        service_manager::ready(&gauges.status(address));
    }
}

/// From now on the service manager hears how we are. Only this thread has to turn: the one that answers reads the data
/// file, and may hang as long as its disk does.
fn tell_manager(gauges: &Arc<Gauges>, address: SocketAddr) -> io::Result<(Background, Option<Background>)> {
    let watchdog = Watchdog::asked_for();
    watchdog.watch_this_thread("main");
    let watching = watchdog.start()?;
    let mut last = gauges.status(address);
    service_manager::ready(&last);
    let gauges = Arc::clone(gauges);
    let tell = move || {
        let status = gauges.status(address);
        if status != last {
            service_manager::status(&status);
            last = status;
        }
    };
    Ok((Background::start("status", TICK, tell)?, watching))
}

fn source(config: &Config, store: &Store) -> Result<Source, InventoryError> {
    match &config.inventory.source {
        InventorySource::Pull(url) => {
            let token = if config.feed.token.is_empty() { &config.auth.admin_token } else { &config.feed.token };
            Ok(Source::Pull(Pull::new(url, token)?))
        }
        InventorySource::Redis => {
            let address = RedisAddress::of(&config.redis).ok_or(InventoryError::Missing("redis.url"))?;
            let stream = config.redis_stream().ok_or(InventoryError::Missing("feed.redis_stream"))?;
            Ok(Source::Redis(Box::new(RedisSource::new(&address, &stream, store.consumer()?)?)))
        }
    }
}

/// One thread answers: operators are few.
fn serve(
    config: &Config,
    passed: Option<TcpListener>,
    gauges: &Arc<Gauges>,
) -> Result<(Server, SocketAddr), InventoryError> {
    let (address, path) = (config.inventory.listen, &config.inventory.path);
    let failed = |source| InventoryError::Listen { address, source };
    let is_passed = passed.is_some();
    let listener = passed.map_or_else(|| TcpListener::bind(address), Ok).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if is_passed {
        tracing::info!(address = %bound, "the socket was passed by the service manager, and no other is opened");
    }
    let state = State { gauges: Arc::clone(gauges), reader: Arc::new(Mutex::new(Reader::open(path)?)) };
    let server = HttpServer::new(move || App::new().app_data(web::ThinData(state.clone())).configure(ops::routes));
    let server = server
        .workers(1)
        .disable_signals()
        .keep_alive(config.server.keep_alive)
        .listen(listener)
        .map_err(failed)?
        .run();
    Ok((server, bound))
}

/// For whoever started us with port 0. A closed, full or blocked standard output is no reason to end.
fn announce(address: SocketAddr) {
    within_a_moment(move || {
        let mut out = io::stdout().lock();
        let _ignored = writeln!(out, "inventory listens on http://{address}").and_then(|()| out.flush());
    });
}

/// The worker's thread; its end can be awaited, but need not be.
fn start(worker: Worker) -> io::Result<oneshot::Receiver<Result<(), StoreError>>> {
    let (sender, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("inventory".to_owned());
    // Nobody listens any more if the process ends anyway.
    thread.spawn(move || drop(sender.send(worker.run())))?;
    Ok(ended)
}
