//! **Job:** brings tokens back to Redis, off the path of requests.
//! **Owns:** the process's queue of returned tokens and the task that empties it.
//! **Never:** waits at the sender's end: what does not fit is lost in Redis until the pool is seeded anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use doorbuster_actors::ids::ItemId;
use tokio::sync::mpsc;

use crate::gate::redis::RedisLink;

/// Tokens that may wait for their way back. As many as purchases may be in flight at once, so that all of them may
/// fall through in one moment; about 700 KiB.
pub const RETURN_QUEUE: usize = 16_384;

/// Tokens taken out of the queue at a time. Those of one item go back in one command.
const RETURN_BATCH: usize = 1_024;

/// The place where tokens go back. Cheap to clone, for any thread.
#[derive(Debug, Clone)]
pub struct PoolReturns {
    queue: Option<mpsc::Sender<(ItemId, u32)>>,
    lost_total: Arc<AtomicU64>,
}

/// The other end of the queue; one per process.
#[derive(Debug)]
pub struct ReturnDrain {
    queue: mpsc::Receiver<(ItemId, u32)>,
    lost_total: Arc<AtomicU64>,
}

impl PoolReturns {
    /// For pools that live in this process only.
    #[must_use]
    pub fn local() -> Self {
        Self { queue: None, lost_total: Arc::default() }
    }

    /// For pools in Redis. Run the drain somewhere, else the queue fills and tokens leak in Redis.
    #[must_use]
    pub fn to_redis() -> (Self, ReturnDrain) {
        let (sender, queue) = mpsc::channel(RETURN_QUEUE);
        let lost_total = Arc::new(AtomicU64::new(0));
        (Self { queue: Some(sender), lost_total: Arc::clone(&lost_total) }, ReturnDrain { queue, lost_total })
    }

    /// Units that could not be brought back to Redis; they are free again when their pool is seeded anew.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost_total.load(Relaxed)
    }

    pub(super) fn mirror(&self, item: ItemId, quantity: u32) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send((item, quantity)).is_err() {
            self.lost_total.fetch_add(u64::from(quantity), Relaxed);
        }
    }
}

impl ReturnDrain {
    /// Brings tokens back until every [`PoolReturns`] is gone. For one task of the process, on the link's runtime.
    pub async fn run(mut self, link: RedisLink) {
        let mut batch = Vec::with_capacity(RETURN_BATCH);
        while self.queue.recv_many(&mut batch, RETURN_BATCH).await > 0 {
            let mut per_item = HashMap::<ItemId, u64>::new();
            for (item, quantity) in batch.drain(..) {
                *per_item.entry(item).or_default() += u64::from(quantity);
            }
            for (item, quantity) in per_item {
                if link.return_tokens(&item, quantity).await.is_err() {
                    self.lost_total.fetch_add(quantity, Relaxed);
                }
            }
        }
    }
}
