//! **Job:** writes what was measured: a page for people, an object for programs.
//! **Owns:** how figures are written, and what a reader must know to read them.
//! **Never:** rounds a verdict: it is made of the unrounded median.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::figures::Line;
use super::statistics::{Book, Spread};

/// What was measured on, in the order of the report.
pub(crate) type Facts = Vec<(&'static str, String)>;

const HOW_TO_READ: &str = "\
Generator and server share the cores, so numbers per second are those of this machine with its generator: compare
ratios. A ratio is made within each round, where its two sides ran shortly after each other; what stands here is the
median of the rounds, with the quartiles and the extremes. The generator of every HTTP target is `doorbuster bench`;
the peers have their own (redis-benchmark, pgbench). Server CPU is user and system time of the server's process. Every
run of ours ended with the audit of `doorbuster bench` (those of the cold items only with reading back); of the peers it
was checked that units gone = orders there. In the overload, capacity is the rate of the token bucket: ten times what
the machine can do cannot be asked from its own cores. Others' use of the cores was looked at between the runs: if it is
not near 0, nothing here is worth much. What could not be measured says why.
";

pub(crate) fn markdown(machine: &Facts, lines: &[Line], book: &Book) -> String {
    let mut text = "# The canonical set\n\n".to_owned();
    for (name, value) in machine {
        text += &format!("- {name}: {value}\n");
    }
    text += &format!("\n{HOW_TO_READ}\n");
    text += "| figure | reach | measured: median | quartiles | least to most | rounds | reached? |\n";
    text += "|---|---|---|---|---|---|---|\n";
    for line in lines {
        text += &row(line);
    }
    text += &raw(book);
    if !book.failures.is_empty() {
        text += "\n## What was left out, or failed\n\n";
        for (name, reason) in &book.failures {
            text += &format!("- {name}: {}\n", one_line(reason));
        }
    }
    text
}

fn row(line: &Line) -> String {
    let Line { figure, reach, measured, reached, missing } = line;
    let verdict = reached.map_or("", |reached| if reached { "yes" } else { "**no**" });
    match measured {
        Some(spread) => {
            let Spread { median, lower_quartile, upper_quartile, least, most, count } = spread;
            let [median, low, high, least, most] =
                [median, lower_quartile, upper_quartile, least, most].map(|value| number(*value));
            format!("| {figure} | {reach} | {median} | {low} to {high} | {least} to {most} | {count} | {verdict} |\n")
        }
        None => {
            let reason = one_line(missing.as_deref().unwrap_or_default());
            format!("| {figure} | {reach} | not measured: {reason} | | | 0 | |\n")
        }
    }
}

/// Every series, round by round.
fn raw(book: &Book) -> String {
    let rounds = book.series.values().filter_map(|values| values.keys().max()).max().map_or(0, |last| last + 1);
    let heads: Vec<_> = (1..=rounds).map(|round| format!("round {round}")).collect();
    let mut text =
        format!("\n## Round by round\n\n| series | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(rounds));
    for (name, values) in &book.series {
        let cells = (0..rounds).map(|round| values.get(&round).map_or_else(String::new, |value| number(*value)));
        text += &format!("| {name} | {} |\n", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/").chars().take(300).collect()
}

pub(crate) fn json(machine: &Facts, lines: &[Line], book: &Book) -> Value {
    let machine: BTreeMap<_, _> = machine.iter().map(|(name, value)| (*name, value)).collect();
    json!({ "machine": machine, "figures": lines, "series": book.series, "failures": book.failures })
}
