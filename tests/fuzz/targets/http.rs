//! **Job:** bytes of a connection, cut into requests by us and read by the HTTP library.
//! **Owns:** that both see the same requests, or that the library refuses: nothing is smuggled past either.
//! **Never:** opens a connection.

use std::cell::LazyCell;

use actix_http::ServiceConfig;
use actix_http::h1::{Codec, Message, MessageType};
use actix_web::rt::{System, SystemRunner};
use actix_web::web::BytesMut;
use tokio_util::codec::Decoder as _;

use crate::http::connection::cut::{Cuts, cut};

thread_local! {
    /// The library's clock wants a runtime; nobody asks it for the time here.
    static CONFIG: LazyCell<(ServiceConfig, &'static SystemRunner)> = LazyCell::new(|| {
        let system: &'static SystemRunner = Box::leak(Box::new(System::new()));
        (system.block_on(async { ServiceConfig::default() }), system)
    });
}

/// What the library makes of bytes that we took for one request.
enum Seen {
    Whole,
    Incomplete,
    Refused,
}

/// However reads cut the bytes, the same requests come of them; and of each the library sees one that ends where ours
/// does, or refuses it.
///
/// # Panics
/// It does not hold.
pub fn http_head(input: &[u8]) {
    let (piece, bytes) = input.split_first().unwrap_or((&0, input));
    let (cuts, again) = (cut(bytes, &[bytes.len().max(1)]), cut(bytes, &[usize::from(*piece) % 61 + 1]));
    assert_eq!((&cuts.whole, cuts.end), (&again.whole, again.end), "where reads cut must not matter");
    let mut codec = CONFIG.with(|config| Codec::new(config.0.clone()));
    let mut buffer = BytesMut::new();
    let Cuts { whole, begun, .. } = cuts;
    for request in &whole {
        buffer.extend_from_slice(request);
        match seen(&mut codec, &mut buffer) {
            Seen::Whole => assert!(buffer.is_empty(), "the library's request ends before ours: {buffer:?}"),
            Seen::Incomplete => panic!("the library waits for more of what is whole: {buffer:?}"),
            Seen::Refused => return,
        }
    }
    buffer.extend_from_slice(&begun);
    if !begun.is_empty() {
        let is_whole = matches!(seen(&mut codec, &mut buffer), Seen::Whole);
        assert!(!is_whole, "the library takes for whole what is not");
    }
}

fn seen(codec: &mut Codec, buffer: &mut BytesMut) -> Seen {
    match codec.decode(buffer) {
        Err(_unfit) => return Seen::Refused,
        Ok(None) => return Seen::Incomplete,
        Ok(Some(Message::Chunk(_))) => panic!("a body without a head"),
        Ok(Some(Message::Item(_head))) => {}
    }
    match codec.message_type() {
        MessageType::None => return Seen::Whole,
        MessageType::Payload => {}
        MessageType::Stream => panic!("the library would read all that follows as another protocol"),
    }
    loop {
        match codec.decode(buffer) {
            Err(_unfit) => return Seen::Refused,
            Ok(None) => return Seen::Incomplete,
            Ok(Some(Message::Chunk(Some(_part)))) => {}
            Ok(Some(Message::Chunk(None))) => return Seen::Whole,
            Ok(Some(Message::Item(_head))) => panic!("a head within a body"),
        }
    }
}
