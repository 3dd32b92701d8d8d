//! **Job:** signs as a platform does.
//! **Owns:** the tests' own platform: its private key, its public key and its certificate.
//! **Never:** is a part of the product.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

pub(in crate::payment) const PUBLIC_KEY: &str = include_str!("public.pem");
pub(in crate::payment) const CERTIFICATE: &str = include_str!("certificate.pem");
pub(in crate::payment) const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";

/// The platform's signature of a message, in Base64.
pub(in crate::payment) fn sign(message: &[u8]) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("private.pem")).expect("PEM");
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("signed");
    STANDARD.encode(signature)
}
