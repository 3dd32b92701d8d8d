//! **Job:** explains a token to the operator: what it says, what is asked for, and whether it would do.
//! **Owns:** the findings and their order.
//! **Never:** decides: the verdict is that of the check every request goes through.

use std::time::Duration;

use doorbuster_actors::ids::UserId;
use serde_json::Value;

use super::keys::Keys;
use super::refusal::Cause;
use super::token::{LEEWAY, Pass, date, now, part};
use crate::config::Auth;

/// One thing about a token.
#[derive(Debug)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it is right; none if that cannot be told.
    pub is_right: Option<bool>,
    /// What there is, and what is asked for.
    pub text: String,
}

/// All that can be said about a token.
#[derive(Debug)]
pub struct Inspection {
    /// Its header, unproven; none if it cannot be read.
    pub header: Option<Value>,
    /// Its claims, unproven; none if they cannot be read.
    pub claims: Option<Value>,
    /// What is right and what is not.
    pub findings: Vec<Finding>,
    /// What a request with it would hear.
    pub verdict: Result<Pass, Cause>,
}

impl Inspection {
    pub(super) fn of(token: &[u8], auth: &Auth, keys: &Keys) -> Self {
        let (header, claims) = (part(token, 0), part(token, 1));
        let verdict = keys.check(token, &auth.jwt_user_claim);
        let mut findings = signature(token, &verdict, keys);
        if let Some(claims) = claims.as_ref().filter(|claims| claims.is_object()) {
            findings.extend(times(claims));
            findings.extend(names(claims, auth));
        }
        Self { header, claims, findings, verdict }
    }
}

fn finding(what: &str, is_right: impl Into<Option<bool>>, text: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), is_right: is_right.into(), text: text.into() }
}

/// What stands before the claims: they are looked at only if these are right.
fn signature(token: &[u8], verdict: &Result<Pass, Cause>, keys: &Keys) -> Vec<Finding> {
    let cause = verdict.as_ref().err().copied();
    let steps: [(&str, &[Cause]); 5] = [
        ("form", &[Cause::Malformed]),
        ("key", &[Cause::Key]),
        ("alg", &[Cause::Algorithm]),
        ("signature", &[Cause::Signature]),
        ("header", &[Cause::Type, Cause::Critical]),
    ];
    let failed = cause.and_then(|cause| steps.iter().position(|(_, causes)| causes.contains(&cause)));
    let judged = |(place, (what, _)): (usize, &(&str, &[Cause]))| {
        let is_right = match (failed, cause) {
            (Some(failed), _) if place > failed => None,
            (Some(failed), Some(cause)) if place == failed => return finding(what, false, cause.why()),
            _ => Some(true),
        };
        let text = match (is_right, *what) {
            (None, _) => "not looked at".to_owned(),
            (Some(_), "key") => key(token, keys),
            (Some(_), _) => String::new(),
        };
        finding(what, is_right, text)
    };
    steps.iter().enumerate().map(judged).collect()
}

/// Which key the token is checked with.
fn key(token: &[u8], keys: &Keys) -> String {
    match keys.pick(token) {
        Ok(key) => key.name.clone().unwrap_or_else(|| "the only one".to_owned()),
        Err(_several) => keys.all().iter().filter_map(|key| key.name.as_deref()).collect::<Vec<_>>().join(" or "),
    }
}

fn times(claims: &Value) -> Vec<Finding> {
    let leeway = Duration::from_secs(LEEWAY);
    let mut findings = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        let Some(value) = claims.get(name) else {
            findings.extend((name == "exp").then(|| finding(name, false, "is missing")));
            continue;
        };
        let Some(time) = date(value) else {
            findings.push(finding(name, false, format!("{value} is not a date in seconds since 1970")));
            continue;
        };
        let is_right = if name == "exp" { time + leeway >= now() } else { time <= now() + leeway };
        findings.push(finding(name, is_right, format!("{} ({})", shown(time), distance(time))));
    }
    findings
}

fn names(claims: &Value, auth: &Auth) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, key, wanted) in
        [("iss", "auth.jwt_issuer", &auth.jwt_issuer), ("aud", "auth.jwt_audience", &auth.jwt_audience)]
    {
        let found = claims.get(name);
        let says = found.map_or_else(|| "is missing".to_owned(), Value::to_string);
        findings.push(match wanted {
            None => finding(name, None, format!("{says}; {key} is not set: not checked")),
            Some(wanted) => {
                let is_it = |value: &Value| value.as_str() == Some(wanted);
                let has_it = |value: &Value| is_it(value) || value.as_array().is_some_and(|all| all.iter().any(is_it));
                finding(name, found.is_some_and(has_it), format!("{says}; {key} is {wanted:?}"))
            }
        });
    }
    let claim = &auth.jwt_user_claim;
    let user = claims.get(claim);
    let is_user = user.and_then(Value::as_str).is_some_and(|user| user.parse::<UserId>().is_ok());
    let says = user.map_or_else(|| "is missing".to_owned(), Value::to_string);
    let needed = "must be a text of 1 to 255 visible ASCII characters";
    findings.push(finding(claim, is_user, if is_user { says } else { format!("{says}; {needed}") }));
    findings
}

fn shown(time: Duration) -> String {
    let time = i64::try_from(time.as_secs()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "no date before the year 10000".to_owned(), |time| time.to_string())
}

fn distance(time: Duration) -> String {
    let whole = |span: Duration| humantime::format_duration(Duration::from_secs(span.as_secs())).to_string();
    match time.checked_sub(now()) {
        Some(ahead) => format!("in {}", whole(ahead)),
        None => format!("{} ago", whole(now().saturating_sub(time))),
    }
}
