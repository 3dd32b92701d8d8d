//! **Job:** figures as they are read on a screen: short, with their unit.
//! **Owns:** how many digits a figure has.
//! **Never:** says more than it knows: nothing to show is a dash.

use indicatif::HumanCount;

use super::rates::real;

/// What stands where there is no figure.
pub(super) const NONE: &str = "-";

pub(super) fn or_none<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), text)
}

/// Every digit, in groups of three.
pub(super) fn grouped(count: u64) -> String {
    HumanCount(count).to_string()
}

/// At most six characters.
pub(super) fn short(count: u64) -> String {
    match count {
        0..100_000 => grouped(count),
        100_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1}M", real(count) / 1e6),
        1_000_000_000.. => format!("{:.1e}", real(count)),
    }
}

/// Per second.
pub(super) fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}") } else { short(whole(rate)) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at the ends")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

pub(super) fn percent(share: f64) -> String {
    format!("{}%", whole(share * 100.0))
}

/// Microseconds, at most six characters.
pub(super) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}µs"),
        1_000..10_000 => format!("{:.1}ms", real(us) / 1e3),
        10_000..1_000_000 => format!("{}ms", us / 1_000),
        1_000_000..10_000_000 => format!("{:.1}s", real(us) / 1e6),
        10_000_000..1_000_000_000 => format!("{}s", us / 1_000_000),
        1_000_000_000.. => format!("{}m", us / 60_000_000),
    }
}

/// Seconds since the start.
pub(super) fn uptime(seconds: f64) -> String {
    let seconds = whole(seconds);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([99_999, 123_456, 12_345_678].map(short), ["99,999", "123k", "12.3M"]);
        assert_eq!(
            [0, 999, 1_234, 99_999, 1_500_000, 75_000_000].map(duration),
            ["0µs", "999µs", "1.2ms", "99ms", "1.5s", "75s"]
        );
        assert_eq!([0.0, 0.25, 9.96, 4_711.4].map(rate), ["0", "0.2", "10", "4,711"]);
        assert_eq!([59.6, 3_700.0, 90_000.0].map(uptime), ["1m 00s", "1h 01m", "1d 01h"]);
        assert_eq!((percent(0.934), or_none(None, duration)), ("93%".to_owned(), "-".to_owned()));
    }

    #[test]
    fn no_figure_is_wider_than_its_column() {
        for power in 0..63 {
            let value = 1_u64 << power;
            assert!(short(value).chars().count() <= 7, "{}", short(value));
            assert!(duration(value.min(1 << 40)).chars().count() <= 6, "{}", duration(value));
        }
    }
}
