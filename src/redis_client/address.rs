//! **Job:** makes a client of `redis.url` and the TLS files, or says which part of them cannot be used.
//! **Owns:** which forms an address may have.
//! **Never:** connects, or repeats anything of an address: it may carry a password.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use redis::io::tcp::TcpSettings;
use redis::{Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo as _, TlsCertificates};

use crate::config;

/// Where Redis is and how to get there. Deliberately without `Debug`: the URL may carry a password.
#[derive(Clone, Default)]
pub struct RedisAddress {
    /// `redis[s]://[user:password@]host[:port][/db]` or `unix:///path[?user=&pass=&db=]`.
    pub url: String,
    /// What `rediss://` needs besides.
    pub tls: TlsFiles,
}

/// PEM files.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Authorities that may have signed Redis' certificate, instead of the system's: `redis.tls_ca_file`.
    pub authorities: Option<PathBuf>,
    /// Our own certificate: `redis.tls_certificate_file`.
    pub certificate: Option<PathBuf>,
    /// Its key: `redis.tls_key_file`.
    pub key: Option<PathBuf>,
}

/// An address that cannot be used. The text names the part and says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum UnusableAddress {
    /// A part of the URL.
    #[error("redis.url: {0}")]
    Url(&'static str),
    /// A TLS file.
    #[error("{key}: {}: {reason}", path.display())]
    File {
        /// Which key names it.
        key: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A TLS file for an address without TLS.
    #[error("{0}: needs a rediss:// address in redis.url")]
    NoTls(&'static str),
}

impl RedisAddress {
    /// An address without TLS files.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), tls: TlsFiles::default() }
    }

    /// The way that the configuration says, if there is to be a Redis.
    #[must_use]
    pub fn of(redis: &config::Redis) -> Option<Self> {
        let tls = TlsFiles {
            authorities: redis.tls_ca_file.clone(),
            certificate: redis.tls_certificate_file.clone(),
            key: redis.tls_key_file.clone(),
        };
        redis.url.as_ref().map(|url| Self { url: url.expose().to_owned(), tls })
    }

    /// The client. Redis need not be there yet; the files must.
    ///
    /// # Errors
    /// The part of the URL, or the file, that cannot be used.
    pub fn client(&self) -> Result<Client, UnusableAddress> {
        check(&self.url).map_err(UnusableAddress::Url)?;
        let info = self.url.as_str().into_connection_info();
        let info = info.map_err(|_| UnusableAddress::Url("the host cannot be one"))?;
        let session = info.redis_settings().clone().set_skip_set_lib_name();
        let transport = TcpSettings::default().set_nodelay(true);
        let info = info.set_redis_settings(session).set_tcp_settings(transport);
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            if let Some(key) = self.tls.first_given() {
                return Err(UnusableAddress::NoTls(key));
            }
            return Client::open(info).map_err(|_| UnusableAddress::Url("it cannot be read"));
        }
        // Only the first of a process counts, and any other would be the same.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let authorities = TlsCertificates { client_tls: None, root_cert: self.tls.authorities()? };
        let client = Client::build_with_tls(info.clone(), authorities.clone())
            .map_err(|_| self.tls.unusable(AUTHORITIES, "is not a certificate in PEM form"))?;
        let Some(client_tls) = self.tls.own()? else { return Ok(client) };
        Client::build_with_tls(info, TlsCertificates { client_tls: Some(client_tls), ..authorities })
            .map_err(|_| self.tls.unusable(CERTIFICATE, "it and its key must be in PEM form"))
    }
}

/// A client that can be exchanged while it is in use: for another password, or other certificates.
pub struct SharedClient {
    client: ArcSwap<Client>,
    renewed_total: AtomicU64,
}

impl SharedClient {
    /// A client for this address.
    ///
    /// # Errors
    /// The part of the address that cannot be used.
    pub fn new(address: &RedisAddress) -> Result<Arc<Self>, UnusableAddress> {
        Ok(Arc::new(Self { client: ArcSwap::from_pointee(address.client()?), renewed_total: AtomicU64::new(0) }))
    }

    /// Takes another address; connections that are made from now on go there.
    ///
    /// # Errors
    /// The part of the address that cannot be used; then everything stays as it was.
    pub fn renew(&self, address: &RedisAddress) -> Result<(), UnusableAddress> {
        self.client.store(Arc::new(address.client()?));
        self.renewed_total.fetch_add(1, Relaxed);
        Ok(())
    }

