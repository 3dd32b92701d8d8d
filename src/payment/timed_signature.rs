//! **Job:** the header `t=<unix seconds>,v1=<hex>`, as Stripe has it and as ours has it, too.
//! **Owns:** how it is read, and what its HMAC covers.
//! **Never:** stops at a part that it does not know: while a secret is rotated, and a scheme, there are several.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::event::{Distrust, Refusal};
use super::time;
use crate::config::Secret;

/// Bytes of an HMAC-SHA256.
const MAC_BYTES: usize = 32;

/// Checks that one of the signatures in `header` is that of `<t>.<body>` with one of `secrets`.
pub(super) fn check(header: Option<&str>, body: &[u8], secrets: &[Secret], now: u64) -> Result<(), Refusal> {
    let (at, signatures) = header.and_then(parse).ok_or(Distrust::NoSignature)?;
    time::check(at, now)?;
    let is_signed = secrets.iter().any(|secret| {
        let mac = mac(secret, at, body);
        signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    if is_signed { Ok(()) } else { Err(Distrust::WrongSignature.into()) }
}

/// The time, and every signature of scheme `v1`. A part that is not understood is skipped, but there is one time.
fn parse(header: &str) -> Option<(&str, Vec<[u8; MAC_BYTES]>)> {
    let (mut at, mut signatures) = (None, Vec::new());
    for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
        match name {
            "t" if at.is_some() => return None,
            "t" => at = Some(value),
            "v1" => {
                let mut signature = [0; MAC_BYTES];
                if hex::decode_to_slice(value, &mut signature).is_ok() {
                    signatures.push(signature);
                }
            }
            _another => {}
        }
    }
    at.filter(|_| !signatures.is_empty()).map(|at| (at, signatures))
}

fn mac(secret: &Secret, at: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// The header for a body, as the other side makes it.
#[cfg(test)]
pub(super) fn sign(secret: &Secret, at: u64, body: &[u8]) -> String {
    format!("t={at},v1={}", hex::encode(mac(secret, &at.to_string(), body).finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;
    const BODY: &[u8] = b"{}";

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn checked(header: &str, secrets: &[&str]) -> Result<(), Refusal> {
        let secrets: Vec<_> = secrets.iter().map(|text| secret(text)).collect();
        check(Some(header), BODY, &secrets, NOW)
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        let (old, new, other) = (secret("old"), secret("new"), secret("other"));
        let mac_of = |secret| sign(secret, NOW, BODY).split_once(',').expect("two parts").1.to_owned();
        let (a, b, c) = (mac_of(&other), mac_of(&old), mac_of(&new));
        for header in [
            format!("t={NOW},{c}"),
            format!("{c},t={NOW}"),
            format!("t={NOW},{a},{b},{c}"),
            format!("t={NOW},{c},{a}"),
            format!("t={NOW}, {c}, v0=00"),
            format!("t={NOW},v0={0},v2={0},strange,v1=zz,v1=,{c}", "ab".repeat(32)),
        ] {
            assert_eq!(checked(&header, &["new"]), Ok(()), "{header}");
            assert_eq!(checked(&header, &["another", "new"]), Ok(()), "{header}");
        }
        assert_eq!(checked(&format!("t={NOW},{b}"), &["new", "old"]), Ok(()));
        assert_eq!(checked(&format!("t={NOW},{a},{b}"), &["new"]), Err(Distrust::WrongSignature.into()));
        assert_eq!(checked(&format!("t={NOW},{c}"), &[]), Err(Distrust::WrongSignature.into()));
    }

    #[test]
    fn what_is_no_signature_is_not_tried() {
        let right = sign(&secret("new"), NOW, BODY);
        let mac = right.split_once(',').expect("two parts").1;
        for header in [
            String::new(),
            format!("t={NOW}"),
            mac.to_owned(),
            format!("t={NOW},t={NOW},{mac}"),
            format!("t=,{mac}"),
            format!("t=+{NOW},{mac}"),
            format!("t={NOW},{}", &mac[..mac.len() - 2]),
            format!("t={NOW},{}", mac.replace("v1", "v0")),
        ] {
            assert_eq!(checked(&header, &["new"]), Err(Distrust::NoSignature.into()), "{header}");
        }
        assert_eq!(check(None, BODY, &[secret("new")], NOW), Err(Distrust::NoSignature.into()));
    }

    #[test]
    fn the_time_is_part_of_what_is_signed() {
        let right = sign(&secret("new"), NOW, BODY);
        assert_eq!(
            checked(&right.replace("t=1700000000", "t=1700000001"), &["new"]),
            Err(Distrust::WrongSignature.into())
        );
        let old = sign(&secret("new"), NOW - 301, BODY);
        assert_eq!(checked(&old, &["new"]), Err(Distrust::OtherTime.into()));
    }
}
