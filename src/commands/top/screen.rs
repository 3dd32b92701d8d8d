//! **Job:** the live screen: news in, keys in, frames out.
//! **Owns:** the terminal, which is given back on every way out, and the clock.
//! **Never:** waits for the server.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::style::Colored;

use super::TopError;
use super::client::Client;
use super::feeds::{Feeds, News};
use super::keys::{Errand, press};
use super::model::{Lost, Model};
use super::paint::Paint;
use super::query::Query;
use super::view::draw;
use super::wire::Page;

/// How long a key is waited for before the news are looked at again.
const TICK: Duration = Duration::from_millis(100);
/// Silence after which the connection counts as lost: three snapshots that did not come.
const SILENCE: Duration = Duration::from_secs(3);

/// The terminal as a screen of its own. A panic gives it back as well: ratatui's hook sees to that.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        ratatui::try_init().map(Self).inspect_err(|_| restore())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// A terminal that has gone cannot be restored, and need not be.
fn restore() {
    let _gone = ratatui::try_restore();
}

pub(super) fn run(client: &Arc<Client>, query: Query, first: Page) -> Result<(), TopError> {
    let mut model = Model::new(client.url().to_string(), query.clone());
    model.see_actors(first);
    let feeds = Feeds::start(client, query)?;
    // NO_COLOR, as crossterm reads it.
    let paint = if Colored::ansi_color_disabled() { Paint::Plain } else { Paint::Colored };
    let mut screen = Screen::open()?;
    let mut heard = Heard { at: Instant::now(), fault: None };
    loop {
        while let Ok(news) = feeds.news.try_recv() {
            if heard.take(&mut model, news) {
                return Ok(());
            }
        }
        if feeds.has_ended() {
            return Err(TopError::Ended);
        }
        heard.judge(&mut model);
        screen.0.draw(|frame| draw(frame, &model, paint))?;
        if !event::poll(TICK)? {
            continue;
        }
        // A terminal that has hung up is always readable, and a read of keys from it never returns.
        if !io::stdin().is_terminal() {
            return Ok(());
        }
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match press(&mut model, key) {
            Some(Errand::Quit) => return Ok(()),
            Some(errand) => feeds.send(errand, &mut model),
            None => {}
        }
    }
}

/// When a snapshot came last, and what went wrong since.
struct Heard {
    at: Instant,
    fault: Option<String>,
}

impl Heard {
    /// Puts news into the model; true if they are that this is the end.
    fn take(&mut self, model: &mut Model, news: News) -> bool {
        match news {
            News::Snapshot(snapshot) => {
                *self = Self { at: Instant::now(), fault: None };
                model.see_snapshot(*snapshot);
            }
            News::Actors(page) => model.see_actors(page),
            News::Fault(error) => self.fault = Some(error.to_string()),
            News::Steered(item, steering, Ok(())) => model.notice = Some(format!("{}d: {item}", steering.as_str())),
            News::Steered(item, steering, Err(error)) => {
                model.notice = Some(format!("could not {} {item}: {error}", steering.as_str()));
            }
            News::End => return true,
        }
        false
    }

    fn judge(&self, model: &mut Model) {
        let silence = self.at.elapsed();
        if silence > SILENCE {
            let reason = self.fault.clone().unwrap_or_else(|| "no answer".to_owned());
            model.lost = Some(Lost { seconds: silence.as_secs(), reason });
        }
    }
}
