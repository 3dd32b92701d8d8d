//! **Job:** the public name of an order.
//! **Owns:** how node, item and number are written, and the check character behind them.
//! **Never:** knows whether there is such an order.
//!
//! A name is `<lead><node><item><number><check>`, 12 to 18 characters: two digits of the node, as few as it takes of
//! the item, seven of the order. The digits are those of Crockford's Base32 (crockford.com/base32.html: no `I L O U`)
//! without `Z`, so that there are 31, a prime: the check digit makes the sum of all digits, each times its place from
//! the right, a multiple of 31, as the check digit of ISBN-10 (ISO 2108:1992) does with 11. It finds every wrong
//! character and every two that were swapped. The lead is a letter that says how many digits the item has. It begins
//! no name of a month, so that no spreadsheet reads a date, and no number begins with it.

use std::fmt;
use std::str::FromStr;

use super::{ItemNumber, NodeNumber, OrderNumber};

const DIGITS: &[u8; BASE as usize] = b"0123456789ABCDEFGHJKMNPQRSTVWXY";

const BASE: u32 = 31;

/// The lead of an id whose item has one digit, two, three, …
const LEADS: &[u8; 7] = b"CGHKPQR";

const NODE_DIGITS: usize = 2;
const ORDER_DIGITS: usize = 7;

/// Characters around the digits of the item.
const FIXED: usize = 1 + NODE_DIGITS + ORDER_DIGITS + 1;

/// The longest id.
const MAX_LENGTH: usize = FIXED + LEADS.len();

/// An order's public name; opaque to clients. It carries node and item, so that an order is found without an index
/// over orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderId {
    /// The item whose actor decides about the order.
    pub item: ItemNumber,
    /// The order within the item.
    pub order: OrderNumber,
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut id = [0; MAX_LENGTH];
        let (node, item) = (self.item.node().get(), self.item.ordinal());
        let item_digits = digits_of(item);
        let (body, check) = (FIXED - 1 + item_digits, FIXED - 1 + item_digits);
        id[0] = LEADS[item_digits - 1];
        write_digits(&mut id[1..], u32::from(node), NODE_DIGITS);
        write_digits(&mut id[1 + NODE_DIGITS..], item, item_digits);
        write_digits(&mut id[1 + NODE_DIGITS + item_digits..], self.order.0, ORDER_DIGITS);
        id[check] = DIGITS[check_digit(&id[..body]).expect("it was written with these digits")];
        f.pad(std::str::from_utf8(&id[..=check]).expect("digits are ASCII"))
    }
}

/// The text is not an order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an order id")]
pub struct InvalidOrderId;

impl FromStr for OrderId {
    type Err = InvalidOrderId;

    /// Accepts exactly what `Display` writes, and what it wrote before version 3 of the data file.
    fn from_str(text: &str) -> Result<Self, InvalidOrderId> {
        if let Some(id) = hyphenated(text) {
            return Ok(id);
        }
        let bytes = text.as_bytes();
        let lead = bytes.first().ok_or(InvalidOrderId)?;
        let item_digits = LEADS.iter().position(|known| known == lead).ok_or(InvalidOrderId)? + 1;
        if bytes.len() != FIXED + item_digits {
            return Err(InvalidOrderId);
        }
        let (node, numbers) = bytes[1..bytes.len() - 1].split_at(NODE_DIGITS);
        let (item, order) = numbers.split_at(item_digits);
        let node = u16::try_from(read_digits(node)?).ok().and_then(NodeNumber::new).ok_or(InvalidOrderId)?;
        let item = ItemNumber::of(node, read_digits(item)?).ok_or(InvalidOrderId)?;
        let id = Self { item, order: OrderNumber(read_digits(order)?) };
        // One order has one name: check digit and the number of digits are compared with it.
        if id.to_string() == text { Ok(id) } else { Err(InvalidOrderId) }
    }
}

/// `1-<item>-<order>` in lower-case hexadecimal: ids that are in people's mail, of a time when every node was alone. A
/// spreadsheet takes `1-2-3` for a date.
fn hyphenated(text: &str) -> Option<OrderId> {
    let mut parts = text.strip_prefix("1-")?.split('-');
    let mut number = || u32::from_str_radix(parts.next()?, 16).ok();
    let (item, order) = (number()?, number()?);
    let id = OrderId { item: ItemNumber::of(NodeNumber::ALONE, item)?, order: OrderNumber(order) };
    (format!("1-{item:x}-{order:x}") == text).then_some(id)
}

fn digits_of(number: u32) -> usize {
    number.checked_ilog(BASE).map_or(1, |digits| digits as usize + 1)
}

fn write_digits(to: &mut [u8], number: u32, count: usize) {
    let mut left = number;
    for digit in to[..count].iter_mut().rev() {
        *digit = DIGITS[(left % BASE) as usize];
        left /= BASE;
    }
}

