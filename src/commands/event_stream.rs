//! **Job:** reads server-sent events: the data of one event after the other (WHATWG HTML, section 9.2).
//! **Owns:** how long a line may be.
//! **Never:** knows what the data mean, or opens the stream again.

use std::io::{self, BufRead as _, BufReader, Read};

/// Longest line in bytes, so that a peer that never ends one costs no more.
const MAX_LINE: u64 = 16 << 20;

/// The events of one answer.
pub(super) struct EventStream<R> {
    lines: BufReader<R>,
}

impl<R: Read> EventStream<R> {
    pub(super) fn of(answer: R) -> Self {
        Self { lines: BufReader::new(answer) }
    }

    /// The data of the next event that has some; none when the stream has ended.
    pub(super) fn next_data(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut data, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if self.lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_ascii_end();
            if let Some(text) = line.strip_prefix(b"data:") {
                data.extend_from_slice(text.strip_prefix(b" ").unwrap_or(text));
            } else if line.is_empty() && !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_one_by_one_and_only_those_with_data() {
        let text = "retry: 1000\n\n: a comment\n\nevent: a\ndata: {\"a\":\ndata:1}\r\n\r\ndata: 2\n\ndata: cut";
        let mut stream = EventStream::of(text.as_bytes());
        let mut next =
            || stream.next_data().expect("bytes in memory").map(|data| String::from_utf8(data).expect("text"));
        assert_eq!(next().as_deref(), Some("{\"a\":1}"));
        assert_eq!(next().as_deref(), Some("2"));
        assert_eq!(next(), None, "an event that does not end is none");
    }
}
