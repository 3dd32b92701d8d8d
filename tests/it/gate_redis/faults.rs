//! **Job:** shows that the policy applies, whatever is wrong with Redis, and that the gate finds back by itself.
//! **Owns:** the list of what can be wrong.
//! **Never:** waits for luck: each state is reached or the test fails.

use std::time::{Duration, Instant};

use doorbuster::config::OnError;
use doorbuster::gate::verdict::Verdict;
use doorbuster::redis_client::{BreakerState, FAILURES_TO_OPEN};

use super::Layers;
use super::server::{PATIENCE, RedisServer, impostor};
use crate::support::lasting_port;

/// Twice the time-out, plus what a busy machine may add. Without a bound of its own a call to a frozen server would
/// wait until the server is killed.
const SOON: Duration = Duration::from_secs(2);

/// Runs two attempts through the layer and compares them with what the policy promises.
macro_rules! assert_policy {
    ($layers:expr, $layer:ident) => {
        for expected in promised($layers.on_error) {
            let asked_at = Instant::now();
            let verdict = $layers.$layer().await;
            assert!(asked_at.elapsed() < SOON, "{} took {:?}", stringify!($layer), asked_at.elapsed());
            let refused = matches!(verdict, Verdict::Refused { .. });
            match expected {
                Some(expected) => assert_eq!(verdict, expected, "{} {:?}", stringify!($layer), $layers.on_error),
                None => assert!(refused, "{} {:?} {verdict:?}", stringify!($layer), $layers.on_error),
            }
        }
    };
}

/// The answers to the first and the second attempt of a user, for the only unit, within a second; `None`: any refusal.
fn promised(on_error: OnError) -> [Option<Verdict>; 2] {
    match on_error {
        OnError::Local => [Some(Verdict::Pass), None],
        OnError::Closed => [Some(Verdict::GateUnavailable); 2],
        OnError::Open => [Some(Verdict::Pass); 2],
    }
}

async fn assert_every_policy(url: &str) {
    for on_error in [OnError::Local, OnError::Closed, OnError::Open] {
        let layers = Layers::new(url, on_error);
        assert_policy!(layers, throttle);
        assert_policy!(layers, pool);
        assert_policy!(layers, bucket);
        let seen = layers.redis.observe();
        assert_eq!((seen.failures_total, seen.breaker), (6, BreakerState::Closed), "{url} {seen:?}");
        while layers.redis.observe().failures_total < 4 + u64::from(FAILURES_TO_OPEN) {
            layers.throttle().await;
        }
        let seen = layers.redis.observe();
        assert_eq!((seen.breaker, seen.opened_total), (BreakerState::Open, 1), "{url}");
        layers.assert_not_asked().await;
    }
}

#[tokio::test]
async fn the_policy_applies_when_redis_is_absent() {
    assert_every_policy(&format!("redis://127.0.0.1:{}", lasting_port())).await;
}

#[tokio::test]
async fn the_policy_applies_when_redis_accepts_and_never_answers() {
    assert_every_policy(&impostor(b"")).await;
}

#[tokio::test]
async fn the_policy_applies_when_redis_is_loading() {
    assert_every_policy(&impostor(b"-LOADING Redis is loading the dataset in memory\r\n")).await;
}

#[tokio::test]
async fn the_policy_applies_when_redis_talks_garbage() {
    for answer in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"+QUEUED\r\n", b":-7\r\n", b"\0\0\0\0", b"*2\r\n:9\r\n:9\r\n"]
    {
        assert_every_policy(&impostor(answer)).await;
    }
}

#[tokio::test]
async fn the_policy_applies_when_redis_wants_a_password() {
    let server = RedisServer::start(&["--requirepass", "another"]);
    assert_every_policy(&server.url()).await;
    assert_every_policy(&format!("redis://:wrong@127.0.0.1:{}", server.port)).await;
}

