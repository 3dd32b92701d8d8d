//! **Job:** the tables of words against each other, against what names them, and against what may happen to a buyer.
//! **Owns:** which codes a buyer can meet.
//! **Never:** judges a sentence.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::test::TestRequest;
use doorbuster_actors::entry::Status;
use doorbuster_actors::item::SaleState;
use doorbuster_actors::request::Reason;

use super::*;
use crate::http::problem::codes;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/web/store");

/// Contents of the files of a folder that end so.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let listed = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    let wanted = listed.filter(|path| path.to_string_lossy().ends_with(ending));
    let read = |path: &Path| fs::read_to_string(path).expect("a text");
    let named = |path: &Path| path.file_name().expect("a file").to_string_lossy().replace(ending, "");
    wanted.map(|path| (named(&path), read(&path))).collect()
}

/// What stands between `begin` and the next `end`, everywhere in a text.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split_once(end)).map(|(inside, _)| inside)
}

fn places(text: &str) -> Vec<&str> {
    let mut places: Vec<_> = between(text, "{", "}").collect();
    places.sort_unstable();
    places
}

fn names(table: &BTreeMap<String, String>) -> BTreeSet<&str> {
    table.keys().map(String::as_str).collect()
}

#[test]
fn all_languages_have_the_same_words_with_the_same_places() {
    let tables: BTreeSet<_> = files(&format!("{FOLDER}/words"), ".json").into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tables, TAGS.map(str::to_owned).into(), "a table for each language, and none beside them");
    let [first, others @ ..] = &Words::all();
    for other in others {
        let difference: Vec<_> = names(&first.table).symmetric_difference(&names(&other.table)).copied().collect();
        assert_eq!(difference, [""; 0], "only one of {} and {} has these", first.tag, other.tag);
        for (name, text) in &first.table {
            assert_eq!(places(text), places(&other.table[name]), "{name} in {} and {}", first.tag, other.tag);
        }
    }
    for Words { tag, table } in Words::all() {
        let empty: Vec<_> = table.iter().filter(|(_, text)| text.trim().is_empty()).collect();
        assert!(empty.is_empty(), "{tag}: {empty:?}");
    }
}

#[test]
fn the_page_and_its_scripts_say_every_word_and_no_other() {
    let page = files(FOLDER, "index.html").remove(0).1;
    let scripts: Vec<_> = files(FOLDER, ".js").into_iter().map(|(_, text)| text).collect();
    let said: BTreeSet<_> = scripts.iter().flat_map(|text| between(text, "word('", "'")).collect();
    // Names that end in a code, a state or a status; another test compares those.
    let begun: BTreeSet<_> = scripts.iter().flat_map(|text| between(text, "word(`", "$")).collect();
    let in_page: BTreeSet<_> = between(&page, "{{", "}}").filter(|name| name.starts_with(IN_PAGE)).collect();
    assert!(said.len() > 20 && in_page.len() > 10 && begun == ["order.", "problem.", "state."].into(), "{begun:?}");
    let words = &Words::all()[0].table;
    let unknown: Vec<_> = said.union(&in_page).filter(|name| !words.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "in no table: {unknown:?}");
    let is_used = |name: &str| {
        said.contains(name)
            || in_page.contains(name)
            || name == NAME
            || begun.iter().any(|begin| name.starts_with(begin))
    };
    let unused: Vec<_> = names(words).into_iter().filter(|name| !is_used(name)).collect();
    assert!(unused.is_empty(), "nothing says {unused:?}");
}

/// Whether the page can be answered so. What it cannot be answered unless it is itself at fault has words in common.
fn is_met_by_buyers(code: Reason) -> bool {
    match code {
        Reason::Unauthenticated
        | Reason::Forbidden
        | Reason::SaleNotStarted
        | Reason::SalePaused
        | Reason::SaleClosed
        | Reason::NotFound
        | Reason::RequestTimeout
        | Reason::HeadersTooLarge
        | Reason::SoldOut
        | Reason::LimitReached
        | Reason::InvalidTransition
        | Reason::Throttled
        | Reason::NoToken
        | Reason::RateLimited
        | Reason::Overloaded
        | Reason::StorageFull
        | Reason::StorageUnavailable
        | Reason::OutcomeUnknown
        | Reason::GateUnavailable
        | Reason::ShuttingDown => true,
        Reason::Replayed
        | Reason::Disconnected
        | Reason::Malformed
        | Reason::Misdirected
        | Reason::MethodNotAllowed
        | Reason::NotAcceptable
        | Reason::LengthRequired
        | Reason::PayloadTooLarge
        | Reason::UriTooLong
        | Reason::UnsupportedMediaType
        | Reason::Validation
        | Reason::KeyReused
        | Reason::NotEnoughLeft => false,
    }
}

