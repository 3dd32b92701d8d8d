//! **Job:** keeps the service manager up to date: that the server is ready, how it is, that its threads turn.
//! **Owns:** the status line.
//! **Never:** judges how the server is: it says the verdict that everybody says.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::build::Server;
use crate::background::Background;
use crate::config::OpsAddress;
use crate::ops::monitor::Monitor;
use crate::service_manager;
use crate::service_manager::watchdog::Watchdog;

/// How often the status line is looked at: the verdict changes once a second at most.
const TICK: Duration = Duration::from_secs(1);

/// The thread that waits for signals, by the name it is watched under.
const MAIN: &str = "main";

/// The way to the service manager.
pub(super) struct Manager {
    line: Line,
    watchdog: Arc<Watchdog>,
    _threads: (Background, Option<Background>),
}

/// The status line.
#[derive(Clone)]
struct Line {
    monitor: Arc<Monitor>,
    listen: SocketAddr,
    ops_listen: OpsAddress,
}

impl Line {
    fn text(&self) -> String {
        let Self { monitor, listen, ops_listen } = self;
        format!("{}; shop {listen}, operations {ops_listen}", monitor.verdict().headline)
    }
}

impl Manager {
    /// Of a server that serves: says so. Call it on the thread that waits for signals.
    pub(super) fn start(server: &Server) -> io::Result<Self> {
        let (monitor, watchdog) = (Arc::clone(&server.monitor), Arc::clone(&server.shared.watchdog));
        let line = Line { monitor, listen: server.listen, ops_listen: server.ops_listen.clone() };
        watchdog.watch_this_thread(MAIN);
        let watching = watchdog.start()?;
        let (told, mut last) = (line.clone(), String::new());
        let tell = move || {
            let text = told.text();
            if text != last {
                service_manager::status(&text);
                last = text;
            }
        };
        let telling = Background::start("status", TICK, tell)?;
        let this = Self { line, watchdog, _threads: (telling, watching) };
        this.ready();
        Ok(this)
    }

    /// The server is ready, or is so again.
    pub(super) fn ready(&self) {
        service_manager::ready(&self.line.text());
    }

    /// The server closes: its workers end one after the other.
    pub(super) fn closing(&self) {
        self.watchdog.only(MAIN);
        service_manager::stopping("closing: no new connections, requests in flight are answered");
    }
}
