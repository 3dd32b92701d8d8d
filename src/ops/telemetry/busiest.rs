//! **Job:** which items had most to do since the last look.
//! **Owns:** how many messages each actor had handled then.
//! **Never:** shows them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::sale::PublishedItem;

/// Items that are shown one by one: as many as lines in a chart can be told apart.
const MOST: usize = 12;

/// The busiest items.
#[derive(Default)]
pub struct Busiest {
    /// Messages that each actor had handled at the last look.
    handled: HashMap<ItemNumber, u64>,
    published_items: Vec<Arc<PublishedItem>>,
}

impl Busiest {
    /// Looks again at all items.
    pub fn look(&mut self, all: &[Arc<PublishedItem>]) {
        let mut ranks: Vec<_> = all.iter().map(|published| (self.rank(published), published)).collect();
        if ranks.len() > MOST {
            ranks.select_nth_unstable_by_key(MOST, |(rank, _)| Reverse(*rank));
            ranks.truncate(MOST);
        }
        ranks.sort_by_key(|(rank, _)| Reverse(*rank));
        self.published_items = ranks.into_iter().map(|(_, published)| Arc::clone(published)).collect();
    }

    /// Those of the last look, the busiest first.
    #[must_use]
    pub fn published_items(&self) -> &[Arc<PublishedItem>] {
        &self.published_items
    }

    /// Messages since the look before, then messages in all, then the item that was created first.
    fn rank(&mut self, published: &PublishedItem) -> (u64, u64, Reverse<ItemNumber>) {
        let handled = published.actor.handled_total();
        let before = self.handled.insert(published.number, handled).unwrap_or(0);
        (handled.saturating_sub(before), handled, Reverse(published.number))
    }
}