    /// The client as of now.
    #[must_use]
    pub fn get(&self) -> Arc<Client> {
        self.client.load_full()
    }

    /// How often it was renewed.
    #[must_use]
    pub fn renewed_total(&self) -> u64 {
        self.renewed_total.load(Relaxed)
    }
}

const AUTHORITIES: &str = "redis.tls_ca_file";
const CERTIFICATE: &str = "redis.tls_certificate_file";
const KEY: &str = "redis.tls_key_file";

impl TlsFiles {
    fn all(&self) -> [(&'static str, Option<&PathBuf>); 3] {
        [(AUTHORITIES, self.authorities.as_ref()), (CERTIFICATE, self.certificate.as_ref()), (KEY, self.key.as_ref())]
    }

    fn first_given(&self) -> Option<&'static str> {
        self.all().into_iter().find_map(|(key, path)| path.map(|_| key))
    }

    fn authorities(&self) -> Result<Option<Vec<u8>>, UnusableAddress> {
        let Some(path) = &self.authorities else { return Ok(None) };
        read(AUTHORITIES, path, "-----BEGIN CERTIFICATE-----").map(Some)
    }

    fn own(&self) -> Result<Option<ClientTlsConfig>, UnusableAddress> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Ok(Some(ClientTlsConfig {
                client_cert: read(CERTIFICATE, certificate, "-----BEGIN CERTIFICATE-----")?,
                client_key: read(KEY, key, "PRIVATE KEY-----")?,
            })),
            (Some(_), None) => Err(self.unusable(CERTIFICATE, "needs redis.tls_key_file")),
            (None, Some(_)) => Err(self.unusable(KEY, "needs redis.tls_certificate_file")),
            (None, None) => Ok(None),
        }
    }

    fn unusable(&self, key: &'static str, reason: &str) -> UnusableAddress {
        let path = self.all().into_iter().find_map(|(name, path)| path.filter(|_| name == key));
        UnusableAddress::File { key, path: path.cloned().unwrap_or_default(), reason: reason.to_owned() }
    }
}

fn read(key: &'static str, path: &Path, mark: &str) -> Result<Vec<u8>, UnusableAddress> {
    let unusable = |reason: String| UnusableAddress::File { key, path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    if text.contains(mark) { Ok(text.into_bytes()) } else { Err(unusable(format!("has no “{mark}”"))) }
}

/// Looks at an address part by part, so that the first that is wrong can be named.
fn check(url: &str) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("it must begin with redis://, rediss:// or unix://")?;
    match scheme {
        "redis" | "rediss" => check_tcp(rest),
        "unix" | "redis+unix" => check_socket(rest),
        _other => Err("it must begin with redis://, rediss:// or unix://"),
    }
}

fn check_tcp(rest: &str) -> Result<(), &'static str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if tail.contains('@') {
        return Err("user or password has a character that must be written as a code: / is %2F, ? is %3F, # is %23");
    }
    if tail.contains('#') {
        return Err("nothing can follow a #; certificates are always checked, against redis.tls_ca_file if it is set");
    }
    if tail.contains('?') {
        return Err("there are no parameters after a ? for redis:// and rediss://");
    }
    let (user_info, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if let Some(user_info) = user_info {
        let (user, password) = user_info.split_once(':').ok_or("a user needs a password: user:password@")?;
        if user_info.contains('@') {
            return Err("user or password has an @, which must be written as %40");
        }
        check_codes(user, "the user has a % that is not a code: a % itself is %25")?;
        check_codes(password, "the password has a % that is not a code: a % itself is %25")?;
        if password.is_empty() {
            return Err("the password is empty");
        }
    }
    check_host(host)?;
    check_database(tail.trim_matches('/'))
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(address) => {
            let (address, port) = address.split_once(']').ok_or("the address of the host has no closing ]")?;
            let colon = port.is_empty() || port.starts_with(':');
            (address, if colon { port.strip_prefix(':') } else { return Err("after ] a port is expected") })
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() {
        return Err("the host is missing");
    }
    if matches!(name, "0.0.0.0" | "::") {
        return Err("the host must be an address to connect to, not 0.0.0.0 or ::");
    }
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if is_port { Ok(()) } else { Err("the port must be a number from 1 to 65535") }
}

fn check_socket(rest: &str) -> Result<(), &'static str> {
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if !path.starts_with('/') || path.len() < 2 {
        return Err("the path of the socket must be absolute: unix:///run/redis.sock");
    }
    if rest.contains('#') {
        return Err("a # must be written as %23");
    }
    let (mut has_user, mut has_password) = (false, false);
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "user" => has_user = true,
            "pass" => has_password = true,
            "db" => check_database(value)?,
            _other => return Err("the parameters of a socket are user, pass and db"),
        }
        check_codes(value, "a parameter has a % that is not a code: a % itself is %25")?;
        if value.contains('+') {
            return Err("a + in a parameter must be written as %2B");
        }
    }
    if has_user && !has_password { Err("a user needs a password: ?user=…&pass=…") } else { Ok(()) }
}

