//! **Job:** amounts as providers write them, in the minor units of ISO 4217.
//! **Owns:** the arithmetic: exact, or none.
//! **Never:** rounds, or knows a provider.

use doorbuster_actors::item::Amount;

/// Decimals of an amount in yuan, euros, …: `88.88`. Zeros at the end may be more than `digits`, nothing else may.
pub(super) fn from_decimal(text: &str, digits: u8) -> Option<Amount> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let padding = usize::from(digits).checked_sub(fraction.len())?;
    let minor: i64 = format!("{whole}{fraction}{}", "0".repeat(padding)).parse().ok()?;
    Amount::new(minor)
}

/// An amount that is counted with `theirs` decimals, counted with `ours`; none if something would be left over.
pub(super) fn rescale(amount: Amount, theirs: u8, ours: u8) -> Option<Amount> {
    let factor = 10_i64.checked_pow(u32::from(theirs.abs_diff(ours)))?;
    let minor = amount.minor();
    let rescaled = if theirs <= ours { minor.checked_mul(factor)? } else { minor / factor };
    (theirs <= ours || minor % factor == 0).then(|| Amount::new(rescaled)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_to_the_last_fen() {
        let read = |text, digits| from_decimal(text, digits).map(Amount::minor);
        for (text, minor) in [
            ("88.88", 8_888),
            ("88.8", 8_880),
            ("88", 8_800),
            ("0.01", 1),
            ("0.010", 1),
            ("0.00", 0),
            ("007.00", 700),
            ("90071992547409.91", 9_007_199_254_740_991),
        ] {
            assert_eq!(read(text, 2), Some(minor), "{text}");
        }
        assert_eq!((read("100", 0), read("100.00", 0), read("1.5", 3)), (Some(100), Some(100), Some(1_500)));
        for text in ["", ".", "1.", ".5", "-1", "+1", "1,5", "1e2", " 1", "0.011", "90071992547409.92", "٣", "1.2.3"] {
            assert_eq!(read(text, 2), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_counted_anew_exactly_or_not_at_all() {
        let scaled = |minor, theirs, ours| rescale(Amount::new(minor)?, theirs, ours).map(Amount::minor);
        assert_eq!(scaled(500, 2, 0), Some(5));
        assert_eq!(scaled(501, 2, 0), None);
        assert_eq!(scaled(5, 0, 2), Some(500));
        assert_eq!(scaled(5, 3, 3), Some(5));
        assert_eq!(scaled(1 << 52, 0, 2), None);
    }
}
