//! **Job:** one configuration from three sources: flag over environment over file over default.
//! **Owns:** the precedence, and where each value came from.
//! **Never:** decides what a mode is (`mode.rs` does), or uses a given secret in development mode.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exposure::{Content, Exposure, FileMode};
use super::mode::{Cause, Mode, Requested, public_listener};
use super::origin::Origin;
use super::secret::SECRET_FILE_SUFFIX;
use super::sources::{self, Entry, Given};
use super::{Config, ConfigError, validate};

/// What the operator gave. No `Debug`: environment and flags may contain secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file; with one the server runs in production mode.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with [`super::ENVIRONMENT_PREFIX`] are ignored.
    pub environment: Vec<(String, String)>,
    /// Flags as (`section.key`, value); of two for the same key the later one counts.
    pub flags: Vec<(String, String)>,
    /// The mode that was asked for.
    pub requested: Requested,
    /// Which secrets are used; `None` = all. The files of others are not read: who only asks need not be able to.
    pub wanted: Wanted,
}

/// Secrets that are used: of each list the first that is given.
pub type Wanted = Option<Vec<&'static [&'static str]>>;

/// A complete configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each came from, by `section.key`; every key has one.
    pub origins: BTreeMap<&'static str, Origin>,
    /// How the server runs.
    pub mode: Mode,
    /// Why it runs so.
    pub cause: Cause,
    /// Keys that were given and are not used, because development mode uses no given secret.
    pub unused: Vec<(&'static str, Origin)>,
    /// Variables that begin like ours and are a container platform's: they mean nothing here.
    pub ignored: Vec<String>,
    /// Files with secrets that other users can read or change.
    pub exposed: Vec<Exposure>,
    /// The keys of the secrets that are read; `None` = all.
    wanted: Option<Vec<&'static str>>,
}

/// Reads, merges and validates a configuration. Secrets may be missing; see [`super::demand`].
///
/// # Errors
/// An unreadable file, an unknown key, a value of another type, a secret given in both forms at one level, or
/// whatever [`validate`] refuses.
pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    let mut levels = Vec::new();
    let mut exposed = Vec::new();
    if let Some(path) = &sources.file {
        let (entries, mode) = sources::file(path)?;
        exposed.extend(Exposure::of(path, mode, content_of(&entries)));
        levels.push(entries);
    }
    let (variables, ignored) = sources::environment(sources.environment)?;
    levels.push(variables);
    levels.push(sources::flags(sources.flags));
    let given = levels.iter().flatten().find_map(Entry::identity_key);
    let cause = match (sources.requested, &sources.file, given) {
        (Requested::Development, _, _) => Cause::Asked,
        (Requested::None, Some(_), _) => Cause::File,
        (Requested::None, None, Some(key)) => Cause::Given(key),
        (Requested::None, None, None) => Cause::NothingGiven,
    };
    let mut loaded = Loaded { ignored, ..Loaded::defaults(cause, exposed) };
    let is_used = |key: &&'static str| *key != "redis.url" || takes_from_redis(&levels);
    let wanted = |lists: Vec<&[_]>| lists.iter().flat_map(|list| first_given(list, &levels)).filter(is_used).collect();
    loaded.wanted = sources.wanted.map(wanted);
    levels.into_iter().try_for_each(|level| loaded.overlay(level))?;
    loaded.settle_mode();
    validate(&loaded)?;
    loaded.look_at_key_files();
    Ok(loaded)
}

/// Whether the inventory takes its entries from Redis: only then it needs the address.
fn takes_from_redis(levels: &[Vec<Entry>]) -> bool {
    let source = levels.iter().flatten().rfind(|entry| entry.key == "inventory.source");
    source.is_some_and(|entry| entry.given.as_text() == Some("redis"))
}

