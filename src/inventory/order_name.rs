//! **Job:** the one name under which an order is kept, whatever the feed calls it.
//! **Owns:** how a name of the old form, which is in streams and data files of before, is written in the new one.
//! **Never:** knows whether there is such an order, or what the server does with a name: this is its documented form,
//! written a second time.
//!
//! The old form is `1-<item>-<order>` in lower-case hexadecimal. The new one is a letter that says how many digits the
//! item has, two digits of the node, the digits of the item, seven of the order, and a check digit. Digits are those of
//! Crockford's Base32 but `Z`; each times its place from the right, they add up to a multiple of 31.

use std::borrow::Cow;

/// There are 31 of them: a prime, as a weighted check digit needs.
const DIGITS: &[u8; 31] = b"0123456789ABCDEFGHJKMNPQRSTVWXY";
/// The first letter where the item has one digit, two, three, ….
const LEADS: &[u8; 7] = b"CGHKPQR";
/// Digits of an order.
const ORDER_DIGITS: usize = 7;
/// The node of all old names.
const NODE: &str = "1";
/// The same, as new names have it.
const NODE_DIGITS: &str = "01";

/// An old name in its new form; any other name as it is.
pub(super) fn canonical(name: &str) -> Cow<'_, str> {
    match old_parts(name) {
        Some((item, order)) => Cow::Owned(new_form(item, order)),
        None => Cow::Borrowed(name),
    }
}

/// Item and order of a name of the old form, exactly as it was written.
fn old_parts(name: &str) -> Option<(u32, u32)> {
    let (node, rest) = name.split_once('-')?;
    let (item, order) = rest.split_once('-')?;
    (node == NODE).then_some((hexadecimal(item)?, hexadecimal(order)?))
}

/// A number as `{:x}` writes it: no sign, no capitals, no zero in front.
fn hexadecimal(text: &str) -> Option<u32> {
    let is_plain = text == "0" || !text.starts_with('0') && !text.starts_with('+');
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_plain && is_lower { u32::from_str_radix(text, 16).ok() } else { None }
}

fn new_form(item: u32, order: u32) -> String {
    let item = digits(item, 1);
    let lead = char::from(LEADS[item.len() - 1]);
    let mut name = format!("{lead}{NODE_DIGITS}{item}{}", digits(order, ORDER_DIGITS));
    let places = name.bytes().rev().zip(2..);
    let sum: usize = places.map(|(digit, place)| place * value(digit)).sum();
    name.push(char::from(DIGITS[(31 - sum % 31) % 31]));
    name
}

/// A number in digits, at least so many.
fn digits(mut number: u32, least: usize) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.len() < least {
        digits.push(DIGITS[number as usize % 31]);
        number /= 31;
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

fn value(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).expect("leads and digits are all among the digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_name_becomes_the_one_that_the_server_gives_the_order() {
        // Made by a third program from the description of the form: one line for each number of digits of an item.
        for (old, new) in [
            ("1-1-1", "C0110000001N"),
            ("1-1a-3e8", "C01T0000118Q"),
            ("1-1f-2", "G01100000002F"),
            ("1-20-3", "G011100000034"),
            ("1-3c0-1d", "G01YY000000XN"),
            ("1-3e8-4d", "H01118000002FR"),
            ("1-9c40-100000", "K011AKA0014641B"),
            ("1-1267-75bcd15", "H014VY049N302H"),
            ("1-e1781-1e", "P0110000000000YT"),
        ] {
            assert_eq!(canonical(old), new);
            assert_eq!(canonical(new), new, "what is new already");
        }
    }

    #[test]
    fn any_other_name_stays_as_it_is() {
        for other in ["", "1", "1-1", "1-1-", "1--1", "2-1-1", "1-1-1-1", "1-01-1", "1-1-0A", "1-+1-1", "1-1-100000000"]
        {
            assert_eq!(canonical(other), other);
        }
    }
}
