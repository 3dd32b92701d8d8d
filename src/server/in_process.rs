//! **Job:** a server in this process, without signals and without an end: for fuzzing.
//! **Owns:** its thread.
//! **Never:** is a part of the product.

use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::build::Server;
use super::listener::Passed;
use crate::config::Loaded;

/// Starts a server; answers where it listens. It ends with the process.
pub(crate) fn start(loaded: Loaded) -> SocketAddr {
    let (tell, told) = sync_channel(1);
    let serve = move || {
        actix_web::rt::System::new().block_on(async move {
            let passed = Passed::new(&loaded, [None, None]).expect("nothing was passed");
            let server = Server::build(&loaded, passed, None).expect("a server on a port of its own");
            server.sale.started().await;
            tell.send(server.listen).expect("somebody waits for it");
            std::future::pending::<()>().await;
        });
    };
    thread::Builder::new().name("server".to_owned()).spawn(serve).expect("a thread");
    told.recv().expect("a server that starts")
}
