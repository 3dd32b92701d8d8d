//! **Job:** draws the screen.
//! **Owns:** what stands where, on any size of terminal; a colour only adds to what a word says.
//! **Never:** changes the model, or asks anybody.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as TextLine, Span, Text as Paragraphs};
use ratatui::widgets::{Cell, Clear, Paragraph, Row, Table, TableState, Wrap};

use super::columns::{self, Column, Side};
use super::figures::{duration, grouped, or_none, percent, rate, short};
use super::header;
use super::help;
use super::model::{Line, Mode, Model};
use super::paint::{Paint, bold};
use super::rates::{Quantiles, rate as between};
use super::wire::{Layer, Snapshot};

/// Lines of the parts that do not stretch: cores, writer, footer.
const CORES: u16 = 1;
const WRITER: u16 = 2;
const FOOTER: u16 = 1;
/// The two lines of headings and the three actors that are shown before the funnel gets any room.
const FEWEST_ACTORS: u16 = 5;
/// Widest name of a layer.
const LAYER_NAME: usize = 9;

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, paint: Paint) {
    let area = frame.area();
    let layers = model.events.latest().map_or(0, |snapshot| snapshot.layers.len());
    let header = header::lines(model, paint, area.width);
    let header_height = u16::try_from(header.len()).unwrap_or(u16::MAX);
    let free = area.height.saturating_sub(header_height + CORES + WRITER + FOOTER + FEWEST_ACTORS);
    // Two thirds of what is free, or all layers where there is room.
    let funnel = u16::try_from(layers + 1).unwrap_or(u16::MAX).min(free.saturating_sub(free / 3));
    let heights = [header_height, CORES, funnel, WRITER].map(Constraint::Length);
    let heights = [heights.as_slice(), &[Constraint::Fill(1), Constraint::Length(FOOTER)]].concat();
    let [header_at, cores_at, funnel_at, writer_at, actors_at, footer_at] = Layout::vertical(heights).areas(area);
    frame.render_widget(Paragraph::new(header), header_at);
    frame.render_widget(cores(model), cores_at);
    frame.render_widget(Paragraph::new(funnel_lines(model, funnel_at)), funnel_at);
    frame.render_widget(writer(model), writer_at);
    actors(frame, model, paint, actors_at);
    frame.render_widget(footer(model), footer_at);
    if let Mode::Helping(line) = model.mode {
        let [help_at, _] = Layout::vertical([Constraint::Fill(1), Constraint::Length(FOOTER)]).areas(area);
        frame.render_widget(Clear, help_at);
        frame.render_widget(Paragraph::new(help::text()).wrap(Wrap { trim: false }).scroll((line, 0)), help_at);
    }
}

fn cores(model: &Model) -> Paragraph<'static> {
    let mut spans = vec![bold("cores  ")];
    if let Some((now, before, elapsed_s)) = model.events.ends() {
        for core in &now.cores {
            let earlier = before.cores.iter().find(|earlier| earlier.core == core.core);
            let busy = earlier.map(|earlier| ((core.busy_s - earlier.busy_s) / elapsed_s).clamp(0.0, 1.0));
            spans.push(Span::raw(format!(
                "{} {} {:<4}  ",
                core.core,
                bar(busy.unwrap_or(0.0)),
                or_none(busy, percent)
            )));
        }
    }
    Paragraph::new(TextLine::from(spans))
}

/// Ten places, of which as many are full as the share says.
fn bar(share: f64) -> String {
    (0..10).map(|place| if f64::from(place) + 0.5 < share * 10.0 { '█' } else { '░' }).collect()
}

/// A line for each layer; where there is no room for all of them, those that refused nobody are left out first.
fn funnel_lines(model: &Model, area: Rect) -> Vec<TextLine<'static>> {
    let Some(now) = model.events.latest() else { return Vec::new() };
    let room = usize::from(area.height.saturating_sub(1));
    let mut shown: Vec<&Layer> = now.layers.iter().collect();
    while shown.len() > room {
        let quiet = shown.iter().rposition(|layer| layer.answered.values().all(|count| *count == 0));
        shown.remove(quiet.unwrap_or(shown.len() - 1));
    }
    let hidden = now.layers.len() - shown.len();
    let hint = if hidden > 0 { format!(" ({hidden} more layers)") } else { String::new() };
    let heading = format!("{:LAYER_NAME$} {:>13} {:>13} {:>8}  refused{hint}", "funnel", "in", "passed", "in/s");
    let mut lines = vec![TextLine::from(bold(heading))];
    lines.extend(shown.into_iter().map(|layer| layer_line(model, layer)));
    lines
}

fn layer_line(model: &Model, layer: &Layer) -> TextLine<'static> {
    let ends = model.events.ends();
    let before = ends.and_then(|(_, before, elapsed_s)| {
        before.layers.iter().find(|earlier| earlier.name == layer.name).map(|earlier| (earlier, elapsed_s))
    });
    let entered = before.map(|(earlier, elapsed_s)| between(layer.entered, earlier.entered, elapsed_s));
    let mut reasons: Vec<_> = layer.answered.iter().filter(|(_, count)| **count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let reason = |(code, count): (&crate::commands::text::Text, &u64)| {
        let earlier = |earlier: &Layer| earlier.answered.get(code).copied().unwrap_or(0);
        let pace =
            before.map(|(layer, elapsed_s)| format!(" ({}/s)", rate(between(*count, earlier(layer), elapsed_s))));
        format!("{code} {}{}", grouped(*count), pace.unwrap_or_default())
    };
    let reasons: Vec<_> = reasons.into_iter().map(reason).collect();
    let (entered_total, passed) = (grouped(layer.entered), grouped(layer.passed));
    let pace = or_none(entered, rate);
    let name = &layer.name;
    TextLine::from(format!("{name:LAYER_NAME$} {entered_total:>13} {passed:>13} {pace:>8}  {}", reasons.join("  ")))
}

