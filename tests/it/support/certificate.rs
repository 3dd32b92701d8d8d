//! **Job:** certificates of 127.0.0.1 with their keys, made by openssl, and clients that believe exactly one of them.
//! **Owns:** their files, in a folder that goes with them.
//! **Never:** asks an authority: each has signed itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Setup;
use super::client::Conversation;
use super::setup::quoted;

/// A certificate and its key.
pub(crate) struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// Valid for so many days from now.
    pub(crate) fn valid_for(days: u32) -> Self {
        Self::made("now", days)
    }

    /// Made at a time as `faketime` reads it, for so many days from then.
    pub(crate) fn made(at: &str, days: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        // Nothing from the machine's own: it would add extensions twice.
        let empty = "[req]\ndistinguished_name = name\n[name]\n";
        std::fs::write(folder.path().join("openssl.cnf"), empty).expect("the temporary directory takes files");
        let mut openssl = Command::new("faketime");
        openssl.args([at, "openssl", "req", "-config", "openssl.cnf", "-x509", "-nodes", "-newkey", "ec"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=shop", "-days", &days.to_string()]);
        openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "shop.key", "-out", "shop.pem"]);
        let made = openssl.current_dir(folder.path()).output().expect("faketime and openssl are installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.path().join("shop.key"), own).expect("an own file");
        Self { folder }
    }

    pub(crate) fn pem(&self) -> PathBuf {
        self.folder.path().join("shop.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("shop.key")
    }

    /// The same, encrypted or not.
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.pem()).expect("openssl writes PEM")
    }

    /// From now on these files hold the other pair.
    pub(crate) fn become_like(&self, other: &Self) {
        for (from, to) in [(other.pem(), self.pem()), (other.key(), self.key())] {
            std::fs::copy(from, to).expect("the temporary directory takes files");
        }
    }

    /// A connection to a server that shows this certificate.
    pub(crate) async fn connect(&self, address: SocketAddr) -> std::io::Result<Conversation<TlsStream<TcpStream>>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("the usual versions").with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::IpAddress(IpAddr::from(address.ip()));
        let socket = TcpStream::connect(address).await?;
        Ok(Conversation::over(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
    }
}

impl Setup {
    /// The public listener speaks TLS, with the pair in these files.
    pub(crate) fn with_tls(self, certificate: &Path, key: &Path) -> Self {
        self.set("server.tls_certificate_file", &quoted(certificate)).set("server.tls_key_file", &quoted(key))
    }
}
