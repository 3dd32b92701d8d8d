//! **Job:** the rate-limiting layers of the gate against a real Redis.
//! **Owns:** what is expected of one layer while Redis works; `faults` is about when it does not.
//! **Never:** shares a server between tests, or sleeps to win a race.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use doorbuster::config::{OnError, ThrottleScope};
use doorbuster::gate::bucket::{Bucket, BucketSize, LocalBucket};
use doorbuster::gate::pool::{Pool, PoolReturns, PoolVerdict, Token};
use doorbuster::gate::redis::{Redis, RedisLink, RedisSettings};
use doorbuster::gate::throttle::{LocalThrottle, Throttle};
use doorbuster::gate::verdict::Verdict;
use doorbuster::redis_client::{Command, RedisAddress};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::sale::ItemPool;
use tokio::task::JoinSet;

mod faults;
mod server;
mod told;
mod ways;
mod windows;

use server::{PATIENCE, RedisServer};

/// Time-out of tests in which Redis fails: longer than the default, because Redis comes back in some of them and the
/// machine may be busy. Where Redis works all the time, the time-out is `PATIENCE`.
const TIMEOUT: Duration = Duration::from_millis(200);

fn redis(url: &str, on_error: OnError, timeout: Duration) -> Arc<Redis> {
    redis_at(RedisAddress::new(url), on_error, timeout)
}

fn redis_at(address: RedisAddress, on_error: OnError, timeout: Duration) -> Arc<Redis> {
    let commands = Command::ALL.into_iter().filter(|command| !command.is_of_feed()).collect();
    let settings = RedisSettings { address, timeout, on_error, prefix: "doorbuster:".to_owned(), commands };
    Redis::new(&settings).expect("the address is valid")
}

/// A link to a Redis that works: whatever is not an answer is `GateUnavailable`, and fails the test.
fn working(server: &RedisServer) -> Arc<Redis> {
    redis(&server.url(), OnError::Closed, PATIENCE)
}

fn item() -> ItemId {
    "sku-1".parse().expect("a valid id")
}

fn throttle(redis: &Arc<Redis>, window: Duration) -> Throttle {
    let link = RedisLink::new(Arc::clone(redis));
    Throttle::new(Arc::new(LocalThrottle::new(window)), Some(link), ThrottleScope::User)
}

/// What the throttle says to an attempt of the user; the window stays.
async fn attempt(throttle: &Throttle, user: &str) -> Verdict {
    throttle.admit(user, &item(), Instant::now()).await.into()
}

fn bucket(redis: &Arc<Redis>, rate: u32, burst: u32) -> Bucket {
    let size = BucketSize::new(rate, burst).expect("a rate above 0");
    Bucket::new(Arc::new(LocalBucket::new(size)), Some(RedisLink::new(Arc::clone(redis))))
}

/// One worker's layers, as tight as can be: once a minute per user, one token, one purchase per second.
struct Layers {
    on_error: OnError,
    redis: Arc<Redis>,
    throttle: Throttle,
    pool: Pool,
    item_pool: Arc<ItemPool>,
    bucket: Bucket,
}

impl Layers {
    fn new(url: &str, on_error: OnError) -> Self {
        let redis = redis(url, on_error, TIMEOUT);
        let pool = Pool::new(Some(RedisLink::new(Arc::clone(&redis))), PoolReturns::local());
        Self {
            on_error,
            throttle: throttle(&redis, Duration::from_mins(1)),
            pool,
            item_pool: Arc::default(),
            bucket: bucket(&redis, NonZeroU32::MIN.get(), 1),
            redis,
        }
    }

    async fn throttle(&self) -> Verdict {
        self.throttle_of("ada").await
    }

    async fn throttle_of(&self, user: &str) -> Verdict {
        attempt(&self.throttle, user).await
    }

    /// The token of a passed attempt is spent.
    async fn pool(&self) -> Verdict {
        let verdict = self.pool.admit(&item(), &self.item_pool, 1, 1).await;
        let answer = Verdict::from(&verdict);
        if let PoolVerdict::Pass(token) = verdict {
            token.spend();
        }
        answer
    }

