//! **Job:** follows a chunked body to its end (RFC 9112, section 7.1).
//! **Owns:** sizes of chunks, and how long their lines may be.
//! **Never:** looks at what is in a chunk.

/// What may be done with the bytes at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Nothing yet: the head is not complete.
    Incomplete,
    /// So many belong to the current request, and more of it is to come.
    More(usize),
    /// So many belong to the current request, and it ends with them.
    End(usize),
    /// The head is complete but for a length, which the library demands of HTTP/1.0: none was sent, and there is no
    /// body (RFC 9112, section 6.3). It belongs at this place.
    Lengthless(usize),
    /// So many belong to the current request, and what follows is no body of it.
    Cut(usize),
}

/// Longest line of a chunk's size or of a trailer, in bytes; nobody sends extensions.
const MAX_LINE: usize = 256;

/// Most lines of a trailer.
const MAX_TRAILERS: usize = 16;

/// Where in a chunked body we are.
#[derive(Debug, Default)]
pub(super) struct ChunkParser {
    place: Expecting,
    size: u64,
    /// Bytes and last byte of the line that has not ended.
    line: usize,
    last: u8,
    trailers: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Expecting {
    /// In the digits of a size.
    #[default]
    Size,
    /// Behind them, in what is ignored.
    Extension,
    Data,
    /// In the CR LF behind the data.
    DataEnd,
    Trailer,
}

/// What a byte leads to.
enum Next {
    More,
    Done,
    Wrong,
}

impl ChunkParser {
    /// Looks at the next bytes of the body.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Parsed {
        let mut at = 0;
        while at < bytes.len() {
            if self.place == Expecting::Data {
                let left = bytes.len() - at;
                let taken = usize::try_from(self.size).map_or(left, |size| size.min(left));
                self.size -= taken as u64;
                at += taken;
                if self.size == 0 {
                    self.enter(Expecting::DataEnd);
                }
                continue;
            }
            match self.take(bytes[at]) {
                Next::More => at += 1,
                Next::Done => return Parsed::End(at + 1),
                // The library sees a body that ends early, whatever it would have made of this byte: it is more lenient
                // than we are, and would read what follows as another request.
                Next::Wrong => return Parsed::Cut(at),
            }
        }
        Parsed::More(at)
    }

    fn enter(&mut self, place: Expecting) {
        (self.place, self.line, self.last) = (place, 0, 0);
    }

    fn take(&mut self, byte: u8) -> Next {
        self.line += 1;
        if self.line > MAX_LINE || (byte == b'\n' && self.last != b'\r') || (self.last == b'\r' && byte != b'\n') {
            return Next::Wrong;
        }
        self.last = byte;
        match (self.place, byte) {
            (_, b'\n') => self.end_line(),
            (_, b'\r') if self.place != Expecting::Size || self.line > 1 => Next::More,
            (Expecting::Size, _) => self.take_digit(byte),
            (Expecting::Extension | Expecting::Trailer, _) => Next::More,
            (Expecting::DataEnd | Expecting::Data, _) => Next::Wrong,
        }
    }

    fn take_digit(&mut self, byte: u8) -> Next {
        match char::from(byte).to_digit(16) {
            Some(digit) if self.size < u64::MAX >> 8 => self.size = self.size << 4 | u64::from(digit),
            None if self.line > 1 && matches!(byte, b';' | b' ' | b'\t') => self.place = Expecting::Extension,
            Some(_) | None => return Next::Wrong,
        }
        Next::More
    }

    fn end_line(&mut self) -> Next {
        match self.place {
            Expecting::Size | Expecting::Extension if self.size > 0 => self.enter(Expecting::Data),
            Expecting::Size | Expecting::Extension => self.enter(Expecting::Trailer),
            Expecting::DataEnd => self.enter(Expecting::Size),
            Expecting::Trailer if self.line == 2 => return Next::Done,
            Expecting::Trailer => {
                self.trailers += 1;
                if self.trailers > MAX_TRAILERS {
                    return Next::Wrong;
                }
                self.enter(Expecting::Trailer);
            }
            Expecting::Data => return Next::Wrong,
        }
        Next::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(body: &[u8], piece: usize) -> Option<usize> {
        let (mut chunks, mut passed) = (ChunkParser::default(), 0);
        for bytes in body.chunks(piece) {
            match chunks.step(bytes) {
                Parsed::More(taken) => passed += taken,
                Parsed::End(taken) => return Some(passed + taken),
                Parsed::Cut(_) | Parsed::Incomplete | Parsed::Lengthless(_) => return None,
            }
        }
        panic!("no end in {body:?}");
    }

    #[test]
    fn a_chunked_body_ends_where_it_ends_however_it_is_cut() {
        for body in [
            "0\r\n\r\n",
            "e\r\n{\"quantity\":1}\r\n0\r\n\r\n",
            "00A;name=value\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
            "1 \r\nx\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
        ] {
            let followed = format!("{body}GET / HTTP/1.1\r\n");
            for piece in 1..followed.len() {
                assert_eq!(walk(followed.as_bytes(), piece), Some(body.len()), "{body:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn from_the_wrong_byte_on_nothing_is_handed_on() {
        for (begun, wrong) in
            [("0\r\n", "\nGET / HTTP/1.1\r\n"), ("1\r\nx", "\n0\r\n\r\n"), ("", "x\r\n"), ("1", "\nx\r\n")]
        {
            let body = format!("{begun}{wrong}");
            assert_eq!(ChunkParser::default().step(body.as_bytes()), Parsed::Cut(begun.len()), "{body:?}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_cut_off() {
        let long = format!("1;{}\r\nx\r\n", "a".repeat(MAX_LINE));
        let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(MAX_TRAILERS + 1));
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "1\nx\r\n",
            "1\r\nxy\r\n",
            "1\r\nx\n",
            "1\rx\r\n",
            " 1\r\nx",
            "10000000000000000\r\n",
            "fffffffffffffffff\r\n",
            &long,
            &trailers,
        ] {
            for piece in 1..=body.len() {
                assert_eq!(walk(body.as_bytes(), piece), None, "{body:?} in pieces of {piece}");
            }
        }
    }
}
