//! **Job:** reads certificates, and says from when until when they hold.
//! **Owns:** how long before its end a certificate is told.
//! **Never:** asks who has signed one, or reads a private key.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// How long before its end a certificate is told: renewals are tried a month before, and have failed by then.
pub(crate) const SOON: Duration = Duration::from_hours(14 * 24);

/// From when until when a certificate holds, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// What is wrong with it, to follow its path.
pub(crate) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| format!("is not in PEM form: {error}"))?;
    if all.is_empty() { Err("holds no certificate in PEM form".to_owned()) } else { Ok(all) }
}

/// When it holds; none where it cannot be understood.
pub(crate) fn span(certificate: &CertificateDer<'_>) -> Option<Span> {
    let validity = Certificate::from_der(certificate).ok()?.tbs_certificate.validity;
    Some(Span { from: validity.not_before.to_unix_duration(), until: validity.not_after.to_unix_duration() })
}
