//! **Job:** stands between a Redis and who uses it, and spoils what they say to each other.
//! **Owns:** the ways in which it does, and the connections.
//! **Never:** invents an answer that a real server in that trouble would not give.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// What becomes of what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing.
    Open,
    /// Each answer comes so much later.
    Slow(Duration),
    /// Connections are accepted and commands are read, and nothing comes back.
    Hang,
    /// Commands arrive; half of their answers comes back, and then the connection is gone.
    Cut,
    /// Each command is answered by noise.
    Garbage,
    /// Each command is answered by this error.
    Say(&'static str),
}

/// A proxy on a port of its own.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    way: Mutex<Way>,
    /// Commands that were spoilt.
    spoilt: AtomicUsize,
}

impl Proxy {
    /// In front of that address.
    pub(super) fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { upstream, way: Mutex::new(Way::Open), spoilt: AtomicUsize::new(0) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.pass_on(client));
            }
        });
        Self { address, shared }
    }

    /// For `redis.url`.
    pub(super) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// From now on.
    pub(super) fn set(&self, way: Way) {
        *self.shared.way.lock() = way;
    }

    /// How many commands were spoilt so far.
    pub(super) fn spoilt(&self) -> usize {
        self.shared.spoilt.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn pass_on(self: Arc<Self>, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect(self.upstream) else { return };
        let (Ok(mut answers), Ok(mut back)) = (server.try_clone(), client.try_clone()) else { return };
        let answering = Arc::clone(&self);
        thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = answers.read(&mut bytes) {
                let way = *answering.way.lock();
                if let Way::Slow(late) = way {
                    answering.spoilt.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(late);
                }
                let count = if way == Way::Cut { count / 2 } else { count };
                if back.write_all(&bytes[..count]).is_err() || way == Way::Cut {
                    break;
                }
            }
            let _gone = (back.shutdown(Shutdown::Both), answers.shutdown(Shutdown::Both));
        });
        self.ask(&mut client, &mut server);
        let _gone = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    }

    /// Passes commands on, or answers them. A connection of which a command was kept back is never whole again: it ends
    /// with the trouble.
    fn ask(&self, client: &mut TcpStream, server: &mut TcpStream) {
        let (mut bytes, mut waiting, mut is_spoilt) = (vec![0; 64 * 1024], Vec::new(), false);
        while let Ok(count @ 1..) = client.read(&mut bytes) {
            let way = *self.way.lock();
            let answer = match way {
                Way::Open | Way::Slow(_) | Way::Cut if is_spoilt => return,
                Way::Open | Way::Slow(_) | Way::Cut => {
                    self.spoilt.fetch_add(usize::from(way == Way::Cut), Ordering::Relaxed);
                    if server.write_all(&bytes[..count]).is_err() {
                        return;
                    }
                    continue;
                }
                Way::Hang => String::new(),
                Way::Garbage => "\0\u{1}garbage\r\n".to_owned(),
                Way::Say(error) => format!("-{error}\r\n"),
            };
            is_spoilt = true;
            waiting.extend_from_slice(&bytes[..count]);
            let commands = take_commands(&mut waiting);
            self.spoilt.fetch_add(commands, Ordering::Relaxed);
            if client.write_all(answer.repeat(commands).as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Removes the whole commands at the beginning, and says how many there were.
fn take_commands(bytes: &mut Vec<u8>) -> usize {
    let mut count = 0;
    while let Some(end) = command_end(bytes) {
        bytes.drain(..end);
        count += 1;
    }
    count
}

/// Where the first command ends: `*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n`.
fn command_end(bytes: &[u8]) -> Option<usize> {
    let line = |from: usize| -> Option<(usize, usize)> {
        let length = bytes.get(from..)?.windows(2).position(|end| end == b"\r\n")?;
        let number = std::str::from_utf8(bytes.get(from + 1..from + length)?).ok()?.parse().ok()?;
        Some((number, from + length + 2))
    };
    let (parts, mut at) = line(0)?;
    for _part in 0..parts {
        let (length, after) = line(at)?;
        at = after + length + 2;
    }
    (at <= bytes.len()).then_some(at)
}

#[test]
fn commands_are_counted_however_they_are_cut() {
    let two = b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*1\r\n$4\r\nPING\r\n";
    for cut in 0..two.len() {
        let mut waiting = two[..cut].to_vec();
        let before = take_commands(&mut waiting);
        waiting.extend_from_slice(&two[cut..]);
        assert_eq!((before + take_commands(&mut waiting), waiting.len()), (2, 0), "cut at {cut}");
    }
}
