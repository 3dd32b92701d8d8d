//! **Job:** the table of all codes that a problem may have: status, title, and what it means for who gets it.
//! **Owns:** the mapping from codes to statuses, whether another try makes sense, and where a code is explained.
//! **Never:** knows a case: the sentence of a problem says what was wrong this time.

use actix_web::http::StatusCode;
use doorbuster_actors::request::Reason;

use crate::http::request_context;

/// What is known of a code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    /// The status of its answers.
    pub(crate) status: StatusCode,
    /// The code in words.
    pub(crate) title: &'static str,
    /// When it happens.
    pub(crate) when: &'static str,
    /// What the client should do.
    pub(crate) advice: &'static str,
    /// Whether the same request may succeed later.
    pub(crate) retry: Retry,
    /// The members it may have beside those of every problem.
    pub(crate) members: &'static [&'static str],
}

/// Whether the same request may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// No: the answer is final, or the request must be changed first.
    No,
    /// Yes, after the time in `Retry-After`; a purchase with the same idempotency key.
    Later,
}

/// The page that explains a code, as `type` of its problems: a reference that holds on whichever listener said it.
pub(crate) fn link(code: Reason) -> String {
    request_context::below_base(format!("/problems/{}", code.as_str()))
}

/// Codes that an answer may have. The others are counted only: a replay is a `201`, and of who has gone nobody reads.
pub(crate) fn all() -> impl Iterator<Item = Reason> {
    Reason::ALL.iter().copied().filter(|code| !matches!(code, Reason::Replayed | Reason::Disconnected))
}

/// The code of that name, if an answer may have it.
pub(crate) fn named(name: &str) -> Option<Reason> {
    all().find(|code| code.as_str() == name)
}

impl Code {
    const fn new(status: StatusCode, title: &'static str, [when, advice]: [&'static str; 2]) -> Self {
        Self { status, title, when, advice, retry: Retry::No, members: &[] }
    }

    const fn later(self) -> Self {
        Self { retry: Retry::Later, ..self }
    }

    const fn with(self, members: &'static [&'static str]) -> Self {
        Self { members, ..self }
    }

    /// What is known of a code.
    pub(crate) fn of(code: Reason) -> &'static Self {
        &TABLE[code as usize].1
    }
}

/// Of a code that no answer has.
const COUNTED_ONLY: Code = Code::new(StatusCode::INTERNAL_SERVER_ERROR, "Not a problem", ["Never.", "Nothing."]);

/// All codes, in the order in which they are declared: a new one is missed here by the compiler.
static TABLE: [(Reason, Code); Reason::ALL.len()] = ENTRIES;

const _: () = {
    let mut place = 0;
    while place < ENTRIES.len() {
        assert!(ENTRIES[place].0 as usize == place, "the table has the order of the codes");
        place += 1;
    }
};

