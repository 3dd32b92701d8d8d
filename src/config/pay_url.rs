//! **Job:** the address of the shop's payment page, as the operator writes it: with places for what an order says.
//! **Owns:** the names of these places, and what such an address looks like.
//! **Never:** knows an order, or the key that signs.

use std::net::IpAddr;

/// Longest template, in bytes: what every browser and proxy takes as an address, filled in.
const MAX_LENGTH: usize = 2_000;

/// A place in the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The order.
    OrderId,
    /// Its item.
    ItemId,
    /// Its units.
    Quantity,
    /// Its price in minor units.
    Amount,
    /// Its price as people write it: `19.90`.
    AmountDecimal,
    /// ISO 4217 code.
    Currency,
    /// When it must be paid, RFC 3339.
    PayBy,
    /// The same in Unix seconds.
    Expires,
    /// What shows that order and amount are the server's own words.
    Signature,
}

impl Place {
    const ALL: [(&'static str, Self); 9] = [
        ("order_id", Self::OrderId),
        ("item_id", Self::ItemId),
        ("quantity", Self::Quantity),
        ("amount", Self::Amount),
        ("amount_decimal", Self::AmountDecimal),
        ("currency", Self::Currency),
        ("pay_by", Self::PayBy),
        ("expires", Self::Expires),
        ("signature", Self::Signature),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, place)| place)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Place(Place),
}

/// An address with places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayUrl(Vec<Part>);

impl PayUrl {
    /// Reads a template; `is_development` lets any host have plain `http`.
    ///
    /// # Errors
    /// What is wrong with it, to be said after the name of its key.
    pub fn parse(text: &str, is_development: bool) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("must have at most {MAX_LENGTH} bytes"));
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\^`|".contains(&byte);
        if !text.bytes().all(is_plain) {
            return Err("must be visible ASCII as an address has it: write anything else as %XX".to_owned());
        }
        let (is_secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("must begin with https://".to_owned()),
        };
        let host = host(rest)?;
        if !is_secure && !is_development && !is_loopback(host) {
            return Err("must begin with https://: plain http is for this machine and development mode".to_owned());
        }
        let parts = parts(text)?;
        if !parts.contains(&Part::Place(Place::OrderId)) {
            return Err("must have {order_id} in it".to_owned());
        }
        Ok(Self(parts))
    }

    /// Whether there is something to sign.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.0.contains(&Part::Place(Place::Signature))
    }

    /// The address with `value` in each place, percent-encoded.
    #[must_use]
    pub fn filled(&self, value: impl Fn(Place) -> String) -> String {
        let mut url = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Place(place) => encode(&value(*place), &mut url),
            }
        }
        url
    }
}

/// The host, without its port. It is fixed: whom buyers pay is for nobody but the operator to say.
fn host(rest: &str) -> Result<&str, String> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let bad = || "must name a host after the scheme, without a user, and with no place in it".to_owned();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _whole => (authority, None),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let has_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if host.is_empty() || !host.bytes().all(is_host) || !has_port { Err(bad()) } else { Ok(host) }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let known = || Place::ALL.map(|(name, _)| format!("{{{name}}}")).join(" ");
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or("has a { without its }")?;
        let place =
            Place::named(name).ok_or_else(|| format!("has an unknown place in braces: known are {}", known()))?;
        parts.extend([text_part(before)?, Part::Place(place)]);
        rest = behind;
    }
    parts.push(text_part(rest)?);
    Ok(parts)
}

fn text_part(text: &str) -> Result<Part, String> {
    if text.contains('}') { Err("has a } without its {".to_owned()) } else { Ok(Part::Text(text.into())) }
}

/// Percent-encoding of everything but unreserved characters (RFC 3986, section 2.3): right in a path and in a query.
fn encode(value: &str, url: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        PayUrl::parse(text, false).expect_err(text)
    }

    #[test]
    fn a_template_is_filled_in_and_its_values_are_encoded() {
        let template = PayUrl::parse("https://pay.example/{order_id}?a={amount}&by={pay_by}#x", false).expect("valid");
        let url = template.filled(|place| match place {
            Place::OrderId => "C01".to_owned(),
            Place::Amount => "a b&c=d/é".to_owned(),
            Place::PayBy => "2026-11-28T21:44:14.123Z".to_owned(),
            Place::ItemId
            | Place::Quantity
            | Place::AmountDecimal
            | Place::Currency
            | Place::Expires
            | Place::Signature => panic!("{place:?} is not in it"),
        });
        assert_eq!(url, "https://pay.example/C01?a=a%20b%26c%3Dd%2F%C3%A9&by=2026-11-28T21%3A44%3A14.123Z#x");
    }

    #[test]
    fn every_place_is_known_and_no_other() {
        for (name, place) in Place::ALL {
            let template = PayUrl::parse(&format!("https://pay.example/{{order_id}}/{{{name}}}"), false);
            assert_eq!(template.expect(name).is_signed(), place == Place::Signature);
        }
        for bad in ["{order}", "{ORDER_ID}", "{}", "{user_id}", "{order_id }"] {
            let refusal = refusal(&format!("https://pay.example/{{order_id}}{bad}"));
            assert!(refusal.contains("unknown place") || refusal.contains("visible ASCII"), "{bad}: {refusal}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_payment_page_is_refused_with_the_reason() {
        for (bad, reason) in [
            ("pay.example/{order_id}", "must begin with https://"),
            ("javascript:alert({order_id})", "must begin with https://"),
            ("ftp://pay.example/{order_id}", "must begin with https://"),
            ("http://pay.example/{order_id}", "must begin with https://"),
            ("http://localhost.pay.example/{order_id}", "must begin with https://"),
            ("https://pay.example/", "must have {order_id}"),
            ("https:///{order_id}", "must name a host"),
            ("https://{order_id}.pay.example/", "must name a host"),
            ("https://shop@pay.example/{order_id}", "must name a host"),
            ("https://pay.example:port/{order_id}", "must name a host"),
            ("https://pay.example/{order_id", "has a { without its }"),
            ("https://pay.example/order_id}?{order_id}", "has a } without its {"),
            ("https://pay.example/{order_id} ", "must be visible ASCII"),
            ("https://pay.example/{order_id}?\"", "must be visible ASCII"),
            ("https://pay.example/é/{order_id}", "must be visible ASCII"),
        ] {
            let refusal = refusal(bad);
            assert!(refusal.starts_with(reason), "{bad}: {refusal}");
        }
        assert!(refusal(&format!("https://pay.example/{{order_id}}{}", "x".repeat(2_000))).contains("at most"));
    }

    #[test]
    fn plain_http_is_for_this_machine_and_for_development() {
        for near in ["http://localhost:3000", "http://127.0.0.1:3000", "http://127.1.2.3", "http://[::1]:3000"] {
            assert!(PayUrl::parse(&format!("{near}/{{order_id}}"), false).is_ok(), "{near}");
        }
        assert!(PayUrl::parse("http://192.168.1.7/{order_id}", false).is_err());
        assert!(PayUrl::parse("http://192.168.1.7/{order_id}", true).is_ok());
    }
}
