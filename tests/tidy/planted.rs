//! **Job:** finds the planted bugs that cannot be planted any more, or that say too little.
//! **Owns:** what stands in front of a patch, and what it means that a hunk fits.
//! **Never:** builds or runs anything: `make planted-bugs` does.

use super::source::{Source, functions};

/// What every patch says in front, in this order.
const HEADERS: [&str; 4] = ["Bug", "Suite", "Red", "Because"];

/// Where the tests of a suite are, from the top of the workspace; and of a suite that runs no tests, none.
const SUITES: [(&str, &[&str]); 4] =
    [("actors", &["actors/src/", "actors/tests/it/"]), ("server", &["tests/it/"]), ("lib", &["src/"]), ("clippy", &[])];

/// What is wrong with a patch, where these are the sources of product and tests.
pub(super) fn unfit(patch: &Source, sources: &[Source]) -> Vec<String> {
    let wrong = headers(&patch.text).and_then(|headers| check_suite(&headers, sources)).err();
    let missing = hunks(&patch.text).into_iter().filter_map(|hunk| hunk.misfit(sources));
    wrong.into_iter().chain(missing).map(|what| format!("{}: {what}", patch.path)).collect()
}

/// Whether the patches are numbered from 1 on.
pub(super) fn misnumbered(patches: &[Source]) -> Vec<String> {
    let begins = |(number, patch): (usize, &Source)| patch.path.starts_with(&format!("tests/planted/{number:02}-"));
    let strays = (1..).zip(patches).filter(|numbered| !begins(*numbered));
    strays.map(|(number, patch)| format!("{}: number {number} is next", patch.path)).collect()
}

fn headers(text: &str) -> Result<[&str; 4], String> {
    let mut lines = text.lines();
    let mut values = [""; 4];
    for (name, value) in HEADERS.iter().zip(&mut values) {
        let found = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim);
        if found.is_empty() {
            return Err(format!("says no {name}"));
        }
        *value = found;
    }
    Ok(values)
}

fn check_suite([_bug, suite, red, _because]: &[&str; 4], sources: &[Source]) -> Result<(), String> {
    let (kind, modules) = suite.split_once(' ').unwrap_or((suite, ""));
    let (_, folders) = SUITES.iter().find(|(known, _)| *known == kind).ok_or(format!("{kind} is no suite"))?;
    if folders.is_empty() {
        return if red.starts_with("clippy::") { Ok(()) } else { Err(format!("{red} is no lint")) };
    }
    if !modules.is_empty() && !modules.split(' ').any(|module| red.contains(module)) {
        return Err(format!("{suite} does not run {red}"));
    }
    let is_there = folders.iter().flat_map(|folder| places(folder, red)).any(|(path, name)| {
        sources.iter().any(|source| source.path == path && functions(&source.code).iter().any(|(it, ..)| it == name))
    });
    if is_there { Ok(()) } else { Err(format!("there is no test {red}")) }
}

/// The files in which the test can stand, and its name.
fn places<'t>(folder: &str, test: &'t str) -> Vec<(String, &'t str)> {
    let Some((module, name)) = test.rsplit_once("::") else { return Vec::new() };
    let inner = module.strip_suffix("::tests").unwrap_or(module);
    let file = |module: &str| (format!("{folder}{}.rs", module.replace("::", "/")), name);
    vec![file(module), file(inner)]
}

/// A part of a file that a patch changes.
struct Hunk<'p> {
    path: &'p str,
    /// As it is before.
    before: Vec<&'p str>,
}

impl Hunk<'_> {
    fn misfit(&self, sources: &[Source]) -> Option<String> {
        let Some(source) = sources.iter().find(|source| source.path == self.path) else {
            return Some(format!("there is no {}", self.path));
        };
        let lines: Vec<_> = source.text.lines().collect();
        let fits = lines.windows(self.before.len().max(1)).filter(|window| *window == self.before).count();
        let begin = self.before.iter().find(|line| !line.trim().is_empty()).unwrap_or(&"").trim();
        match fits {
            0 => Some(format!("does not apply to {} at `{begin}`", self.path)),
            1 => None,
            _ => Some(format!("applies to {} at several places: `{begin}`", self.path)),
        }
    }
}

fn hunks(text: &str) -> Vec<Hunk<'_>> {
    let (mut hunks, mut path) = (Vec::<Hunk<'_>>::new(), "");
    for line in text.lines() {
        if let Some(file) = line.strip_prefix("--- a/") {
            path = file;
        } else if line.starts_with("@@ ") {
            hunks.push(Hunk { path, before: Vec::new() });
        } else if let (Some(hunk), Some(kept)) = (hunks.last_mut(), line.strip_prefix([' ', '-'])) {
            hunk.before.push(kept);
        }
    }
    hunks
}

mod tests {
    use super::*;

    fn sources() -> Vec<Source> {
        let product = Source::new("actors/src/stock.rs", "let a = 1;\nlet b = 2;\nlet c = 3;\nlet b = 2;\n");
        vec![product, Source::new("actors/tests/it/sale.rs", "fn a_sale_sells_once() {}")]
    }

    fn patch(suite: &str, red: &str, hunk: &str) -> Vec<String> {
        let head =
            format!("Bug: it sells twice\nSuite: {suite}\nRed: {red}\nBecause: twice\n\n--- a/actors/src/stock.rs\n");
        let patch =
            Source::new("tests/planted/01-x.patch", format!("{head}+++ b/actors/src/stock.rs\n@@ -1 +1 @@\n{hunk}"));
        unfit(&patch, &sources())
    }

    #[test]
    fn a_patch_that_fits_and_names_its_test_is_good() {
        assert_eq!(
            patch("actors sale::", "sale::a_sale_sells_once", " let a = 1;\n-let b = 2;\n+let b = 3;\n"),
            [""; 0]
        );
        assert_eq!(patch("clippy", "clippy::unwrap_used", "-let c = 3;\n"), [""; 0]);
    }

    #[test]
    fn a_patch_that_does_not_fit_or_fits_twice_is_told() {
        let told = |hunk| patch("actors", "sale::a_sale_sells_once", hunk).concat();
        assert!(told(" let a = 1;\n-let c = 3;\n").contains("does not apply"));
        assert!(told("-let b = 2;\n").contains("several places"));
    }

    #[test]
    fn a_patch_that_names_no_test_of_its_suite_is_told() {
        let told = |suite, red| patch(suite, red, "-let c = 3;\n").concat();
        assert!(told("actors", "sale::a_sale_sells_twice").contains("there is no test"));
        assert!(told("server", "sale::a_sale_sells_once").contains("there is no test"));
        assert!(told("actors stock::", "sale::a_sale_sells_once").contains("does not run"));
        assert!(told("all", "sale::a_sale_sells_once").contains("is no suite"));
        let patch = Source::new("tests/planted/01-x.patch", "Bug: it sells twice\nRed: sale::x\n");
        assert_eq!(unfit(&patch, &sources()), ["tests/planted/01-x.patch: says no Suite"]);
        assert_eq!(misnumbered(&[patch, Source::new("tests/planted/03-y.patch", "")]).len(), 1);
    }
}
