//! **Job:** writes figures as people read them in a sentence.
//! **Owns:** how many digits they have.
//! **Never:** computes what they mean.

use indicatif::{BinaryBytes, HumanCount};

/// A no-break space: number and unit stay on one line.
const SPACE: char = '\u{a0}';

/// Every digit, in groups of three.
pub(super) fn count(value: impl Into<u64>) -> String {
    HumanCount(value.into()).to_string()
}

/// The share of `part` in `whole`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let whole = whole.max(1);
    format!("{}{SPACE}%", (part * 100 + whole / 2) / whole)
}

/// Microseconds.
pub(super) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}{SPACE}µs"),
        1_000..10_000 => format!("{}.{}{SPACE}ms", us / 1_000, us % 1_000 / 100),
        10_000..1_000_000 => format!("{}{SPACE}ms", us / 1_000),
        1_000_000.. => format!("{}.{}{SPACE}s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// Bytes, in binary multiples.
pub(super) fn bytes(value: u64) -> String {
    BinaryBytes(value).to_string().replace(' ', &SPACE.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_at_a_glance() {
        assert_eq!([0_u64, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let plain = |text: String| text.replace(SPACE, " ");
        let percents = [(0, 0), (13, 16), (16, 16)].map(|(part, whole)| plain(percent(part, whole)));
        assert_eq!(percents, ["0 %", "81 %", "100 %"]);
        let durations = [999, 1_250, 12_500, 1_250_000].map(|us| plain(duration(us)));
        assert_eq!(durations, ["999 µs", "1.2 ms", "12 ms", "1.2 s"]);
        let sizes = [999, 1_536, 20 << 20, 5 << 40].map(|value| plain(bytes(value)));
        assert_eq!(sizes, ["999 B", "1.50 KiB", "20.00 MiB", "5.00 TiB"]);
    }
}
