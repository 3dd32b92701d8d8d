//! **Job:** cuts the bytes of a connection into requests as a connection does, without one: for tests and fuzzing.
//! **Owns:** what came of them, however reads cut them.
//! **Never:** is a part of the product.

use super::chunks::Parsed;
use super::head_guard::{HeadGuard, NO_BODY};
use super::refusal::Violation;

/// What ended a connection before its bytes did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A head was refused.
    Refused(Violation),
    /// A body that is none: the library saw its beginning, and then the end of the connection.
    Cut,
}

/// What came of a connection's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cuts {
    /// The requests that were handed on whole.
    pub(crate) whole: Vec<Vec<u8>>,
    /// What was handed on of the one behind them.
    pub(crate) begun: Vec<u8>,
    /// What was refused, and all behind it.
    pub(crate) refused: Vec<u8>,
    /// What ended it, if anything did.
    pub(crate) end: Option<End>,
}

/// Takes the bytes in pieces of these lengths, over and over, as a connection does.
pub(crate) fn cut(bytes: &[u8], lengths: &[usize]) -> Cuts {
    let (mut guard, mut whole, mut begun, mut held) = (HeadGuard::default(), Vec::new(), Vec::new(), Vec::new());
    let (mut rest, mut lengths) = (bytes, lengths.iter().cycle());
    let end = loop {
        let step = if held.is_empty() { Ok(Parsed::Incomplete) } else { guard.step(&mut held) };
        match step {
            Ok(Parsed::Incomplete | Parsed::More(0)) if rest.is_empty() => break None,
            Ok(Parsed::Incomplete | Parsed::More(0)) => {
                let length = *lengths.next().expect("over and over");
                let (piece, left) = rest.split_at(rest.len().min(length));
                held.extend_from_slice(piece);
                rest = left;
            }
            Ok(Parsed::More(count)) => begun.extend(held.drain(..count)),
            Ok(Parsed::End(count)) => {
                begun.extend(held.drain(..count));
                whole.push(std::mem::take(&mut begun));
            }
            Ok(Parsed::Lengthless(at)) => drop(held.splice(at..at, NO_BODY.iter().copied())),
            Ok(Parsed::Cut(count)) => {
                begun.extend(held.drain(..count));
                break Some(End::Cut);
            }
            Err(violation) => break Some(End::Refused(violation)),
        }
    };
    let refused = if matches!(end, Some(End::Refused(_))) { held } else { Vec::new() };
    Cuts { whole, begun, refused, end }
}
