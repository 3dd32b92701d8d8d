//! **Job:** the top of the screen: the verdict, why, and the flow of the sale in one line.
//! **Owns:** how many lines it takes, and how money is written in it.
//! **Never:** judges: the server does.

use doorbuster_actors::item::Currency;
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line as TextLine, Span};

use super::figures::{NONE, grouped, or_none, percent, rate, uptime};
use super::model::Model;
use super::paint::{Paint, bold};
use super::rates::{rate as between, real, share};
use super::wire::{Layer, Owed, Snapshot};

/// Lines of bad news; more are counted.
const MOST_NEWS: usize = 3;

/// The header for a screen of this width: two lines, and between them the bad news.
pub(super) fn lines(model: &Model, paint: Paint, width: u16) -> Vec<TextLine<'static>> {
    let color = match model.level() {
        Some("healthy") => Color::Green,
        Some("degraded") => Color::Yellow,
        Some(_) | None => Color::Red,
    };
    let verdict = Span::styled(model.headline(), paint.style(color).add_modifier(Modifier::BOLD));
    let (mut first, mut last) = (vec![bold("doorbuster "), verdict], String::new());
    if let Some(now) = model.events.latest() {
        let (up, version, durability) = (uptime(now.uptime_s), &now.version, &now.durability);
        first.push(Span::raw(format!("  up {up}  {}  v{version}  durability {durability}", model.url)));
        let [orders, attempts, refused] = flow(model);
        let in_flight = format!("{}/{}", grouped(now.purchases.in_flight), grouped(now.purchases.max_in_flight));
        last = format!("orders {orders}/s  attempts {attempts}/s  refused {refused}  in flight {in_flight}");
        last.push_str(&format!("  items {}", grouped(now.items.total)));
    }
    let owed = model.events.latest().and_then(|now| owed(&now.owed));
    let news = news(model, usize::from(width)).into_iter().chain(owed).map(TextLine::from);
    std::iter::once(TextLine::from(first)).chain(news).chain([TextLine::from(last)]).collect()
}

/// What has to go back, if anything.
fn owed(owed: &[Owed]) -> Option<String> {
    let amounts: Vec<_> = owed.iter().map(money).collect();
    (!amounts.is_empty()).then(|| format!("owed {}", amounts.join(", ")))
}

/// An amount as people write it, by the decimals of its currency.
fn money(owed: &Owed) -> String {
    let currency = owed.currency.as_str().parse::<Currency>().ok();
    let decimal = currency.and_then(|currency| currency.decimal(i128::from(owed.amount)));
    let amount = decimal.unwrap_or_else(|| format!("{} minor units of", owed.amount));
    format!("{amount} {}", owed.currency)
}

/// The bad news, each broken into lines of this width.
fn news(model: &Model, width: usize) -> Vec<String> {
    let all = model.bad_news();
    let mut lines: Vec<_> =
        all.iter().take(MOST_NEWS).flat_map(|reason| wrapped(reason.text.as_str(), width)).collect();
    if all.len() > MOST_NEWS {
        lines.push(format!("  and {} more", all.len() - MOST_NEWS));
    }
    lines
}

/// Words in lines of at most this width, indented; a word that is too long has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("it begins with one");
        if line.is_empty() {
            line.push_str(&format!("  {word}"));
        } else if Span::raw(format!("{line} {word}")).width() < width {
            line.push_str(&format!(" {word}"));
        } else {
            lines.push(format!("   {word}"));
        }
    }
    lines
}

/// Orders and attempts per second, and the share of attempts that was refused.
fn flow(model: &Model) -> [String; 3] {
    let Some((now, before, elapsed_s)) = model.events.ends() else { return [NONE; 3].map(str::to_owned) };
    let entered = |snapshot: &Snapshot| snapshot.layers.first().map_or(0, |door| door.entered);
    let refused = |snapshot: &Snapshot| snapshot.layers.iter().map(refusals).fold(0, u64::saturating_add);
    let orders = between(now.writer.orders_total, before.writer.orders_total, elapsed_s);
    let attempts = entered(now).saturating_sub(entered(before));
    let refused = refused(now).saturating_sub(refused(before));
    [rate(orders), rate(real(attempts) / elapsed_s), or_none(share(refused, attempts), percent)]
}

/// Everything a layer answered but the orders it found again: those are no refusals.
fn refusals(layer: &Layer) -> u64 {
    layer
        .answered
        .iter()
        .filter(|(code, _)| code.as_str() != "replayed")
        .map(|(_, count)| *count)
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_shown_by_the_decimals_of_each_currency() {
        let all = [(3_980, "CNY"), (500, "JPY"), (12_345, "KWD"), (7, "HRK")];
        let all = all.map(|(amount, currency)| Owed { amount, currency: currency.into() });
        assert_eq!(owed(&all).as_deref(), Some("owed 39.80 CNY, 500 JPY, 12.345 KWD, 7 minor units of HRK"));
        assert_eq!(owed(&[]), None);
    }
}