/// The keys of a list up to the first that is given: whatever comes after it is not used.
fn first_given(list: &[&'static str], levels: &[Vec<Entry>]) -> Vec<&'static str> {
    let is_given = |key: &str| {
        let gives = |entry: &Entry| entry.key.strip_suffix(SECRET_FILE_SUFFIX).unwrap_or(&entry.key) == key;
        levels.iter().flatten().any(gives)
    };
    let given = list.iter().position(|key| is_given(key)).map_or(list.len(), |at| at + 1);
    list[..given].to_vec()
}

/// What lies in the configuration file: secrets themselves, or at most the way to them.
fn content_of(entries: &[Entry]) -> Content {
    let holds = |entry: &Entry| {
        let text = entry.given.as_text().unwrap_or_default();
        !text.is_empty()
            && Config::default().settings().iter().any(|(key, setting)| *key == entry.key && setting.holds_secret(text))
    };
    if entries.iter().any(holds) { Content::Secrets } else { Content::Trust }
}

impl Loaded {
    fn defaults(cause: Cause, exposed: Vec<Exposure>) -> Self {
        let mut config = Config::default();
        let origins = config.settings().into_iter().map(|(key, _)| (key, Origin::Default)).collect();
        Self {
            config,
            origins,
            mode: cause.mode(),
            cause,
            unused: Vec::new(),
            ignored: Vec::new(),
            exposed,
            wanted: None,
        }
    }

    /// Now that the listeners are known: what nobody asked for is not opened to the world. One key has a default that
    /// depends on the mode.
    fn settle_mode(&mut self) {
        if self.cause == Cause::NothingGiven
            && let Some(key) = public_listener(&self.config)
        {
            self.cause = Cause::Public(key);
        }
        self.mode = self.cause.mode();
        if self.mode == Mode::Development && self.origins["payment.cool_down"] == Origin::Default {
            self.config.payment.cool_down = Duration::ZERO;
        }
    }

    /// Whether somebody gave the key a value, and it is not its default.
    #[must_use]
    pub fn is_given(&self, key: &str) -> bool {
        self.origins.get(key).is_some_and(|origin| *origin != Origin::Default)
    }

    /// A key of TLS is a secret. Whoever can change the keys that tokens are checked with can be any buyer, and with
    /// those of a provider, pay any order.
    fn look_at_key_files(&mut self) {
        let auth = &self.config.auth;
        let providers = &self.config.providers;
        let of_providers = [&providers.wechat.public_key_file, &providers.alipay.public_key_file];
        if let Some(path) = &self.config.server.tls_key_file
            && let Ok(metadata) = std::fs::metadata(path)
        {
            self.exposed.extend(Exposure::of(path, FileMode::from(&metadata), Content::Secrets));
        }
        let of_buyers = [&auth.jwt_public_key_file, &auth.jwt_jwks_file];
        for path in of_buyers.into_iter().chain(of_providers).flatten() {
            let Ok(metadata) = std::fs::metadata(path) else { continue };
            self.exposed.extend(Exposure::of(path, FileMode::from(&metadata), Content::Trust));
        }
    }

    /// Whether the command uses all there is, as the server does.
    pub(super) fn is_whole(&self) -> bool {
        self.wanted.is_none()
    }

    /// Lays one source over what is there.
    fn overlay(&mut self, entries: Vec<Entry>) -> Result<(), ConfigError> {
        for entry in &entries {
            let other_form = entry.key.strip_suffix(SECRET_FILE_SUFFIX);
            if let Some(other) = entries.iter().find(|other| Some(other.key.as_str()) == other_form) {
                let reason = format!("is given together with {}", entry.key);
                return Err(ConfigError::new(&other.key, reason).given_by(&entry.origin));
            }
        }
        for entry in entries {
            match entry.identity_key() {
                Some(key) if self.mode == Mode::Development => self.unused.push((key, entry.origin)),
                Some(_) | None => self.set(entry)?,
            }
        }
        Ok(())
    }

    fn set(&mut self, entry: Entry) -> Result<(), ConfigError> {
        let Entry { key, given, origin } = entry;
        let error = |reason: &dyn fmt::Display| ConfigError::new(&key, reason).given_by(&origin);
        let secret = key.strip_suffix(SECRET_FILE_SUFFIX);
        for (name, setting) in self.config.settings() {
            if name == key {
                match &given {
                    Given::Text(text) => setting.set_text(text),
                    Given::Toml(value) => setting.set_toml(value),
                }
                .map_err(|mismatch| error(&mismatch))?;
            } else if setting.may_be_in_file() && Some(name) == secret {
                let path = given.as_text().ok_or_else(|| error(&"expected a path"))?;
                let path = Path::new(path);
                if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&name)) {
                    self.origins.insert(name, origin);
                    return Ok(());
                }
                let (text, mode) = sources::secret_file(path).map_err(|reason| error(&reason))?;
                setting.set_text(&text).map_err(|mismatch| error(&mismatch))?;
                self.exposed.extend(Exposure::of(path, mode, Content::Secrets));
            } else {
                continue;
            }
            self.origins.insert(name, origin);
            return Ok(());
        }
        Err(error(&"is not a known key"))
    }
}