#[test]
fn whatever_happens_to_a_buyer_has_words_in_every_language() {
    let problems = codes::all().filter(|code| is_met_by_buyers(*code)).map(|code| format!("problem.{}", code.as_str()));
    let states = [SaleState::Scheduled, SaleState::Open, SaleState::Paused, SaleState::SoldOut, SaleState::Closed];
    let states =
        states.map(|state| serde_json::to_value(state).expect("a word")).map(|state| state.as_str().map(str::to_owned));
    let states = states.into_iter().map(|state| format!("state.{}", state.expect("a word")));
    let orders = Status::ALL.map(|status| format!("order.{}", status.as_str()));
    let told = orders.clone().map(|order| format!("{order}.told"));
    let expected: BTreeSet<_> = problems.chain(states).chain(orders).chain(told).collect();
    // What a code does not say alone, and what is said of the codes that have no words of their own.
    let beyond = ["problem.too-few", "problem.too-many", "problem.other"].map(str::to_owned);
    let expected: BTreeSet<_> = expected.into_iter().chain(beyond).collect();
    for Words { tag, table } in Words::all() {
        let is_one = |name: &&String| ["problem.", "state.", "order."].iter().any(|begin| name.starts_with(begin));
        let words: BTreeSet<_> = table.keys().filter(is_one).cloned().collect();
        let difference: Vec<_> = words.symmetric_difference(&expected).collect();
        assert!(difference.is_empty(), "{tag} lacks these, or has them too many: {difference:?}");
    }
}

#[test]
fn chinese_sentences_have_chinese_punctuation() {
    let [_, chinese] = Words::all();
    let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    for (name, text) in &chinese.table {
        let letters: Vec<_> = text.chars().collect();
        let half = letters.windows(2).find(|pair| is_chinese(pair[0]) && ",.;:!?()".contains(pair[1]));
        assert_eq!(half, None, "{name}: {text}");
        assert!(letters.iter().any(|letter| is_chinese(*letter)), "{name} is not Chinese: {text}");
    }
}

#[test]
fn a_link_takes_precedence_over_the_browser_and_nonsense_over_nothing() {
    for (uri, header, tag) in [
        ("/", "", "en"),
        ("/", "zh-Hans-CN", "zh-CN"),
        ("/?lang=zh-CN", "en", "zh-CN"),
        ("/?utm_source=mail&lang=ZH&x", "en", "zh-CN"),
        ("/?l%61ng=zh%2dTW", "en", "zh-CN"),
        ("/?lang=en", "zh-CN,zh;q=0.9", "en"),
        ("/?lang=tlh&lang=en", "zh-CN", "en"),
        ("/?lang=en&lang=zh", "zh-CN", "en"),
        ("/?lang=tlh", "zh-CN", "zh-CN"),
        ("/?lang=", "zh-CN", "zh-CN"),
        ("/?lang", "zh-CN", "zh-CN"),
        ("/?lang=*", "zh-CN", "zh-CN"),
        ("/?Lang=en", "zh-CN", "zh-CN"),
        ("/?lang=%ff%00&=&&", "zh-CN", "zh-CN"),
        ("/?lang=tlh", "fr", "en"),
    ] {
        let request = TestRequest::default().uri(uri).insert_header((ACCEPT_LANGUAGE, header)).to_http_request();
        assert_eq!(TAGS[chosen(&request)], tag, "{uri} with {header}");
    }
}

#[test]
fn words_are_text_in_the_page_and_in_its_block_of_data() {
    let table = [("page.more", "a < \"b\" & c"), ("quiet", "</script>")];
    let table = table.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let words = Words { tag: "en", table };
    let in_page: BTreeMap<_, _> = words.in_page(&[]).into_iter().collect();
    assert_eq!(in_page["page.more"], "a &lt; &quot;b&quot; &amp; c");
    assert_eq!(in_page["words"], r#"{"quiet":"\u003c/script>"}"#);
}