#[tokio::test]
async fn the_policy_applies_when_redis_is_read_only() {
    let server = RedisServer::start(&["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "yes"]);
    assert_every_policy(&server.url()).await;
}

#[tokio::test]
async fn the_policy_applies_when_redis_is_out_of_memory() {
    let server = RedisServer::start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    assert_every_policy(&server.url()).await;
}

#[tokio::test]
async fn the_policy_applies_when_a_key_has_the_wrong_type() {
    let server = RedisServer::start(&[]);
    for key in ["doorbuster:pool:{sku-1}", "doorbuster:bucket:purchases"] {
        redis::cmd("LPUSH").arg(key).arg(1).exec(&mut server.observer()).expect("the server answers");
    }
    for on_error in [OnError::Local, OnError::Closed, OnError::Open] {
        let layers = Layers::new(&server.url(), on_error);
        assert_policy!(layers, pool);
        assert_policy!(layers, bucket);
        assert_eq!(layers.redis.observe().failures_total, 4);
    }
}

#[tokio::test]
async fn the_policy_applies_when_redis_is_killed_and_redis_is_used_again_when_it_is_back() {
    let mut server = RedisServer::start(&[]);
    let layers = Layers::new(&server.url(), OnError::Closed);
    assert_eq!(layers.throttle_of("before").await, Verdict::Pass);
    server.kill();
    layers.assert_breaker_opens().await;
    server.restart();
    layers.assert_used_again().await;
}

#[tokio::test]
async fn the_policy_applies_when_redis_is_frozen_and_redis_is_used_again_when_it_goes_on() {
    let server = RedisServer::start(&[]);
    let layers = Layers::new(&server.url(), OnError::Closed);
    assert_eq!(layers.throttle_of("before").await, Verdict::Pass);
    server.freeze();
    layers.assert_breaker_opens().await;
    assert!(layers.redis.observe().timeouts_total >= u64::from(FAILURES_TO_OPEN));
    server.thaw();
    layers.assert_used_again().await;
}

#[tokio::test]
async fn a_redis_that_refused_the_login_is_used_again_when_it_grants_it() {
    let server = RedisServer::start(&[]);
    let mut observer = server.observer();
    let mut password = |password: &str| {
        redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(password).exec(&mut observer).expect("logged in");
    };
    password("another");
    let layers = Layers::new(&format!("redis://:right@127.0.0.1:{}", server.port), OnError::Closed);
    layers.assert_breaker_opens().await;
    password("right");
    layers.assert_used_again().await;
}

impl Layers {
    async fn assert_breaker_opens(&self) {
        for _ in 0..FAILURES_TO_OPEN {
            let asked_at = Instant::now();
            assert_eq!(self.throttle().await, Verdict::GateUnavailable);
            assert!(asked_at.elapsed() < SOON, "{:?}", asked_at.elapsed());
        }
        assert_eq!(self.redis.observe().breaker, BreakerState::Open);
        self.assert_not_asked().await;
    }

    /// While the breaker is open no command leaves the house. Should the pause end during the check, one probe may.
    async fn assert_not_asked(&self) {
        let before = self.redis.observe();
        let (asked_at, mut asked) = (Instant::now(), 0);
        for _ in 0..100 {
            self.throttle().await;
            asked = self.redis.observe().commands_total - before.commands_total;
        }
        let probes = u64::from(before.breaker != BreakerState::Open) + asked_at.elapsed().as_secs() + 1;
        assert!(asked <= probes, "{asked} commands through an open breaker");
    }

    /// By these very objects, and from the first probe on: a connection from before does not get in its way.
    async fn assert_used_again(&self) {
        let before = self.redis.observe();
        let deadline = Instant::now() + PATIENCE;
        for user in 0.. {
            if self.throttle_of(&format!("after-{user}")).await == Verdict::Pass {
                break;
            }
            assert!(Instant::now() < deadline, "redis is back and not used");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let seen = self.redis.observe();
        assert_eq!((seen.breaker, seen.opened_total), (BreakerState::Closed, 1));
        assert_eq!(seen.failures_total, before.failures_total, "the first probe failed");
        for user in 0..20 {
            assert_eq!(self.throttle_of(&format!("later-{user}")).await, Verdict::Pass);
        }
    }
}
