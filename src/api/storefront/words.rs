//! **Job:** the words of the shop's pages, a table a language, and which language a visitor gets.
//! **Owns:** the list of the languages, and which words stand in a page and which its scripts say.
//! **Never:** has a word of its own: they lie in `data/web/store/words/`, where a translator finds them.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};

use crate::http::assets;
use crate::http::negotiation::{choose_language, look_up};

/// How many languages there are.
pub(super) const LANGUAGES: usize = 2;

/// Their tags (RFC 5646), by which their tables are named; the first is for whoever asks for none of them.
const TAGS: [&str; LANGUAGES] = ["en", "zh-CN"];

/// What they are looked up by: the part of their tag that every range of such a visitor begins with.
const LOOKED_UP: [&str; LANGUAGES] = ["en", "zh"];

/// The parameter by which a visitor chooses another language than their browser's. It is in the address, so that a
/// reload keeps it and a cache of any kind can tell the pages apart.
const PARAMETER: &str = "lang";

/// Words with this in front of their names stand in the page, all others are said by its scripts.
const IN_PAGE: &str = "page.";

/// How a language calls itself.
const NAME: &str = "page.language";

/// The place of the language for this visitor.
pub(super) fn chosen(request: &HttpRequest) -> usize {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = query.map(web::Query::into_inner).unwrap_or_default();
    let mut asked = pairs.iter().filter(|(name, _)| name == PARAMETER);
    let asked = asked.find_map(|(_, range)| look_up(range, LOOKED_UP));
    asked.or_else(|| choose_language(request.headers(), LOOKED_UP)).unwrap_or(0)
}

/// The words of one language.
pub(super) struct Words {
    /// Its tag.
    pub(super) tag: &'static str,
    table: BTreeMap<String, String>,
}

impl Words {
    /// Those of all languages, in their order.
    pub(super) fn all() -> [Self; LANGUAGES] {
        TAGS.map(|tag| {
            let file = assets::file(&format!("store/words/{tag}.json")).expect("each language has a table");
            let table = serde_json::from_slice(&file.bytes).expect("a test reads every table");
            Self { tag, table }
        })
    }

    /// What stands in the page of a language where its template has a name in braces.
    pub(super) fn in_page(&self, all: &[Self]) -> Vec<(&str, String)> {
        let (in_page, said): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .table
            .iter()
            .map(|(name, text)| (name.as_str(), text))
            .partition(|(name, _)| name.starts_with(IN_PAGE));
        // In a block of data nothing ends it but this sign.
        let said = serde_json::to_string(&said).expect("texts become JSON").replace('<', "\\u003c");
        let links = all.iter().filter(|other| other.tag != self.tag).map(Self::link).collect();
        let mut words: Vec<_> = in_page.into_iter().map(|(name, text)| (name, escaped(text))).collect();
        words.extend([("lang", self.tag.to_owned()), ("languages", links), ("words", said)]);
        words
    }

    /// To the same page in this language.
    fn link(&self) -> String {
        let Self { tag, table } = self;
        let name = table.get(NAME).map(|name| escaped(name)).unwrap_or_default();
        format!("<a class=\"quiet\" href=\"?{PARAMETER}={tag}\" hreflang=\"{tag}\" lang=\"{tag}\">{name}</a>")
    }
}

/// As it stands in HTML, in attributes, too.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
