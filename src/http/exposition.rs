//! **Job:** the two text formats of metrics, and which of them was asked for.
//! **Owns:** their media types, and the way from the newer to the older.
//! **Never:** knows a metric.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, VARY};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An answer with a page of `OpenMetrics`, in the format that the client prefers.
#[must_use]
pub fn answer(headers: &HeaderMap, page: String) -> HttpResponse {
    let (media_type, page) = if prefers_plain(headers) { (PLAIN, plain(&page)) } else { (OPEN_METRICS, page) };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((VARY, "Accept"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(page)
}

/// Whether `text/plain` is asked for, and `OpenMetrics` not at least as much. Who has no wish gets `OpenMetrics`.
fn prefers_plain(headers: &HeaderMap) -> bool {
    let (mut plain, mut open) = (0.0_f32, 0.0_f32);
    for range in headers.get_all(ACCEPT).flat_map(|value| value.to_str().unwrap_or_default().split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        match name.as_str() {
            "text/plain" | "text/*" => plain = plain.max(weight),
            "application/openmetrics-text" | "application/*" => open = open.max(weight),
            _other => {}
        }
    }
    plain > open
}

/// The same page in the older format: there a counter's name has its `_total` everywhere, and neither units nor an end
/// are told.
fn plain(page: &str) -> String {
    let counters: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(page.len());
    for line in page.lines() {
        let told = ["# HELP ", "# TYPE "].into_iter().find_map(|word| Some((word, line.strip_prefix(word)?)));
        match told.and_then(|(word, rest)| Some((word, rest.split_once(' ')?))) {
            Some((word, (name, rest))) if counters.contains(name) => writeln!(text, "{word}{name}_total {rest}"),
            Some((word, (name, "unknown"))) => writeln!(text, "{word}{name} untyped"),
            Some((word, (name, "info" | "stateset"))) => writeln!(text, "{word}{name} gauge"),
            _sample if line == "# EOF" || line.starts_with("# UNIT ") => Ok(()),
            _sample => writeln!(text, "{line}"),
        }
        .expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_older_format_is_for_who_asks_for_it() {
        let accepting = |accept: &'static str| HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        for accept in ["text/plain", "text/plain;version=0.0.4;q=0.5, */*;q=0.1", "text/*", "TEXT/PLAIN; charset=utf-8"]
        {
            assert!(prefers_plain(&accepting(accept)), "{accept}");
        }
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        for accept in ["*/*", "text/html, */*;q=0.8", prometheus, "text/plain;q=0", "application/json"] {
            assert!(!prefers_plain(&accepting(accept)), "{accept}");
        }
        assert!(!prefers_plain(&HeaderMap::new()));
    }

    #[test]
    fn counters_units_and_end_are_told_as_the_older_format_has_them() {
        let page = "# HELP a_b Told.\n# TYPE a_b counter\n# UNIT a_b b\na_b_total{x=\"# EOF\"} 1\n# HELP g G.\n\
                    # TYPE g gauge\ng 2\n# TYPE u unknown\nu 3\n# EOF\n";
        let expected = "# HELP a_b_total Told.\n# TYPE a_b_total counter\na_b_total{x=\"# EOF\"} 1\n# HELP g G.\n\
                        # TYPE g gauge\ng 2\n# TYPE u untyped\nu 3\n";
        assert_eq!(plain(page), expected);
    }
}
