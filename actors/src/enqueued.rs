//! **Job:** a message's place in the mailbox of an item's actor.
//! **Owns:** the address of the actor and the depth of its mailbox, in one guard.
//! **Never:** looks at the message: it counts it in and out.

use std::sync::Arc;
use std::time::Instant;

use crate::directory::PublishedItem;

/// A message on its way to an item's actor. It is the address and the depth gauge in one: a mailbox cannot be asked
/// for its length.
#[derive(Debug)]
pub(crate) struct Enqueued {
    published: Arc<PublishedItem>,
    posted: Option<Instant>,
}

impl Enqueued {
    /// A message for the actor of `published`, with the time of its posting if its way is to be timed.
    #[must_use]
    pub(crate) fn to(published: &Arc<PublishedItem>, posted: Option<Instant>) -> Self {
        published.mailbox.enter(1);
        Self { published: Arc::clone(published), posted }
    }

    /// The item it is for.
    #[must_use]
    pub(crate) fn published(&self) -> &Arc<PublishedItem> {
        &self.published
    }

    /// When it was posted, if that was noted.
    #[must_use]
    pub(crate) fn posted(&self) -> Option<Instant> {
        self.posted
    }
}

impl Drop for Enqueued {
    fn drop(&mut self) {
        self.published.mailbox.leave(1);
    }
}
