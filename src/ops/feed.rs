//! **Job:** `GET /v1/feed`: committed entries for whoever may read them.
//! **Owns:** the parameters and who may ask: the feed's own token, if there is one, or the admin token.
//! **Never:** reads the ledger itself.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::request::{Reason, Unavailable};
use serde::Deserialize;
use utoipa::IntoParams;

use super::OpsState;
use crate::feed::cloud_events::CloudEvent;
use crate::feed::wire::Line;
use crate::feed::{Form, MAX_PAGE, MAX_WAIT, NoAnswer, NoPage, Page, Pull};
use crate::fields::Wrong;
use crate::http::negotiation;
use crate::http::problem::{FieldProblem, Problem};

/// Entries of one page if the consumer does not say.
const DEFAULT_PAGE: usize = 1_000;

/// The header with the last entry that is committed: how far behind the consumer is.
const LAST_SEQ: &str = "Feed-Last-Seq";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The last entry the consumer has.
    #[param(value_type = Option<u64>, default = 0)]
    after: Option<String>,
    /// Most entries in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000, default = 1_000)]
    limit: Option<String>,
    /// Seconds to wait if there is no entry yet.
    #[param(value_type = Option<u32>, minimum = 0, maximum = 30, default = 0)]
    wait: Option<String>,
}

/// The committed entries, in order and without a gap.
///
/// One JSON object a line; with `Accept: application/cloudevents-batch+json` an array of `CloudEvents`. With a feed
/// token configured, either token opens it.
#[utoipa::path(get, path = "/v1/feed", operation_id = "pull_feed", tag = "feed", params(Parameters),
    responses((status = 200, description = "Entries, one a line or all in an array; none if there are none yet.",
        content((Line<'_> = "application/x-ndjson"),
            (Vec<CloudEvent<'_>> = "application/cloudevents-batch+json")),
        headers(("Feed-Last-Seq" = u64, description = "The last entry that is committed.")))))]
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    match answer(&state, &request).await {
        Ok(page) => respond(page),
        Err(problem) => problem.respond(),
    }
}

async fn answer(state: &OpsState, request: &HttpRequest) -> Result<Page, Problem> {
    authorize(state, request)?;
    let form = form(request)?;
    let parameters = web::Query::<Parameters>::from_query(request.query_string());
    let parameters = parameters.map_err(|_bad| Problem::invalid("query", "must name each parameter once"))?;
    state.feed.pull(parameters.pull(form)?).await.map_err(refusal)
}

/// What is sent as lines. The first is how it is called; who takes any JSON gets lines, too, as before there was a
/// choice.
const LINES: &[&str] = &["application/x-ndjson", "application/ndjson", "application/json", "application/problem+json"];

/// The type of a batch of `CloudEvents` (JSON format 1.0, section 4.3).
const CLOUD_EVENTS: &[&str] = &["application/cloudevents-batch+json"];

/// What the client likes best; lines, if it has no wish.
fn form(request: &HttpRequest) -> Result<Form, Problem> {
    match negotiation::choose(request.headers(), [LINES, CLOUD_EVENTS]) {
        Some(0) => Ok(Form::Lines),
        Some(_) => Ok(Form::CloudEvents),
        None => Err(Problem::new(Reason::NotAcceptable, "the feed is NDJSON, or a batch of CloudEvents")),
    }
}

/// Who has the feed's own token, or the admin token.
pub(super) fn authorize(state: &OpsState, request: &HttpRequest) -> Result<(), Problem> {
    if state.tokens.open_the_feed(request) {
        return Ok(());
    }
    state.authorize(request)
}

impl Parameters {
    /// All that is wrong with them at once.
    fn pull(&self, form: Form) -> Result<Pull, Problem> {
        let most_seconds = MAX_WAIT.as_secs();
        let after = number(self.after.as_deref(), 0, u64::MAX);
        let limit = number(self.limit.as_deref(), DEFAULT_PAGE, MAX_PAGE).filter(|limit| *limit > 0);
        let wait = number(self.wait.as_deref(), 0, most_seconds);
        if let (Some(after), Some(limit), Some(wait)) = (after, limit, wait) {
            return Ok(Pull { form, after, limit, wait: Duration::from_secs(wait) });
        }
        let wrong = |is_right: bool, field: &'static str, reason: Cow<'static, str>| {
            (!is_right).then(|| FieldProblem::parameter(Wrong::value(field, reason)))
        };
        let errors = [
            wrong(after.is_some(), "after", "must be the number of an entry, or 0".into()),
            wrong(limit.is_some(), "limit", format!("must be a number from 1 to {MAX_PAGE}").into()),
            wrong(wait.is_some(), "wait", format!("must be a number of seconds from 0 to {most_seconds}").into()),
        ];
        Err(Problem::validation(&errors.into_iter().flatten().collect::<Vec<_>>()))
    }
}

/// The number that `text` says in digits, if it is at most `most`; `default` without a text.
fn number<N: FromStr + PartialOrd + Copy>(text: Option<&str>, default: N, most: N) -> Option<N> {
    let Some(text) = text else { return Some(default) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && *number <= most)
}

fn respond(page: Page) -> HttpResponse {
    let media_type = match page.form {
        Form::Lines => LINES[0],
        Form::CloudEvents => CLOUD_EVENTS[0],
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((VARY, "Accept"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((LAST_SEQ, page.last_seq.to_string()))
        .body(page.body)
}

fn refusal(no_page: NoPage) -> Problem {
    match no_page {
        NoPage::Beyond { last_seq, .. } => {
            let reason = format!("is not a place in this ledger, which ends at {last_seq}: it belongs to another one");
            Problem::invalid("after", reason)
        }
        NoPage::Unread(no_answer) => unread(no_answer),
    }
}

/// What is said where the ledger could not be read.
pub(super) fn unread(no_answer: NoAnswer) -> Problem {
    match no_answer {
        NoAnswer::Crowded => Problem::new(Reason::Overloaded, "too many questions to the ledger wait").retry_soon(),
        NoAnswer::Closing => Unavailable::ShuttingDown.into(),
        NoAnswer::Stalled => Unavailable::StorageStalled.into(),
        NoAnswer::Unreadable(error) => {
            tracing::error!(%error, "the ledger cannot be read for a question");
            Problem::new(Reason::StorageUnavailable, "the ledger cannot be read now").retry_soon()
        }
    }
}
