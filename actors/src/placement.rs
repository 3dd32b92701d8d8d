//! **Job:** places items on cores, and knows how to reach every thread of the sale.
//! **Owns:** which item lives on which core, and the recipients of every thread's router.
//! **Never:** looks into a message.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use actix::Recipient;
use foldhash::fast::FixedState;

use crate::ids::{CoreId, ItemId, WorkerId};
use crate::messages::{AskSuspense, CreateItem, Deliver, FindOfBuyer, Replies, Restore};

impl CoreId {
    /// The core's own worker: cores have the first numbers.
    #[must_use]
    pub fn worker(self) -> WorkerId {
        WorkerId(self.0)
    }
}

/// The core that has the suspense account.
pub(crate) const SUSPENSE_CORE: CoreId = CoreId(0);

/// What may be sent to a thread of the sale. Kept as long as the sale: a fresh recipient has a free place in any
/// mailbox, and so bounds nothing.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) deliver: Recipient<Deliver>,
    pub(crate) replies: Recipient<Replies>,
    pub(crate) create_item: Recipient<CreateItem>,
    pub(crate) find_of_buyer: Recipient<FindOfBuyer>,
    pub(crate) ask_suspense: Recipient<AskSuspense>,
    pub(crate) restore: Recipient<Restore>,
}

/// The threads that send messages or run actors.
#[derive(Debug)]
pub(crate) struct Placement {
    cores: u16,
    threads: Vec<OnceLock<Thread>>,
}

impl Placement {
    /// `cores` threads with actors, and `guests` more that only send messages.
    #[must_use]
    pub(crate) fn new(cores: u16, guests: u16) -> Self {
        let workers = usize::from(cores) + usize::from(guests);
        Self { cores, threads: (0..workers).map(|_| OnceLock::new()).collect() }
    }

    /// The core of an item: the same in every run with as many cores.
    #[must_use]
    pub(crate) fn core_for(&self, item: &ItemId) -> CoreId {
        let hash = FixedState::with_seed(0).hash_one(item.as_str());
        let core = hash % u64::from(self.cores.max(1));
        CoreId(u16::try_from(core).expect("a remainder is below its divisor, a u16"))
    }

    /// Every core.
    pub(crate) fn all(&self) -> impl Iterator<Item = CoreId> + use<> {
        (0..self.cores).map(CoreId)
    }

    pub(crate) fn join(&self, worker: WorkerId, thread: Thread) {
        let joined = self.threads[usize::from(worker.0)].set(thread);
        assert!(joined.is_ok(), "worker {} was started twice", worker.0);
    }

    /// The thread of `worker`, once it has started.
    #[must_use]
    pub(crate) fn thread(&self, worker: WorkerId) -> Option<&Thread> {
        self.threads.get(usize::from(worker.0))?.get()
    }

    /// Whether every thread has started.
    #[must_use]
    pub(crate) fn is_complete(&self) -> bool {
        self.threads.iter().all(|thread| thread.get().is_some())
    }
}