    async fn bucket(&self) -> Verdict {
        self.bucket.admit(Instant::now()).await
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs the same work on several workers: threads with a runtime of their own each.
fn on_workers<T: Send>(workers: usize, work: impl AsyncFn() -> T + Sync) -> Vec<T> {
    let worker = || runtime().block_on(work());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn pass(verdict: PoolVerdict) -> Option<Token> {
    match verdict {
        PoolVerdict::Pass(token) => Some(token),
        PoolVerdict::Refused { retry_after } => {
            assert_eq!(retry_after, Duration::from_secs(1));
            None
        }
        PoolVerdict::GateUnavailable => panic!("redis works"),
    }
}

async fn eventually(mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_attempt_is_one_command() {
    let server = RedisServer::start(&[]);
    let redis = working(&server);
    for (window, expiry) in [(Duration::from_secs(5), r#""EX" "5""#), (Duration::from_millis(2_500), r#""PX" "2500""#)]
    {
        let throttle = throttle(&redis, window);
        attempt(&throttle, "first-connects").await;
        let recorder = server.recorder();
        for user in ["ada", "ada", "bob"] {
            attempt(&throttle, user).await;
        }
        let (waits, commands): (Vec<_>, Vec<_>) =
            recorder.stop(&server).into_iter().partition(|command| command.contains(r#""PTTL""#));
        assert_eq!((commands.len(), waits.len()), (3, 1), "only who is refused asks for how long: {commands:?}");
        assert!(commands.iter().all(|command| command.contains(r#""SET" "doorbuster:throttle:"#)), "{commands:?}");
        assert!(commands.iter().all(|command| command.contains(r#""NX""#) && command.contains(expiry)), "{commands:?}");
        redis::cmd("FLUSHALL").exec(&mut server.observer()).expect("the server answers");
    }
}

#[test]
fn of_sixty_four_simultaneous_attempts_of_one_user_one_passes() {
    let server = RedisServer::start(&[]);
    let (redis, start) = (working(&server), std::sync::Barrier::new(4));
    let passed = on_workers(4, async || {
        let throttle = Arc::new(throttle(&redis, Duration::from_mins(1)));
        start.wait();
        let attempt = |_| {
            let throttle = Arc::clone(&throttle);
            async move { self::attempt(&throttle, "ada").await }
        };
        let verdicts = (0..16).map(attempt).collect::<JoinSet<_>>().join_all().await;
        let is_known = |verdict: &Verdict| match verdict {
            Verdict::Pass => true,
            Verdict::Refused { retry_after } => *retry_after <= Duration::from_mins(1),
            Verdict::GateUnavailable => false,
        };
        assert!(verdicts.iter().all(is_known), "{verdicts:?}");
        verdicts.iter().filter(|verdict| **verdict == Verdict::Pass).count()
    });
    assert_eq!(passed.iter().sum::<usize>(), 1);
}

/// Times are the server's own, taken before and after the attempt, so that a pause of the test proves nothing wrong.
#[tokio::test]
async fn the_next_attempt_passes_after_the_window_and_not_before() {
    let server = RedisServer::start(&[]);
    let mut observer = server.observer();
    let mut time = move || -> u64 {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(&mut observer).expect("the server answers");
        seconds * 1_000 + micros / 1_000
    };
    let (window, throttle) = (300, throttle(&working(&server), Duration::from_millis(300)));
    let before_first = time();
    assert_eq!(attempt(&throttle, "ada").await, Verdict::Pass);
    let after_first = time();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = time();
        let verdict = attempt(&throttle, "ada").await;
        let after = time();
        if verdict == Verdict::Pass {
            assert!(after >= before_first + window, "passed {} ms early", before_first + window - after);
            break;
        }
        assert!(before <= after_first + window, "refused {} ms late", before - after_first - window);
        assert!(Instant::now() < deadline, "never passed again");
    }
}

#[test]
fn of_two_thousand_callers_a_hundred_get_the_hundred_tokens_and_the_tokens_come_back() {
    let server = RedisServer::start(&[]);
    let (redis, (returns, drain)) = (working(&server), PoolReturns::to_redis());
    let item_pool = Arc::new(ItemPool::new(0));
    let mut tokens: Vec<Token> = on_workers(4, async || {
        let pool = Arc::new(Pool::new(Some(RedisLink::new(Arc::clone(&redis))), returns.clone()));
        let attempt = |_| {
            let (pool, item_pool) = (Arc::clone(&pool), Arc::clone(&item_pool));
            async move { pass(pool.admit(&item(), &item_pool, 100, 1).await) }
        };
        (0..500).map(attempt).collect::<JoinSet<_>>().join_all().await.into_iter().flatten().collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    let taken = || redis::cmd("GET").arg("doorbuster:pool:{sku-1}").query::<u64>(&mut server.observer()).ok();
    assert_eq!((tokens.len(), item_pool.taken(), taken()), (100, 100, Some(100)));

    let spent = tokens.split_off(60);
    spent.into_iter().for_each(Token::spend);
    drop(tokens);
    assert_eq!(item_pool.taken(), 40);
    assert_eq!(returns.lost_total(), 0);
    drop(returns);
    runtime().block_on(drain.run(RedisLink::new(redis)));
    assert_eq!(taken(), Some(40));
}

#[tokio::test]
async fn a_missing_pool_is_seeded_with_what_the_server_knows() {
    let server = RedisServer::start(&[]);
    let pool = Pool::new(Some(RedisLink::new(working(&server))), PoolReturns::local());
    let item_pool = Arc::new(ItemPool::new(98));
    let first = pass(pool.admit(&item(), &item_pool, 100, 1).await);
    redis::cmd("FLUSHALL").exec(&mut server.observer()).expect("the server answers");
    let second = pass(pool.admit(&item(), &item_pool, 100, 1).await);
    let third = pass(pool.admit(&item(), &item_pool, 100, 1).await);
    assert_eq!([first.is_some(), second.is_some(), third.is_some()], [true, true, false]);
    let ttl: i64 = redis::cmd("TTL").arg("doorbuster:pool:{sku-1}").query(&mut server.observer()).expect("a number");
    assert!((1..=60).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_token_of_an_abandoned_attempt_comes_back() {
    let server = RedisServer::start(&[]);
    let redis = working(&server);
    let (returns, drain) = PoolReturns::to_redis();
    let pool = Pool::new(Some(RedisLink::new(Arc::clone(&redis))), returns);
    let (item, item_pool) = (item(), Arc::new(ItemPool::new(0)));
    drop(pass(pool.admit(&item, &item_pool, 0, 1).await)); // connects, loads the script
    server.freeze();
    let attempt = async { drop(pass(pool.admit(&item, &item_pool, 100, 1).await)) };
    let abandoned = tokio::time::timeout(Duration::from_millis(20), attempt).await;
    assert!(abandoned.is_err(), "a frozen server does not answer");
    server.thaw();
    tokio::spawn(drain.run(RedisLink::new(redis)));
    let mut observer = server.observer();
    eventually(|| {
        let calls: String = redis::cmd("INFO").arg("commandstats").query(&mut observer).expect("the server answers");
        calls.contains("cmdstat_decrby:calls=1,")
    })
    .await;
    let taken: u64 = redis::cmd("GET").arg("doorbuster:pool:{sku-1}").query(&mut observer).expect("a number");
    assert_eq!((item_pool.taken(), taken), (0, 0));
}

#[test]
fn a_saturated_bucket_passes_its_rate_and_not_more() {
    const RATE: u32 = 2_000;
    const BURST: u32 = 1_000; // half a second of tokens: a stall of the machine that is shorter costs none
    let server = RedisServer::start(&[]);
    let redis = working(&server);
    let (start, span) = (Instant::now(), Duration::from_secs(2));
    let passed: u32 = on_workers(2, async || {
        let bucket = Arc::new(bucket(&redis, RATE, BURST));
        let caller = |_| {
            let bucket = Arc::clone(&bucket);
            async move {
                let mut passed = 0;
                while start.elapsed() < span {
                    match bucket.admit(Instant::now()).await {
                        Verdict::Pass => passed += 1,
                        Verdict::Refused { retry_after } => tokio::time::sleep(retry_after).await,
                        Verdict::GateUnavailable => panic!("redis works"),
                    }
                    tokio::task::yield_now().await;
                }
                passed
            }
        };
        (0..32).map(caller).collect::<JoinSet<_>>().join_all().await.into_iter().sum::<u32>()
    })
    .into_iter()
    .sum();
    let most = f64::from(RATE) * start.elapsed().as_secs_f64() + f64::from(BURST);
    let fair = f64::from(RATE) * span.as_secs_f64() + f64::from(BURST);
    assert!(f64::from(passed) <= most, "{passed} passed, {most} may");
    assert!(f64::from(passed) >= 0.95 * fair, "{passed} passed, {fair} could");
    let commands = redis.observe().commands_total;
    assert!(commands < u64::from(passed) / 3, "{commands} commands for {passed} tokens");
}

#[tokio::test]
async fn attempts_that_come_together_share_one_fetch() {
    let server = RedisServer::start(&[]);
    let redis = working(&server);
    let bucket = Arc::new(bucket(&redis, 100, 64));
    let attempt = |_| {
        let bucket = Arc::clone(&bucket);
        async move { bucket.admit(Instant::now()).await }
    };
    let verdicts = (0..64).map(attempt).collect::<JoinSet<_>>().join_all().await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Pass), "{verdicts:?}");
    assert_eq!(redis.observe().commands_total, 1);
}

#[test]
fn a_redis_that_is_flushed_all_the_time_causes_no_error() {
    let server = RedisServer::start(&[]);
    let redis = working(&server);
    let (throttle, bucket) = (throttle(&redis, Duration::from_secs(5)), bucket(&redis, 1_000, 10));
    let pool = Pool::new(Some(RedisLink::new(Arc::clone(&redis))), PoolReturns::local());
    let (item_pool, done) = (Arc::new(ItemPool::new(0)), AtomicBool::new(false));
    let mut observer = server.observer();
    let flush = || {
        while !done.load(Relaxed) {
            redis::cmd("FLUSHALL").exec(&mut observer).expect("the server answers");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(flush);
        runtime().block_on(async {
            for _ in 0..2_000 {
                assert_ne!(attempt(&throttle, "ada").await, Verdict::GateUnavailable);
                assert_ne!(bucket.admit(Instant::now()).await, Verdict::GateUnavailable);
                drop(pass(pool.admit(&item(), &item_pool, 5, 1).await));
            }
        });
        done.store(true, Relaxed);
    });
    let seen = redis.observe();
    assert_eq!((seen.failures_total, seen.opened_total, item_pool.taken()), (0, 0, 0));
}

#[tokio::test]
async fn scripts_that_were_flushed_are_loaded_again() {
    let server = RedisServer::start(&[]);
    let redis = working(&server);
    let pool = Pool::new(Some(RedisLink::new(Arc::clone(&redis))), PoolReturns::local());
    let (item_pool, bucket) = (Arc::new(ItemPool::new(0)), bucket(&redis, 1_000_000, 1));
    for _ in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.observer()).expect("the server answers");
        assert!(pass(pool.admit(&item(), &item_pool, 10, 1).await).is_some());
        assert_ne!(bucket.admit(Instant::now()).await, Verdict::GateUnavailable);
    }
    assert_eq!(redis.observe().failures_total, 0);
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let server = RedisServer::start(&[]);
    let redis = redis(&server.unix_url(), OnError::Closed, PATIENCE);
    assert_eq!(attempt(&throttle(&redis, Duration::from_secs(5)), "ada").await, Verdict::Pass);
}
