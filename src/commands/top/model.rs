//! **Job:** what the screen shows, from what the server said last and about ten seconds before.
//! **Owns:** the order of the actors, the selection, and whether the server is heard.
//! **Never:** asks anybody, not even a clock.

use std::collections::HashMap;

use doorbuster_actors::ids::ItemId;

use super::query::{Query, Sort, Steering};
use super::rates::{History, Quantiles, rate};
use super::wire::{Actor, Page, Reason, Snapshot};
use crate::commands::text::Text;

/// One actor with what it did in the window.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) actor: Actor,
    /// Messages per second; none after the first reading.
    pub(super) rate: Option<f64>,
    pub(super) wait: Quantiles,
    pub(super) handle: Quantiles,
}

impl Line {
    /// As of one reading: no rate, everything since the start.
    pub(super) fn of(actor: Actor) -> Self {
        let (wait, handle) = (Quantiles::since_start(&actor.wait_us), Quantiles::since_start(&actor.handle_us));
        Self { actor, rate: None, wait, handle }
    }

    fn between(now: &Actor, before: &Actor, elapsed_s: f64) -> Self {
        Self {
            rate: Some(rate(now.processed_total, before.processed_total, elapsed_s)),
            wait: Quantiles::between(&now.wait_us, &before.wait_us),
            handle: Quantiles::between(&now.handle_us, &before.handle_us),
            actor: now.clone(),
        }
    }
}

/// Sorts by `sort`; equal ones by name, the writer in front of all.
pub(super) fn arrange(lines: &mut [Line], sort: Sort) {
    let largest_first = |one: &Line, other: &Line| match sort {
        Sort::Depth => other.actor.mailbox.depth.cmp(&one.actor.mailbox.depth),
        Sort::Wait => other.wait.p99.cmp(&one.wait.p99),
        Sort::Handle => other.handle.p99.cmp(&one.handle.p99),
        Sort::Rate => other.rate.unwrap_or(0.0).total_cmp(&one.rate.unwrap_or(0.0)),
        Sort::Processed => other.actor.processed_total.cmp(&one.actor.processed_total),
        Sort::Name => std::cmp::Ordering::Equal,
    };
    let is_item = |line: &Line| line.actor.item_id.is_some();
    lines.sort_by(|one, other| {
        let by_figure = is_item(one).cmp(&is_item(other)).then_with(|| largest_first(one, other));
        by_figure.then_with(|| one.actor.name.cmp(&other.actor.name))
    });
}

/// What the keys mean now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// Everything moves.
    #[default]
    Watching,
    /// A text to search for is being typed.
    Searching(String),
    /// A question waits for y or n.
    Asking(ItemId, Steering),
    /// The help is open, at this line.
    Helping(u16),
}

/// No snapshot has come for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) seconds: u64,
    pub(super) reason: String,
}

/// Everything the screen shows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) url: String,
    pub(super) events: History<Snapshot>,
    pub(super) total: u64,
    pub(super) lines: Vec<Line>,
    pub(super) query: Query,
    pub(super) selected: usize,
    pub(super) mode: Mode,
    /// What came of the last thing asked for.
    pub(super) notice: Option<String>,
    pub(super) lost: Option<Lost>,
    pages: History<Page>,
}

impl Model {
    pub(super) fn new(url: String, query: Query) -> Self {
        Self {
            url,
            query,
            events: History::default(),
            pages: History::default(),
            total: 0,
            lines: Vec::new(),
            selected: 0,
            mode: Mode::default(),
            notice: None,
            lost: None,
        }
    }

    pub(super) fn see_actors(&mut self, page: Page) {
        self.total = page.total;
        self.pages.add(page);
        self.refresh();
    }

    pub(super) fn see_snapshot(&mut self, snapshot: Snapshot) {
        self.events.add(snapshot);
        self.lost = None;
    }

    pub(super) fn sort_by(&mut self, sort: Sort) {
        self.query.sort = sort;
        self.refresh();
    }

    /// The actor the selection is on.
    pub(super) fn selection(&self) -> Option<&Actor> {
        self.lines.get(self.selected).map(|line| &line.actor)
    }

    pub(super) fn move_to(&mut self, place: usize) {
        self.selected = place.min(self.lines.len().saturating_sub(1));
    }

    /// Builds the lines again; the selection stays with its actor. At first it is on the first item.
    fn refresh(&mut self) {
        let name = self.selection().map(|actor| actor.name.clone());
        self.lines = self.windowed();
        arrange(&mut self.lines, self.query.sort);
        let place = match name {
            Some(name) => self.lines.iter().position(|line| line.actor.name == name),
            None => self.lines.iter().position(|line| line.actor.item_id.is_some()),
        };
        self.move_to(place.unwrap_or(self.selected));
    }

    /// Every actor of the latest page against its first reading in the window, and of those that handled most messages
    /// lately the ones that a page of the largest totals misses.
    fn windowed(&self) -> Vec<Line> {
        let Some(latest) = self.pages.latest() else { return Vec::new() };
        let mut first: HashMap<&Text, (&Actor, f64)> = HashMap::new();
        for page in self.pages.iter() {
            for actor in &page.actors {
                first.entry(&actor.name).or_insert((actor, page.uptime_s));
            }
        }
        let line = |actor: &Actor| match first.get(&actor.name) {
            Some((before, uptime_s)) if latest.uptime_s > *uptime_s => {
                Line::between(actor, before, latest.uptime_s - uptime_s)
            }
            Some(_) | None => Line::of(actor.clone()),
        };
        let mut lines: Vec<_> = latest.actors.iter().map(line).collect();
        if self.query.sort == Sort::Rate && self.query.search.is_empty() {
            lines
                .extend(self.busiest().filter(|line| !latest.actors.iter().any(|known| known.name == line.actor.name)));
        }
        lines
    }

