//! **Job:** whether a notification was signed just now.
//! **Owns:** the tolerance.
//! **Never:** reads a clock.

use super::event::{Distrust, Refusal};

/// How old or how far ahead a signature may be, in seconds: long enough for clocks that differ and for a retry in
/// flight, short enough against replays. All providers that date their signatures recommend five minutes.
const TOLERANCE: u64 = 300;

/// Checks a time as a header has it, in seconds since 1970, against now.
pub(super) fn check(time: &str, now: u64) -> Result<(), Refusal> {
    // `parse` would take a sign, too: what was signed is the text, and it is written in one way only.
    let is_plain = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    let at: u64 = time.parse().ok().filter(|_| is_plain).ok_or(Distrust::NoSignature)?;
    if now.abs_diff(at) <= TOLERANCE { Ok(()) } else { Err(Distrust::OtherTime.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_are_tolerated_in_both_directions() {
        for time in ["700", "1000", "1300"] {
            assert_eq!(check(time, 1_000), Ok(()), "{time}");
        }
        for time in ["699", "1301", "0", "18446744073709551615"] {
            assert_eq!(check(time, 1_000), Err(Distrust::OtherTime.into()), "{time}");
        }
        for time in ["", "+1000", "-1000", " 1000", "1000.0", "1e3", "18446744073709551616"] {
            assert_eq!(check(time, 1_000), Err(Distrust::NoSignature.into()), "{time}");
        }
    }
}
