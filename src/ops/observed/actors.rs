//! **Job:** the actors as a table: which of them, in which order.
//! **Owns:** the view of an actor.
//! **Never:** wakes an idle actor: what it shows is published.

use std::cmp::Reverse;
use std::sync::Arc;

use doorbuster_actors::directory::Listing;
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::time::Timestamp;

use super::Observed;
use super::views::{ActorView, DistributionView, MailboxView, WithBuckets};

/// What a table of actors is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Item id.
    #[default]
    Name,
    /// The deepest mailbox first.
    Depth,
    /// The deepest that a mailbox ever was.
    HighWater,
    /// The busiest first.
    Processed,
    /// The longest 99th percentile of waiting first.
    Wait,
    /// The slowest first: 99th percentile of handling.
    Handle,
    /// What is sold out next comes first.
    Remaining,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Name, Self::Depth, Self::HighWater, Self::Processed, Self::Wait, Self::Handle, Self::Remaining];

    /// Its name in the query.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Depth => "depth",
            Self::HighWater => "high_water",
            Self::Processed => "processed",
            Self::Wait => "wait",
            Self::Handle => "handle",
            Self::Remaining => "remaining",
        }
    }

    /// Sorts; who is equal stays in the order of names.
    fn apply(self, listings: &mut [Arc<Listing>]) {
        match self {
            Self::Name => {}
            Self::Depth => listings.sort_by_cached_key(|listing| Reverse(listing.mailbox.depth())),
            Self::HighWater => listings.sort_by_cached_key(|listing| Reverse(listing.mailbox.high_water())),
            Self::Processed => listings.sort_by_cached_key(|listing| Reverse(listing.actor.handled_total())),
            Self::Wait => listings.sort_by_cached_key(|listing| Reverse(listing.actor.p99s_us().0)),
            Self::Handle => listings.sort_by_cached_key(|listing| Reverse(listing.actor.p99s_us().1)),
            Self::Remaining => listings.sort_by_cached_key(|listing| listing.remaining()),
        }
    }
}

/// Which actors are asked for.
#[derive(Debug, Default)]
pub struct Selection {
    /// That of this item.
    pub item: Option<ItemId>,
    /// Those with this in their id or title, whatever the case.
    pub search: Option<String>,
    /// In this order.
    pub sort: Sort,
    /// At most so many.
    pub limit: usize,
}

impl Selection {
    /// Whether only items are asked for.
    #[must_use]
    pub fn names_items(&self) -> bool {
        self.item.is_some() || self.search.is_some()
    }

    fn includes(&self, listing: &Listing) -> bool {
        let Some(search) = &self.search else { return true };
        let (definition, search) = (listing.definition(), search.to_lowercase());
        definition.id.as_str().to_lowercase().contains(&search) || definition.title.to_lowercase().contains(&search)
    }
}

impl Observed {
    /// The actors of items.
    #[must_use]
    pub fn stock_actors(&self, selection: &Selection, buckets: WithBuckets) -> Vec<ActorView> {
        let mut listings = match &selection.item {
            Some(item) => self.directory.find(item).into_iter().collect(),
            None => self.directory.all(),
        };
        listings.retain(|listing| selection.includes(listing));
        selection.sort.apply(&mut listings);
        let now = self.clock.now();
        listings.iter().take(selection.limit).map(|listing| self.stock_actor(listing, now, buckets)).collect()
    }

    /// The actor of an item.
    #[must_use]
    pub fn stock_actor(&self, listing: &Listing, now: Timestamp, buckets: WithBuckets) -> ActorView {
        let (definition, seen) = (listing.definition(), listing.actor.observe());
        ActorView {
            name: format!("stock/{}", definition.id),
            kind: "stock",
            core: Some(listing.core.0),
            mailbox: MailboxView {
                depth: listing.mailbox.depth(),
                capacity: self.mailbox_capacity,
                high_water: listing.mailbox.high_water(),
            },
            processed_total: seen.handled,
            wait_us: DistributionView::of(seen.wait_us, buckets),
            handle_us: DistributionView::of(seen.handle_us, buckets),
            started: Some(seen.handled > 0),
            item_id: Some(definition.id.clone()),
            title: Some(definition.title.clone()),
            state: Some(listing.state(now)),
            supply: Some(listing.supply()),
            remaining: Some(listing.remaining()),
        }
    }

    /// The actor that writes.
    #[must_use]
    pub fn writer_actor(&self, buckets: WithBuckets) -> ActorView {
        let seen = self.writer.actor.observe();
        ActorView {
            name: "order_writer".to_owned(),
            kind: "writer",
            core: None,
            mailbox: MailboxView {
                depth: self.writer.mailbox.depth(),
                capacity: self.mailbox_capacity,
                high_water: self.writer.mailbox.high_water(),
            },
            processed_total: seen.handled,
            wait_us: DistributionView::of(seen.wait_us, buckets),
            handle_us: DistributionView::of(seen.handle_us, buckets),
            started: None,
            item_id: None,
            title: None,
            state: None,
            supply: None,
            remaining: None,
        }
    }
}
