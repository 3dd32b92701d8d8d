//! **Job:** writes the figures of a calibration for people and programs.
//! **Owns:** names, units and columns.
//! **Never:** computes more than a unit.

use std::io::{self, Write};
use std::time::Duration;

use doorbuster_actors::ledger::Durability;
use serde::Serialize;
use serde_json::json;

use super::machine::Machine;
use super::proposal::Proposal;
use super::trial::{Cell, Latency};

/// All that was measured, and what follows.
#[derive(Debug)]
pub struct Report {
    pub(super) machine: Machine,
    pub(super) sync: Latency,
    pub(super) cells: Vec<Cell>,
    pub(super) proposal: Proposal,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Serialize)]
struct CellView {
    durability: &'static str,
    batch: u32,
    rows_per_second: f64,
    commits_per_second: f64,
    commit_us: serde_json::Value,
}

impl Report {
    /// Writes the result.
    pub fn print(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Text => self.print_text(out),
            Format::Json => self.print_json(out),
        }
    }

    fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let cells: Vec<_> = self.cells.iter().map(CellView::of).collect();
        let proposal = json!({
            "max_batch": self.proposal.max_batch,
            "linger_us": micros(self.proposal.linger),
            "bucket_rate": self.proposal.bucket_rate,
            "toml": self.proposal.toml(),
        });
        let all =
            json!({ "machine": self.machine, "sync_us": latency(&self.sync), "cells": cells, "proposal": proposal });
        writeln!(out, "{all}")
    }

    fn print_text(&self, out: &mut impl Write) -> io::Result<()> {
        let unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let Machine { directory, file_system, cores, kernel, sqlite } = &self.machine;
        let (file_system, kernel) = (unknown(file_system), unknown(kernel));
        writeln!(out, "{} ({file_system}), {cores} cores, Linux {kernel}, SQLite {sqlite}", directory.display())?;
        let Latency { count, p50, p99, max } = self.sync;
        let [p50, p99, max] = [p50, p99, max].map(micros);
        writeln!(out, "write and sync of 4 KiB: p50 {p50} µs, p99 {p99} µs, max {max} µs ({count} writes)\n")?;
        let columns = ["durability", "batch", "rows/s", "commits/s", "commit p50", "p99"];
        let [durability, batch, rows, commits, p50, p99] = columns;
        writeln!(out, "{durability:<10} {batch:>6} {rows:>10} {commits:>10} {p50:>12} {p99:>12}")?;
        for cell in &self.cells {
            let Cell { batch, rows_per_second: rows, commits_per_second: commits, .. } = cell;
            let [p50, p99] = [cell.commit.p50, cell.commit.p99].map(|time| format!("{} µs", micros(time)));
            let durability = name(cell.durability);
            writeln!(out, "{durability:<10} {batch:>6} {rows:>10.0} {commits:>10.0} {p50:>12} {p99:>12}")?;
        }
        writeln!(out)?;
        for reason in Proposal::reasons() {
            writeln!(out, "# {reason}")?;
        }
        write!(out, "{}", self.proposal.toml())
    }
}

impl CellView {
    fn of(cell: &Cell) -> Self {
        Self {
            durability: name(cell.durability),
            batch: cell.batch,
            rows_per_second: cell.rows_per_second,
            commits_per_second: cell.commits_per_second,
            commit_us: latency(&cell.commit),
        }
    }
}

fn latency(latency: &Latency) -> serde_json::Value {
    let Latency { count, p50, p99, max } = latency;
    json!({ "count": count, "p50": micros(*p50), "p99": micros(*p99), "max": micros(*max) })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// As `storage.durability` is spelled.
fn name(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => "full",
        Durability::Normal => "normal",
    }
}
