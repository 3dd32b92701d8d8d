//! **Job:** what every figure means, for the help of the live screen and for the manual.
//! **Owns:** the keys of the live screen, and how the text is laid out.
//! **Never:** holds a meaning: `data/web/dashboard/meanings.json` does, for the dashboard, too.

use serde::Deserialize;
use textwrap::Options;

/// What every figure means.
const MEANINGS: &str = include_str!("../../../data/web/dashboard/meanings.json");

const KEYS: &str = "\
KEYS
  q Esc Ctrl-C     quit
  d w h r n        sort by depth, wait (p99), handle (p99), rate, name
  arrows, PgUp, PgDn, Home, End   move
  /                search in ids and titles
  p                pause or resume the selected item, after y

Rates and percentiles are of the last ten seconds, from the server's counters. A dash means that there was nothing to
measure.
";

/// Columns of the help: what a terminal has on one half of a wide screen.
const WIDTH: usize = 118;

/// Columns of a figure's name.
const NAMES: usize = 14;

/// One figure. What only the page says of it is left out.
#[derive(Deserialize)]
struct Figure {
    section: String,
    /// Its name in the terminal; none: it is not shown there.
    top: Option<String>,
    label: String,
    meaning: String,
}

/// The help of the live screen.
pub(super) fn text() -> String {
    let mut text = KEYS.to_owned();
    let mut section = String::new();
    for figure in figures() {
        let Some(name) = &figure.top else { continue };
        if section != figure.section {
            text.push_str(&format!("\n{}\n", figure.section.to_uppercase()));
            section.clone_from(&figure.section);
        }
        text.push_str(&paragraph(name, &figure.meaning));
    }
    text
}

/// The same for the manual page, which describes the dashboard, too.
#[must_use]
pub(in crate::commands) fn manual() -> String {
    figures().iter().map(|figure| format!("{}: {}\n", figure.label, figure.meaning)).collect()
}

fn figures() -> Vec<Figure> {
    serde_json::from_str(MEANINGS).expect("a file of ours, and there is a test of it")
}

/// The meaning beside the name.
fn paragraph(name: &str, meaning: &str) -> String {
    let (name, indent) = (format!("  {name:<NAMES$}"), " ".repeat(NAMES + 2));
    let layout = Options::new(WIDTH).initial_indent(&name).subsequent_indent(&indent);
    textwrap::fill(meaning, layout) + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_figure_is_explained_once_within_the_width() {
        let (text, figures) = (text(), figures());
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for figure in figures.iter().filter_map(|figure| figure.top.as_ref()) {
            assert!(text.contains(&format!("\n  {figure:<NAMES$}")), "{figure}");
        }
        let labels: BTreeSet<_> = figures.iter().map(|figure| (&figure.section, &figure.label)).collect();
        assert_eq!(labels.len(), figures.len());
        assert_eq!(manual().lines().count(), figures.len());
    }
}
