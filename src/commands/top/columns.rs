//! **Job:** the columns of the actors.
//! **Owns:** what stands in each, how wide it is, and which go first where there is no room.
//! **Never:** draws.

use super::figures::{NONE, duration, or_none, rate, short};
use super::model::Line;

/// Which side a column's texts keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// One column; its heading has two lines.
pub(super) struct Column {
    pub(super) above: &'static str,
    pub(super) below: &'static str,
    pub(super) width: u16,
    pub(super) side: Side,
    /// The higher, the sooner it is left out.
    rank: u8,
    pub(super) text: fn(&Line) -> String,
}

/// Blanks between two columns.
pub(super) const GAP: u16 = 1;
/// The widest name column: `stock/` and an id of ordinary length.
const MAX_NAME: u16 = 40;

const fn figure(above: &'static str, below: &'static str, width: u16, rank: u8, text: fn(&Line) -> String) -> Column {
    Column { above, below, width, side: Side::Right, rank, text }
}

const COLUMNS: [Column; 14] = [
    Column { above: "", below: "actor", width: 15, side: Side::Left, rank: 0, text: |l| l.actor.name.to_string() },
    figure("", "core", 4, 7, |line| or_none(line.actor.core, |core| core.to_string())),
    Column { above: "", below: "state", width: 9, side: Side::Left, rank: 2, text: state },
    figure("left/", "supply", 11, 1, left_of_supply),
    figure("", "depth", 6, 0, |line| short(line.actor.mailbox.depth)),
    figure("high", "water", 6, 6, |line| short(line.actor.mailbox.high_water)),
    figure("messages", "/s", 7, 3, |line| or_none(line.rate, rate)),
    figure("wait", "p50", 6, 5, |line| or_none(line.wait.p50, duration)),
    figure("wait", "p99", 6, 4, |line| or_none(line.wait.p99, duration)),
    figure("wait", "max", 6, 9, |line| or_none(line.wait.max, duration)),
    figure("handle", "p50", 6, 8, |line| or_none(line.handle.p50, duration)),
    figure("handle", "p99", 6, 4, |line| or_none(line.handle.p99, duration)),
    figure("handle", "max", 6, 9, |line| or_none(line.handle.max, duration)),
    Column { above: "", below: "title", width: 20, side: Side::Left, rank: 10, text: title },
];

fn state(line: &Line) -> String {
    or_none(line.actor.state.as_ref(), ToString::to_string)
}

fn title(line: &Line) -> String {
    or_none(line.actor.title.as_ref(), ToString::to_string)
}

fn left_of_supply(line: &Line) -> String {
    match (line.actor.remaining, line.actor.supply) {
        (Some(remaining), Some(supply)) => format!("{}/{}", compact(remaining), compact(supply)),
        _ => NONE.to_owned(),
    }
}

/// Five characters, so that two of them and a stroke fit.
fn compact(count: u64) -> String {
    if count < 100_000 { count.to_string() } else { short(count) }
}

/// The columns that fit into `width`, and the width of the first one, which takes what is left.
pub(super) fn fitting(width: u16) -> (Vec<&'static Column>, u16) {
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    let needed = |columns: &[&Column]| columns.iter().map(|column| column.width + GAP).sum::<u16>() - GAP;
    while columns.len() > 1 && needed(&columns) > width {
        let last = columns.iter().map(|column| column.rank).max().unwrap_or(0);
        let place = columns.iter().rposition(|column| column.rank == last).unwrap_or(0);
        columns.remove(place.max(1));
    }
    let spare = width.saturating_sub(needed(&columns));
    let name = (columns[0].width + spare).min(MAX_NAME);
    (columns, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_goes_first_and_the_rest_fits() {
        let shown = |width: u16| -> Vec<_> { fitting(width).0.iter().map(|column| column.below).collect() };
        assert_eq!(shown(160).len(), COLUMNS.len());
        assert_eq!(shown(80), ["actor", "state", "supply", "depth", "water", "/s", "p50", "p99", "p99"]);
        assert_eq!(shown(0), ["actor"]);
        for width in 15..300 {
            let (columns, name) = fitting(width);
            let rest: u16 = columns[1..].iter().map(|column| column.width + GAP).sum();
            assert!(name + rest <= width, "{width}");
        }
    }
}
