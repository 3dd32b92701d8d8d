//! **Job:** the three sources, and secrets' own files, read into the same entries.
//! **Owns:** how a key is spelled in each source.
//! **Never:** decides which entry wins, or what a value means.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::exposure::FileMode;
use super::injected::is_injected;
use super::mode::identity_key;
use super::origin::{Origin, shown};
use super::secret::SECRET_FILE_SUFFIX;
use super::syntax::describe;
use super::{Config, ConfigError};

/// Beginning of every environment variable of this product.
pub const ENVIRONMENT_PREFIX: &str = "DOORBUSTER_";

/// Largest configuration file, in bytes: all keys with long comments fit a hundred times.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Largest secret file, in bytes: a long secret or a key, but not a device that never ends.
const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;

/// A value as its source has it.
pub(super) enum Given {
    Text(String),
    Toml(toml::Value),
}

impl Given {
    /// The value, if it is a text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Toml(value) => value.as_str(),
        }
    }
}

/// One value of one source.
pub(super) struct Entry {
    /// `section.key`, `section.key_file` of a secret, or whatever name was given that may turn out unknown.
    pub(super) key: String,
    pub(super) given: Given,
    pub(super) origin: Origin,
}

impl Entry {
    /// The path of a key that ends in `_file` is meant from where the configuration file is: whoever wrote both down
    /// need not know where the program is started.
    fn take_path_from(&mut self, file: &Path) {
        let Some(folder) = file.parent().filter(|_| self.key.ends_with(SECRET_FILE_SUFFIX)) else { return };
        if let Given::Toml(toml::Value::String(path)) = &mut self.given
            && !path.is_empty()
            && let Some(whole) = folder.join(&*path).to_str()
        {
            whole.clone_into(path);
        }
    }

    /// The key it gives a value to, if that says who is a buyer, an operator or a provider. An empty value counts: it
    /// is how a variable looks whose content got lost on its way.
    pub(super) fn identity_key(&self) -> Option<&'static str> {
        identity_key(&self.key, self.given.as_text())
    }
}

/// The entries of a configuration file, and who may use it.
pub(super) fn file(path: &Path) -> Result<(Vec<Entry>, FileMode), ConfigError> {
    let error = |reason: &str| ConfigError::new(path.display(), reason);
    let (text, mode) = read_text(path, MAX_FILE_BYTES).map_err(|reason| error(&reason))?;
    let table: toml::Table = toml::from_str(&text).map_err(|fault| error(&describe(&fault, &text)))?;
    let mut entries = Vec::new();
    flatten("", table, &Origin::File(path.to_owned()), &mut entries);
    for entry in &mut entries {
        entry.take_path_from(path);
    }
    Ok((entries, mode))
}

/// Descends into sections; whatever else is found is an entry, so that an unknown section shows as an unknown key.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library: every value but a table is an entry")]
fn flatten(path: &str, table: toml::Table, origin: &Origin, entries: &mut Vec<Entry>) {
    for (name, value) in table {
        let key = if path.is_empty() { name } else { format!("{path}.{name}") };
        match value {
            toml::Value::Table(table) if is_section(&key) => flatten(&key, table, origin, entries),
            value => entries.push(Entry { key, given: Given::Toml(value), origin: origin.clone() }),
        }
    }
}

fn is_section(path: &str) -> bool {
    let below = format!("{path}.");
    Config::default().settings().iter().any(|(key, _)| key.starts_with(&below))
}

/// The entries of the environment, and the variables that a container platform has put there.
pub(super) fn environment(variables: Vec<(String, String)>) -> Result<(Vec<Entry>, Vec<String>), ConfigError> {
    let names = environment_names();
    let (mut entries, mut ignored) = (Vec::new(), Vec::new());
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        let known = names.iter().find(|(name, _)| *name == variable);
        if known.is_none() && is_injected(name, &text) {
            ignored.push(variable);
            continue;
        }
        // A variable that was not UTF-8 arrives with this mark in place of what could not be read.
        if variable.contains(char::REPLACEMENT_CHARACTER) || text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(ConfigError::new(&variable, "is not valid UTF-8"));
        }
        let Some((_, key)) = known else {
            return Err(ConfigError::new(&variable, "is not a known variable: DOORBUSTER_<SECTION>_<KEY>"));
        };
        entries.push(Entry { key: key.clone(), given: Given::Text(text), origin: Origin::Environment(variable) });
    }
    ignored.sort();
    Ok((entries, ignored))
}

