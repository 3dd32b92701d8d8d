//! **Job:** opens a listener whose connections are counted, watched and bounded.
//! **Owns:** the time-outs that both listeners have, and what a client hears for whom there is no room.
//! **Never:** knows a route.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use doorbuster_actors::request::Reason;
use rustix::net::{Shutdown, shutdown};
use tokio::net::{TcpStream, UnixStream};

use super::socket::{self, BACKLOG, Socket, SocketFile};
use super::{LISTENERS, ServeError};
use crate::config::{Cause, Config, Loaded};
use crate::http::connection::{Connection, Connections, Limits, Stream};
use crate::http::hangup::{Hangup, WithHangup};
use crate::http::problem::Problem;
use crate::http::tls::{PairFiles, Tls, UnfitPair};
use crate::service_manager::sockets::Listening;

/// How long a closed connection may take to go.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Heads are timed where they are collected.
const NO_HEAD_TIMEOUT: Duration = Duration::ZERO;

/// Sockets that were passed to the process: they take the place of new ones.
pub(super) struct Passed([Option<Listening>; 2]);

impl Passed {
    /// The sockets of [`LISTENERS`]. Who is in development mode because nobody can come in stays there only if that is
    /// so.
    pub(super) fn new(loaded: &Loaded, sockets: [Option<Listening>; 2]) -> Result<Self, ServeError> {
        for (socket, name) in sockets.iter().zip(LISTENERS) {
            let address = match socket {
                None => continue,
                Some(Listening::Unix(_)) => {
                    tracing::info!("the {name} socket was passed by the service manager, and no other is opened");
                    continue;
                }
                Some(Listening::Tcp(socket)) => socket.local_addr()?,
            };
            tracing::info!(%address, "the {name} socket was passed by the service manager, and no other is opened");
            if loaded.cause == Cause::NothingGiven && !address.ip().to_canonical().is_loopback() {
                return Err(ServeError::Exposed(name));
            }
        }
        Ok(Self(sockets))
    }

    /// The sockets to serve on, public and operations, and where the public one is.
    pub(super) fn or_bind(self, config: &Config) -> Result<(Socket, Socket, SocketAddr), ServeError> {
        let [public, operations] = self.0;
        let public = public.map(|socket| socket.tcp(LISTENERS[0])).transpose()?;
        let public = match public {
            Some(socket) => Socket::passed(Listening::Tcp(socket)),
            None => socket::bind_public(config)?,
        };
        let address = public.address()?.tcp().expect("a public listener has a port");
        let operations =
            operations.map_or_else(|| socket::bind_operations(config), |passed| Ok(Socket::passed(passed)));
        Ok((public, operations?, address))
    }
}

/// On what terms a listener serves.
pub(super) struct Terms {
    pub(super) limits: Limits,
    /// How long a connection is kept on which nothing is asked.
    pub(super) keep_alive: Duration,
    pub(super) tls: Option<Arc<Tls>>,
}

/// The certificate of the public listener, if it is to speak TLS.
pub(super) fn tls(config: &Config) -> Result<Option<Arc<Tls>>, UnfitPair> {
    Ok(pair_files(config).map(Tls::read).transpose()?.map(Arc::new))
}

/// Where the certificate and its key are.
pub(super) fn pair_files(config: &Config) -> Option<PairFiles<'_>> {
    let server = &config.server;
    Some(PairFiles { certificate: server.tls_certificate_file.as_deref()?, key: server.tls_key_file.as_deref()? })
}

