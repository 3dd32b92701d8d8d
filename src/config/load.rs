//! **Job:** one configuration from three sources: flag over environment over file over default.
//! **Owns:** the precedence, and where each value came from.
//! **Never:** knows a key by name, but for the one whose default depends on the mode.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sources::{self, Entry, Given};
use super::{Config, ConfigError, validate};

/// What the operator gave. No `Debug`: environment and flags may contain secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file; without one the server runs in development mode.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with [`super::ENVIRONMENT_PREFIX`] are ignored.
    pub environment: Vec<(String, String)>,
    /// Flags as (`section.key`, value); of two for the same key the later one counts.
    pub flags: Vec<(String, String)>,
}

/// What a missing configuration file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No file given: sample catalogue, generated secrets.
    Development,
    /// A file given: every secret must be.
    Production,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// This configuration file, or the file of development secrets.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", shown(path)),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A path on one line, whatever its name contains.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

/// A complete configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each came from, by `section.key`; every key has one.
    pub origins: BTreeMap<&'static str, Origin>,
    /// Whether a configuration file was given.
    pub mode: Mode,
}

/// Reads, merges and validates a configuration.
///
/// # Errors
/// An unreadable file, an unknown key, a value of another type, a secret given in both forms at one level, or
/// whatever [`validate`] refuses.
pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    let mode = if sources.file.is_some() { Mode::Production } else { Mode::Development };
    let mut loaded = Loaded::defaults(mode);
    if let Some(path) = &sources.file {
        loaded.overlay(sources::file(path)?)?;
    }
    loaded.overlay(sources::environment(sources.environment)?)?;
    loaded.overlay(sources::flags(sources.flags))?;
    validate(&loaded)?;
    Ok(loaded)
}

impl Loaded {
    fn defaults(mode: Mode) -> Self {
        let mut config = Config::default();
        if mode == Mode::Development {
            config.payment.cool_down = Duration::ZERO;
        }
        let origins = config.settings().into_iter().map(|(key, _)| (key, Origin::Default)).collect();
        Self { config, origins, mode }
    }

    /// Lays one source over what is there.
    fn overlay(&mut self, entries: Vec<Entry>) -> Result<(), ConfigError> {
        for entry in &entries {
            let other_form = entry.key.strip_suffix(sources::SECRET_FILE_SUFFIX);
            if let Some(other) = entries.iter().find(|other| Some(other.key.as_str()) == other_form) {
                let reason = format!("is given together with {}", entry.key);
                return Err(ConfigError::new(&other.key, reason).given_by(&entry.origin));
            }
        }
        entries.into_iter().try_for_each(|entry| self.set(entry))
    }

    fn set(&mut self, entry: Entry) -> Result<(), ConfigError> {
        let Entry { key, given, origin } = entry;
        let error = |reason: &dyn fmt::Display| ConfigError::new(&key, reason).given_by(&origin);
        let secret = key.strip_suffix(sources::SECRET_FILE_SUFFIX);
        for (name, setting) in self.config.settings() {
            if name == key {
                match &given {
                    Given::Text(text) => setting.set_text(text),
                    Given::Toml(value) => setting.set_toml(value),
                }
                .map_err(|mismatch| error(&mismatch))?;
            } else if setting.is_secret() && Some(name) == secret {
                let path = given.as_text().ok_or_else(|| error(&"expected a path"))?;
                let text = sources::secret_file(Path::new(path)).map_err(|reason| error(&reason))?;
                setting.set_text(&text).map_err(|mismatch| error(&mismatch))?;
            } else {
                continue;
            }
            self.origins.insert(name, origin);
            return Ok(());
        }
        Err(error(&"is not a known key"))
    }
}
