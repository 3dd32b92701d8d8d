//! **Job:** answers every purchase with the same bytes: what is left of a run is the generator.
//! **Owns:** the responder of the self-test. It is no HTTP server: it reads to the end of a request and knows no more.
//! **Never:** stands for a server in a comparison of servers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// The buyer of the one order.
pub(super) const USER: &str = "nobody";

/// Its item.
pub(super) const ITEM: &str = "nothing";

/// Bytes of a request that are looked at together; one has about 450.
const BUFFER: usize = 4_096;

/// Starts the responder on a thread of its own, which ends with the process.
pub(super) fn start() -> io::Result<SocketAddr> {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("responder".to_owned()).spawn(move || {
        LocalSet::new().block_on(&runtime, async move {
            let Ok(listener) = TcpListener::from_std(socket) else { return };
            while let Ok((stream, _peer)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream));
            }
        });
    })?;
    Ok(address)
}

/// The fixed answer.
pub(super) fn answer() -> String {
    let order = format!(
        "{{\"order_id\":\"1-1-1\",\"item_id\":\"{ITEM}\",\"user_id\":\"{USER}\",\"quantity\":1,\"unit_price\":1990,\
         \"total_price\":1990,\"currency\":\"CNY\",\"status\":\"pending\",\"created_at\":\"2026-01-01T00:00:00.000Z\",\
         \"pay_by\":\"2026-01-01T00:15:00.000Z\",\"durability\":\"none\"}}"
    );
    let length = order.len();
    format!(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nlocation: /v1/orders/1-1-1\r\n\
         content-length: {length}\r\n\r\n{order}"
    )
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let answer = answer();
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        match request_length(&buffer) {
            Some(length) if length <= buffer.len() => {
                buffer.drain(..length);
                stream.write_all(answer.as_bytes()).await?;
            }
            _incomplete => {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

/// Bytes of the first request, once its head is there.
pub(super) fn request_length(buffer: &[u8]) -> Option<usize> {
    const LENGTH: &[u8] = b"content-length: ";
    let head = memmem::find(buffer, b"\r\n\r\n")? + 4;
    let digits = memmem::find(&buffer[..head], LENGTH).map_or(&[][..], |at| &buffer[at + LENGTH.len()..head]);
    let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
    let body = digits.fold(0, |sum: usize, digit| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
    Some(head.saturating_add(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_body() {
        assert_eq!(request_length(b"POST / HTTP/1.1\r\ncontent-length: 14\r\n"), None);
        assert_eq!(request_length(b"POST / HTTP/1.1\r\ncontent-length: 14\r\n\r\n{"), Some(39 + 14));
        assert_eq!(request_length(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
    }
}