/// Every variable there is, with its key.
fn environment_names() -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for (key, setting) in Config::default().settings() {
        keys.push(key.to_owned());
        if setting.may_be_in_file() {
            keys.push(format!("{key}{SECRET_FILE_SUFFIX}"));
        }
    }
    let spell = |key: &str| format!("{ENVIRONMENT_PREFIX}{}", key.replace('.', "_").to_ascii_uppercase());
    keys.into_iter().map(|key| (spell(&key), key)).collect()
}

/// The entries of the command line. Of two for the same key the later one stands.
pub(super) fn flags(flags: Vec<(String, String)>) -> Vec<Entry> {
    let entry = |(key, text)| Entry { key, given: Given::Text(text), origin: Origin::Flag };
    flags.into_iter().map(entry).collect()
}

/// The secret in a file of its own, without the newline that editors put at its end, and who may use that file.
pub(super) fn secret_file(path: &Path) -> Result<(String, FileMode), String> {
    let read = read_text(path, MAX_SECRET_FILE_BYTES);
    let (text, mode) = read.map_err(|reason| format!("{}: {reason}", shown(path)))?;
    let line = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text);
    if line.is_empty() {
        return Err(format!("{}: is empty", shown(path)));
    }
    Ok((line.to_owned(), mode))
}

fn read_text(path: &Path, limit: u64) -> Result<(String, FileMode), String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        let mode = FileMode::from(&file.metadata()?);
        file.take(limit + 1).read_to_string(&mut text)?;
        Ok(mode)
    });
    match read {
        Ok(_) if text.len() as u64 > limit => Err(format!("has more than {limit} bytes")),
        Ok(mode) => Ok((text, mode)),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let mut names: Vec<String> = environment_names().into_iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        for expected in ["DOORBUSTER_SERVER_LISTEN", "DOORBUSTER_GATE_THROTTLE_WINDOW", "DOORBUSTER_FEED_TOKEN_FILE"] {
            assert!(names.iter().any(|name| name == expected), "{expected}");
        }
    }

    #[test]
    fn variables_of_a_platform_are_ignored_and_a_key_with_such_a_name_is_a_key() {
        let given = |name: &str, value: &str| vec![(format!("DOORBUSTER_{name}"), value.to_owned())];
        let (entries, ignored) = environment(given("PORT", "tcp://10.0.0.7:80")).expect("ignored");
        assert!(entries.is_empty());
        assert_eq!(ignored, ["DOORBUSTER_PORT"]);
        assert!(environment(given("PORT", "8080")).is_err());
        let bytes = environment(given("ENV_TITLE", "a\u{fffd}")).expect("whatever is in the other container");
        assert_eq!(bytes.1, ["DOORBUSTER_ENV_TITLE"]);
        // No key may look so that a platform could set it, or take it away.
        for (variable, key) in environment_names() {
            let (entries, ignored) = environment(vec![(variable, "tcp://10.0.0.7:80".to_owned())]).expect("known");
            assert_eq!((entries[0].key.as_str(), ignored.len()), (key.as_str(), 0));
        }
    }

    #[test]
    fn a_secret_file_loses_one_newline_only() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("secret");
        for (content, secret) in [("a b\n", "a b"), ("a\n\n", "a\n"), ("a\r\n", "a"), (" a", " a")] {
            std::fs::write(&path, content).expect("writable");
            assert_eq!(secret_file(&path).map(|(text, _mode)| text).as_deref(), Ok(secret));
        }
        std::fs::write(&path, "\n").expect("writable");
        assert!(secret_file(&path).is_err_and(|reason| reason.ends_with("is empty")));
    }

    #[test]
    fn a_file_that_never_ends_is_refused() {
        let reason = secret_file(Path::new("/dev/zero")).expect_err("endless");
        assert!(reason.ends_with("has more than 65536 bytes"), "{reason}");
    }
}