fn check_database(text: &str) -> Result<(), &'static str> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 9;
    if is_number { Ok(()) } else { Err("the database must be a number, like /0") }
}

/// Every `%` is followed by two hexadecimal digits, and what they stand for is text.
fn check_codes(text: &str, otherwise: &'static str) -> Result<(), &'static str> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(otherwise) };
        bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
    }
    if String::from_utf8(bytes).is_ok() { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_form_are_understood() {
        for good in [
            "redis://127.0.0.1:6379/0",
            "redis://localhost",
            "redis://user:p%40ss%2Fword@redis.example.com/3",
            "redis://:only-a-password@[::1]:6379",
            "rediss://user:pass@redis.example.com:6380",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=2&user=gate&pass=p%2Bw",
        ] {
            let unusable = RedisAddress::new(good).client().err();
            assert!(unusable.is_none(), "{good}: {}", unusable.expect("just looked"));
        }
    }

    #[test]
    fn a_wrong_part_is_named_and_nothing_of_it_is_shown() {
        for (bad, part) in [
            ("canary://canary", "begin with"),
            ("redis://", "the host is missing"),
            ("redis://:canary@", "the host is missing"),
            ("redis://:canary@0.0.0.0", "not 0.0.0.0"),
            ("redis://:canary@localhost:99999", "the port"),
            ("redis://:canary@localhost:canary", "the port"),
            ("redis://:canary@localhost:0", "the port"),
            ("redis://:can/ary@localhost", "user or password"),
            ("redis://:can#ary@localhost", "user or password"),
            ("redis://:can@ary@localhost", "%40"),
            ("redis://:can%zz@localhost", "the password has a %"),
            ("redis://can%ff:canary@localhost", "the user has a %"),
            ("redis://canary@localhost", "a user needs a password"),
            ("redis://canary:@localhost", "the password is empty"),
            ("redis://:canary@localhost/canary", "the database"),
            ("redis://:canary@localhost/0?canary=1", "parameters"),
            ("rediss://:canary@localhost/0#insecure", "certificates are always checked"),
            ("redis://:canary@[::1", "closing ]"),
            ("redis://:canary@can ary", "the host"),
            ("unix://canary", "the path"),
            ("unix:///run/redis.sock?canary=1", "the parameters"),
            ("unix:///run/redis.sock?user=canary", "a user needs a password"),
            ("unix:///run/redis.sock?pass=can+ary", "%2B"),
            ("unix:///run/redis.sock?db=canary", "the database"),
        ] {
            let unusable = RedisAddress::new(bad).client().expect_err(bad).to_string();
            assert!(unusable.starts_with("redis.url: ") && unusable.contains(part), "{bad}: {unusable}");
            assert!(!unusable.contains("canary"), "{unusable}");
        }
    }

    #[test]
    fn a_tls_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("writable");
            Some(path)
        };
        let (empty, missing) = (file("empty", ""), Some(folder.path().join("missing")));
        let broken = file("broken", "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n");
        let none = TlsFiles::default();
        for (url, tls, said) in [
            ("rediss://h", TlsFiles { authorities: empty.clone(), ..none.clone() }, "redis.tls_ca_file: "),
            ("rediss://h", TlsFiles { authorities: missing, ..none.clone() }, "cannot be read"),
            ("rediss://h", TlsFiles { authorities: broken, ..none.clone() }, "PEM form"),
            ("rediss://h", TlsFiles { certificate: empty.clone(), ..none.clone() }, "needs redis.tls_key_file"),
            ("rediss://h", TlsFiles { key: empty.clone(), ..none.clone() }, "needs redis.tls_certificate_file"),
            ("redis://h", TlsFiles { authorities: empty, ..none }, "needs a rediss:// address"),
        ] {
            let unusable = RedisAddress { url: url.to_owned(), tls }.client().expect_err(said).to_string();
            assert!(unusable.contains(said) && !unusable.contains("canary"), "{unusable}");
        }
    }
}
