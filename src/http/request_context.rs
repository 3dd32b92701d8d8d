//! **Job:** what is known of the request that a task is answering: its id, the trace it belongs to, what became of it,
//! and below which path its client finds us.
//! **Owns:** which ids are taken over from outside, and how ours are made.
//! **Never:** decides anything by them: they are for people who look for one request among many.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use doorbuster_actors::ids::OrderId;
use tracing::{Level, Span, enabled};

/// Under which name requests are logged, each with its answer: `RUST_LOG=doorbuster::request=debug`.
const TARGET: &str = "doorbuster::request";

/// Longest id that is taken over, in bytes: what load balancers and frameworks make has a few dozen.
const MAX_ID: usize = 128;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: Rc<RequestContext>;
}

thread_local! {
    /// What all ids of this thread begin with, and how many it has made.
    static MADE: Cell<(u64, u64)> = Cell::new((rand::random(), 0));
}

/// What is known of one request.
#[derive(Debug)]
pub(crate) struct RequestContext {
    id: HeaderValue,
    trace: Option<TraceContext>,
    /// None at the root.
    base_path: Option<Arc<str>>,
    /// Set while requests are logged.
    began: Option<Instant>,
    outcome: Cell<Option<&'static str>>,
    order: Cell<Option<OrderId>>,
    /// Of a purchase that is traced.
    span: OnceCell<Span>,
}

/// Where the request stands in a trace of its client (W3C Trace Context, level 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TraceContext {
    /// 32 hexadecimal digits in lower case.
    trace_id: [u8; 32],
    flags: [u8; 2],
    /// Our own part in it.
    span_id: u64,
}

impl RequestContext {
    /// Of a request with these headers, to what lives below `base_path`.
    pub(crate) fn of(headers: &HeaderMap, base_path: Option<Arc<str>>) -> Rc<Self> {
        let number = next_number();
        let began = enabled!(target: TARGET, Level::DEBUG).then(Instant::now);
        Rc::new(Self {
            id: given_id(headers).cloned().unwrap_or_else(|| made_id(number)),
            trace: only(headers, &TRACEPARENT).and_then(|value| TraceContext::parse(value.as_bytes(), number)),
            base_path,
            began,
            outcome: Cell::new(None),
            order: Cell::new(None),
            span: OnceCell::new(),
        })
    }

    /// Whatever `answering` does, it does for this request.
    pub(crate) async fn scope<F: Future>(self: &Rc<Self>, answering: F) -> F::Output {
        CURRENT.scope(Rc::clone(self), answering).await
    }

    /// The same of what does not wait.
    pub(crate) fn within<T>(self: &Rc<Self>, answering: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Rc::clone(self), answering)
    }

    /// Tells the client under which id to ask about this request, and writes down what became of it.
    pub(crate) fn close<B>(&self, response: &mut ServiceResponse<B>) {
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID.clone(), self.id.clone());
        if let Some(trace) = &self.trace {
            headers.insert(TRACEPARENT.clone(), trace.to_header());
        }
        let outcome = self.outcome.get();
        if let Some(span) = self.span.get() {
            span.record("outcome", outcome);
            span.record("order_id", self.order.get().map(tracing::field::display));
        }
        if let Some(began) = self.began {
            self.log(response, began);
        }
    }

    fn log<B>(&self, response: &ServiceResponse<B>, began: Instant) {
        let (request, status) = (response.request(), response.status().as_u16());
        let (method, path) = (request.method().as_str(), request.path());
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (request_id, trace_id) = (self.id(), self.trace_id());
        let (outcome, order_id) = (self.outcome.get(), self.order.get().map(tracing::field::display));
        tracing::debug!(
            target: TARGET,
            request_id, trace_id, method, path, status, outcome, order_id, micros,
            "answered"
        );
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().expect("only visible ASCII is taken over or made")
    }

    /// The trace it belongs to, if its client has named one.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.trace.as_ref().map(TraceContext::trace_id)
    }

    /// From now on the spans of this purchase hear what became of it.
    pub(crate) fn traced(&self, span: &Span) {
        // A purchase that begins anew after a look at its key is traced by its first span.
        let _already = self.span.set(span.clone());
    }
}

/// Looks at the request that is being answered; nothing outside of one.
pub(crate) fn current<T>(look: impl FnOnce(&RequestContext) -> T) -> Option<T> {
    CURRENT.try_with(|context| look(context)).ok()
}

/// Writes down how the request ends: an answer's code, `confirmed` or `replayed`.
pub(crate) fn note_outcome(outcome: &'static str) {
    current(|context| context.outcome.set(Some(outcome)));
}

/// Writes down which order it is about.
pub(crate) fn note_order(order: OrderId) {
    current(|context| context.order.set(Some(order)));
}

/// A path of ours as the client has to ask for it.
pub(crate) fn below_base(path: String) -> String {
    match current(|context| context.base_path.clone()).flatten() {
        Some(base_path) => [&*base_path, &path].concat(),
        None => path,
    }
}

