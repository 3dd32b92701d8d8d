//! **Job:** the names of all answers a purchase attempt can get.
//! **Owns:** the list of codes under which an answer is counted and known outside.
//! **Never:** says a status or a sentence: those are `http::problem`'s.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Every answer a purchase attempt can get besides its order, by the name the contract gives it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as the contract writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The same order again, for a key that was used before.
    Replayed = "replayed",
    /// The client went away while the attempt waited at the layer.
    Disconnected = "disconnected",
    /// Not HTTP or not JSON.
    Malformed = "malformed",
    /// No valid credentials.
    Unauthenticated = "unauthenticated",
    /// Valid credentials, but not for this.
    Forbidden = "forbidden",
    /// Before the sale.
    SaleNotStarted = "sale-not-started",
    /// The sale is interrupted.
    SalePaused = "sale-paused",
    /// After the sale.
    SaleClosed = "sale-closed",
    /// No such thing.
    NotFound = "not-found",
    /// No such method here.
    MethodNotAllowed = "method-not-allowed",
    /// The client does not take JSON.
    NotAcceptable = "not-acceptable",
    /// The body did not come in time.
    RequestTimeout = "request-timeout",
    /// No length of the body.
    LengthRequired = "length-required",
    /// Too large a body.
    PayloadTooLarge = "payload-too-large",
    /// Too long a path.
    UriTooLong = "uri-too-long",
    /// Not JSON by its own word.
    UnsupportedMediaType = "unsupported-media-type",
    /// Too many or too large headers.
    HeadersTooLarge = "headers-too-large",
    /// A member is missing, unknown or out of range.
    Validation = "validation",
    /// The key belongs to an order with another payload.
    KeyReused = "idempotency-key-reused",
    /// Fewer units are left than were asked for.
    SoldOut = "sold-out",
    /// The buyer may not hold that many.
    LimitReached = "limit-reached",
    /// The order is not in a status from which this is possible.
    InvalidTransition = "invalid-transition",
    /// This user tries too often.
    Throttled = "throttled",
    /// The token pool is empty.
    NoToken = "no-token",
    /// The token bucket is empty.
    RateLimited = "rate-limited",
    /// As many purchases as may be are in flight.
    Overloaded = "overloaded",
    /// The disk is full.
    StorageFull = "storage-full",
    /// The data file cannot be written.
    StorageUnavailable = "storage-unavailable",
    /// Nobody knows yet.
    OutcomeUnknown = "outcome-unknown",
    /// Redis does not answer, and the policy is to stay closed.
    GateUnavailable = "gate-unavailable",
    /// The server is closing.
    ShuttingDown = "shutting-down",
}
