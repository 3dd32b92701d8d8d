//! **Job:** which of several forms or languages of an answer a client likes best (RFC 9110, section 12.5).
//! **Owns:** the meaning of `Accept` and `Accept-Language`: ranges, weights, and what is more special than what.
//! **Never:** knows a form or a language.

use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderMap, HeaderName};

/// How well a range fits a type: the more special range decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Anything,
    Kind,
    Exact,
}

/// The place of the form that is liked best, of forms that have one or more types each; `None` if the client takes none
/// of them. Of two that are liked the same, the one that was named counts, then the first. Without the header, the
/// client takes anything.
#[must_use]
pub fn choose<const N: usize>(headers: &HeaderMap, forms: [&[&str]; N]) -> Option<usize> {
    let ranges = ranges(headers, &ACCEPT);
    if ranges.is_empty() {
        return Some(0);
    }
    let mut best: Option<(f32, Fit, usize)> = None;
    for (place, form) in forms.into_iter().enumerate() {
        let fits = ranges.iter().filter_map(|(name, weight)| Some((fit(name, form)?, *weight)));
        let Some((fit, weight)) = fits.max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))) else {
            continue;
        };
        let is_better = best.is_none_or(|(most, known, _)| weight > most || (weight >= most && fit > known));
        if weight > 0.0 && is_better {
            best = Some((weight, fit, place));
        }
    }
    best.map(|(_, _, place)| place)
}

/// The place of the language that is liked best, of languages by their tags in small letters; `None` if the client
/// names none of them, which is no reason to refuse it an answer. Ranges are looked up as RFC 4647 says (section 3.4),
/// the heaviest first, then in the order in which they stand; `*` is the first language that no other range names.
#[must_use]
pub fn choose_language<const N: usize>(headers: &HeaderMap, tags: [&str; N]) -> Option<usize> {
    let mut ranges = ranges(headers, &ACCEPT_LANGUAGE);
    // Stable: of two with the same weight, the first stays the first.
    ranges.sort_by(|one, other| other.1.total_cmp(&one.1));
    let is_refused = |tag: &str| ranges.iter().any(|(range, weight)| range == tag && *weight <= 0.0);
    let is_named = |place: usize| ranges.iter().any(|(range, _)| look_up(range, tags) == Some(place));
    let liked = ranges.iter().filter(|(_, weight)| *weight > 0.0);
    let mut places = liked.filter_map(|(range, _)| match range.as_str() {
        "*" => (0..N).find(|place| !is_named(*place)),
        range => look_up(range, tags),
    });
    places.find(|place| !is_refused(tags[*place]))
}

/// The place of the language that a range means: `zh-Hans-CN`, else `zh-Hans`, else `zh`.
#[must_use]
pub fn look_up<const N: usize>(range: &str, tags: [&str; N]) -> Option<usize> {
    let mut rest = range.to_ascii_lowercase();
    loop {
        if let Some(place) = tags.iter().position(|tag| *tag == rest) {
            return Some(place);
        }
        rest.truncate(rest.rfind('-')?);
    }
}

/// What a header asks for: ranges in small letters, each with its weight from 0 to 1. One that cannot be read is not
/// wanted.
fn ranges(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, f32)> {
    headers.get_all(name).flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(range).collect()
}

fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let read = |weight: &str| weight.parse().ok().filter(|weight| (0.0..=1.0).contains(weight));
    (name, weight.map_or(1.0, |weight| read(weight).unwrap_or(0.0)))
}

