//! **Job:** which of several forms of an answer a client likes best (RFC 9110, section 12.5.1).
//! **Owns:** the meaning of `Accept`: ranges, weights, and what is more special than what.
//! **Never:** knows a form.

use actix_web::http::header::{ACCEPT, HeaderMap};

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
    let ranges = headers.get_all(ACCEPT).flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let ranges: Vec<_> = ranges.map(range).collect();
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

/// A range, and its weight from 0 to 1.
fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
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
}
