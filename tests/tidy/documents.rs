//! **Job:** finds what a document says of the tree and is not so.
//! **Owns:** what counts as a link, a path and the name of a test in Markdown.
//! **Never:** judges the language.

use std::collections::BTreeSet;
use std::path::Path;

use super::source::Source;

/// Folders of the workspace: what begins with one of them, in backticks, is a path.
const FOLDERS: [&str; 6] = ["src/", "actors/", "tests/", "data/", "deploy/", "benches/"];

/// What a running server makes.
const MADE: [&str; 2] = ["data/development.toml", "data/doorbuster.db"];

/// Metrics begin with this.
const METRIC: &str = "doorbuster_";

/// Fewest underscores in the name of a test: tests are sentences.
const MIN_UNDERSCORES: usize = 3;

/// Links to files that are not there. `exists` is asked for paths from the top of the workspace.
pub(super) fn dead_links(document: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let targets = document.text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = targets.filter(|target| !target.contains("://")).filter_map(|target| target.split('#').next());
    let dead = files.filter(|file| !file.is_empty()).filter(|file| !exists(&joined(folder, file)));
    dead.map(|file| format!("{}: {file}", document.path)).collect()
}

/// Paths in backticks that lead nowhere. What has a placeholder in it is no path.
pub(super) fn missing_paths(document: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let is_path = |word: &&str| {
        let is_plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
        let has_placeholder = word.contains("NAME") || word.contains("000");
        FOLDERS.iter().any(|folder| word.starts_with(folder)) && is_plain && !has_placeholder && !MADE.contains(word)
    };
    let missing = in_backticks(&document.text).into_iter().filter(is_path).filter(|path| !exists(path));
    missing.map(|path| format!("{}: {path}", document.path)).collect()
}

/// Names of tests, in backticks, that no test has.
pub(super) fn missing_tests(document: &Source, tests: &[Source]) -> Vec<String> {
    let known: BTreeSet<&str> = tests.iter().flat_map(|source| functions(&source.text)).collect();
    let is_test = |word: &&str| {
        let is_name =
            word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        is_name && !word.starts_with(METRIC) && word.matches('_').count() >= MIN_UNDERSCORES
    };
    let named = in_backticks(&document.text).into_iter().filter(is_test);
    named.filter(|name| !known.contains(name)).map(|name| format!("{}: {name}", document.path)).collect()
}

fn functions(text: &str) -> Vec<&str> {
    text.split("fn ").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name).collect()
}

/// What stands between two backticks of a line, outside of blocks of code.
fn in_backticks(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(str::lines).flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

fn joined(folder: &str, file: &str) -> String {
    let mut path: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in file.split('/') {
        match step {
            "." | "" => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

/// Whether a file or folder of the workspace is there.
pub(super) fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

mod tests {
    use super::*;

    fn page(text: &str) -> Source {
        Source::new("data/PAGE.md", text)
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let text = "[a](gone.md) [b](here.md#part) [c](../top.md) [d](#part) [e](https://example.org/x)";
        let exists = |path: &str| ["data/here.md", "top.md"].contains(&path);
        assert_eq!(dead_links(&page(text), exists), ["data/PAGE.md: gone.md"]);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_found() {
        let text = "`src/gone.rs` `src/here.rs` `src/NAME.rs` `src/*.rs` src/prose.rs\n```\n`src/code.rs`\n```\n";
        let exists = |path: &str| path == "src/here.rs";
        assert_eq!(missing_paths(&page(text), exists), ["data/PAGE.md: src/gone.rs"]);
    }

    #[test]
    fn a_test_that_nobody_wrote_is_found() {
        let tests = [Source::new("tests/it/x.rs", "fn a_sale_sells_once() {}")];
        let text = "`a_sale_sells_once`, `a_sale_sells_twice`, `max_in_flight`";
        assert_eq!(missing_tests(&page(text), &tests), ["data/PAGE.md: a_sale_sells_twice"]);
    }
}
