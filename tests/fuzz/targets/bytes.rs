//! **Job:** makes values of the bytes that a fuzzer gives.
//! **Owns:** that few bytes make a likely value, and more of them any.
//! **Never:** fails: what is missing is nought.

/// What is left of an input.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

/// Numbers at which something begins or ends.
const EDGES: [i64; 16] = [
    -1,
    i64::MIN,
    i64::MAX,
    i32::MAX as i64,
    i32::MAX as i64 + 1,
    u32::MAX as i64,
    u32::MAX as i64 + 1,
    1 << 22,
    (1 << 22) - 1,
    1_000_000_000,
    1_000_000_001,
    (1 << 53) - 1,
    1 << 53,
    1_700_000_000_000,
    253_402_300_799_999,
    253_402_300_800_000,
];

impl<'b> Bytes<'b> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(super) fn take(&mut self, most: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Small, or near an edge, or any.
    pub(super) fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..0xd0 => i64::from(small),
            edge @ 0xd0..0xe0 => EDGES[usize::from(edge - 0xd0)],
            0xe0..0xf0 => i64::from(u16::from_le_bytes([self.byte(), self.byte()])),
            _any => {
                let mut bytes = [0; 8];
                for byte in &mut bytes {
                    *byte = self.byte();
                }
                i64::from_le_bytes(bytes)
            }
        }
    }

    pub(super) fn number_if_any(&mut self) -> Option<i64> {
        (self.byte() & 1 == 1).then(|| self.number())
    }

    /// One of `likely`, or any text.
    pub(super) fn text(&mut self, likely: &[&str]) -> String {
        let choice = usize::from(self.byte());
        match likely.get(choice) {
            Some(text) => (*text).to_owned(),
            None => String::from_utf8_lossy(self.take(choice % 64)).into_owned(),
        }
    }

    pub(super) fn text_if_any(&mut self, likely: &[&str]) -> Option<String> {
        (self.byte() & 1 == 1).then(|| self.text(likely))
    }
}
