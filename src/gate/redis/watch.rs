//! **Job:** finds out how each kind of command fares before a buyer has to: at the start, and whenever it is in doubt.
//! **Owns:** when a kind is tried.
//! **Never:** delays a purchase, or changes anything that a buyer could notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{Command, Redis, RedisLink};

/// How often kinds that fail are tried: twice while a breaker is open, so that no buyer is ever the probe.
const TICK: Duration = Duration::from_millis(500);

/// How often the others are tried if nobody uses them: a permission may be taken away hours before the sale.
const IDLE: Duration = Duration::from_secs(10);

/// Tries the gate's kinds of commands, for ever. `first_round` is told when each has been tried once. Not to be spawned
/// on a worker's runtime.
pub async fn watch(redis: Arc<Redis>, first_round: oneshot::Sender<()>) {
    let link = RedisLink::in_background(Arc::clone(&redis));
    // What the time-out allows for a command is too little for some ways to a first connection.
    link.ping().await;
    link.stay_connected();
    let kinds: Vec<_> = redis.health().in_use().iter().copied().filter(|kind| !kind.is_of_feed()).collect();
    try_all(&link, &kinds).await;
    let _nobody_waits_any_more = first_round.send(());
    let mut idle = Idle::new(&redis);
    loop {
        tokio::time::sleep(TICK).await;
        let unused = idle.unused(&redis);
        let in_doubt = |kind: &Command| unused.contains(kind) || redis.health().is_doubtful(*kind);
        let due: Vec<_> = kinds.iter().copied().filter(in_doubt).collect();
        try_all(&link, &due).await;
    }
}

/// What comes of it is in the state of each kind.
async fn try_all(link: &RedisLink, kinds: &[Command]) {
    join_all(kinds.iter().map(|kind| link.probe(*kind))).await;
}

/// Which kinds nobody has used since the last look.
struct Idle {
    looked_at: Instant,
    calls: Vec<(Command, u64)>,
}

impl Idle {
    fn new(redis: &Redis) -> Self {
        Self { looked_at: Instant::now(), calls: calls(redis) }
    }

    /// None, if the last look is not long ago.
    fn unused(&mut self, redis: &Redis) -> Vec<Command> {
        if self.looked_at.elapsed() < IDLE {
            return Vec::new();
        }
        let before = std::mem::replace(self, Self::new(redis)).calls;
        let same = self.calls.iter().zip(before).filter(|(now, before)| *now == before);
        same.map(|((kind, _), _)| *kind).collect()
    }
}

fn calls(redis: &Redis) -> Vec<(Command, u64)> {
    let seen = redis.health().observe(Instant::now());
    seen.into_iter().map(|seen| (seen.command, seen.calls_total)).collect()
}
