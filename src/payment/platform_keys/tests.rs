//! **Job:** which keys are found in a file, and which one a serial names.
//! **Owns:** a table of files.
//! **Never:** leaves this process.

use super::testing::{CERTIFICATE, PUBLIC_KEY, SERIAL, sign};
use super::*;

const OTHERS: &str = include_str!("../wechat/example_certificate.pem");
const CHAIN: &str = include_str!("../alipay/example_certificates.pem");
const ID: &str = "PUB_KEY_ID_0114232134912410000000000000";

fn checked(keys: &PlatformKeys, serial: Option<&str>) -> Result<(), Distrust> {
    let signature = STANDARD.decode(sign(b"message")).expect("Base64");
    assert_ne!(keys.check(serial, b"massage", &signature), Ok(()), "another message");
    keys.check(serial, b"message", &signature)
}

fn read(text: &str) -> PlatformKeys {
    PlatformKeys::read("keys.pem", text).expect("keys")
}

#[test]
fn a_certificate_is_used_for_its_own_serial_only() {
    let keys = read(&format!("{OTHERS}{CERTIFICATE}"));
    for serial in [SERIAL.to_owned(), SERIAL.to_lowercase(), format!("00{SERIAL}")] {
        assert_eq!(checked(&keys, Some(&serial)), Ok(()), "{serial}");
    }
    assert_eq!(checked(&keys, Some("D7CE59D1F522D701")), Err(Distrust::WrongSignature));
    for serial in ["", "5157F09EFDC096DE15EBE81A47057A7232F1B8E2", ID] {
        assert_eq!(checked(&keys, Some(serial)), Err(Distrust::UnknownKey), "{serial}");
    }
    assert_eq!(checked(&keys, None), Ok(()), "where no serial is given, all are tried");
}

#[test]
fn a_public_key_is_named_in_its_file_or_used_where_no_other_is() {
    let above = read(&format!("the key from May on\n# {ID}\n{PUBLIC_KEY}{OTHERS}"));
    let by_file = PlatformKeys::read(&format!("{ID}.pem"), PUBLIC_KEY).expect("keys");
    for keys in [above, by_file] {
        assert_eq!(checked(&keys, Some(ID)), Ok(()));
        assert_eq!(checked(&keys, Some("PUB_KEY_ID_02")), Err(Distrust::UnknownKey));
    }
    let nameless = read(&format!("{PUBLIC_KEY}{OTHERS}"));
    assert_eq!(checked(&nameless, Some(ID)), Ok(()));
    assert_eq!(checked(&nameless, Some("D7CE59D1F522D701")), Err(Distrust::WrongSignature));
}

#[test]
fn a_key_as_a_console_shows_it_is_read() {
    let inner: String = PUBLIC_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [inner.clone(), format!(" {inner}\r\n")] {
        assert_eq!(checked(&read(&text), None), Ok(()));
    }
}

#[test]
fn authorities_in_a_chain_do_not_sign_notifications() {
    assert_eq!(read(CHAIN).0.len(), 1);
    assert_eq!(read(&format!("{CHAIN}{CERTIFICATE}{OTHERS}")).0.len(), 3);
}

#[test]
fn what_is_no_key_is_said_without_a_part_of_it() {
    let small = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    for (text, reason) in [
        ("", "holds no public key"),
        ("canary", "holds no public key"),
        ("AAAA", "no RSA key"),
        (small, "no RSA key"),
        (include_str!("private.pem"), "holds a private key"),
        ("-----BEGIN PUBLIC KEY-----\ncanary", "ends in the middle"),
        ("-----BEGIN PUBLIC KEY-----\n%canary\n-----END PUBLIC KEY-----", "neither PUBLIC KEY nor CERTIFICATE"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read"),
        (&format!("{PUBLIC_KEY}-----BEGIN X-----\nAAAA\n-----END X-----"), "neither PUBLIC KEY nor CERTIFICATE"),
    ] {
        let said = PlatformKeys::read("keys.pem", text).err().expect(reason);
        assert!(said.contains(reason) && !said.contains("canary"), "{said}");
    }
}
