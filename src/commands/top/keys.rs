//! **Job:** what a key does.
//! **Owns:** the keys.
//! **Never:** does it: an errand for the server is handed back.

#![expect(clippy::wildcard_enum_match_arm, reason = "most keys of a keyboard do nothing here")]

use doorbuster_actors::ids::ItemId;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::{Mode, Model};
use super::query::Sort;
use super::query::{Query, Steering};

/// Lines of a page.
const PAGE: usize = 10;
/// Longest text to search for: more than an item's title may have on a screen.
const MAX_SEARCH: usize = 64;

/// What a key asks of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    /// End.
    Quit,
    /// Ask for these actors from now on.
    Look(Query),
    /// Do this to an item.
    Steer(ItemId, Steering),
}

pub(super) fn press(model: &mut Model, key: KeyEvent) -> Option<Errand> {
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return Some(Errand::Quit);
    }
    match std::mem::take(&mut model.mode) {
        Mode::Watching => watching(model, key.code),
        Mode::Searching(text) => searching(model, text, key.code),
        Mode::Asking(item, steering) => {
            let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
            model.notice = Some(if is_yes { "sent" } else { "nothing was done" }.to_owned());
            is_yes.then_some(Errand::Steer(item, steering))
        }
        Mode::Helping(line) => {
            match key.code {
                KeyCode::Down => model.mode = Mode::Helping(line.saturating_add(1)),
                KeyCode::Up => model.mode = Mode::Helping(line.saturating_sub(1)),
                _ => {}
            }
            None
        }
    }
}

fn watching(model: &mut Model, code: KeyCode) -> Option<Errand> {
    model.notice = None;
    let at = model.selected;
    match code {
        KeyCode::Char('q') | KeyCode::Esc => return Some(Errand::Quit),
        KeyCode::Char('d') => return Some(sort(model, Sort::Depth)),
        KeyCode::Char('w') => return Some(sort(model, Sort::Wait)),
        KeyCode::Char('h') => return Some(sort(model, Sort::Handle)),
        KeyCode::Char('r') => return Some(sort(model, Sort::Rate)),
        KeyCode::Char('n') => return Some(sort(model, Sort::Name)),
        KeyCode::Char('p') => ask(model),
        KeyCode::Char('/') => model.mode = Mode::Searching(model.query.search.clone()),
        KeyCode::Char('?') => model.mode = Mode::Helping(0),
        KeyCode::Up => model.move_to(at.saturating_sub(1)),
        KeyCode::Down => model.move_to(at + 1),
        KeyCode::PageUp => model.move_to(at.saturating_sub(PAGE)),
        KeyCode::PageDown => model.move_to(at + PAGE),
        KeyCode::Home => model.move_to(0),
        KeyCode::End => model.move_to(usize::MAX),
        _ => {}
    }
    None
}

fn sort(model: &mut Model, sort: Sort) -> Errand {
    model.sort_by(sort);
    Errand::Look(model.query.clone())
}

fn searching(model: &mut Model, mut text: String, code: KeyCode) -> Option<Errand> {
    match code {
        KeyCode::Enter => {
            model.query.search = text;
            return Some(Errand::Look(model.query.clone()));
        }
        KeyCode::Esc => {
            let was_set = !std::mem::take(&mut model.query.search).is_empty();
            return was_set.then(|| Errand::Look(model.query.clone()));
        }
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char(letter) if !letter.is_control() && text.chars().count() < MAX_SEARCH => text.push(letter),
        _ => {}
    }
    model.mode = Mode::Searching(text);
    None
}

/// Asks whether to pause the selected item if it sells or will, or to resume it if it is paused.
fn ask(model: &mut Model) {
    let Some(actor) = model.selection() else { return };
    let state = actor.state.as_ref().map_or("", |state| state.as_str());
    let steering = match state {
        "paused" => Steering::Resume,
        "closed" => return model.notice = Some("the sale of this item is over".to_owned()),
        _ => Steering::Pause,
    };
    // The id goes into a path: only one that the server could have given is sent back to it.
    let item = actor.item_id.as_ref().and_then(|id| id.as_str().parse::<ItemId>().ok());
    match item {
        Some(item) => model.mode = Mode::Asking(item, steering),
        None => model.notice = Some("only an item can be paused".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::model::tests::model;

    fn press_all(model: &mut Model, keys: &str) -> Vec<Errand> {
        let code = |letter| match letter {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            letter => KeyCode::Char(letter),
        };
        keys.chars().filter_map(|letter| press(model, KeyEvent::from(code(letter)))).collect()
    }

    #[test]
    fn an_item_is_paused_only_after_a_yes_and_a_paused_one_resumed() {
        let mut model = model(Sort::Name);
        assert_eq!(press_all(&mut model, "pnpq"), [], "no, and q is no yes either");
        assert_eq!(press_all(&mut model, "py"), [Errand::Steer("sku-1".parse().unwrap(), Steering::Pause)]);
        press(&mut model, KeyEvent::from(KeyCode::Down));
        assert_eq!(press_all(&mut model, "py"), [Errand::Steer("sku-2".parse().unwrap(), Steering::Resume)]);
        press(&mut model, KeyEvent::from(KeyCode::Home));
        assert_eq!(press_all(&mut model, "py"), [], "the writer is no item");
        assert_eq!(model.notice.as_deref(), None, "said until the next key");
    }

    #[test]
    fn an_id_that_no_item_can_have_is_not_sent_back() {
        let mut model = model(Sort::Name);
        model.lines[1].actor.item_id = Some("a/../b".into());
        assert_eq!(press_all(&mut model, "py"), []);
    }

    #[test]
    fn a_search_is_typed_and_left_and_a_sort_is_asked_for() {
        let mut model = model(Sort::Name);
        let Some(Errand::Look(query)) = press_all(&mut model, "/sqx\u{8}\n").pop() else { panic!("an errand") };
        assert_eq!((query.search.as_str(), &model.mode), ("sq", &Mode::Watching));
        let Some(Errand::Look(query)) = press_all(&mut model, "/\u{1b}").pop() else { panic!("an errand") };
        assert_eq!(query.search, "");
        for (key, sort) in [("d", Sort::Depth), ("w", Sort::Wait), ("h", Sort::Handle), ("r", Sort::Rate)] {
            let Some(Errand::Look(query)) = press_all(&mut model, key).pop() else { panic!("an errand") };
            assert_eq!(query.sort, sort);
        }
    }

    #[test]
    fn control_c_ends_whatever_is_open() {
        for open in ["", "/", "p", "?"] {
            let mut model = model(Sort::Name);
            press_all(&mut model, open);
            let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(press(&mut model, key), Some(Errand::Quit), "{open:?}");
        }
        let mut model = model(Sort::Name);
        assert_eq!(press_all(&mut model, "??q"), [Errand::Quit], "any key closes the help");
        assert_eq!(press_all(&mut model, "\u{1b}"), [Errand::Quit]);
    }

    #[test]
    fn the_selection_moves_and_stops_at_the_ends() {
        let mut model = model(Sort::Name);
        for (code, place) in [
            (KeyCode::Down, 2),
            (KeyCode::Down, 2),
            (KeyCode::PageUp, 0),
            (KeyCode::Up, 0),
            (KeyCode::PageDown, 2),
            (KeyCode::Home, 0),
            (KeyCode::End, 2),
        ] {
            press(&mut model, KeyEvent::from(code));
            assert_eq!(model.selected, place, "{code:?}");
        }
    }
}
