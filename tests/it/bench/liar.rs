//! **Job:** stands between buyers and the shop, and lies about orders.
//! **Owns:** one lie.
//! **Never:** changes what reaches the shop.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Client, Response};

/// What is not true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// A buyer at his limit is told of an order that nobody made.
    ForgedOrder,
    /// A buyer with an order is told that it is sold out.
    SwallowedOrder,
}

/// The liar.
#[derive(Clone)]
pub(crate) struct Liar {
    shop: SocketAddr,
    lie: Lie,
    /// The order each buyer got, by his token.
    orders: Arc<Mutex<HashMap<String, String>>>,
}

impl Liar {
    /// Starts one before `shop`; answers where.
    pub(crate) async fn before(shop: SocketAddr, lie: Lie) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let liar = Self { shop, lie, orders: Arc::default() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(liar.clone().serve(stream));
            }
        });
        address
    }

    async fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        let (mut client, mut request) = (Client::new(self.shop), Vec::new());
        loop {
            while !is_whole(&request) {
                if stream.read_buf(&mut request).await? == 0 {
                    return Ok(());
                }
            }
            let answer = client.send(&request).await?;
            let (status, body) = self.retell(&request, &answer);
            let head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).await?;
            request.clear();
        }
    }

    fn retell(&self, request: &[u8], answer: &Response) -> (u16, Vec<u8>) {
        let text = String::from_utf8_lossy(request).to_lowercase();
        let buyer = text.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default().to_owned();
        match (self.lie, answer.status) {
            (Lie::SwallowedOrder, 201) => (409, b"{\"code\":\"sold-out\"}".to_vec()),
            (Lie::ForgedOrder, 201) => {
                self.orders.lock().insert(buyer, answer.text());
                (201, answer.body.clone())
            }
            (Lie::ForgedOrder, 409) => {
                let mut order: serde_json::Value = serde_json::from_str(&self.orders.lock()[&buyer]).expect("an order");
                order["order_id"] = "1-1-999999".into();
                (201, order.to_string().into_bytes())
            }
            (Lie::ForgedOrder | Lie::SwallowedOrder, status) => (status, answer.body.clone()),
        }
    }
}

/// Whether the buffer has a head and the body it announces; only purchases have one.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().unwrap_or(0))
}