fn writer(model: &Model) -> Paragraph<'static> {
    let Some(now) = model.events.latest() else { return Paragraph::new(bold("writer")) };
    let writer = &now.writer;
    let earlier = model.events.ends();
    let quantiles = |pick: fn(&Snapshot) -> &super::wire::Distribution| match earlier {
        Some((now, before, _)) => Quantiles::between(pick(now), pick(before)),
        None => Quantiles::since_start(pick(now)),
    };
    let commits =
        earlier.map(|(_, before, elapsed_s)| between(writer.commits_total, before.writer.commits_total, elapsed_s));
    let triggers = earlier.map_or_else(String::new, |(_, before, elapsed_s)| {
        let pace = |(trigger, count): (&crate::commands::text::Text, &u64)| {
            let earlier = before.writer.triggers.get(trigger).copied().unwrap_or(0);
            (*count > earlier).then(|| format!("{trigger} {}", rate(between(*count, earlier, elapsed_s))))
        };
        writer.triggers.iter().filter_map(pace).collect::<Vec<_>>().join(", ")
    });
    let pair = |name: &str, quantiles: Quantiles, text: fn(u64) -> String| {
        format!("{name} p50 {} p99 {}", or_none(quantiles.p50, text), or_none(quantiles.p99, text))
    };
    let first = format!(
        "{}/s{}  queue {}  storage {}",
        or_none(commits, rate),
        if triggers.is_empty() { triggers } else { format!(" ({triggers})") },
        short(writer.queue_depth),
        writer.storage,
    );
    let second = [
        pair("batch", quantiles(|snapshot| &snapshot.writer.batch_size), short),
        pair("commit", quantiles(|snapshot| &snapshot.writer.commit_us), duration),
        pair("sync", quantiles(|snapshot| &snapshot.writer.sync_us), duration),
    ];
    let first = TextLine::from(vec![bold("writer "), Span::raw(format!("commits {first}"))]);
    Paragraph::new(vec![first, TextLine::from(format!("       {}", second.join("  ")))])
}

fn actors(frame: &mut Frame<'_>, model: &Model, paint: Paint, area: Rect) {
    let (columns, name_width) = columns::fitting(area.width);
    let heading = |column: &&Column| cell(column.side, vec![column.above.to_owned(), column.below.to_owned()]);
    let headings = Row::new(columns.iter().map(heading)).height(2).style(Modifier::BOLD);
    let row = |line: &Line| {
        let cells = columns.iter().map(|column| cell(column.side, vec![(column.text)(line)]));
        Row::new(cells).style(state_style(line, paint))
    };
    let widths = columns.iter().enumerate().map(|(at, column)| if at == 0 { name_width } else { column.width });
    let table = Table::new(model.lines.iter().map(row), widths.map(Constraint::Length))
        .header(headings)
        .column_spacing(columns::GAP)
        .row_highlight_style(Modifier::REVERSED);
    let mut state = TableState::new().with_selected((!model.lines.is_empty()).then_some(model.selected));
    frame.render_stateful_widget(table, area, &mut state);
}

fn cell(side: Side, lines: Vec<String>) -> Cell<'static> {
    let alignment = match side {
        Side::Left => Alignment::Left,
        Side::Right => Alignment::Right,
    };
    let lines: Vec<_> = lines.into_iter().map(TextLine::from).collect();
    Cell::from(Paragraphs::from(lines).alignment(alignment))
}

fn state_style(line: &Line, paint: Paint) -> Style {
    match line.actor.state.as_ref().map_or("", |state| state.as_str()) {
        "paused" => paint.style(Color::Yellow),
        "sold_out" | "closed" | "scheduled" => paint.style(Color::DarkGray),
        _ => Style::new(),
    }
}

fn footer(model: &Model) -> Paragraph<'static> {
    let text = match &model.mode {
        Mode::Asking(item, steering) => format!("{} the sale of {item}? y/n", steering.as_str()),
        Mode::Searching(text) => format!("search: {text}_  Enter search  Esc all"),
        Mode::Helping(_) => "help: Up Down scroll, any other key closes".to_owned(),
        Mode::Watching => match &model.notice {
            Some(notice) => notice.clone(),
            None => keys(model),
        },
    };
    Paragraph::new(TextLine::from(text).style(Modifier::REVERSED)).style(Modifier::REVERSED)
}

fn keys(model: &Model) -> String {
    let sorted = format!("by {}", model.query.sort.as_str());
    let searched = match model.query.search.as_str() {
        "" => String::new(),
        text => format!(", search {text}"),
    };
    format!("q quit  d w h r n sort ({sorted}{searched})  / search  p pause, resume  ? help  {} items", model.total)
}

#[cfg(test)]
mod tests;
