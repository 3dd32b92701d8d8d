//! **Job:** turns every "no" into its status and its problem document (RFC 9457).
//! **Owns:** the mapping from codes to statuses; no other file names a status of an error.
//! **Never:** invents a reason, or shows anything of another buyer.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HttpDate, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use doorbuster_actors::entry::Status;
use doorbuster_actors::request::{NotDone, Reason, Rejection, Unavailable};
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::below::below;
use super::json::written;
use super::schemas;
use crate::gate::Refusal;

/// What to say about how long "later" is, where nothing better is known.
const SOON: Duration = Duration::from_secs(1);

/// Bytes that a problem takes at most, unless it has members: so that its buffer need not grow.
const USUAL_LENGTH: usize = 256;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Which member or parameter.
    pub field: Cow<'static, str>,
    /// What it must be.
    pub reason: Cow<'static, str>,
}

/// What some problems say besides their sentence.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Members {
    /// With `validation`: all that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// With `sale-not-started`: when it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Time)]
    pub opens_at: Option<Timestamp>,
    /// With `sold-out`: units that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Units)]
    pub remaining: Option<u32>,
    /// With `limit-reached`: units that one buyer may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Quantity)]
    pub per_user_limit: Option<u32>,
    /// With `limit-reached`: units that this buyer holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Units)]
    pub held: Option<u32>,
    /// With `invalid-transition`: where the order stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::OrderStatus)]
    pub order_status: Option<Status>,
}

/// A problem document (RFC 9457): why there is no other answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'p> {
    /// `/problems/` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The code in words.
    title: &'p str,
    /// The status of the answer.
    status: u16,
    /// A sentence for people.
    detail: &'p str,
    /// For programs.
    #[schema(value_type = schemas::ProblemCode)]
    code: &'static str,
    #[serde(flatten)]
    #[schema(value_type = Members)]
    members: Option<&'p Members>,
}

/// A problem.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Reason,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    allow: Option<Cow<'static, str>>,
    closes: bool,
    /// Most problems have none of them.
    members: Option<Box<Members>>,
}