/// A listener that serves.
pub(super) struct Listener {
    handle: ServerHandle,
    connections: Arc<Connections>,
    /// The socket, unless others hold it, too.
    own: Option<OwnedFd>,
    /// Its file, where it has one: it goes with the listener.
    _file: Option<SocketFile>,
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

/// Serves `app` on a socket, with so many workers.
pub(super) fn open<F, I, S, B>(
    name: &'static str,
    socket: Socket,
    workers: usize,
    Terms { limits, keep_alive, tls }: Terms,
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
    let connections = Connections::new(limits);
    let admitting = Arc::clone(&connections);
    let requests = move || {
        HttpService::<WithHangup<Connection>, _, _>::build()
            .on_connect_ext(WithHangup::introduce)
            .keep_alive(keep_alive)
            .client_request_timeout(NO_HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            // No address and no name of ours: no answer depends on them.
            .h1(map_config(app(), |()| AppConfig::default()))
    };
    let Socket { listening, is_passed, file } = socket;
    let own = if is_passed { None } else { Some(listening.as_fd().try_clone_to_owned()?) };
    let server = match listening {
        Listening::Tcp(socket) => server.listen(name, socket, move || {
            let (connections, tls) = (Arc::clone(&admitting), tls.clone());
            fn_service(move |socket| accept(socket, Arc::clone(&connections), tls.clone())).and_then(requests())
        })?,
        Listening::Unix(socket) => server.listen_uds(name, socket, move || {
            let connections = Arc::clone(&admitting);
            fn_service(move |socket| ready(accept_local(socket, &connections))).and_then(requests())
        })?,
    };
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(Listener { handle, connections, own, _file: file })
}

/// The same from this machine. Nobody there has an address.
fn accept_local(
    socket: UnixStream,
    connections: &Arc<Connections>,
) -> Result<(WithHangup<Connection>, Option<SocketAddr>), DispatchError> {
    let Ok(ticket) = connections.admit(None) else {
        return Err(DispatchError::Io(io::Error::other("no room for another connection")));
    };
    let hangup = Hangup::default();
    Ok((WithHangup::new(Connection::new(Stream::Local(socket), ticket, hangup.clone()), hangup), None))
}

/// Lets a new connection in. What cannot be set or known of it is no reason to turn it away.
async fn accept(
    socket: TcpStream,
    connections: Arc<Connections>,
    tls: Option<Arc<Tls>>,
) -> Result<(WithHangup<Connection>, Option<SocketAddr>), DispatchError> {
    let _ = socket.set_nodelay(true);
    let peer = socket.peer_addr().ok();
    let Ok(ticket) = connections.admit(peer.map(|peer| peer.ip())) else {
        // Before keys are agreed on there is nothing to say it in.
        if tls.is_none() {
            turn_away(&socket, &connections);
        }
        return Err(DispatchError::Io(io::Error::other("no room for another connection")));
    };
    let stream = match tls {
        None => Stream::Plain(socket),
        Some(tls) => Stream::encrypted(socket, &tls, &ticket).await.map_err(DispatchError::Io)?,
    };
    let hangup = Hangup::default();
    Ok((WithHangup::new(Connection::new(stream, ticket, hangup.clone()), hangup), peer))
}

/// Says that there is no room, as much as the socket takes at once: such a client is not waited for.
fn turn_away(socket: &TcpStream, connections: &Connections) {
    let refusal = Problem::new(Reason::Overloaded, "there are too many connections").retry_soon();
    let _courtesy = socket.try_write(&refusal.to_bytes(connections.limits().base_path.clone()));
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream as Client};
    use std::time::Instant;

    use actix_web::{App, HttpResponse, web};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn terms() -> Terms {
        let limits = Limits {
            connections: 100,
            per_address: 0,
            shared_addresses: Vec::new(),
            write_stall: PATIENCE,
            unflushed: 1 << 20,
            unflushed_total: 1 << 22,
            base_path: None,
        };
        Terms { limits, keep_alive: PATIENCE, tls: None }
    }

    fn connect(address: SocketAddr) -> Client {
        let client = Client::connect(address).expect("it listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        client
    }

    fn ask(mut client: &Client, path: &str) {
        write!(client, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    }

    /// The status line, or nothing if the connection was closed instead.
    fn status(mut client: &Client) -> String {
        let mut bytes = [0; 1024];
        let count = client.read(&mut bytes).unwrap_or_default();
        String::from_utf8_lossy(&bytes[..count]).lines().next().unwrap_or_default().to_owned()
    }

    async fn panics() -> HttpResponse {
        panic!("a fault in a handler")
    }

    async fn takes_long() -> HttpResponse {
        tokio::time::sleep(Duration::from_millis(300)).await;
        HttpResponse::Ok().finish()
    }

    fn visit(address: SocketAddr) {
        let (before, meanwhile, victim) = (connect(address), connect(address), connect(address));
        ask(&before, "/well");
        assert_eq!(status(&before), "HTTP/1.1 200 OK");
        ask(&meanwhile, "/long");
        for _panic in 0..3 {
            let victim = connect(address);
            ask(&victim, "/panics");
            assert_eq!(status(&victim), "", "closed without an answer");
        }
        ask(&victim, "/panics");
        assert_eq!(status(&victim), "");
        assert_eq!(status(&meanwhile), "HTTP/1.1 200 OK", "who was in flight on the same thread");
        for client in [before, connect(address)] {
            ask(&client, "/well");
            assert_eq!(status(&client), "HTTP/1.1 200 OK");
        }
    }

    #[test]
    fn a_panic_in_a_handler_costs_its_own_request_and_no_place() {
        actix_web::rt::System::new().block_on(async {
            let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = socket.local_addr().expect("it is bound");
            let app = || {
                let app = App::new().route("/well", web::get().to(HttpResponse::Ok));
                app.route("/panics", web::get().to(panics)).route("/long", web::get().to(takes_long))
            };
            let socket = Socket::passed(Listening::Tcp(socket));
            let listener = open("test", socket, 1, terms(), app).expect("it opens");
            let (done, is_done) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                visit(address);
                let _told = done.send(());
            });
            is_done.await.expect("the visitor does not panic");
            let begun = Instant::now();
            while listener.open_connections() > 0 {
                assert!(begun.elapsed() < PATIENCE, "{} places are lost", listener.open_connections());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            listener.stop().await;
        });
    }
}