/// What each byte counts as a digit; [`NONE`] if it is none.
const VALUES: [u8; 256] = {
    let (mut values, mut value) = ([NONE; 256], 0);
    while (value as usize) < DIGITS.len() {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};

const NONE: u8 = u8::MAX;

fn value_of(digit: u8) -> Option<usize> {
    match VALUES[usize::from(digit)] {
        NONE => None,
        value => Some(usize::from(value)),
    }
}

fn read_digits(digits: &[u8]) -> Result<u32, InvalidOrderId> {
    let more = |number: u64, digit: &u8| Some(number * u64::from(BASE) + u64::try_from(value_of(*digit)?).ok()?);
    let number = digits.iter().try_fold(0, more).ok_or(InvalidOrderId)?;
    number.try_into().map_err(|_too_large| InvalidOrderId)
}

/// The digit that makes the weighted sum a multiple of the base; its own place is 1.
fn check_digit(body: &[u8]) -> Option<usize> {
    let mut sum = 0;
    for (place, digit) in (2..).zip(body.iter().rev()) {
        sum += place * value_of(*digit)?;
    }
    Some((DIGITS.len() - sum % DIGITS.len()) % DIGITS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(item: u32, order: u32) -> OrderId {
        OrderId { item: ItemNumber(item), order: OrderNumber(order) }
    }

    #[test]
    fn an_id_is_letters_and_digits_that_no_spreadsheet_reads_as_something_else() {
        assert_eq!(id(1, 1).to_string(), "C0110000001N");
        let last = ItemNumber::of(NodeNumber::new(NodeNumber::MAX).expect("a number"), (1 << 22) - 1);
        let last = last.expect("a number").0;
        for (item, order) in [(1, 1), (31, 2), (32, 3), (1_000, 77), (40_000, 1 << 20), (last, u32::MAX)] {
            let text = id(item, order).to_string();
            assert!((8..=26).contains(&text.len()), "{text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{text}");
            assert!(text.starts_with(|first: char| first.is_ascii_uppercase()), "{text}");
            assert_eq!(text.parse(), Ok(id(item, order)));
        }
    }

    #[test]
    fn an_order_has_one_name_and_its_old_one() {
        assert_eq!("1-1a-3e8".parse(), Ok(id(26, 1_000)));
        for bad in ["", "1-1a", "1-1A-3e8", "1-01a-3e8", "1-1a-3e8-", "2-1a-3e8", "1-+1a-3e8", "1-1a-fffffffff"] {
            assert_eq!(bad.parse::<OrderId>(), Err(InvalidOrderId), "{bad:?}");
        }
        let name = id(26, 1_000).to_string();
        for bad in [name.to_lowercase(), format!("{name} "), format!(" {name}"), format!("{name}0"), "é".repeat(6)] {
            assert_eq!(bad.parse::<OrderId>(), Err(InvalidOrderId), "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_what_the_description_of_its_form_makes_of_the_old_one() {
        // The inventory, which shares no type with this crate, holds the same table.
        for (old, new) in [
            ("1-1-1", "C0110000001N"),
            ("1-1a-3e8", "C01T0000118Q"),
            ("1-1f-2", "G01100000002F"),
            ("1-3e8-4d", "H01118000002FR"),
            ("1-9c40-100000", "K011AKA0014641B"),
            ("1-e1781-1e", "P0110000000000YT"),
        ] {
            assert_eq!(old.parse::<OrderId>().map(|id| id.to_string()).as_deref(), Ok(new));
        }
    }

    #[test]
    fn a_node_is_the_second_and_third_character_of_its_ids() {
        let of = |node: u16| ItemNumber::first(NodeNumber::new(node).expect("a number"));
        let name = |node| OrderId { item: of(node), order: OrderNumber(1) }.to_string();
        for (node, digits) in [(1, "01"), (2, "02"), (30, "0Y"), (31, "10"), (NodeNumber::MAX, "YY")] {
            assert_eq!(&name(node)[1..3], digits);
            let id: OrderId = name(node).parse().expect("an id");
            assert_eq!((id.item.node().get(), id.item.ordinal()), (node, 1));
        }
        assert_eq!("C00100000010".parse::<OrderId>(), Err(InvalidOrderId), "there is no node 0");
    }

    #[test]
    fn no_wrong_character_and_no_two_that_were_swapped_make_another_id() {
        for name in [id(1, 1), id(26, 1_000), id(4_711, 123_456_789)].map(|id| id.to_string()) {
            for place in 0..name.len() {
                for other in b'!'..=b'~' {
                    let mut typed = name.clone().into_bytes();
                    typed[place] = other;
                    let typed = String::from_utf8(typed).expect("ASCII");
                    assert!(typed == name || typed.parse::<OrderId>().is_err(), "{name} typed {typed}");
                }
            }
            for (one, other) in (0..name.len()).flat_map(|one| (0..one).map(move |other| (one, other))) {
                let mut typed = name.clone().into_bytes();
                typed.swap(one, other);
                let typed = String::from_utf8(typed).expect("ASCII");
                assert!(typed == name || typed.parse::<OrderId>().is_err(), "{name} typed {typed}");
            }
        }
    }
}
