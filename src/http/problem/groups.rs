//! **Job:** the codes by what may lead to them: what a route says that it may refuse with.
//! **Owns:** the groups.
//! **Never:** knows a route.

use doorbuster_actors::request::Reason;

/// Any request to the public listener.
pub const ANY: &[Reason] = &[Reason::Malformed, Reason::NotAcceptable, Reason::UriTooLong, Reason::HeadersTooLarge];

/// Any request to the operations listener.
pub const ANY_OF_OPERATIONS: &[Reason] = &[Reason::Malformed, Reason::UriTooLong, Reason::HeadersTooLarge];

/// What the path names may not exist, be none of the asker's business, or be at another node.
pub const NAMED: &[Reason] = &[Reason::NotFound, Reason::Misdirected];

/// A list that several nodes have a part of.
pub const PARTED: &[Reason] = &[Reason::Misdirected];

/// Parameters may be unknown, stand twice, or be out of range.
pub const PARAMETERS: &[Reason] = &[Reason::Validation];

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

/// A file beside the data file is asked or written.
pub const KEPT: &[Reason] = &[Reason::Overloaded, Reason::StorageUnavailable, Reason::ShuttingDown];

/// The order or the item must be in a state from which this is possible.
pub const STEP: &[Reason] = &[Reason::InvalidTransition];

/// Fewer units may be left than are to be taken off sale.
pub const WITHDRAWAL: &[Reason] = &[Reason::NotEnoughLeft];

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
