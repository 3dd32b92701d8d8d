//! **Job:** reads in a trace what a server told its clients, and when the first byte of it left.
//! **Owns:** the facts that have to be on the disk from that moment on.
//! **Never:** believes a client about the time: only the trace knows both the answers and the disk.

use std::collections::BTreeMap;

use serde_json::Value;

use super::trace::Call;

/// Something that was told, so that no crash may take it back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// An order as it was shown, its status included.
    Order(Value),
    /// The owner of an item has been obeyed that many times; its creation is the first.
    Obeyed { item: String, times: usize },
    /// A consumer of the feed has this entry.
    Entry(u64),
    /// A payment provider knows that its event was taken.
    Reported { event: String },
    /// An operator knows that what they gave this reason for was done.
    Done { reason: String },
}

impl Fact {
    pub(crate) fn is_order(&self) -> bool {
        matches!(self, Self::Order(_))
    }
}

/// The beginning of a request's id whose rest is the event that it reports.
pub(crate) const EVENT: &str = "event:";
/// The same of the reason that an operator gives.
pub(crate) const REASON: &str = "reason:";

/// What was told in a trace.
pub(crate) struct Told {
    /// How many answers there were that say that something is so.
    pub(crate) answers: usize,
    /// Each fact with the number of the call that began to tell it.
    pub(crate) facts: Vec<(usize, Fact)>,
}

/// An answer in a trace.
struct Answer {
    step: usize,
    status: u16,
    request_id: String,
    body: Vec<u8>,
}

/// The facts of a trace. The items of the catalogue are there before anybody is told anything.
pub(crate) fn facts(calls: &[Call], catalogue: &[&str]) -> Told {
    let mut streams: BTreeMap<&str, Stream> = BTreeMap::new();
    for (step, call) in calls.iter().enumerate() {
        if let Call::Send { connection, bytes } = call {
            streams.entry(connection).or_default().take(step, bytes);
        }
    }
    let mut answers: Vec<_> = streams.into_values().flat_map(Stream::answers).collect();
    answers.retain(|answer| matches!(answer.status, 200 | 201 | 204));
    answers.sort_by_key(|answer| answer.step);
    let mut obeyed: BTreeMap<String, usize> = catalogue.iter().map(|item| ((*item).to_owned(), 1)).collect();
    let facts = answers.iter().flat_map(|answer| {
        let said = [asked_for(&answer.request_id), said_in(&answer.body, &mut obeyed)];
        said.into_iter().flatten().map(|fact| (answer.step, fact))
    });
    Told { facts: facts.collect(), answers: answers.len() }
}

/// What a request's id says that its answer confirms.
fn asked_for(id: &str) -> Option<Fact> {
    let event = || Some(Fact::Reported { event: id.strip_prefix(EVENT)?.to_owned() });
    let reason = || Some(Fact::Done { reason: id.strip_prefix(REASON)?.to_owned() });
    event().or_else(reason)
}

fn said_in(body: &[u8], obeyed: &mut BTreeMap<String, usize>) -> Option<Fact> {
    let last_line = body.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let told: Value = serde_json::from_slice(last_line).ok()?;
    if let Some(seq) = told["seq"].as_u64() {
        return Some(Fact::Entry(seq));
    }
    // An inventory says so how far it is.
    if let Some(cursor) = told["cursor"].as_u64() {
        return Some(Fact::Entry(cursor));
    }
    let item = told["item_id"].as_str()?.to_owned();
    if told["payment_id"].is_string() {
        return None;
    }
    if told["order_id"].is_string() {
        return Some(Fact::Order(told));
    }
    let times = obeyed.entry(item.clone()).or_default();
    *times += 1;
    Some(Fact::Obeyed { item, times: *times })
}

/// What went out on one connection.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Where each call's bytes begin, and the call.
    begins: Vec<(usize, usize)>,
}

impl Stream {
    fn take(&mut self, step: usize, bytes: &[u8]) {
        self.begins.push((self.bytes.len(), step));
        self.bytes.extend_from_slice(bytes);
    }

    /// The whole answers, each with the call of its first byte.
    fn answers(self) -> Vec<Answer> {
        let (mut answers, mut at) = (Vec::new(), 0);
        while let Some((answer, length)) = answer(&self.bytes[at..]) {
            let call = self.begins.partition_point(|(begin, _)| *begin <= at) - 1;
            answers.push(Answer { step: self.begins[call].1, ..answer });
            at += length;
        }
        answers
    }
}

/// The first answer in `bytes`, if it is whole, and its length.
fn answer(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_length]).to_lowercase();
    let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let request_id = header("x-request-id").unwrap_or_default().to_owned();
    let rest = &bytes[head_length..];
    let (body, length) = if header("transfer-encoding") == Some("chunked") {
        chunks(rest)?
    } else {
        let length: usize = header("content-length").map_or(Some(0), |length| length.parse().ok())?;
        (rest.get(..length)?.to_vec(), length)
    };
    Some((Answer { step: 0, status, request_id, body }, head_length + length))
}

/// A body in chunks, and its length on the wire.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?, 16).ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + length)?);
        at += length + 2;
        if length == 0 {
            return (at <= bytes.len()).then_some((body, at));
        }
    }
}

mod tests {
    use super::*;

    fn send(bytes: &[u8]) -> Call {
        Call::Send { connection: "a->b".to_owned(), bytes: bytes.to_vec() }
    }

    #[test]
    fn an_answer_in_pieces_was_told_with_its_first_byte() {
        let pieces: [&[u8]; 4] = [
            b"HTTP/1.1 201 Created\r\nContent-Len",
            b"gth: 33\r\n\r\n{\"order_id\":\"1\",\"item_id\":\"lamp",
            b"\"}HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n",
            b"transfer-encoding: chunked\r\n\r\n15\r\n{\"seq\":1}\n{\"seq\":22}\n\r\n0\r\n\r\n",
        ];
        let calls: Vec<_> = pieces.iter().map(|piece| send(piece)).collect();
        let Told { answers, facts: told } = facts(&calls, &[]);
        assert_eq!((answers, told.len()), (2, 2), "{told:?}");
        assert!(matches!(&told[0], (0, Fact::Order(order)) if order["item_id"] == "lamp"), "{told:?}");
        assert_eq!(told[1], (2, Fact::Entry(22)));
    }

    #[test]
    fn an_owner_is_obeyed_once_more_each_time() {
        let lamp = b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"item_id\":\"lamp\"}";
        let obeyed = |times| Fact::Obeyed { item: "lamp".to_owned(), times };
        let calls = [send(lamp), send(lamp)];
        assert_eq!(facts(&calls, &["lamp"]).facts, [(0, obeyed(2)), (1, obeyed(3))]);
        assert_eq!(facts(&calls, &[]).facts, [(0, obeyed(1)), (1, obeyed(2))]);
    }

    #[test]
    fn what_an_id_says_is_told_with_its_answer() {
        let answer = |head: &str, id: &str| send(format!("HTTP/1.1 {head}\r\nX-Request-Id: {id}\r\n\r\n").as_bytes());
        let calls =
            [answer("204 No Content", "reason:slip"), answer("200 OK", "event:e-1"), answer("409 No", "event:e-2")];
        let done = (0, Fact::Done { reason: "slip".to_owned() });
        assert_eq!(facts(&calls, &[]).facts, [done, (1, Fact::Reported { event: "e-1".to_owned() })]);
    }
}
