//! **Job:** the certificate of a listener that speaks TLS, and its key: read, checked, exchanged while it serves.
//! **Owns:** what makes a pair unfit, in words, and when the certificate ends.
//! **Never:** looks at a connection, or writes a word of the key anywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificates;

/// The keys of the configuration that name the files.
pub const CERTIFICATE: &str = "server.tls_certificate_file";
/// The same of the key.
pub const KEY: &str = "server.tls_key_file";

/// All we speak: a browser that also speaks HTTP/2 chooses this one.
const PROTOCOL: &[u8] = b"http/1.1";

/// What an encrypted key begins with.
const ENCRYPTED: &str = "ENCRYPTED";

/// Why a certificate and its key cannot be used. Nothing of the key is in it.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {}: {reason}", path.display())]
pub struct UnfitPair {
    key: &'static str,
    path: PathBuf,
    reason: String,
}

/// The files of a listener.
#[derive(Debug, Clone, Copy)]
pub struct PairFiles<'p> {
    /// The certificate, and behind it those of the authorities on the way to the one that is known.
    pub certificate: &'p Path,
    /// Its key.
    pub key: &'p Path,
}

/// The certificate that new connections get.
#[derive(Debug)]
pub struct Tls {
    pair: ArcSwap<Pair>,
}

#[derive(Debug)]
struct Pair {
    config: Arc<ServerConfig>,
    ends_at: u64,
}

impl Tls {
    /// With the pair in these files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(files: PairFiles<'_>) -> Result<Self, UnfitPair> {
        Ok(Self { pair: ArcSwap::from_pointee(Pair::read(files)?) })
    }

    /// Takes another pair; connections that are there go on with the one they have.
    ///
    /// # Errors
    /// What is wrong with it; then everything stays as it was.
    pub fn renew(&self, files: PairFiles<'_>) -> Result<(), UnfitPair> {
        self.pair.store(Arc::new(Pair::read(files)?));
        Ok(())
    }

    /// How a connection is to be made now.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.pair.load().config)
    }

    /// The last second of the certificate, or of the first to end of those behind it, in Unix time.
    #[must_use]
    pub fn ends_at(&self) -> u64 {
        self.pair.load().ends_at
    }

    /// What is to be said of a certificate that has ended, or is about to.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        warning(self.ends_at(), now).map(|warning| format!("{CERTIFICATE}: {warning}"))
    }
}

fn warning(ends_at: u64, now: u64) -> Option<String> {
    let days = |seconds: u64| humantime::format_duration(Duration::from_secs(seconds / 3600 * 3600)).to_string();
    match ends_at.checked_sub(now) {
        None => Some(format!("the certificate ended {} ago: no browser takes it", days(now - ends_at))),
        Some(left) if left < certificates::SOON.as_secs() => Some(format!("the certificate ends in {}", days(left))),
        Some(_) => None,
    }
}

impl Pair {
    fn read(files: PairFiles<'_>) -> Result<Self, UnfitPair> {
        let unfit = |reason: String| UnfitPair { key: CERTIFICATE, path: files.certificate.to_owned(), reason };
        let chain = certificates::read(files.certificate).map_err(unfit)?;
        let ends_at = ends_at(&chain).map_err(unfit)?;
        let key = private_key(files.key)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| unfit(error.to_string()))?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(|error| {
            if !matches!(error, rustls::Error::InconsistentKeys(_)) {
                return unfit(format!("cannot be used with its key: {error}"));
            }
            let reason = format!("is not the key of the certificate in {CERTIFICATE}");
            UnfitPair { key: KEY, path: files.key.to_owned(), reason }
        })?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Who comes back need not go through the costly part of a handshake again.
        config.ticketer = Ticketer::new().map_err(|error| unfit(error.to_string()))?;
        Ok(Self { config: Arc::new(config), ends_at })
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, UnfitPair> {
    let unfit = |reason: String| UnfitPair { key: KEY, path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| unfit(format!("cannot be read: {error}")))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_its_words_are_not_repeated| {
        let is_encrypted = String::from_utf8_lossy(&pem).contains(ENCRYPTED);
        let reason = if is_encrypted {
            "is encrypted: nobody could be asked for its password at a start"
        } else {
            "holds no private key in PEM form"
        };
        unfit(reason.to_owned())
    })
}

/// A client goes along the whole chain: it ends with the first of it.
fn ends_at(chain: &[CertificateDer<'_>]) -> Result<u64, String> {
    let ends: Option<Vec<_>> = chain.iter().map(|one| Some(certificates::span(one)?.until.as_secs())).collect();
    ends.and_then(|ends| ends.into_iter().min()).ok_or_else(|| "holds a certificate that cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_two_weeks_before_its_end_and_after_it() {
        let (day, end) = (24 * 3600, 1_900_000_000);
        assert_eq!(warning(end, end - 15 * day), None);
        let told = |now| warning(end, now).expect("a warning");
        assert_eq!(told(end - 13 * day), "the certificate ends in 13days");
        assert_eq!(told(end + 2 * day), "the certificate ended 2days ago: no browser takes it");
    }
}
