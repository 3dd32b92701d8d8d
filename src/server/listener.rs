//! **Job:** opens a listener whose connections are counted, watched and bounded.
//! **Owns:** the time-outs that both listeners have, and what a client hears for whom there is no room.
//! **Never:** knows a route.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use doorbuster_actors::request::Reason;
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
    pub(super) fn or_bind(self, config: &Config) -> Result<(TcpListener, TcpListener), ServeError> {
        let [public, operations] = self.0;
        let or_bind = |passed: Option<TcpListener>, key, address| passed.map_or_else(|| bind(key, address), Ok);
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

/// Serves `app` on a socket, with so many workers; connections on which nothing is asked are kept for `keep_alive`.
pub(super) fn open<F, I, S, B>(
    name: &'static str,
    socket: TcpListener,
    workers: usize,
    (connections, keep_alive): (&Arc<Connections>, Duration),
    app: F,
) -> Result<ServerHandle, ServeError>
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
    let stopping = server.graceful_shutdown_signal();
    let connections = Arc::clone(connections);
    let connection = move || {
        let (stopping, connections) = (stopping.clone(), Arc::clone(&connections));
        let requests = HttpService::<WithHangup<Connection>, _, _>::build()
            .on_connect_ext(WithHangup::introduce)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(NO_HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            // No address and no name of ours: no answer depends on them.
            .h1(map_config(app(), |()| AppConfig::default()));
        fn_service(move |stream| std::future::ready(accept(stream, &connections))).and_then(requests)
    };
    let server = server.listen(name, socket, connection)?.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(handle)
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
            Err(DispatchError::Io(std::io::Error::other("no room for another connection")))
        }
    }
}
