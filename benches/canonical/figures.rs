//! **Job:** the figures that are to be shown, what each is to reach, and what it is.
//! **Owns:** the reaches. They are ratios and limits, not this machine's numbers.
//! **Never:** calls reached what was not measured.

use serde::Serialize;

use super::statistics::{Book, Spread};

/// What a figure is to reach.
#[derive(Debug, Clone, Copy)]
enum Reach {
    AtLeast(f64),
    AtMost(f64),
    /// It is only shown.
    Shown,
}

/// What it is made of.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// One series.
    Series(&'static str),
    /// One divided by the other, round by round.
    Ratio(&'static str, &'static str),
}

use Reach::{AtLeast, AtMost, Shown};
use Source::{Ratio, Series};

const ORDERS: &str = "order at 64: per second";
const ORDER_CPU: &str = "order at 64: CPU, µs";
const PLAIN_CPU: &str = "plain POST at 64: CPU, µs";

const FIGURES: &[(&str, Reach, Source)] = &[
    (
        "durable core without HTTP, 1,024 in flight: orders/s ÷ rows/s of a plain rusqlite loop",
        AtLeast(0.75),
        Series("group_commit: house ÷ plain"),
    ),
    ("the same by the CPU of the busiest thread", Shown, Series("group_commit: house ÷ plain, busiest thread")),
    (
        "HTTP durable order with JWT and throttle, 64 connections: server CPU ÷ plain fixed-answer POST",
        AtMost(1.40),
        Ratio(ORDER_CPU, PLAIN_CPU),
    ),
    (
        "the same as throughput at 256 connections",
        AtLeast(0.75),
        Ratio("order at 256: per second", "plain POST at 256: per second"),
    ),
    ("sold-out refusal: server CPU ÷ plain POST", AtMost(1.15), Ratio("sold out at 64: CPU, µs", PLAIN_CPU)),
    (
        "durable orders/s ÷ Redis Lua with AOF always, 64 connections, no pipelining",
        AtLeast(2.0),
        Ratio(ORDERS, "Redis at 64: per second"),
    ),
    (
        "durable orders/s ÷ PostgreSQL hot row (update, insert), 64 connections",
        AtLeast(30.0),
        Ratio(ORDERS, "PostgreSQL at 64: per second"),
    ),
    (
        "durable orders/s ÷ PostgreSQL hot row in one statement, 64 connections",
        AtLeast(30.0),
        Ratio(ORDERS, "PostgreSQL in one statement at 64: per second"),
    ),
    ("open loop at half of the peak: p99 of confirmed, ms", AtMost(10.0), Series("half of the peak: p99, ms")),
    ("the same: p99.9, ms", Shown, Series("half of the peak: p99.9, ms")),
    ("the same: max, ms", Shown, Series("half of the peak: max, ms")),
    (
        "open loop of ten times the bucket's rate: goodput ÷ that rate",
        AtLeast(0.8),
        Series("overload: goodput of capacity"),
    ),
    ("the same: p99 of refusals, ms", AtMost(50.0), Series("overload: p99 of refusals, ms")),
    (
        "the same: memory growth after the first 10 s, beyond what sold orders need (`--bench memory`), MiB",
        AtMost(1.0),
        Series("overload: memory growth beyond sold orders, MiB"),
    ),
    (
        "cost per order with millions of orders in the file ÷ in an empty one",
        AtMost(1.2),
        Ratio("order in an old file: CPU, µs", ORDER_CPU),
    ),
    (
        "10,000 items evenly ÷ one hot item, throughput",
        AtLeast(0.85),
        Ratio("all of many: per second", "one item of many: per second"),
    ),
    (
        "cold items' p99 beside a crowd on one hot item ÷ beside the same crowd on 10,000",
        AtMost(1.10),
        Ratio("cold beside hot: p99, ms", "cold beside many: p99, ms"),
    ),
    (
        "the same crowd on one hot item ÷ nobody: cold items' p99 (the cores are full then)",
        Shown,
        Ratio("cold beside hot: p99, ms", "cold beside nobody: p99, ms"),
    ),
    (
        "recovery of 1 M orders ÷ plain SQL scan",
        AtMost(3.0),
        Ratio("recovery: of 1 M orders, s", "recovery: plain scan, s"),
    ),
    ("the same, s", AtMost(2.0), Series("recovery: of 1 M orders, s")),
    (
        "memory per live order, user id of 13 characters, bytes",
        AtMost(200.0),
        Series("memory: live order, name of 13 characters, bytes"),
    ),
    ("memory per live order, UUIDs, bytes", AtMost(200.0), Series("memory: live order, UUIDs, bytes")),
    ("memory per idle item, bytes", AtMost(1536.0), Series("memory: idle item, bytes")),
];

/// A line of the report.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) figure: &'static str,
    pub(crate) reach: String,
    pub(crate) measured: Option<Spread>,
    pub(crate) reached: Option<bool>,
    /// Why it was not measured.
    pub(crate) missing: Option<String>,
}

pub(crate) fn lines(book: &Book) -> Vec<Line> {
    FIGURES.iter().map(|(figure, reach, source)| line(book, figure, *reach, *source)).collect()
}

fn line(book: &Book, figure: &'static str, reach: Reach, source: Source) -> Line {
    let (values, names) = match source {
        Series(name) => (book.values(name), vec![name]),
        Ratio(over, under) => (book.ratios(over, under), vec![over, under]),
    };
    let measured = Spread::of(&values);
    let missing = measured.is_none().then(|| book.reason(&names));
    let (text, reached) = match reach {
        AtLeast(least) => (format!("≥ {least}"), measured.map(|measured| measured.median >= least)),
        AtMost(most) => (format!("≤ {most}"), measured.map(|measured| measured.median <= most)),
        Shown => ("shown".to_owned(), None),
    };
    Line { figure, reach: text, measured, reached, missing }
}
