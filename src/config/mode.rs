//! **Job:** decides whether a server runs for real or to try things out.
//! **Owns:** the rule, its reason in words, and which keys say who may buy and who may operate.
//! **Never:** lets anything but an explicit wish, or nothing given at all, lead into development mode.

use std::fmt;
use std::net::SocketAddr;

use super::Config;

/// How a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To try things out: sample catalogue, generated secrets, buyers made up on demand.
    Development,
    /// For real: every secret must be given.
    Production,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
        })
    }
}

/// Whether a mode was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Requested {
    /// The mode follows from what else was given.
    #[default]
    None,
    /// `--dev`.
    Development,
}

/// Why a server runs in its mode. Displays as the second half of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It was asked for.
    Asked,
    /// Nothing that production needs was given, and nobody outside this machine can connect.
    NothingGiven,
    /// There is a configuration file.
    File,
    /// This key was given, which says who is let in.
    Given(&'static str),
    /// The listener with this key can be reached from other machines.
    Public(&'static str),
}

impl Cause {
    /// The mode that follows.
    #[must_use]
    pub fn mode(self) -> Mode {
        match self {
            Self::Asked | Self::NothingGiven => Mode::Development,
            Self::File | Self::Given(_) | Self::Public(_) => Mode::Production,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("--dev was given"),
            Self::NothingGiven => f.write_str("no configuration file and no secret was given"),
            Self::File => f.write_str("a configuration file was given"),
            Self::Given(key) => write!(f, "{key} was given"),
            Self::Public(key) => write!(f, "{key} is not a loopback address"),
        }
    }
}

/// The listener that other machines can reach, if there is one.
pub(super) fn public_listener(config: &Config) -> Option<&'static str> {
    let server = &config.server;
    let listeners = [("server.listen", Some(server.listen)), ("server.ops_listen", server.ops_listen.tcp())];
    // A socket in the file system is on this machine.
    let is_public = |address: &Option<SocketAddr>| address.is_some_and(|address| !is_loopback(address));
    listeners.into_iter().find(|(_, address)| is_public(address)).map(|(key, _)| key)
}

/// `::ffff:127.0.0.1` is the loopback address of IPv4, too.
fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The key that `name` gives a value to, if that key says who is a buyer, an operator or a provider: all of `auth.*`
/// and of the providers' sections, every secret in either form, and an address that carries a password.
pub(super) fn identity_key(name: &str, text: Option<&str>) -> Option<&'static str> {
    let secret_in_file = name.strip_suffix(super::secret::SECRET_FILE_SUFFIX);
    let mut config = Config::default();
    let known = config.settings().into_iter().find(|(key, setting)| {
        let in_file = setting.may_be_in_file() && Some(*key) == secret_in_file;
        let says_who = is_about_people(key) || setting.holds_secret(text.unwrap_or_default());
        in_file || (*key == name && says_who)
    });
    known.map(|(key, _)| key)
}

/// `payment.wechat.public_key_file` does, `payment.late` does not.
fn is_about_people(key: &str) -> bool {
    key.starts_with("auth.") || (key.starts_with("payment.") && key.matches('.').count() == 2)
}

#[cfg(test)]
mod tests;