/// The answer to what could not be read as a request, with an id all the same.
pub(crate) fn of_nothing_readable(
    base_path: Option<Arc<str>>,
    answering: impl FnOnce() -> HttpResponse,
) -> HttpResponse {
    let context = RequestContext::of(&HeaderMap::new(), base_path);
    let mut response = context.within(answering);
    response.headers_mut().insert(REQUEST_ID.clone(), context.id.clone());
    response
}

/// Gives every request to a listener at the root a context.
pub(crate) async fn carry<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let context = RequestContext::of(request.headers(), None);
    let mut response = context.scope(next.call(request)).await?;
    context.close(&mut response);
    Ok(response)
}

/// The header, if it stands there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

/// The client's own id, if it can be repeated anywhere without harm.
fn given_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    only(headers, &REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        (1..=MAX_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    })
}

/// The thread's beginning, which chance has made, and a number of its own for each request.
fn next_number() -> (u64, u64) {
    MADE.with(|made| {
        let (beginning, count) = made.get();
        let next = (beginning, count.wrapping_add(1));
        made.set(next);
        next
    })
}

fn made_id((beginning, number): (u64, u64)) -> HeaderValue {
    let mut text = [b'-'; 25];
    text[..16].copy_from_slice(&hexadecimal(beginning));
    text[17..].copy_from_slice(&hexadecimal(number)[8..]);
    HeaderValue::from_bytes(&text).expect("hexadecimal digits and a dash")
}

fn hexadecimal(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (at, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * at) & 0xf) as usize];
    }
    digits
}

impl TraceContext {
    /// `<version>-<trace-id>-<parent-id>-<flags>`. A later version may have more behind it, which is left out.
    fn parse(text: &[u8], (beginning, number): (u64, u64)) -> Option<Self> {
        let is_whole = text.len() == 55 || (text.len() > 55 && text[55] == b'-' && !text.starts_with(b"00"));
        let has_dashes = is_whole && [2, 35, 52].iter().all(|at| text[*at] == b'-');
        if !has_dashes {
            return None;
        }
        let digits = |from: usize, to: usize| {
            let part = &text[from..to];
            part.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
        };
        let some = |part: &[u8]| part.iter().any(|digit| *digit != b'0');
        let version = digits(0, 2)?;
        let (trace_id, parent) = (digits(3, 35)?, digits(36, 52)?);
        let flags = digits(53, 55)?;
        (version != b"ff" && some(trace_id) && some(parent)).then(|| Self {
            trace_id: trace_id.try_into().expect("32 digits"),
            flags: flags.try_into().expect("2 digits"),
            // No span has the number 0.
            span_id: beginning.rotate_left(17).wrapping_add(number) | 1,
        })
    }

    fn trace_id(&self) -> &str {
        std::str::from_utf8(&self.trace_id).expect("hexadecimal digits")
    }

    fn to_header(self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&self.trace_id);
        text[36..52].copy_from_slice(&hexadecimal(self.span_id));
        text[53..].copy_from_slice(&self.flags);
        HeaderValue::from_bytes(&text).expect("hexadecimal digits and dashes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn with(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        headers
    }

    #[test]
    fn an_id_is_taken_over_if_it_can_be_repeated_and_else_made() {
        let id = |values: &[&str]| RequestContext::of(&with(&REQUEST_ID, values), None).id().to_owned();
        let longest = "x".repeat(128);
        for good in ["7", "a/b:c=\"d\"|~", &longest] {
            assert_eq!(id(&[good]), good);
        }
        let mut made = std::collections::HashSet::new();
        for bad in [&[][..], &[""], &["a b"], &["a\tb"], &["änn"], &["a", "b"], &[&format!("{longest}x")]] {
            let id = id(bad);
            assert!(id.len() == 25 && !bad.contains(&id.as_str()), "{bad:?}: {id}");
            assert!(made.insert(id), "{bad:?}");
        }
    }

    #[test]
    fn a_trace_is_continued_and_what_is_none_is_left_alone() {
        let context = |values: &[&str]| RequestContext::of(&with(&TRACEPARENT, values), None);
        let valid = context(&[TRACE]);
        assert_eq!(valid.trace_id(), Some("0af7651916cd43dd8448eb211c80319c"));
        let header = valid.trace.expect("valid").to_header();
        let header = header.to_str().expect("ASCII");
        assert!(header.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && header.ends_with("-01"), "{header}");
        assert_ne!(header, TRACE, "our part in it is our own");
        assert!(TraceContext::parse(header.as_bytes(), (0, 0)).is_some());
        let later = format!("cc{}-what-will-be", &TRACE[2..]);
        assert!(context(&[&later]).trace_id().is_some());
        for bad in [
            String::new(),
            TRACE[..54].to_owned(),
            format!("{TRACE}-x"),
            format!("ff{}", &TRACE[2..]),
            TRACE.to_uppercase(),
            TRACE.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            TRACE.replace("b7ad6b7169203331", &"0".repeat(16)),
            TRACE.replace('-', "_"),
            TRACE.replace("01", "0g"),
        ] {
            assert_eq!(context(&[&bad]).trace_id(), None, "{bad}");
        }
        assert_eq!(context(&[TRACE, TRACE]).trace_id(), None, "of two nobody knows which one counts");
    }
}
