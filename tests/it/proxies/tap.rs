//! **Job:** a line between a browser and a listener on which event streams are counted.
//! **Owns:** how many are open now, and how many were at most.
//! **Never:** changes a byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// How long a stream may take to come or go, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Count {
    open: AtomicUsize,
    most: AtomicUsize,
}

/// A line to a listener.
pub(super) struct Tap {
    pub(super) address: SocketAddr,
    count: Arc<Count>,
}

/// A connection with a stream on it.
struct Streaming(Arc<Count>);

impl Streaming {
    fn on(count: &Arc<Count>) -> Self {
        let open = count.open.fetch_add(1, Ordering::SeqCst) + 1;
        count.most.fetch_max(open, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tap {
    pub(super) async fn to(listener: SocketAddr) -> Self {
        let own = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let tap = Self { address: own.local_addr().expect("it is bound"), count: Arc::default() };
        let count = Arc::clone(&tap.count);
        tokio::spawn(async move {
            while let Ok((browser, _)) = own.accept().await {
                tokio::spawn(carry(browser, listener, Arc::clone(&count)));
            }
        });
        tap
    }

    /// Most streams that were open at once.
    pub(super) fn most(&self) -> usize {
        self.count.most.load(Ordering::SeqCst)
    }

    /// Waits until so many are open.
    pub(super) async fn until_open(&self, wanted: usize) {
        let begun = Instant::now();
        while self.count.open.load(Ordering::SeqCst) != wanted {
            let open = self.count.open.load(Ordering::SeqCst);
            assert!(begun.elapsed() < PATIENCE, "{open} streams are open instead of {wanted}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Carries both ways. A stream is on the connection from its request to the next one, or to the end.
async fn carry(browser: TcpStream, listener: SocketAddr, count: Arc<Count>) -> std::io::Result<()> {
    let server = TcpStream::connect(listener).await?;
    let ((mut from_browser, mut to_browser), (mut from_server, mut to_server)) =
        (browser.into_split(), server.into_split());
    let back = async {
        copy(&mut from_server, &mut to_browser).await?;
        to_browser.shutdown().await
    };
    let there = async {
        let mut streaming = None;
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from_browser.read(&mut bytes).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            let line = String::from_utf8_lossy(&bytes[..read.min(1024)]).into_owned();
            let is_stream = line.lines().next().is_some_and(|line| line.contains("/events HTTP/"));
            drop(streaming.take());
            streaming = is_stream.then(|| Streaming::on(&count));
            to_server.write_all(&bytes[..read]).await?;
        }
    };
    // Either end of it is the end.
    tokio::select! { ended = back => ended, ended = there => ended }
}
