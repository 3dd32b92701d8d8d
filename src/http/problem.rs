//! **Job:** turns every "no" into its status and its problem document (RFC 9457).
//! **Owns:** what each case is called and says; `codes` has the statuses, and no other file names one.
//! **Never:** invents a reason, or shows anything of another buyer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HttpDate, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use doorbuster_actors::cluster::NodeName;
use doorbuster_actors::request::{NotDone, Reason, Rejection, Unavailable};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) mod codes;
mod groups;
mod members;

use super::json::written;
use super::request_context;
use super::schemas;
use crate::fields::Wrong;
use crate::gate::Refusal;
use codes::Code;

pub use members::{FieldProblem, Members, Scope};

pub use groups::{
    ANY, ANY_OF_OPERATIONS, ASKED, BODY, CLOSED, KEPT, NAMED, PARAMETERS, PARTED, PURCHASE, STEP, WITHDRAWAL, WRITTEN,
};

/// Which node to ask instead, where a proxy reads it.
const NODE: &str = "Doorbuster-Node";

/// What to say about how long "later" is, where nothing better is known.
const SOON: Duration = Duration::from_secs(1);

/// Bytes that a problem takes at most, unless it has members: so that its buffer need not grow.
const USUAL_LENGTH: usize = 320;

/// Most things that one answer says are wrong: a small request must not get a large answer.
const MAX_ERRORS: usize = 16;

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
    /// Under which id the request is found in the log: that of its `X-Request-Id`, or one that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'p str>,
    /// The trace that the request belongs to, if it came with a `traceparent` (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trace_id: Option<&'p str>,
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
        let told = &errors[..errors.len().min(MAX_ERRORS)];
        let detail: Vec<_> = told.iter().map(|error| error.detail.as_str()).collect();
        let members = Members { errors: told.to_vec(), ..Members::default() };
        Self::new(Reason::Validation, detail.join("; ")).with(members)
    }

    /// A request with one parameter wrong.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(&[FieldProblem::parameter(Wrong::value(field, reason))])
    }

    /// A request with one member of its body wrong.
    #[must_use]
    pub fn invalid_member(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(&[FieldProblem::member(Wrong::value(field, reason))])
    }

    /// There is no such thing, or it is none of the asker's business.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Reason::NotFound, "there is nothing here")
    }

    /// It is at another node.
    #[must_use]
    pub fn misdirected(node: &NodeName) -> Self {
        let members = Members { node: Some(node.clone()), ..Members::default() };
        Self::new(Reason::Misdirected, format!("node {node} has this")).with(members)
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

    /// How long to wait before another try, if one makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whom the limit counts together that was met, if it is not the buyer alone.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        self.members.as_ref()?.scope
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer.
    #[must_use]
    pub fn respond(&self) -> HttpResponse {
        let Code { status, title, .. } = *Code::of(self.code);
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
        if let Some(node) = self.members.as_ref().and_then(|members| members.node.as_ref()) {
            response.insert_header((NODE, node.as_str()));
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
    pub fn to_bytes(&self, base_path: Option<Arc<str>>) -> Vec<u8> {
        let response = request_context::of_nothing_readable(base_path, || self.respond());
        let mut head = format!("HTTP/1.1 {}\r\n", response.status());
        for (name, value) in response.headers() {
            let value = value.to_str().expect("only texts are inserted above");
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = response.into_body().try_into_bytes().expect("a document is no stream");
        let (length, date) = (body.len(), HttpDate::from(SystemTime::now()));
        head.push_str(&format!("content-length: {length}\r\nconnection: close\r\ndate: {date}\r\n\r\n"));
        [head.as_bytes(), &body].concat()
    }

    fn document(&self, status: StatusCode, title: &str) -> Vec<u8> {
        let code = self.code.as_str();
        request_context::note_outcome(code);
        let members = self.members.as_deref();
        let about = |request_id: Option<&str>, trace_id: Option<&str>| {
            let (kind, status) = (codes::link(self.code), status.as_u16());
            let document = Document { kind, title, status, detail: &self.detail, code, request_id, trace_id, members };
            written(&document, USUAL_LENGTH)
        };
        let written = request_context::current(|context| about(Some(context.id()), context.trace_id()));
        written.unwrap_or_else(|| about(None, None))
    }
}

/// `Retry-After` counts whole seconds; rounded up, because earlier is too early. At least one.
fn whole_seconds(after: Duration) -> u64 {
    after.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Unavailable(unavailable) => unavailable.into(),
            Refusal::Overloaded => {
                Self::new(Reason::Overloaded, "too many purchases are in flight; nothing was bought").retry(SOON)
            }
            Refusal::AddressThrottled { retry_after } => {
                let members = Members { scope: Some(Scope::Address), ..Members::default() };
                let detail = "somebody at this address tried a moment ago";
                Self::new(Reason::Throttled, detail).with(members).retry(retry_after)
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
        Rejection::AmountOutOfRange => Problem::invalid_member("quantity", "times the price is out of range"),
        Rejection::SupplyOutOfRange => Problem::invalid_member("quantity", "is more than an item can have"),
        Rejection::NotEnoughLeft { remaining } => problem("fewer units are left than are to be taken off sale")
            .with(Members { remaining: Some(remaining), ..no_members }),
        Rejection::StockFixed => Problem::invalid_member("stock", "changes only by a restock or a withdrawal"),
        Rejection::PriceFixed => problem("price and currency of an item that was ordered cannot change"),
        Rejection::HasOrders => problem("an item that was ordered cannot be deleted: hide it"),
        Rejection::NothingOwed => problem("nothing is owed of this payment"),
        Rejection::InvalidTransition { status } => problem("the order is not in a status from which this is possible")
            .with(Members { order_status: Some(status), ..no_members }),
        Rejection::UnknownOrder | Rejection::UnknownItem => Problem::not_found(),
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
        Unavailable::StorageStalled => "the disk does not answer at the moment; nothing was bought by this request",
        Unavailable::ShuttingDown => "the server is closing; nothing was bought",
        Unavailable::OutcomeUnknown => "whether the order was placed is not known yet: ask again with the same key",
    };
    Problem::new(unavailable.reason(), detail).retry(SOON)
}
