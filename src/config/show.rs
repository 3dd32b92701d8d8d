//! **Job:** the effective configuration for people: every key, its value, where it came from.
//! **Owns:** the layout of that text, which is a valid configuration file.
//! **Never:** shows a secret.

use std::fmt::Write;

use super::Loaded;
use super::explain::comment;

/// The configuration as TOML, the mode in a comment at its head, then one `key = value  # origin` a line; secrets are
/// `"***"`, or `""` if not set. With `explained`, what each key means stands above it.
#[must_use]
pub fn show(loaded: &Loaded, explained: bool) -> String {
    let explanation = |path: &str| if explained { format!("\n{}", comment(path)) } else { String::new() };
    let mut config = loaded.config.clone();
    let mut text = format!("# {} mode: {}\n", loaded.mode, loaded.cause);
    for (key, origin) in &loaded.unused {
        writeln!(text, "# {key} is given ({origin}) and not used").expect("a String takes any text");
    }
    for variable in &loaded.ignored {
        writeln!(text, "# {variable} is of a container platform and ignored").expect("a String takes any text");
    }
    text.push('\n');
    let mut open_section = "";
    for (path, setting) in config.settings() {
        let (section, key) = path.rsplit_once('.').expect("a key's name is made of its section and its own");
        if section != open_section {
            let blank = if open_section.is_empty() { "" } else { "\n" };
            writeln!(text, "{blank}{}[{section}]", explanation(section).trim_start()).expect("a String takes any text");
            open_section = section;
        }
        let (value, origin) = (setting.to_toml(), &loaded.origins[path]);
        writeln!(text, "{}{key} = {value}  # {origin}", explanation(path)).expect("a String takes any text");
    }
    text
}

/// The keys that have another value in `new` than in `old`, secrets included.
#[must_use]
pub fn changed_keys(old: &Loaded, new: &Loaded) -> Vec<&'static str> {
    let (mut old, mut new) = (old.config.clone(), new.config.clone());
    let pairs = old.settings().into_iter().zip(new.settings());
    let changed: Vec<_> =
        pairs.filter(|((_, old), (_, new))| old.whole() != new.whole()).map(|((key, _), _)| key).collect();
    changed
}