const ENTRIES: [(Reason, Code); Reason::ALL.len()] = [
    (Reason::Replayed, COUNTED_ONLY),
    (Reason::Disconnected, COUNTED_ONLY),
    (
        Reason::Malformed,
        Code::new(
            StatusCode::BAD_REQUEST,
            "Malformed request",
            [
                "The request is not HTTP, its body is not JSON, or a header such as Idempotency-Key cannot be read.",
                "Send a request that is as the interface describes it. The detail says what could not be read.",
            ],
        ),
    ),
    (
        Reason::Unauthenticated,
        Code::new(
            StatusCode::UNAUTHORIZED,
            "No valid credentials",
            [
                "The request has no token or signature, or one that is wrong, expired or not valid yet.",
                "Get a fresh token from the identity provider and send it as Authorization: Bearer. Why a token was \
                 refused is in the log of the server only; its operator can ask doorbuster token inspect.",
            ],
        ),
    ),
    (
        Reason::Forbidden,
        Code::new(
            StatusCode::FORBIDDEN,
            "Not allowed",
            ["The credentials are valid, but not for this.", "Ask with the credentials of somebody who may."],
        ),
    ),
    (
        Reason::SaleNotStarted,
        Code::new(
            StatusCode::FORBIDDEN,
            "The sale has not begun",
            ["The item is on sale from opens_at on.", "Try again at opens_at; Retry-After says how long that is."],
        ).later().with(&["opens_at"]),
    ),
    (
        Reason::SalePaused,
        Code::new(
            StatusCode::FORBIDDEN,
            "The sale is paused",
            ["The shop has interrupted the sale of the item.", "Try again later. Orders can still be paid."],
        ).later(),
    ),
    (
        Reason::SaleClosed,
        Code::new(
            StatusCode::GONE,
            "The sale is over",
            ["The sale of the item has ended.", "Nothing: it is not sold any more. Orders can still be paid."],
        ),
    ),
    (
        Reason::NotFound,
        Code::new(
            StatusCode::NOT_FOUND,
            "Not found",
            [
                "There is no such item, order or page. Somebody else's order is not found either.",
                "Check the address, and that the token is the one of the buyer who placed the order.",
            ],
        ),
    ),
    (
        Reason::Misdirected,
        Code::new(
            StatusCode::MISDIRECTED_REQUEST,
            "Another node has it",
            [
                "The shop has several nodes, and the item or order belongs to the one in node. Nothing was done here.",
                "Send the same request to that node. The proxy in front of a shop does so by itself.",
            ],
        ).with(&["node"]),
    ),
    (
        Reason::MethodNotAllowed,
        Code::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            ["The address has other methods than the one that was used.", "Use one of those in the header Allow."],
        ),
    ),
    (
        Reason::NotAcceptable,
        Code::new(
            StatusCode::NOT_ACCEPTABLE,
            "Not acceptable",
            [
                "The header Accept leaves out everything that this address sends.",
                "Accept application/json, or */*; for events text/event-stream, for pages text/html.",
            ],
        ),
    ),
    (
        Reason::RequestTimeout,
        Code::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request took too long",
            [
                "The request did not arrive in time: its body within five seconds.",
                "Send it again on a new connection. A purchase was not made.",
            ],
        ),
    ),
    (
        Reason::LengthRequired,
        Code::new(
            StatusCode::LENGTH_REQUIRED,
            "Length required",
            ["A body was expected, and the request does not say how long it is.", "Send the header Content-Length."],
        ),
    ),
    (
        Reason::PayloadTooLarge,
        Code::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Body too large",
            [
                "The body has more bytes than its address takes: 4 KiB, and more where the detail says so.",
                "Send what the interface describes: an order has one member.",
            ],
        ),
    ),
    (
        Reason::UriTooLong,
        Code::new(
            StatusCode::URI_TOO_LONG,
            "Path too long",
            ["The path with its query has more than 8 KiB.", "Use an address that was given by the server."],
        ),
    ),
    (
        Reason::UnsupportedMediaType,
        Code::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            [
                "The body is not JSON by its own word, or it is compressed.",
                "Send Content-Type: application/json, and no Content-Encoding.",
            ],
        ),
    ),
    (
        Reason::HeadersTooLarge,
        Code::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Headers too large",
            [
                "The request has more than 16 KiB or more than 90 lines of headers.",
                "Send fewer cookies and headers; a proxy may have added some.",
            ],
        ),
    ),
    (
        Reason::Validation,
        Code::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid request",
            [
                "A member of the body or a parameter of the query is missing, unknown, there twice or out of range.",
                "Change what errors names: each has the field, in a body its pointer (RFC 6901), and a sentence.",
            ],
        ).with(&["errors"]),
    ),
    (
        Reason::KeyReused,
        Code::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency key reused",
            [
                "The Idempotency-Key belongs to an order of the same buyer and item with another quantity.",
                "Use a new key for a new purchase, and the same one only to repeat a request unchanged.",
            ],
        ),
    ),
    (
        Reason::SoldOut,
        Code::new(
            StatusCode::CONFLICT,
            "Sold out",
            [
                "Fewer units are left than were asked for; remaining says how many.",
                "Ask for no more than remaining. Units come back when an order expires, is cancelled, or the shop adds \
                 some; the item's state says when it can be bought again.",
            ],
        ).with(&["remaining"]),
    ),
    (
        Reason::LimitReached,
        Code::new(
            StatusCode::CONFLICT,
            "Purchase limit reached",
            [
                "The buyer would hold more units of the item than one buyer may; pending and paid orders count.",
                "Ask for at most per_user_limit less held. An order that is cancelled or expires frees its units.",
            ],
        ).with(&["per_user_limit", "held"]),
    ),
    (
        Reason::InvalidTransition,
        Code::new(
            StatusCode::CONFLICT,
            "Not possible in this status",
            [
                "The order or item is not in a status from which this is possible: a paid order cannot be cancelled.",
                "Read the order again; order_status says where it stands.",
            ],
        ).with(&["order_status"]),
    ),
    (
        Reason::NotEnoughLeft,
        Code::new(
            StatusCode::CONFLICT,
            "Not enough units left",
            [
                "More units are to be taken off sale than are left: the others are in buyers' orders.",
                "Take as many as remaining says, or cancel orders first.",
            ],
        ).with(&["remaining"]),
    ),
    (
        Reason::Throttled,
        Code::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts",
            [
                "The buyer tried a moment ago, has held units again and again without paying, or has too many streams \
                 open. With scope address: somebody at the same address tried a moment ago.",
                "Wait as long as Retry-After says; sooner attempts are refused, and do not prolong the wait.",
            ],
        ).later().with(&["scope"]),
    ),
    (
        Reason::NoToken,
        Code::new(
            StatusCode::TOO_MANY_REQUESTS,
            "No token left",
            [
                "As many buyers are trying to buy the item as it has units for.",
                "Try again after Retry-After: one of them may give up.",
            ],
        ).later(),
    ),
    (
        Reason::RateLimited,
        Code::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many purchases",
            ["More purchases come in than the shop takes per second.", "Try again after Retry-After."],
        ).later(),
    ),
    (
        Reason::Overloaded,
        Code::new(StatusCode::SERVICE_UNAVAILABLE, "Overloaded", [
            "As many requests or connections are inside as the server takes. Nothing was bought.",
            "Try again after Retry-After, with the same Idempotency-Key.",
        ]).later(),
    ),
    (
        Reason::StorageFull,
        Code::new(StatusCode::SERVICE_UNAVAILABLE, "Storage full", [
            "The disk of the server is full. Nothing was bought.",
            "Try again after Retry-After, with the same Idempotency-Key; the shop's operator has to make room.",
        ]).later(),
    ),
    (
        Reason::StorageUnavailable,
        Code::new(StatusCode::SERVICE_UNAVAILABLE, "Storage unavailable", [
            "The ledger cannot be written or read now. Nothing was bought.",
            "Try again after Retry-After, with the same Idempotency-Key.",
        ]).later(),
    ),
    (
        Reason::OutcomeUnknown,
        Code::new(StatusCode::SERVICE_UNAVAILABLE, "Outcome unknown", [
            "Nobody knows yet whether the request was carried out: the commit takes longer than the answer may.",
            "Repeat the request with the same Idempotency-Key: if it made an order, that order is the answer. Without \
             a key, read your orders before you try again.",
        ]).later(),
    ),
    (
        Reason::GateUnavailable,
        Code::new(StatusCode::SERVICE_UNAVAILABLE, "Gate unavailable", [
            "The limits cannot be checked, because Redis does not answer and redis.on_error is closed. Nothing was \
             bought.",
            "Try again after Retry-After, with the same Idempotency-Key.",
        ]).later(),
    ),
    (
        Reason::ShuttingDown,
        Code::new(StatusCode::SERVICE_UNAVAILABLE, "Shutting down", [
            "The server is closing. Nothing was bought.",
            "Try again after Retry-After, with the same Idempotency-Key.",
        ]).later(),
    ),
];
