//! **Job:** runs the benches of the single parts, each by its own command, and reads what they say.
//! **Owns:** where in their output the figures are.
//! **Never:** measures what they measure, or takes a figure of an earlier run of theirs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};

use super::settings::{Depth, Settings, profile};
use super::statistics::Book;

/// A bench: its name, and how its figures are found.
type Neighbour = (&'static str, fn(&mut Book, &str, SystemTime) -> anyhow::Result<()>);

const NEIGHBOURS: [Neighbour; 3] = [("group_commit", core), ("recovery", recovery), ("memory", memory)];

pub(crate) fn run(settings: &Settings, book: &mut Book) {
    if settings.depth == Depth::Quick {
        let reason = anyhow::anyhow!("QUICK leaves it out");
        return NEIGHBOURS.iter().for_each(|(name, _)| book.fail(name, &reason));
    }
    for (name, read) in NEIGHBOURS {
        println!("cargo bench --bench {name}");
        let begun = SystemTime::now();
        if let Err(error) = said(name).and_then(|text| read(book, &text, begun)) {
            book.fail(name, &error);
        }
    }
}

fn said(bench: &str) -> anyhow::Result<String> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["bench", "--workspace", "--locked", "--quiet", "--profile", &profile(), "--bench", bench])
        .stdin(Stdio::null());
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// `wall clock   3500 ns  286000/s   2440 ns  409000/s  0.70 (0.60 to 0.75)`
fn core(book: &mut Book, text: &str, _begun: SystemTime) -> anyhow::Result<()> {
    for (named, series) in [("wall clock", "house ÷ plain"), ("busiest thread", "house ÷ plain, busiest thread")] {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(named));
        let ratio = line.and_then(|line| line.split_once('(')?.0.split_whitespace().last()?.parse().ok());
        book.enter(format!("group_commit: {series}"), 0, ratio.context("it says no ratio of house and plain")?);
    }
    Ok(())
}

fn recovery(book: &mut Book, _text: &str, begun: SystemTime) -> anyhow::Result<()> {
    let (house, plain) =
        (criterion_ns("recovery/open_and_recover", begun)?, criterion_ns("recovery/plain_scan", begun)?);
    book.enter("recovery: of 1 M orders, s", 0, house / 1e9);
    book.enter("recovery: plain scan, s", 0, plain / 1e9);
    Ok(())
}

/// The median that criterion has left, if it is of this run.
fn criterion_ns(bench: &str, begun: SystemTime) -> anyhow::Result<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/criterion").join(bench).join("new/estimates.json");
    let context = || path.display().to_string();
    let written = path.metadata().and_then(|metadata| metadata.modified()).with_context(context)?;
    ensure!(written >= begun, "{} is of an earlier run", path.display());
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    estimates["median"]["point_estimate"].as_f64().with_context(context)
}

/// `       155    1000000  live order, user id of 13 characters, key of 36`
fn memory(book: &mut Book, text: &str, _begun: SystemTime) -> anyhow::Result<()> {
    let bytes = |what: &str| {
        let line =
            text.lines().find(|line| line.contains(what)).with_context(|| format!("it says nothing of {what}"))?;
        let number = line.split_whitespace().next().unwrap_or_default();
        number.parse::<f64>().with_context(|| line.to_owned())
    };
    book.enter("memory: live order, name of 13 characters, bytes", 0, bytes("user id of 13")?);
    book.enter("memory: live order, UUIDs, bytes", 0, bytes("user id of 36")?);
    book.enter("memory: idle item, bytes", 0, bytes("idle item")?);
    Ok(())
}
