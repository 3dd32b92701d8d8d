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
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest.
    pub const MAX: Self = Self(MAX_AMOUNT);

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

    /// Both together, if that is in range.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// What is left of it, if it is as much.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::new)
    }
}

/// A currency by its alphabetic code: three upper-case letters. Which of them are in use changes from year to year, so
/// a data file may hold others; [`Currency::minor_digits`] knows those that are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

/// The codes of ISO 4217 (list one, as of 2026) by the decimals of their minor units. Metals, units of account and the
/// codes for tests have no minor unit, and so no price can be written in them.
const IN_USE: [(u8, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW \
         CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
         IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
         MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
         SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG \
         YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

impl Currency {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is built from upper-case ASCII letters only")
    }

    /// The codes of all currencies in use.
    pub fn in_use() -> impl Iterator<Item = &'static str> {
        IN_USE.iter().flat_map(|(_, codes)| codes.split(' '))
    }

    /// Decimals of its minor unit (2: a hundred cents are a euro); none if no currency in use has this code.
    #[must_use]
    pub fn minor_digits(&self) -> Option<u8> {
        let has = |codes: &str| codes.split(' ').any(|code| code == self.as_str());
        IN_USE.iter().find(|(_, codes)| has(codes)).map(|(digits, _)| *digits)
    }

    /// An amount as people write it: 1990 fen are `19.90`, 500 yen `500`. None if no currency in use has this code,
    /// because nobody knows its decimals then.
    #[must_use]
    pub fn decimal(&self, minor: i128) -> Option<String> {
        let digits = self.minor_digits()?;
        let (sign, units) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
        let whole = 10_u128.pow(u32::from(digits));
        let places = usize::from(digits);
        let (all, rest) = (units / whole, units % whole);
        Some(if digits == 0 { format!("{sign}{all}") } else { format!("{sign}{all}.{rest:0places$}") })
    }

    /// What there is to say about a price in this currency: it must be one that is in use.
    pub fn check_in_use(&self) -> Result<(), UnknownCurrency> {
        self.minor_digits().map(drop).ok_or(UnknownCurrency(*self))
    }
}

/// A code that no currency in use has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the ISO 4217 code of a currency that is in use, like EUR or CNY: {0} is none")]
pub struct UnknownCurrency(Currency);

/// The text is not three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 4217 code of three upper-case letters, like EUR or CNY")]
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

    #[test]
    fn a_currency_in_use_has_its_minor_digits_and_another_code_is_refused_by_name() {
        let digits = |code: &str| code.parse::<Currency>().expect("three letters").minor_digits();
        for (code, expected) in [("JPY", 0), ("CLP", 0), ("EUR", 2), ("CNY", 2), ("XCG", 2), ("KWD", 3), ("CLF", 4)] {
            assert_eq!(digits(code), Some(expected), "{code}");
        }
        // Never a code, a test's, a metal, and what was given up.
        for code in ["ABC", "XYZ", "XTS", "XAU", "DEM", "HRK", "ZWL", "USX"] {
            let unknown = code.parse::<Currency>().expect("three letters").check_in_use().expect_err("not in use");
            assert!(unknown.to_string().ends_with(&format!("{code} is none")), "{unknown}");
        }
    }

    #[test]
    fn every_code_stands_once_and_can_be_read() {
        let mut codes: Vec<_> = Currency::in_use().collect();
        let all = codes.len();
        assert!(codes.iter().all(|code| code.parse::<Currency>().is_ok()), "{codes:?}");
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
        assert!((150..200).contains(&all), "{all}");
    }
}
