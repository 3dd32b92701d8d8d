//! **Job:** opens a listener whose connections are counted, watched and bounded.
//! **Owns:** the time-outs that both listeners have, and what a client hears for whom there is no room.
//! **Never:** knows a route.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use doorbuster_actors::request::Reason;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;

use super::{LISTENERS, ServeError};
use crate::config::{Cause, Config, Loaded};
use crate::http::connection::{Connection, Connections, NoRoom};
use crate::http::hangup::{Hangup, WithHangup};
use crate::http::problem::Problem;

/// Connections that may wait to be accepted: the crowd comes in one second.
pub(super) const BACKLOG: u32 = 4_096;

/// How long a closed connection may take to go.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Heads are timed where they are collected.
const NO_HEAD_TIMEOUT: Duration = Duration::ZERO;

/// Sockets that were passed to the process: they take the place of new ones.
pub(super) struct Passed([Option<TcpListener>; 2]);

/// A socket to serve on.
pub(super) struct Socket {
    listener: TcpListener,
    /// Others hold it, too: who connects after we have ended waits for who comes next.
    is_passed: bool,
}

impl Socket {
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Passed {
    /// The sockets of [`LISTENERS`]. Who is in development mode because nobody can come in stays there only if that is
    /// so.
    pub(super) fn new(loaded: &Loaded, sockets: [Option<TcpListener>; 2]) -> Result<Self, ServeError> {
        for (socket, name) in sockets.iter().zip(LISTENERS) {
            let Some(socket) = socket else { continue };
            let address = socket.local_addr()?;
            tracing::info!(%address, "the {name} socket was passed by the service manager, and no other is opened");
            if loaded.cause == Cause::NothingGiven && !address.ip().to_canonical().is_loopback() {
                return Err(ServeError::Exposed(name));
            }
        }
        Ok(Self(sockets))
    }

    /// The sockets to serve on.
    pub(super) fn or_bind(self, config: &Config) -> Result<(Socket, Socket), ServeError> {
        let [public, operations] = self.0;
        let or_bind = |passed: Option<TcpListener>, key, address| {
            let is_passed = passed.is_some();
            passed.map_or_else(|| bind(key, address), Ok).map(|listener| Socket { listener, is_passed })
        };
        let public = or_bind(public, "server.listen", config.server.listen)?;
        Ok((public, or_bind(operations, "server.ops_listen", config.server.ops_listen)?))
    }
}

/// Binds an address and listens on it.
fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { key, address, source };
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() };
    let socket = socket.map_err(failed)?;
    // A restart must not wait for the connections of its predecessor.
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(address).map_err(failed)?;
    socket.listen(BACKLOG).and_then(tokio::net::TcpListener::into_std).map_err(failed)
}

/// A listener that serves.
pub(super) struct Listener {
    handle: ServerHandle,
    connections: Arc<Connections>,
    /// The socket, unless others hold it, too.
    own: Option<TcpListener>,
}

impl Listener {
    /// Lets nobody in any more; who is in may go on asking. The library's own end is none for us: it drops connections
    /// that no worker has taken over yet, and ends workers whose items others still sell.
    pub(super) async fn pause(&self) {
        self.handle.pause().await;
        // Nobody would ever serve who waits there now; on a socket that was passed the next process does.
        if let Some(own) = &self.own
            && let Err(error) = shutdown(own, Shutdown::Read)
        {
            tracing::debug!(%error, "a listener cannot be shut");
        }
    }

    /// Connections now.
    pub(super) fn open_connections(&self) -> usize {
        self.connections.open()
    }

    /// Lets those go who ask for nothing.
    pub(super) fn end_idle(&self) {
        self.connections.end_idle();
    }

    /// Ends it, whoever is connected.
    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// Serves `app` on a socket, with so many workers; connections on which nothing is asked are kept for `keep_alive`.
pub(super) fn open<F, I, S, B>(
    name: &'static str,
    socket: Socket,
    workers: usize,
    (connections, keep_alive): (&Arc<Connections>, Duration),
    app: F,
) -> Result<Listener, ServeError>
where
    F: Fn() -> I + Clone + Send + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Response<actix_http::body::BoxBody>> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    // The library would stop accepting: then nobody could be told, and nobody could take a place.
    let server = Server::build().workers(workers).backlog(BACKLOG).max_concurrent_connections(usize::MAX >> 1);
    let server = server.disable_signals();
    let admitting = Arc::clone(connections);
    let connection = move || {
        let connections = Arc::clone(&admitting);
        let requests = HttpService::<WithHangup<Connection>, _, _>::build()
            .on_connect_ext(WithHangup::introduce)
            .keep_alive(keep_alive)
            .client_request_timeout(NO_HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            // No address and no name of ours: no answer depends on them.
            .h1(map_config(app(), |()| AppConfig::default()));
        fn_service(move |stream| std::future::ready(accept(stream, &connections))).and_then(requests)
    };
    let Socket { listener, is_passed } = socket;
    let own = if is_passed { None } else { Some(listener.try_clone()?) };
    let server = server.listen(name, listener, connection)?.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(Listener { handle, connections: Arc::clone(connections), own })
}

/// Lets a new connection in. What cannot be set or known of it is no reason to turn it away.
fn accept(
    stream: TcpStream,
    connections: &Arc<Connections>,
) -> Result<(WithHangup<Connection>, Option<SocketAddr>), DispatchError> {
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok();
    match connections.admit(peer.map(|peer| peer.ip())) {
        Ok(ticket) => {
            let hangup = Hangup::default();
            Ok((WithHangup::new(Connection::new(stream, ticket, hangup.clone()), hangup), peer))
        }
        Err(NoRoom) => {
            let refusal = Problem::new(Reason::Overloaded, "there are too many connections").retry_soon();
            let refusal = refusal.to_bytes(connections.limits().base_path.clone());
            // As much as the socket takes at once: a client for whom there is no room is not waited for.
            let _courtesy = stream.try_write(&refusal);
            Err(DispatchError::Io(io::Error::other("no room for another connection")))
        }
    }
}
