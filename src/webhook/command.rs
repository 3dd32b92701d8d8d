//! **Job:** what the operator asks of the webhook, with the way back for the answer.
//! **Owns:** the questions and how the answer can be no.
//! **Never:** answers.

use tokio::sync::oneshot;

use super::delivery::{Delivery, DeliveryStatus};

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The ledger ends before that entry.
    #[error("the ledger ends at {last_seq}")]
    Beyond {
        /// Its last entry.
        last_seq: u64,
    },
    /// There is no such delivery on the list.
    #[error("there is no such delivery")]
    Unknown,
    /// It was not given up.
    #[error("the delivery is {}", .0.as_str())]
    NotDead(DeliveryStatus),
    /// Its file or the ledger cannot be used now.
    #[error("the webhook's file cannot be used now")]
    Storage,
    /// Too many questions, or no answer in time.
    #[error("the webhook does not answer")]
    Busy,
    /// The server is closing.
    #[error("the server is closing")]
    Closing,
}

/// Where the answer goes. Nobody may be waiting any more.
pub(super) type Reply<T> = oneshot::Sender<Result<T, NoAnswer>>;

/// A question.
pub(super) enum Command {
    /// Deliveries in the order of their entries.
    Page {
        /// Of this status only.
        status: Option<DeliveryStatus>,
        /// After this entry.
        after: u64,
        /// At most so many.
        limit: usize,
        /// The deliveries.
        reply: Reply<Vec<Delivery>>,
    },
    /// Everything after an entry again.
    Replay {
        /// The entry.
        after: u64,
        /// The last entry of the ledger.
        reply: Reply<u64>,
    },
    /// One that was given up again.
    Retry {
        /// Its entry.
        seq: u64,
        /// The delivery.
        reply: Reply<Delivery>,
    },
}
