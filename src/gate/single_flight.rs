//! **Job:** lets a retry wait for the attempt with the same key that is still on its way.
//! **Owns:** the keys of the attempts in flight; bounded by the permits, one entry each.
//! **Never:** remembers a key after its attempt has ended: orders are remembered by the stock.

use std::convert::Infallible;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use doorbuster_actors::sale::Fingerprint;
use tokio::sync::oneshot;

/// The keys of the attempts that are inside, each with those who wait for its end. Nothing is ever sent to them: their
/// channels end with the attempt. Nearly always there are none, and an empty list takes no memory.
#[derive(Debug, Default)]
pub struct SingleFlight {
    inside: DashMap<Fingerprint, Vec<oneshot::Sender<Infallible>>>,
}

/// The first attempt with a key. While it lives, others with the key wait.
#[derive(Debug)]
pub struct Leader<'r> {
    single_flight: &'r SingleFlight,
    key: Fingerprint,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.single_flight.inside.remove(&self.key);
    }
}

impl SingleFlight {
    /// Registers an attempt, or waits until the one that was first has ended. Who has waited is not registered: they go
    /// on at once with all others who have, instead of one by one.
    pub async fn first(&self, key: Fingerprint) -> Option<Leader<'_>> {
        let ended = match self.inside.entry(key) {
            Entry::Occupied(mut first) => wait_with(first.get_mut()),
            Entry::Vacant(place) => {
                place.insert(Vec::new());
                return Some(Leader { single_flight: self, key });
            }
        };
        let _ended = ended.await;
        None
    }
}

/// Joins those who wait. Before their list grows, those who have gone leave it: so it stays as short as the permits
/// keep the crowd, however often somebody comes and goes.
fn wait_with(waiting: &mut Vec<oneshot::Sender<Infallible>>) -> oneshot::Receiver<Infallible> {
    if waiting.len() == waiting.capacity() {
        waiting.retain(|other| !other.is_closed());
    }
    let (ends, ended) = oneshot::channel();
    waiting.push(ends);
    ended
}

#[cfg(test)]
mod tests {
    use doorbuster_actors::ids::{IdempotencyKey, ItemNumber, UserId};
    use doorbuster_actors::sale::UsedKeys;
    use futures_util::FutureExt as _;

    use super::*;

    fn key() -> Fingerprint {
        let (user, key): (UserId, IdempotencyKey) = ("u".parse().expect("an id"), "k".parse().expect("a key"));
        UsedKeys::default().fingerprint(ItemNumber(1), &user, &key)
    }

    #[test]
    fn others_with_the_key_wait_until_the_first_has_ended() {
        let (single_flight, key) = (SingleFlight::default(), key());
        let first = single_flight.first(key).now_or_never().flatten().expect("nobody was before");
        let (mut second, mut third) = (Box::pin(single_flight.first(key)), Box::pin(single_flight.first(key)));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        drop(first);
        for waited in [second, third] {
            assert!(waited.now_or_never().expect("the wait is over").is_none(), "who has waited is not first");
        }
        assert!(single_flight.inside.is_empty());
    }

    #[test]
    fn who_comes_and_goes_leaves_nothing_behind() {
        let (single_flight, key) = (SingleFlight::default(), key());
        let _first = single_flight.first(key).now_or_never().flatten().expect("nobody was before");
        for _ in 0..10_000 {
            assert!(single_flight.first(key).now_or_never().is_none(), "it waits");
        }
        assert!(single_flight.inside.get(&key).expect("the first is inside").capacity() <= 8);
    }
}
