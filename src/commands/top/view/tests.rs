//! **Job:** the screen as somebody sees it, on terminals of all sizes.
//! **Owns:** the sizes.
//! **Never:** needs a terminal.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::*;
use crate::commands::top::model::Lost;
use crate::commands::top::model::tests::model;
use crate::commands::top::query::Sort;
use crate::commands::top::query::Steering;
use crate::commands::top::tests as mock;

fn buffer(model: &Model, width: u16, height: u16, paint: Paint) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, paint)).unwrap();
    terminal.backend().buffer().clone()
}

fn shown(model: &Model, width: u16, height: u16) -> Vec<String> {
    let buffer = buffer(model, width, height, Paint::Plain);
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

fn line<'a>(lines: &'a [String], start: &str) -> &'a str {
    lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {lines:#?}"))
}

#[test]
fn the_screen_of_eighty_by_twenty_four_has_every_part() {
    let lines = shown(&model(Sort::Depth), 80, 24);
    assert!(lines[0].starts_with("doorbuster Healthy: selling  up 0m 22s"), "{lines:#?}");
    assert_eq!(lines[1], "orders 500/s  attempts 5,000/s  refused 90%  in flight 12/16,384  items 2");
    assert_eq!(lines[2], "cores  0 ██░░░░░░░░ 25%   1 ██████████ 100%");
    assert!(lines[3].starts_with("funnel "), "{lines:#?}");
    assert!(
        line(&lines, "sold_out").contains("60,000         6,000    5,000  sold-out 54,000 (4,500/s)"),
        "{lines:#?}"
    );
    assert!(line(&lines, "writer").starts_with("writer commits 50/s (drained 50)  queue 12  storage open"));
    assert!(line(&lines, "       batch").contains("sync p50 75µs p99 "), "{lines:#?}");
    let sku = line(&lines, "stock/sku-1");
    let cells: Vec<_> = sku.split_whitespace().collect();
    assert_eq!(cells, ["stock/sku-1", "open", "37/100", "3", "812", "500", "75µs", "100µs", "100µs"]);
    assert!(lines[23].starts_with("q quit") && lines[23].contains("by depth"), "{lines:#?}");
}

#[test]
fn a_larger_terminal_shows_more_and_titles_lose_their_escapes() {
    let lines = shown(&model(Sort::Depth), 180, 50);
    for layer in ["door", "capacity", "bucket", "ledger"] {
        line(&lines, layer);
    }
    let sku = line(&lines, "stock/sku-1");
    assert!(sku.contains("1.6ms") || sku.contains("1.5ms"), "the largest: {sku}");
    assert!(sku.contains("空") && sku.contains("\u{FFFD}[31msku-1") && !sku.contains('\u{1b}'), "{sku}");
}

#[test]
fn no_size_of_a_terminal_is_too_small() {
    let mut model = model(Sort::Wait);
    for mode in [Mode::Watching, Mode::Searching("x".to_owned()), Mode::Helping(65_535)] {
        model.mode = mode;
        for (width, height) in [(0, 0), (1, 1), (2, 9), (10, 3), (79, 7), (500, 2), (3, 200), (80, 24)] {
            buffer(&model, width, height, Paint::Colored);
        }
    }
    let empty = Model::new(String::new(), model.query.clone());
    for size in 0..30 {
        buffer(&empty, size, size, Paint::Colored);
    }
}

#[test]
fn without_colours_there_are_none_and_nothing_is_lost() {
    let mut model = model(Sort::Depth);
    let colors = |model: &Model, paint| {
        let buffer = buffer(model, 100, 30, paint);
        buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colors(&model, Paint::Plain), 0);
    assert!(colors(&model, Paint::Colored) > 0);
    model.lost = Some(Lost { seconds: 4, reason: "the stream ended".to_owned() });
    assert!(shown(&model, 80, 24)[0].contains("connection lost 4s ago: the stream ended"));
}

#[test]
fn bad_news_stand_below_the_headline_in_whole_words() {
    let mut model = model(Sort::Depth);
    let reason = |number: usize| {
        let text = format!("reason {number} {}", "with many words that do not fit into one line ".repeat(3));
        serde_json::json!({"code": "commits-slow", "severity": "degraded", "text": text.trim()})
    };
    let mut snapshot = mock::snapshot(23.0, 7_000);
    let reasons: Vec<_> = (1..=5).map(reason).collect();
    snapshot["verdict"] = serde_json::json!({"level": "degraded", "headline": "Degraded: x", "reasons": reasons});
    model.see_snapshot(serde_json::from_value(snapshot).unwrap());
    let lines = shown(&model, 80, 24);
    assert!(lines[0].starts_with("doorbuster Degraded: x  up 0m 23s"), "{lines:#?}");
    assert_eq!(lines[1], "  reason 1 with many words that do not fit into one line with many words that");
    assert_eq!(lines[2], "   do not fit into one line with many words that do not fit into one line");
    assert!(lines[3].starts_with("  reason 2") && lines[5].starts_with("  reason 3"), "{lines:#?}");
    assert_eq!(lines[7], "  and 2 more");
    assert!(lines[8].starts_with("orders ") && lines[9].starts_with("cores "), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("stock/sku-1")), "{lines:#?}");
    for (width, height) in [(0, 0), (1, 1), (3, 200), (80, 5)] {
        buffer(&model, width, height, Paint::Colored);
    }
}

#[test]
fn the_footer_asks_tells_and_takes_a_search() {
    let mut model = model(Sort::Depth);
    let footer = |model: &Model| shown(model, 80, 24)[23].clone();
    model.mode = Mode::Asking("sku-1".parse().unwrap(), Steering::Pause);
    assert_eq!(footer(&model), "pause the sale of sku-1? y/n");
    model.mode = Mode::Searching("sk".to_owned());
    assert!(footer(&model).starts_with("search: sk_"));
    model.mode = Mode::Watching;
    model.notice = Some("paused: sku-1".to_owned());
    assert_eq!(footer(&model), "paused: sku-1");
}

#[test]
fn the_help_explains_every_heading() {
    let mut model = model(Sort::Depth);
    model.mode = Mode::Helping(0);
    let lines = shown(&model, 120, 60);
    for word in
        ["orders/s", "in flight", "commits", "sync", "left/supply", "high water", "messages/s", "wait", "handle"]
    {
        assert!(lines.iter().any(|line| line.contains(word)), "{word} in {lines:#?}");
    }
    model.mode = Mode::Helping(5);
    assert_ne!(shown(&model, 120, 20)[0], lines[0], "it scrolls");
}

#[test]
fn the_selected_actor_is_on_the_screen_however_many_there_are() {
    let mut model = model(Sort::Depth);
    let copy = model.lines[1].clone();
    for number in 0..500 {
        let mut line = copy.clone();
        line.actor.name = format!("stock/many-{number}").as_str().into();
        model.lines.push(line);
    }
    model.move_to(usize::MAX);
    let lines = shown(&model, 80, 24);
    line(&lines, "stock/many-499");
}