impl Problem {
    /// A problem of that code, with a sentence for people.
    #[must_use]
    pub fn new(code: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), retry_after: None, allow: None, closes: false, members: None }
    }

    /// A request whose members or parameters are wrong.
    #[must_use]
    pub fn validation(errors: &[FieldProblem]) -> Self {
        let detail = errors.iter().map(|error| format!("{} {}", error.field, error.reason)).collect::<Vec<_>>();
        let members = Members { errors: errors.to_vec(), ..Members::default() };
        Self::new(Reason::Validation, detail.join("; ")).with(members)
    }

    /// A request with one thing wrong.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(&[FieldProblem { field: field.into(), reason: reason.into() }])
    }

    /// There is no such thing, or it is none of the asker's business.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Reason::NotFound, "there is nothing here")
    }

    /// The resource has other methods.
    #[must_use]
    pub fn method_not_allowed(allow: impl Into<Cow<'static, str>>) -> Self {
        let allow = allow.into();
        let mut problem = Self::new(Reason::MethodNotAllowed, format!("allowed here: {allow}"));
        problem.allow = Some(allow);
        problem
    }

    /// This problem, with `members`.
    #[must_use]
    pub fn with(mut self, members: Members) -> Self {
        self.members = Some(Box::new(members));
        self
    }

    /// This problem, and no further request on the connection: the rest of this one cannot be told from the next.
    #[must_use]
    pub fn and_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// This problem, worth another try in a moment.
    #[must_use]
    pub fn retry_soon(self) -> Self {
        self.retry(SOON)
    }

    fn retry(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The code, under which it is counted.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.code
    }

    /// The answer.
    #[must_use]
    pub fn respond(&self) -> HttpResponse {
        let (status, title) = describe(self.code);
        let mut response = HttpResponseBuilder::new(status);
        response
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if let Some(after) = self.retry_after {
            response.insert_header((RETRY_AFTER, whole_seconds(after)));
        }
        if let Some(allow) = self.allow.as_deref() {
            response.insert_header((ALLOW, allow));
        }
        if self.code == Reason::Unauthenticated {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if self.closes {
            response.force_close();
        }
        response.body(self.document(status, title))
    }

    /// The whole answer as HTTP/1.1 has it on the wire, for a connection on which nobody speaks HTTP any more. Its page
    /// is below `base_path`.
    #[must_use]
    pub fn to_bytes(&self, base_path: &str) -> Vec<u8> {
        let response = self.respond();
        let mut head = format!("HTTP/1.1 {}\r\n", response.status());
        for (name, value) in response.headers() {
            let value = value.to_str().expect("only texts are inserted above");
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = response.into_body().try_into_bytes().expect("a document is no stream");
        let body = below(base_path, body);
        let (length, date) = (body.len(), HttpDate::from(SystemTime::now()));
        head.push_str(&format!("content-length: {length}\r\nconnection: close\r\ndate: {date}\r\n\r\n"));
        [head.as_bytes(), &body].concat()
    }

    fn document(&self, status: StatusCode, title: &str) -> Vec<u8> {
        let code = self.code.as_str();
        let members = self.members.as_deref();
        let kind = format!("/problems/{code}");
        let document = Document { kind, title, status: status.as_u16(), detail: &self.detail, code, members };
        written(&document, USUAL_LENGTH)
    }
}

/// `Retry-After` counts whole seconds; rounded up, because earlier is too early. At least one.
fn whole_seconds(after: Duration) -> u64 {
    after.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

/// Status and title of every code.
pub(super) fn describe(code: Reason) -> (StatusCode, &'static str) {
    match code {
        Reason::Malformed => (StatusCode::BAD_REQUEST, "Malformed request"),
        Reason::Unauthenticated => (StatusCode::UNAUTHORIZED, "No valid credentials"),
        Reason::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
        Reason::SaleNotStarted => (StatusCode::FORBIDDEN, "The sale has not begun"),
        Reason::SalePaused => (StatusCode::FORBIDDEN, "The sale is paused"),
        Reason::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        Reason::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        Reason::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "Not acceptable"),
        Reason::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "The request took too long"),
        Reason::SoldOut => (StatusCode::CONFLICT, "Sold out"),
        Reason::LimitReached => (StatusCode::CONFLICT, "Purchase limit reached"),
        Reason::InvalidTransition => (StatusCode::CONFLICT, "Not possible in this status"),
        Reason::SaleClosed => (StatusCode::GONE, "The sale is over"),
        Reason::LengthRequired => (StatusCode::LENGTH_REQUIRED, "Length required"),
        Reason::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Body too large"),
        Reason::UriTooLong => (StatusCode::URI_TOO_LONG, "Path too long"),
        Reason::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
        Reason::Validation => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid request"),
        Reason::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused"),
        Reason::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
        Reason::NoToken => (StatusCode::TOO_MANY_REQUESTS, "No token left"),
        Reason::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too many purchases"),
        Reason::HeadersTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large"),
        Reason::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
        Reason::StorageFull => (StatusCode::SERVICE_UNAVAILABLE, "Storage full"),
        Reason::StorageUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Storage unavailable"),
        Reason::OutcomeUnknown => (StatusCode::SERVICE_UNAVAILABLE, "Outcome unknown"),
        Reason::GateUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Gate unavailable"),
        Reason::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "Shutting down"),
        // Counted, never sent: a replay is a 201, and nobody is there to read the other.
        Reason::Replayed | Reason::Disconnected => (StatusCode::INTERNAL_SERVER_ERROR, "Not a problem"),
    }
}

/// Any request to the public listener.
pub const ANY: &[Reason] = &[Reason::Malformed, Reason::NotAcceptable, Reason::UriTooLong, Reason::HeadersTooLarge];

/// What the path names may not exist, or be none of the asker's business.
pub const NAMED: &[Reason] = &[Reason::NotFound];

/// Parameters may be out of range.
pub const PARAMETERS: &[Reason] = &[Reason::Validation];

/// A query with a parameter that stands twice cannot be read.
pub const UNREADABLE: &[Reason] = &[Reason::Malformed];

/// A body may be missing, slow, large, broken or wrong.
pub const BODY: &[Reason] = &[
    Reason::Malformed,
    Reason::RequestTimeout,
    Reason::LengthRequired,
    Reason::PayloadTooLarge,
    Reason::UnsupportedMediaType,
    Reason::Validation,
];

/// The actor of the item is asked.
pub const ASKED: &[Reason] = &[Reason::Overloaded, Reason::OutcomeUnknown, Reason::ShuttingDown];

