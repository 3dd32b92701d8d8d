//! **Job:** orders and payments as downloads.
//! **Owns:** the parameters, and what a file is called.
//! **Never:** reads the ledger, or waits for it, on the thread that answers everybody.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use doorbuster_actors::entry::Status;
use doorbuster_actors::payment::Verdict;
use doorbuster_actors::request::Reason;
use doorbuster_actors::time::Timestamp;
use futures_util::stream::unfold;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use crate::export::{Choice, Format, NoDownload, Period, PeriodEnd, Subject};
use crate::fields::Wrong;
use crate::http::problem::{FieldProblem, Problem};
use crate::http::schemas;

/// By which nginx is told not to collect an answer before it passes it on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What both downloads understand.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OrdersAsked {
    /// `csv` is safe to open in a spreadsheet, `ndjson` has each value as it is.
    #[param(value_type = Option<String>, default = "csv", pattern = "^(csv|ndjson)$")]
    format: Option<String>,
    /// Only orders for this item.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item_id: Option<String>,
    /// Only orders in this status.
    #[param(value_type = Option<schemas::OrderStatus>, inline)]
    status: Option<String>,
    /// Only orders from this time on: RFC 3339 with an offset, or a day in UTC.
    #[param(value_type = Option<schemas::TimeOrDay>, inline)]
    from: Option<String>,
    /// Only orders before this time; a day belongs to it as a whole.
    #[param(value_type = Option<schemas::TimeOrDay>, inline)]
    to: Option<String>,
    /// `true`: the file begins with the mark by which Excel knows UTF-8.
    #[param(value_type = Option<bool>, default = false)]
    bom: Option<String>,
}

/// The same of payments.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PaymentsAsked {
    /// `csv` is safe to open in a spreadsheet, `ndjson` has each value as it is.
    #[param(value_type = Option<String>, default = "csv", pattern = "^(csv|ndjson)$")]
    format: Option<String>,
    /// Only payments with this verdict.
    #[param(value_type = Option<schemas::PaymentVerdict>, inline)]
    verdict: Option<String>,
    /// Only payments for this item.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item_id: Option<String>,
    /// Only payments from this time on: RFC 3339 with an offset, or a day in UTC.
    #[param(value_type = Option<schemas::TimeOrDay>, inline)]
    from: Option<String>,
    /// Only payments before this time; a day belongs to it as a whole.
    #[param(value_type = Option<schemas::TimeOrDay>, inline)]
    to: Option<String>,
    /// `true`: the file begins with the mark by which Excel knows UTF-8.
    #[param(value_type = Option<bool>, default = false)]
    bom: Option<String>,
}

/// A line of an export of orders.
#[derive(ToSchema)]
pub struct ExportedOrder {
    /// Its id.
    pub order_id: String,
    /// What was bought.
    pub item_id: String,
    /// Who bought it.
    pub user_id: String,
    /// Units.
    pub quantity: u32,
    /// Price of one, in minor units.
    pub unit_price: u64,
    /// Price of all, in minor units.
    pub total_price: u64,
    /// ISO 4217 code of both.
    pub currency: String,
    /// Where it stands.
    #[schema(value_type = schemas::OrderStatus)]
    pub status: String,
    /// When it was placed.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Until when it must be paid; null: there was nothing to pay.
    #[schema(format = DateTime, required = true)]
    pub pay_by: Option<String>,
    /// The title of the item.
    pub title: String,
    /// Price of one as people write it; null where the currency is not in use any more.
    #[schema(required = true)]
    pub unit_price_decimal: Option<String>,
    /// Price of all as people write it.
    #[schema(required = true)]
    pub total_price_decimal: Option<String>,
}

/// A line of an export of payments.
#[derive(ToSchema)]
pub struct ExportedPayment {
    /// Its id.
    pub payment_id: String,
    /// The order it was for; null if there is no such order.
    #[schema(required = true)]
    pub order_id: Option<String>,
    /// The item of that order.
    #[schema(required = true)]
    pub item_id: Option<String>,
    /// The buyer of that order.
    #[schema(required = true)]
    pub user_id: Option<String>,
    /// Who reported it; null: an operator gave a paid order up.
    #[schema(required = true)]
    pub provider: Option<String>,
    /// The provider's id of the event.
    #[schema(required = true)]
    pub event_id: Option<String>,
    /// The provider's id of the money.
    #[schema(required = true)]
    pub payment_reference: Option<String>,
    /// The order as the provider called it, where there is none.
    #[schema(required = true)]
    pub order_reference: Option<String>,
    /// What it meant.
    #[schema(value_type = schemas::PaymentVerdict)]
    pub verdict: String,
    /// What was reported, in minor units.
    pub amount: u64,
    /// ISO 4217 code.
    #[schema(required = true)]
    pub currency: Option<String>,
    /// How much of it has to go back still, in minor units.
    pub owed: u64,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub at: String,
    /// What was reported, as people write it.
    #[schema(required = true)]
    pub amount_decimal: Option<String>,
    /// What has to go back still, as people write it.
    #[schema(required = true)]
    pub owed_decimal: Option<String>,
}

/// All orders as a file, as they were placed.
///
/// Two downloads at a time; a third is told to come again. A file that ends too early ends without the end of its
/// answer, which clients report as an error.
#[utoipa::path(get, path = "/v1/admin/export/orders", operation_id = "export_orders", tag = "owner",
    params(OrdersAsked), responses((status = 200, description = "The file.", content(
        (String = "text/csv"), (ExportedOrder = "application/x-ndjson")))))]
