//! **Job:** amounts of money.
//! **Owns:** the range of an amount and the one multiplication of the shop.
//! **Never:** rounds, wraps or converts.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Largest amount in minor units: 2⁵³ − 1, the largest integer every JSON reader keeps exact (RFC 8259, section 6).
pub const MAX_AMOUNT: i64 = (1 << 53) - 1;

/// An amount in minor units (cents, fen), 0 to [`MAX_AMOUNT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Amount(i64);

impl Amount {
    /// An amount of `minor` units, if it is in range.
    #[must_use]
    pub fn new(minor: i64) -> Option<Self> {
        (0..=MAX_AMOUNT).contains(&minor).then_some(Self(minor))
    }

    /// The amount in minor units.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.0
    }

    /// The price of `quantity` units, if it is in range.
    #[must_use]
    pub fn times(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(quantity)).and_then(Self::new)
    }
}

/// An ISO 4217 alphabetic currency code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is built from upper-case ASCII letters only")
    }
}

/// The text is not three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 4217 code of three upper-case letters")]
pub struct InvalidCurrency;

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) { Ok(Self(letters)) } else { Err(InvalidCurrency) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_leaves_the_range_is_refused_instead_of_wrapped() {
        let price = Amount::new(MAX_AMOUNT / 2).expect("in range");
        assert!(price.times(2).is_some());
        assert_eq!(price.times(3), None);
        assert_eq!(Amount::new(MAX_AMOUNT).and_then(|most| most.times(u32::MAX)), None);
        assert_eq!(Amount::new(-1), None);
        assert_eq!(Amount::new(MAX_AMOUNT + 1), None);
    }

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        assert_eq!("CNY".parse::<Currency>().map(|code| code.to_string()), Ok("CNY".to_owned()));
        for bad in ["", "cny", "CN", "CNYX", "C1Y", "é1"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad:?}");
        }
    }
}
