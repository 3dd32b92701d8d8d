//! **Job:** keeps each text of a history once: buyers, items, keys.
//! **Owns:** the texts and their numbers.
//! **Never:** looks into a text.

use std::collections::HashMap;
use std::rc::Rc;

/// A text, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(u32);

/// All texts.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Rc<str>, Name>,
    texts: Vec<Rc<str>>,
}

impl Names {
    pub(super) fn of(&mut self, text: &str) -> Name {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let name = Name(u32::try_from(self.texts.len()).expect("a history has fewer than 2^32 texts"));
        let text: Rc<str> = text.into();
        self.texts.push(Rc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    pub(super) fn text(&self, name: Name) -> &str {
        &self.texts[name.0 as usize]
    }

    /// The text, or a dash where there is none.
    pub(super) fn shown(&self, name: Option<Name>) -> &str {
        name.map_or("-", |name| self.text(name))
    }
}
