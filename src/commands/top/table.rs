//! **Job:** one reading as plain text: for pipes, and for terminals that cannot do more.
//! **Owns:** its columns; a unit stands in the heading, so that a column is numbers only.
//! **Never:** shows a rate: one reading has none.

use std::io::{self, Write};

use ratatui::text::Span;

use super::columns::Side;
use super::figures::{NONE, or_none, uptime};
use super::model::{Line, arrange};
use super::query::Sort;
use super::rates::Quantiles;
use super::wire::{Distribution, Funnel, Layer, Page, Verdict, Writer};

/// One column: its heading, the side its texts keep to, and what stands in it.
type Column<T> = (&'static str, Side, fn(&T) -> String);

const WRITER: [Column<Writer>; 11] = [
    ("storage", Side::Left, |writer| writer.storage.to_string()),
    ("queue", Side::Right, |writer| writer.queue_depth.to_string()),
    ("orders", Side::Right, |writer| writer.orders_total.to_string()),
    ("entries", Side::Right, |writer| writer.entries_total.to_string()),
    ("commits", Side::Right, |writer| writer.commits_total.to_string()),
    ("batch_p50", Side::Right, |writer| number(since_start(&writer.batch_size).p50)),
    ("batch_p99", Side::Right, |writer| number(since_start(&writer.batch_size).p99)),
    ("commit_p50_us", Side::Right, |writer| number(since_start(&writer.commit_us).p50)),
    ("commit_p99_us", Side::Right, |writer| number(since_start(&writer.commit_us).p99)),
    ("sync_p50_us", Side::Right, |writer| number(since_start(&writer.sync_us).p50)),
    ("sync_p99_us", Side::Right, |writer| number(since_start(&writer.sync_us).p99)),
];

const FUNNEL: [Column<Layer>; 4] = [
    ("layer", Side::Left, |layer| layer.name.to_string()),
    ("in", Side::Right, |layer| layer.entered.to_string()),
    ("passed", Side::Right, |layer| layer.passed.to_string()),
    ("refused", Side::Left, refused),
];

const ACTORS: [Column<Line>; 14] = [
    ("actor", Side::Left, |line| line.actor.name.to_string()),
    ("core", Side::Right, |line| or_none(line.actor.core, |core| core.to_string())),
    ("state", Side::Left, |line| or_none(line.actor.state.as_ref(), ToString::to_string)),
    ("remaining", Side::Right, |line| number(line.actor.remaining)),
    ("supply", Side::Right, |line| number(line.actor.supply)),
    ("depth", Side::Right, |line| line.actor.mailbox.depth.to_string()),
    ("high_water", Side::Right, |line| line.actor.mailbox.high_water.to_string()),
    ("processed", Side::Right, |line| line.actor.processed_total.to_string()),
    ("wait_p50_us", Side::Right, |line| number(line.wait.p50)),
    ("wait_p99_us", Side::Right, |line| number(line.wait.p99)),
    ("wait_max_us", Side::Right, |line| number(line.wait.max)),
    ("handle_p50_us", Side::Right, |line| number(line.handle.p50)),
    ("handle_p99_us", Side::Right, |line| number(line.handle.p99)),
    ("handle_max_us", Side::Right, |line| number(line.handle.max)),
];

fn number(value: Option<u64>) -> String {
    or_none(value, |value| value.to_string())
}

fn since_start(distribution: &Distribution) -> Quantiles {
    Quantiles::since_start(distribution)
}

fn refused(layer: &Layer) -> String {
    let mut reasons: Vec<_> = layer.answered.iter().filter(|(_, count)| **count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let reasons: Vec<_> = reasons.into_iter().map(|(code, count)| format!("{code}={count}")).collect();
    if reasons.is_empty() { NONE.to_owned() } else { reasons.join(",") }
}

/// Writes the verdict, the writer, the funnel and the actors of one reading.
pub(super) fn print(
    verdict: &Verdict,
    page: Page,
    funnel: &Funnel,
    sort: Sort,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "{}", verdict.headline)?;
    for reason in &verdict.reasons {
        writeln!(out, "  {}: {}", reason.code, reason.text)?;
    }
    writeln!(out)?;
    let shown = page.actors.iter().filter(|actor| actor.item_id.is_some()).count();
    writeln!(out, "up {}; {shown} of {} items; percentiles since the start", uptime(page.uptime_s), page.total)?;
    if let Some(writer) = page.writer {
        writeln!(out)?;
        print_rows(&WRITER, &[writer], out)?;
    }
    writeln!(out)?;
    print_rows(&FUNNEL, &funnel.layers, out)?;
    writeln!(out)?;
    let mut lines: Vec<_> = page.actors.into_iter().map(Line::of).collect();
    arrange(&mut lines, sort);
    print_rows(&ACTORS, &lines, out)?;
    out.flush()
}

fn print_rows<T>(columns: &[Column<T>], rows: &[T], out: &mut impl Write) -> io::Result<()> {
    let headings = columns.iter().map(|(heading, ..)| (*heading).to_owned()).collect();
    let texts = rows.iter().map(|row| columns.iter().map(|(.., text)| text(row)).collect());
    let table: Vec<Vec<String>> = std::iter::once(headings).chain(texts).collect();
    let widest = |at: usize| table.iter().map(|row| width(&row[at])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    for row in &table {
        let mut line = String::new();
        for ((text, width_of_column), (_, side, _)) in row.iter().zip(&widths).zip(columns) {
            let blanks = " ".repeat(width_of_column - width(text));
            match side {
                Side::Left => line.extend([text.as_str(), &blanks, "  "]),
                Side::Right => line.extend([blanks.as_str(), text, "  "]),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Columns of a terminal: a Chinese message has two.
fn width(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::tests as mock;

    fn printed(page: serde_json::Value) -> String {
        let mut out = Vec::new();
        let page = serde_json::from_value(page).unwrap();
        let snapshot: super::super::wire::Snapshot = serde_json::from_value(mock::snapshot(12.0, 100)).unwrap();
        print(&snapshot.verdict, page, &Funnel { layers: snapshot.layers }, Sort::Depth, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writer_funnel_and_actors_stand_in_columns_of_numbers() {
        let text = printed(mock::page(12.0, 1_000));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..3], ["Healthy: selling", "  selling: 1 item on sale; orders are durable.", ""]);
        assert_eq!(lines[3], "up 0m 12s; 2 of 2 items; percentiles since the start");
        let row = |start: &str| -> Vec<_> {
            let line = lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {text}"));
            line.split_whitespace().collect()
        };
        assert_eq!(row("sold_out"), ["sold_out", "1000", "100", "sold-out=900"]);
        assert_eq!(row("door"), ["door", "1000", "1000", "-"]);
        assert_eq!(row("open")[..5], ["open", "12", "1000", "1010", "100"]);
        let sku =
            ["stock/sku-1", "1", "open", "37", "100", "3", "812", "1000", "90", "1500", "1550", "90", "1500", "1550"];
        assert_eq!(row("stock/sku-1"), sku);
        assert_eq!(row("order_writer")[1..5], ["-", "-", "-", "-"]);
        let place = |start: &str| lines.iter().position(|line| line.starts_with(start));
        assert!(place("order_writer") < place("stock/sku-2") && place("stock/sku-2") < place("stock/sku-1"), "{text}");
    }

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_blanks() {
        let text = printed(mock::page(12.0, 1_000));
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
        let ends = |start: &str| text.lines().find(|line| line.starts_with(start)).map(str::len);
        assert_eq!(ends("actor"), ends("stock/sku-1"), "{text}");
    }

    #[test]
    fn a_page_without_a_writer_has_no_writer() {
        let mut page = mock::page(12.0, 1_000);
        page.as_object_mut().unwrap().remove("writer");
        assert!(!printed(page).contains("commit_p50_us"));
    }
}