    fn busiest(&self) -> impl Iterator<Item = Line> {
        let mut earlier: HashMap<&Text, (&Actor, f64)> = HashMap::new();
        for snapshot in self.events.iter() {
            for actor in &snapshot.items.busiest {
                earlier.entry(&actor.name).or_insert((actor, snapshot.uptime_s));
            }
        }
        let latest = self.events.latest();
        let now =
            latest.into_iter().flat_map(|snapshot| snapshot.items.busiest.iter().map(|row| (row, snapshot.uptime_s)));
        now.map(move |(actor, now_s)| match earlier.get(&actor.name) {
            Some((before, uptime_s)) if now_s > *uptime_s => Line::between(actor, before, now_s - uptime_s),
            Some(_) | None => Line::of(actor.clone()),
        })
    }

    /// How the sale is, in one line: the server's words, unless it cannot be heard.
    pub(super) fn headline(&self) -> String {
        match (&self.lost, self.events.latest()) {
            (Some(Lost { seconds, reason }), _) => format!("connection lost {seconds}s ago: {reason}"),
            (None, None) => "connecting".to_owned(),
            (None, Some(snapshot)) => snapshot.verdict.headline.to_string(),
        }
    }

    /// What somebody should know, if the server is heard and not healthy.
    pub(super) fn bad_news(&self) -> &[Reason] {
        let verdict = self.events.latest().filter(|_| self.lost.is_none()).map(|snapshot| &snapshot.verdict);
        verdict.filter(|verdict| verdict.level.as_str() != "healthy").map_or(&[], |verdict| &verdict.reasons)
    }

    /// The level of the verdict; none while the server is not heard.
    pub(super) fn level(&self) -> Option<&str> {
        let latest = self.events.latest().filter(|_| self.lost.is_none());
        latest.map(|snapshot| snapshot.verdict.level.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::top::tests as mock;

    pub(in crate::commands::top) fn model(sort: Sort) -> Model {
        let query = Query { sort, search: String::new(), limit: 100 };
        let mut model = Model::new("http://127.0.0.1:9190".to_owned(), query);
        for (uptime_s, count) in [(12.0, 1_000), (22.0, 6_000)] {
            model.see_snapshot(serde_json::from_value(mock::snapshot(uptime_s, count)).unwrap());
            model.see_actors(serde_json::from_value(mock::page(uptime_s, count)).unwrap());
        }
        model
    }

    fn names(model: &Model) -> Vec<&str> {
        model.lines.iter().map(|line| line.actor.name.as_str()).collect()
    }

    #[test]
    fn rates_and_percentiles_are_of_the_window() {
        let model = model(Sort::Name);
        let line = &model.lines[1];
        assert_eq!((line.actor.name.as_str(), line.rate), ("stock/sku-1", Some(500.0)));
        assert_eq!((line.wait.p50, line.wait.max), (Some(75), Some(1_550)), "not 90, as since the start");
    }

    #[test]
    fn actors_are_sorted_behind_the_writer_by_what_was_asked_for() {
        assert_eq!(names(&model(Sort::Name)), ["order_writer", "stock/sku-1", "stock/sku-2"]);
        for sort in [Sort::Depth, Sort::Processed] {
            assert_eq!(names(&model(sort)), ["order_writer", "stock/sku-2", "stock/sku-1"], "{sort:?}");
        }
        let by_rate = model(Sort::Rate);
        assert_eq!(names(&by_rate), ["order_writer", "stock/sku-2", "stock/sku-1", "stock/sku-9"], "{by_rate:?}");
    }

    #[test]
    fn the_selection_begins_at_an_item_and_stays_with_it() {
        let mut model = model(Sort::Name);
        assert_eq!(model.selection().unwrap().name.as_str(), "stock/sku-1");
        model.sort_by(Sort::Depth);
        assert_eq!((model.selected, model.selection().unwrap().name.as_str()), (2, "stock/sku-1"));
        model.see_actors(Page { uptime_s: 23.0, ..Page::default() });
        assert!(model.selection().is_none() && model.selected == 0);
    }

    #[test]
    fn the_verdict_is_the_servers_unless_it_cannot_be_heard() {
        let mut model = model(Sort::Name);
        assert_eq!((model.headline().as_str(), model.level()), ("Healthy: selling", Some("healthy")));
        assert!(model.bad_news().is_empty(), "that it sells is no bad news");
        let mut snapshot = mock::snapshot(23.0, 7_000);
        snapshot["verdict"] = mock::verdict("degraded");
        model.see_snapshot(serde_json::from_value(snapshot).unwrap());
        assert_eq!((model.headline().as_str(), model.level()), ("Degraded: commits are slow", Some("degraded")));
        assert_eq!(model.bad_news()[0].code.as_str(), "commits-slow");
        model.lost = Some(Lost { seconds: 4, reason: "the stream ended".to_owned() });
        assert_eq!((model.headline().as_str(), model.level()), ("connection lost 4s ago: the stream ended", None));
        assert!(model.bad_news().is_empty(), "what it said last is no news");
        let model = Model::new(String::new(), model.query);
        assert_eq!((model.headline().as_str(), model.level()), ("connecting", None));
    }
}