fn fit(range: &str, form: &[&str]) -> Option<Fit> {
    let kind = range.strip_suffix("/*");
    let is_of_kind = |media_type: &&str| kind.is_some() && media_type.split('/').next() == kind;
    match range {
        "*/*" => Some(Fit::Anything),
        name if form.contains(&name) => Some(Fit::Exact),
        _other => form.iter().any(is_of_kind).then_some(Fit::Kind),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const LINES: &[&str] = &["application/x-ndjson", "application/json"];
    const EVENTS: &[&str] = &["application/cloudevents-batch+json"];

    #[test]
    fn the_heaviest_named_form_is_chosen_and_without_a_wish_the_first() {
        let chosen = |accept: &'static str| {
            choose(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]), [LINES, EVENTS])
        };
        for accept in [
            "*/*",
            "application/*",
            "application/json",
            "application/x-ndjson",
            "application/x-ndjson, application/cloudevents-batch+json",
            "application/cloudevents-batch+json;q=0.5, */*",
            "application/cloudevents-batch+json;q=0.5, application/x-ndjson;q=0.6",
            "application/cloudevents-batch+json;q=0, */*",
            "text/html, */*;q=0.1",
        ] {
            assert_eq!(chosen(accept), Some(0), "{accept}");
        }
        for accept in [
            "application/cloudevents-batch+json",
            "Application/CloudEvents-Batch+JSON; charset=utf-8",
            "application/cloudevents-batch+json, */*;q=0.1",
            "application/cloudevents-batch+json, */*",
            "application/x-ndjson;q=0.4, application/cloudevents-batch+json;q=0.5",
            "application/x-ndjson;q=0, application/json;q=0, */*",
        ] {
            assert_eq!(chosen(accept), Some(1), "{accept}");
        }
        for accept in
            ["text/html", "application/cloudevents+json", "*/*;q=0", "", "application/cloudevents-batch+json;q=0"]
        {
            assert_eq!(chosen(accept), None, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), [LINES, EVENTS]), Some(0));
    }

    fn spoken(accept: &'static str) -> Option<usize> {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(accept))]);
        choose_language(&headers, ["en", "zh"])
    }

    #[test]
    fn the_language_is_the_heaviest_that_is_spoken_then_the_first_that_was_named() {
        for accept in [
            "en",
            "en-GB",
            "EN-us;q=0.1",
            "en-x-private",
            "*",
            "fr, *;q=0.5",
            "zh;q=0.5, *",
            "zh;q=0, *",
            "en, zh",
            "zh;q=0.8, en;q=0.9",
            "fr-CH, fr;q=0.9, en;q=0.8, zh;q=0.7, *;q=0.5",
            "zh-CN;q=0, en;q=0.1",
            "zh;q=1.5, en;q=0.1",
            "zh;q=NaN, en;q=0.1",
            "zh;q=, en;q=0.1",
            "zh;q=-1, en;q=0.1",
        ] {
            assert_eq!(spoken(accept), Some(0), "{accept}");
        }
        for accept in [
            "zh",
            "zh-CN",
            "zh-Hans",
            "zh-hans-CN",
            "ZH-HANS-cn-u-nu-hanidec",
            "zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7",
            "zh-TW, en;q=0.9",
            "zh, en",
            "en;q=0.4, zh;q=0.5",
            "en;q=0.5, *",
            "en;q=0, *",
            "de, zh-CN;q=0.001",
            ";;;,,, =, q=1, zh ;Q=0.3, @@",
            "en_GB, zh",
        ] {
            assert_eq!(spoken(accept), Some(1), "{accept}");
        }
    }

    #[test]
    fn whoever_names_no_language_that_is_spoken_is_left_to_the_caller() {
        for accept in
            ["fr", "", ",", "zh;q=0", "en;q=0", "en-GB, en;q=0", "*;q=0", "z", "zhx", "zh_CN", "-zh", "english", "*-CN"]
        {
            assert_eq!(spoken(accept), None, "{accept}");
        }
        assert_eq!(choose_language(&HeaderMap::new(), ["en", "zh"]), None);
        let mut twice = HeaderMap::new();
        twice.append(ACCEPT_LANGUAGE, HeaderValue::from_static("fr"));
        twice.append(ACCEPT_LANGUAGE, HeaderValue::from_static("zh-CN;q=0.2"));
        assert_eq!(choose_language(&twice, ["en", "zh"]), Some(1), "two lines are one list");
        let bytes = HeaderValue::from_bytes(b"zh\xff").expect("bytes that a header may have");
        assert_eq!(choose_language(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, bytes)]), ["en", "zh"]), None);
    }
}
