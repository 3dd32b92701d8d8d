//! **Job:** points in time, and the one clock of a server.
//! **Owns:** how a time is written.
//! **Never:** is read by the core: `now` is an argument there.

mod clock;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;

pub use clock::{Clock, Drift, ImpossibleClock, MAX_AHEAD, MAX_LEAD, Moment, UNNOTICED};

/// Latest time that can be written, whatever offset somebody reads it with: 9999-12-30T21:59:59.999Z. The library
/// refuses later ones.
const MAX_MILLIS: i64 = 253_402_207_199_999;

/// Times are written with milliseconds (RFC 3339).
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Bytes of a time in writing.
const WRITTEN_LENGTH: usize = "2030-01-01T12:00:00.000Z".len();

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A day whose every moment can be written, whatever its offset.
macro_rules! day_pattern {
    () => {
        concat!(
            "(197[1-9]|19[89][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])",
            "-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        )
    };
}

impl Timestamp {
    /// How a time is written for us, as a regular expression (ECMA 262): RFC 3339, in years that no offset leaves.
    pub const PATTERN: &str = concat!(
        "^",
        day_pattern!(),
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
    );

    /// How a day is.
    pub const DAY_PATTERN: &str = concat!("^", day_pattern!(), "$");

    /// The time `millis` milliseconds after the Unix epoch, clamped to 1970 … 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, MAX_MILLIS))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This time and `later`, at most the latest that can be written.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        let millis = i64::try_from(later.as_millis()).unwrap_or(MAX_MILLIS);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This time less `earlier`, at least 1970.
    #[must_use]
    pub fn minus(self, earlier: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(earlier.as_millis()).unwrap_or(MAX_MILLIS)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    fn written(self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.0).expect("clamped to years jiff can write");
        let mut text = String::with_capacity(WRITTEN_LENGTH);
        PRINTER.print_timestamp(&time, &mut text).expect("a string takes anything");
        text
    }
}

/// The text is not a time of RFC 3339 with an offset, between 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of RFC 3339 with an offset, between 1970 and 9999")]
pub struct InvalidTimestamp;

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let time: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        let millis = time.as_millisecond();
        if (0..=MAX_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        let time: Timestamp = "2026-11-22T14:00:00+02:00".parse().expect("valid");
        assert_eq!(time.to_string(), "2026-11-22T12:00:00.000Z");
        for bad in ["", "2026-11-22T14:00:00", "2026-11-22", "10000-01-01T00:00:00Z", "1969-12-31T23:59:59Z"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_that_can_be_read_can_be_written() {
        let latest = Timestamp::from_millis(i64::MAX);
        assert_eq!(latest.to_string(), "9999-12-30T21:59:59.999Z");
        assert_eq!(latest.to_string().parse(), Ok(latest));
        assert_eq!(latest.plus(Duration::MAX), latest);
        for late in ["9999-12-30T22:00:00.500Z", "9999-12-30T23:00:00.5+01:00", "9999-12-31T23:59:59Z"] {
            assert_eq!(late.parse::<Timestamp>(), Err(InvalidTimestamp), "{late}");
        }
    }
}
