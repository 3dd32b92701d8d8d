//! **Job:** what every key means, in the operator's hands: a commented example, and comments for what is in force.
//! **Owns:** the layout of these comments; their words are those of `config.rs`.
//! **Never:** says anything about a key that is not written there.

use std::fmt::Write as _;

use super::Config;
use super::secret::SECRET_FILE_SUFFIX;

/// Longest line of a comment.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Configuration of Doorbuster: every key with its meaning, its limits and its default. A key that is commented out has
# its default. The same keys as variables: DOORBUSTER_<SECTION>_<KEY>; as flags: --set section.key=value.
# Durations have a unit: 250ms, 5s, 15m, 1day. An empty text means: not set.
# Paths of keys that end in _file are relative to this file, all others to the working directory.
";

/// A configuration file in which every key stands as a comment, with its explanation above it.
#[must_use]
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    let mut config = Config::default();
    let mut section = "";
    for (path, setting) in config.settings() {
        let (of, key) = path.rsplit_once('.').expect("a key's name is made of its section and its own");
        if of != section {
            write!(text, "\n\n{}[{of}]\n", comment(of)).expect("a String takes any text");
            section = of;
        }
        write!(text, "\n{}#{key} = {}\n", comment(path), setting.to_toml()).expect("a String takes any text");
    }
    text
}

/// The explanation of a section or key as comments, a line break at the end; of a secret also the other way to give it.
pub(super) fn comment(path: &str) -> String {
    let found = Config::explanations().into_iter().find(|(name, _)| *name == path);
    let mut words = found.map(|(_, words)| words.trim().to_owned()).unwrap_or_default();
    if let Some((_, rest)) = words.strip_prefix("`[").and_then(|rest| rest.split_once("]`: ")) {
        let rest = rest.to_owned();
        words = rest.get(..1).unwrap_or_default().to_uppercase() + rest.get(1..).unwrap_or_default();
    }
    let is_secret = |(key, setting): &(&str, &mut dyn super::Setting)| *key == path && setting.may_be_in_file();
    if Config::default().settings().iter().any(is_secret) {
        let key = path.rsplit('.').next().unwrap_or(path);
        write!(words, " Or `{key}{SECRET_FILE_SUFFIX}`: the path of a file with it.").expect("a String takes any text");
    }
    wrapped(&words)
}

fn wrapped(words: &str) -> String {
    let (mut text, mut line) = (String::new(), String::from("#"));
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn every_key_is_explained_with_its_default() {
        for (path, setting) in Config::default().settings() {
            let text = comment(path);
            assert!(text.contains("efault"), "{path} does not say its default: {text}");
            // Lists and what is empty are told in words; other values as one may write them.
            let value = setting.to_toml();
            if value.as_array().is_some() || value.as_str().is_some_and(str::is_empty) {
                continue;
            }
            let words = text.split(|edge: char| edge == '`' || edge.is_whitespace() || edge == ':');
            let told = words.chain(text.split('`')).map(|word| word.trim_end_matches(['.', ',', ';']));
            let told: Vec<_> =
                told.filter(|word| setting.set_text(word).is_ok() && setting.to_toml() == value).collect();
            assert!(!told.is_empty(), "{path} says another default than {value}: {text}");
        }
    }

    /// The limits of a refusal: what stands after these words.
    fn limits(reason: &str) -> Vec<&str> {
        let after = |word| reason.split_once(word).and_then(|(_, rest)| rest.split([' ', ',']).next());
        ["at most ", "at least ", " to "].into_iter().filter_map(after).collect()
    }

    #[test]
    fn the_limits_that_are_checked_are_those_that_are_told() {
        let mut told = 0;
        for (key, bad) in crate::config::tests::BEYOND_LIMITS {
            let flags = vec![((*key).to_owned(), (*bad).to_owned())];
            let refusal = load(Sources { flags, ..Sources::default() }).map(drop).expect_err("beyond a limit");
            for limit in limits(&refusal.reason) {
                assert!(comment(key).contains(limit), "{key} does not say {limit}: {}", comment(key));
                told += 1;
            }
        }
        assert!(told > 15, "{told}");
    }

    #[test]
    fn the_example_is_a_configuration_file_also_with_every_key_in_force() {
        let example = example();
        assert_eq!(example.parse::<toml::Table>().expect("valid TOML").len(), 13);
        let in_force: String = example
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let table: toml::Table = in_force.parse().expect("valid TOML");
        for (path, setting) in Config::default().settings() {
            let whole = toml::Value::Table(table.clone());
            let value = path.split('.').try_fold(&whole, |value, name| value.get(name));
            assert_eq!(value, Some(&setting.to_toml()), "{path}");
        }
        assert!(example.lines().all(|line| line.chars().count() <= 120), "{example}");
    }
}
