//! **Job:** the public keys that a platform (WeChat Pay, Alipay) signs with.
//! **Owns:** how a file of them is read, and which key a serial names.
//! **Never:** holds a private key, or asks whether a certificate is valid still: the platform says which key it uses.
//!
//! A file has PEM blocks, one after the other: certificates, which bring their serial, and public keys, named by a word
//! `PUB_KEY_ID_…` on a line above them or by the name of the file. While the platform rotates its keys, both are in it.
//! What is nothing but Base64 is a public key as Alipay's console shows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;
use webpki::{EndEntityCert, Error, RawPublicKeyEntity};

use super::event::Distrust;

/// How the serial of a public key without a certificate begins, at WeChat Pay.
const KEY_ID: &str = "PUB_KEY_ID_";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// Fewest bytes of a public key of 2,048 bits: its modulus alone has 256.
const MIN_KEY_BYTES: usize = 256;

/// The keys of one platform, at least one.
pub struct PlatformKeys(Vec<Key>);

struct Key {
    /// In capitals, without zeros in front. None: nobody knows.
    serial: Option<String>,
    key: SubjectPublicKeyInfoDer<'static>,
}

/// A certificate's key, and whose word it is.
struct Certified {
    key: Key,
    issuer: Vec<u8>,
    subject: Vec<u8>,
}

impl PlatformKeys {
    /// The keys in the text of a file with this name.
    ///
    /// # Errors
    /// Why there is none, or what of it is none.
    pub fn read(file_name: &str, text: &str) -> Result<Self, String> {
        let (mut keys, mut certified) = (Vec::new(), Vec::new());
        let mut above = format!("{file_name}\n");
        let mut rest = text;
        while let Some(at) = rest.find(BEGIN) {
            above.push_str(&rest[..at]);
            let end = rest[at..].find(END).map(|end| at + end).ok_or("ends in the middle of a PEM block")?;
            let end = rest[end..].find('\n').map_or(rest.len(), |line| end + line);
            match block(&rest[at..end])? {
                Block::Certificate(certificate) => certified.push(certificate_key(&certificate)?),
                Block::PublicKey(key) => keys.push(Key { serial: named(&above), key }),
            }
            above.clear();
            rest = &rest[end..];
        }
        // The certificates of authorities come along in a chain. They sign certificates, and no notifications.
        let signed_another = |at: usize| {
            certified.iter().enumerate().any(|(other, by)| other != at && by.issuer == certified[at].subject)
        };
        let leaves: Vec<_> = (0..certified.len()).map(|at| !signed_another(at)).collect();
        keys.extend(certified.into_iter().zip(leaves).filter(|(_, is_leaf)| *is_leaf).map(|(leaf, _)| leaf.key));
        if keys.is_empty() {
            keys.push(bare(text).ok_or("holds no public key and no certificate: PEM, or Base64 alone, is expected")?);
        }
        keys.iter().try_for_each(Key::check)?;
        Ok(Self(keys))
    }

    /// Checks that one of the keys has signed `message` (RSA with SHA-256, PKCS#1 v1.5). A serial picks those that have
    /// it, or, if none has, those without one.
    pub(super) fn check(&self, serial: Option<&str>, message: &[u8], signature: &[u8]) -> Result<(), Distrust> {
        let serial = serial.map(canonical);
        let is_named = |key: &&Key| serial.is_some() && key.serial == serial;
        let is_open = |key: &&Key| serial.is_none() || key.serial.is_none();
        let mut candidates: Vec<_> = self.0.iter().filter(is_named).collect();
        if candidates.is_empty() {
            candidates = self.0.iter().filter(is_open).collect();
        }
        if candidates.is_empty() {
            return Err(Distrust::UnknownKey);
        }
        let is_signed = candidates.iter().any(|key| key.verify(message, signature).is_ok());
        if is_signed { Ok(()) } else { Err(Distrust::WrongSignature) }
    }
}

impl Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        RawPublicKeyEntity::try_from(&self.key)?.verify_signature(RSA_PKCS1_2048_8192_SHA256, message, signature)
    }

    /// Whether signatures can be checked with it at all: an empty one is wrong, and that must be all that is.
    fn check(&self) -> Result<(), String> {
        match self.verify(b"", b"") {
            Err(Error::InvalidSignatureForPublicKey) if self.key.len() >= MIN_KEY_BYTES => Ok(()),
            Ok(()) | Err(_) => Err("holds a key that is no RSA key of at least 2048 bits".to_owned()),
        }
    }
}

enum Block {
    Certificate(CertificateDer<'static>),
    PublicKey(SubjectPublicKeyInfoDer<'static>),
}

fn block(pem: &str) -> Result<Block, String> {
    let unfit = "holds a PEM block that is neither PUBLIC KEY nor CERTIFICATE";
    let read = <(SectionKind, Vec<u8>)>::from_pem_slice(pem.as_bytes());
    match read.map_err(|_error| unfit.to_owned())? {
        (SectionKind::Certificate, der) => Ok(Block::Certificate(der.into())),
        (SectionKind::PublicKey, der) => Ok(Block::PublicKey(der.into())),
        (SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _) => {
            Err("holds a private key: the platform's public key is needed, and yours is in a place too many".to_owned())
        }
        (_, _) => Err(unfit.to_owned()),
    }
}

fn certificate_key(der: &CertificateDer<'_>) -> Result<Certified, String> {
    let certificate = EndEntityCert::try_from(der);
    let certificate = certificate.map_err(|_error| "holds a certificate that cannot be read".to_owned())?;
    let key =
        Key { serial: Some(canonical(&hex::encode(certificate.serial()))), key: certificate.subject_public_key_info() };
    Ok(Certified { key, issuer: certificate.issuer().to_vec(), subject: certificate.subject().to_vec() })
}

/// A public key as a console shows it.
fn bare(text: &str) -> Option<Key> {
    let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let der = STANDARD.decode(text).ok().filter(|der| !der.is_empty())?;
    Some(Key { serial: None, key: der.into() })
}

/// The serial in the text above a key.
fn named(above: &str) -> Option<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut words = above.split(|character| !is_part(character));
    words.rfind(|word| word.starts_with(KEY_ID)).map(canonical)
}

fn canonical(serial: &str) -> String {
    serial.trim().trim_start_matches('0').to_ascii_uppercase()
}

/// A platform of our own, for tests.
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