/// Something is written, and answered after the commit.
pub const WRITTEN: &[Reason] = &[
    Reason::Overloaded,
    Reason::StorageFull,
    Reason::StorageUnavailable,
    Reason::OutcomeUnknown,
    Reason::ShuttingDown,
];

/// The order or the item must be in a state from which this is possible.
pub const STEP: &[Reason] = &[Reason::InvalidTransition];

/// The sale of the item may be over for good.
pub const CLOSED: &[Reason] = &[Reason::SaleClosed];

/// A purchase passes the gate and the stock.
pub const PURCHASE: &[Reason] = &[
    Reason::KeyReused,
    Reason::SaleNotStarted,
    Reason::SalePaused,
    Reason::SaleClosed,
    Reason::SoldOut,
    Reason::LimitReached,
    Reason::Throttled,
    Reason::NoToken,
    Reason::RateLimited,
    Reason::GateUnavailable,
];

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Unavailable(unavailable) => unavailable.into(),
            Refusal::Overloaded => {
                Self::new(Reason::Overloaded, "too many purchases are in flight; nothing was bought").retry(SOON)
            }
            Refusal::Throttled { retry_after } => {
                Self::new(Reason::Throttled, "this buyer tried a moment ago").retry(retry_after)
            }
            Refusal::NoToken { retry_after } => {
                let detail = "enough buyers are trying to buy this item; one of them may give up";
                Self::new(Reason::NoToken, detail).retry(retry_after)
            }
            Refusal::RateLimited { retry_after } => {
                Self::new(Reason::RateLimited, "too many purchases per second").retry(retry_after)
            }
            Refusal::GateUnavailable => {
                Self::new(Reason::GateUnavailable, "the gate cannot check its limits now").retry(SOON)
            }
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        from_rejection(rejection)
    }
}

fn from_rejection(rejection: Rejection) -> Problem {
    let problem = |detail: &'static str| Problem::new(rejection.reason(), detail);
    let no_members = Members::default();
    match rejection {
        Rejection::KeyReused => problem("this key belongs to an order with another payload"),
        Rejection::SaleClosed => problem("the sale of this item is over"),
        Rejection::SaleNotStarted { opens_at, retry_after } => problem("the sale of this item has not begun")
            .with(Members { opens_at: Some(opens_at), ..no_members })
            .retry(retry_after),
        Rejection::SalePaused => problem("the sale of this item is interrupted").retry(SOON),
        Rejection::SoldOut { remaining } => problem("fewer units are left than were asked for")
            .with(Members { remaining: Some(remaining), ..no_members }),
        Rejection::LimitReached { limit, held } => problem("this buyer may not hold that many units").with(Members {
            per_user_limit: Some(limit),
            held: Some(held),
            ..no_members
        }),
        Rejection::CoolingDown { retry_after } => {
            problem("this buyer has held units again and again without paying").retry(retry_after)
        }
        Rejection::AmountOutOfRange => Problem::invalid("quantity", "times the price is out of range"),
        Rejection::SupplyOutOfRange => Problem::invalid("quantity", "is more than an item can have"),
        Rejection::WrongPayment => Problem::invalid("amount", "must be the order's total price, in its currency"),
        Rejection::StockFixed => Problem::invalid("stock", "changes only by a restock"),
        Rejection::NotScheduled => problem("an item can be changed only before its sale begins"),
        Rejection::InvalidTransition { status } => problem("the order is not in a status from which this is possible")
            .with(Members { order_status: Some(status), ..no_members }),
        Rejection::UnknownOrder => Problem::not_found(),
    }
}

impl From<NotDone> for Problem {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Rejected(rejection) => rejection.into(),
            NotDone::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        from_unavailable(unavailable)
    }
}

fn from_unavailable(unavailable: Unavailable) -> Problem {
    let detail = match unavailable {
        Unavailable::StorageFull => "the disk is full; nothing was bought",
        Unavailable::StorageLocked => "the ledger cannot be written now; nothing was bought",
        Unavailable::ShuttingDown => "the server is closing; nothing was bought",
        Unavailable::OutcomeUnknown => "whether the order was placed is not known yet: ask again with the same key",
    };
    Problem::new(unavailable.reason(), detail).retry(SOON)
}