pub(super) async fn orders(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let download = || {
        state.authorize(&request)?;
        let asked = parsed::<OrdersAsked>(&request)?;
        let mut wrong = Vec::new();
        let known = |word: &str| Status::ALL.into_iter().find(|status| status.as_str() == word);
        let words = Status::ALL.map(Status::as_str);
        let statuses = one_of("status", asked.status.as_deref(), &words, known, &mut wrong);
        let shared =
            Shared { format: asked.format, item_id: asked.item_id, from: asked.from, to: asked.to, bom: asked.bom };
        shared.start(&state, &request, Subject::Orders { statuses }, wrong)
    };
    download().unwrap_or_else(|problem| problem.respond())
}

/// All payments as a file, as they came, with what has to go back.
#[utoipa::path(get, path = "/v1/admin/export/payments", operation_id = "export_payments", tag = "owner",
    params(PaymentsAsked), responses((status = 200, description = "The file.", content(
        (String = "text/csv"), (ExportedPayment = "application/x-ndjson")))))]
pub(super) async fn payments(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let download = || {
        state.authorize(&request)?;
        let asked = parsed::<PaymentsAsked>(&request)?;
        let mut wrong = Vec::new();
        let words: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
        let verdicts = one_of("verdict", asked.verdict.as_deref(), &words, Verdict::named, &mut wrong);
        let shared =
            Shared { format: asked.format, item_id: asked.item_id, from: asked.from, to: asked.to, bom: asked.bom };
        shared.start(&state, &request, Subject::Payments { verdicts }, wrong)
    };
    download().unwrap_or_else(|problem| problem.respond())
}

fn parsed<Q: serde::de::DeserializeOwned>(request: &HttpRequest) -> Result<Q, Problem> {
    let query = web::Query::<Q>::from_query(request.query_string()).map(web::Query::into_inner);
    query.map_err(|_bad| Problem::invalid("query", "must name each parameter once"))
}

fn one_of<T>(
    name: &'static str,
    word: Option<&str>,
    words: &[&str],
    known: impl Fn(&str) -> Option<T>,
    wrong: &mut Vec<Wrong>,
) -> Vec<T> {
    let Some(word) = word else { return Vec::new() };
    let found = known(word);
    if found.is_none() {
        wrong.push(Wrong::value(name, format!("must be one of {}", words.join(", "))));
    }
    found.into_iter().collect()
}

/// What both have, as it was written.
struct Shared {
    format: Option<String>,
    item_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    bom: Option<String>,
}

impl Shared {
    fn start(
        self,
        state: &OpsState,
        request: &HttpRequest,
        subject: Subject,
        mut wrong: Vec<Wrong>,
    ) -> Result<HttpResponse, Problem> {
        let format = one_of("format", self.format.as_deref(), &Format::WORDS, Format::named, &mut wrong);
        let format = format.first().copied().unwrap_or(Format::Csv);
        let known = |word: &str| [("true", true), ("false", false)].into_iter().find(|(name, _)| *name == word);
        let bom = one_of("bom", self.bom.as_deref(), &["true", "false"], known, &mut wrong);
        let items = self.item_id.as_deref().map(str::parse).transpose();
        let items = items.unwrap_or_else(|bad| {
            wrong.push(Wrong::value("item_id", format!("{bad}")));
            None
        });
        let (from, to) = (end("from", self.from, &mut wrong), end("to", self.to, &mut wrong));
        if !wrong.is_empty() {
            return Err(Problem::validation(&wrong.into_iter().map(FieldProblem::parameter).collect::<Vec<_>>()));
        }
        let period = Period { from: from.map(PeriodEnd::as_from), to: to.map(PeriodEnd::as_to) };
        let has_mark = format == Format::Csv && bom.iter().any(|(_, is_wanted)| *is_wanted);
        let choice = Choice { subject, items: items.into_iter().collect(), period };
        respond(state, request, choice, (format, has_mark))
    }
}

fn end(name: &'static str, text: Option<String>, wrong: &mut Vec<Wrong>) -> Option<PeriodEnd> {
    match text?.parse() {
        Ok(end) => Some(end),
        Err(bad) => {
            let bad: crate::export::InvalidPeriodEnd = bad;
            wrong.push(Wrong::value(name, bad.to_string()));
            None
        }
    }
}

fn respond(
    state: &OpsState,
    request: &HttpRequest,
    choice: Choice,
    (format, has_mark): (Format, bool),
) -> Result<HttpResponse, Problem> {
    let now = state.telemetry.sale.clock.now();
    let name = file_name(&choice, format, now);
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, format.media_type()))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store, no-transform"))
        .insert_header((X_ACCEL_BUFFERING, HeaderValue::from_static("no")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let pieces = state.downloads.start(choice, format, has_mark, state.feed.last_seq()).map_err(refusal)?;
    let body = unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece.map(Bytes::from), pieces))
    });
    let mut response = response.streaming(Box::pin(body));
    if request.version() < Version::HTTP_11 {
        // It knows no chunks: the end of the connection is the end of the answer (RFC 9112, section 6.3).
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// `orders-2030-01-01T120000Z.csv`: files of several downloads lie in the order of their times.
fn file_name(choice: &Choice, format: Format, now: Timestamp) -> String {
    let written = now.to_string();
    let second = written.split('.').next().unwrap_or_default().replace(':', "");
    format!("{}-{second}Z.{}", choice.subject.name(), format.as_str())
}

fn refusal(none: NoDownload) -> Problem {
    match none {
        NoDownload::Crowded => {
            Problem::new(Reason::Overloaded, "as many downloads as there may be are on their way").retry_soon()
        }
        NoDownload::Thread(error) => {
            tracing::error!(%error, "a download cannot be started");
            Problem::new(Reason::Overloaded, "a download cannot be started now").retry_soon()
        }
    }
}
