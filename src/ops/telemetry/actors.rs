//! **Job:** the actors as a table: which of them, in which order.
//! **Owns:** the view of an actor.
//! **Never:** wakes an idle actor: what it shows is published.

use std::cmp::Reverse;
use std::sync::Arc;

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Timestamp;

use super::Telemetry;
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
    fn apply(self, published_items: &mut [Arc<PublishedItem>]) {
        match self {
            Self::Name => {}
            Self::Depth => published_items.sort_by_cached_key(|published| Reverse(published.mailbox.depth())),
            Self::HighWater => published_items.sort_by_cached_key(|published| Reverse(published.mailbox.high_water())),
            Self::Processed => published_items.sort_by_cached_key(|published| Reverse(published.actor.handled_total())),
            Self::Wait => published_items.sort_by_cached_key(|published| Reverse(published.actor.p99s_us().0)),
            Self::Handle => published_items.sort_by_cached_key(|published| Reverse(published.actor.p99s_us().1)),
            Self::Remaining => published_items.sort_by_cached_key(|published| published.remaining()),
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

    fn includes(&self, published: &PublishedItem) -> bool {
        let Some(search) = &self.search else { return true };
        let (definition, search) = (published.definition(), search.to_lowercase());
        definition.id.as_str().to_lowercase().contains(&search) || definition.title.to_lowercase().contains(&search)
    }
}

impl Telemetry {
    /// The actors of items.
    #[must_use]
    pub fn stock_actors(&self, selection: &Selection, buckets: WithBuckets) -> Vec<ActorView> {
        let mut published_items = match &selection.item {
            Some(item) => self.sale.directory.find(item).into_iter().collect(),
            None => self.sale.directory.all(),
        };
        published_items.retain(|published| selection.includes(published));
        selection.sort.apply(&mut published_items);
        let now = self.sale.clock.now();
        published_items
            .iter()
            .take(selection.limit)
            .map(|published| self.stock_actor(published, now, buckets))
            .collect()
    }

    /// The actor of an item.
    #[must_use]
    pub fn stock_actor(&self, published: &PublishedItem, now: Timestamp, buckets: WithBuckets) -> ActorView {
        let (definition, seen) = (published.definition(), published.actor.observe());
        ActorView {
            name: format!("stock/{}", definition.id),
            kind: "stock",
            core: Some(published.core.0),
            mailbox: MailboxView {
                depth: published.mailbox.depth(),
                capacity: self.sale.mailbox_capacity(),
                high_water: published.mailbox.high_water(),
            },
            processed_total: seen.handled,
            wait_us: DistributionView::of(seen.wait_us, buckets),
            handle_us: DistributionView::of(seen.handle_us, buckets),
            started: Some(seen.handled > 0),
            item_id: Some(definition.id.clone()),
            title: Some(definition.title.clone()),
            state: Some(published.state(now)),
            supply: Some(published.supply()),
            remaining: Some(published.remaining()),
        }
    }

    /// The actor that writes.
    #[must_use]
    pub fn writer_actor(&self, buckets: WithBuckets) -> ActorView {
        let seen = self.sale.writer.actor.observe();
        ActorView {
            name: "order_writer".to_owned(),
            kind: "writer",
            core: None,
            mailbox: MailboxView {
                depth: self.sale.writer.mailbox.depth(),
                capacity: self.sale.mailbox_capacity(),
                high_water: self.sale.writer.mailbox.high_water(),
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
