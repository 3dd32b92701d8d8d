//! **Job:** what an attempt costs at the gate in process: on its way through all layers, and where it is refused.
//! **Owns:** the crowd of named buyers with keys, and the two items: one with stock, one that is sold out.
//! **Never:** measures a gate that lets through what it should refuse: every answer is looked at, and the funnel must
//! have counted each attempt where it ended.
//!
//! The baseline is an atomic increment: the least that a layer can do which counts what passes it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use doorbuster::gate::bucket::{Bucket, BucketSize, LocalBucket};
use doorbuster::gate::funnel::{Funnel, Layer};
use doorbuster::gate::pool::{Pool, PoolReturns, PoolVerdict};
use doorbuster::gate::retries::Retries;
use doorbuster::gate::throttle::{LocalThrottle, Throttle};
use doorbuster::gate::verdict::Verdict;
use doorbuster::gate::{Attempt, Gate, Layers, Refusal, Shared};
use doorbuster_actors::directory::Listing;
use doorbuster_actors::ids::{Core, IdempotencyKey, ItemNumber, UserId};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::letters::Reservation;
use doorbuster_actors::money::Amount;
use doorbuster_actors::observe::WriterCounters;
use doorbuster_actors::permit::House;
use doorbuster_actors::stock::{Decision, LatePayment, Stock, Terms};
use doorbuster_actors::time::{Clock, Timestamp};
use futures_util::FutureExt as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Buyers in turn: more than fit a cache, fewer than the throttle's cap.
const BUYERS: usize = 100_000;

/// Windows of the throttle: one that is over before the next attempt, and one that outlasts the bench.
const NO_WINDOW: Duration = Duration::from_nanos(1);
const LONG_WINDOW: Duration = Duration::from_hours(1);

/// Tokens that no bench uses up.
const ENOUGH: u32 = 1_000_000_000;

/// A gate with every layer on, and what it counted.
struct Door {
    gate: Gate,
    funnel: Arc<Funnel>,
    attempts: u64,
}

impl Door {
    fn new(window: Duration) -> Self {
        let shared = Shared {
            house: House::new(16_384),
            used_keys: Arc::default(),
            retries: Arc::new(Retries::default()),
            writer: Arc::new(WriterCounters::default()),
            closing: Arc::new(AtomicBool::new(false)),
            clock: Clock::start(Timestamp::from_millis(0)),
        };
        let layers = Layers {
            throttle: Throttle::new(Arc::new(LocalThrottle::new(window)), None),
            pool: Some((Pool::new(None, PoolReturns::local()), 1.0)),
            bucket: Some(bucket()),
        };
        let funnel = Arc::new(Funnel::default());
        Self { gate: Gate::new(shared, layers, Arc::clone(&funnel)), funnel, attempts: 0 }
    }

    /// The way of a purchase as `http` goes it, up to the counter.
    fn attempt(&mut self, listing: &Arc<Listing>, (user, key): &(UserId, IdempotencyKey)) -> Result<(), Refusal> {
        self.attempts += 1;
        let mut visit = self.gate.visit();
        visit.pass();
        let attempt = Attempt { user, listing, quantity: 1, key: Some(key) };
        let _permit = self.gate.enter(&mut visit)?;
        let same_key = self.gate.same_key(attempt).now_or_never().expect("nobody has this key");
        assert!(!same_key.is_used);
        let admitted = self.gate.admit(&mut visit, attempt).now_or_never().expect("in process nobody waits");
        admitted.map(drop).inspect_err(|refusal| visit.answer(refusal.code()))
    }

    /// Checks that all attempts but those that got `through` were refused at this layer.
    fn check(&self, refused_at: Layer, through: u64) {
        for layer in Layer::ALL {
            let answered: u64 = self.funnel.layer(layer).answered().map(|(_code, count)| count).sum();
            let expected = if layer == refused_at { self.attempts - through } else { 0 };
            assert_eq!(answered, expected, "answered at {}", layer.as_str());
        }
        assert_eq!(self.funnel.layer(Layer::Bucket).passed(), through, "passed the last layer");
    }
}

fn bucket() -> Bucket {
    let size = BucketSize::new(ENOUGH, ENOUGH).expect("a rate above 0");
    Bucket::new(Arc::new(LocalBucket::new(size)), None)
}

/// An item with one unit less than `units`.
fn listing(units: u32) -> Arc<Listing> {
    let definition = ItemDefinition {
        id: "sku-1".parse().expect("an item id"),
        title: "Of the bench".to_owned(),
        unit_price: Amount::new(1_990).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
        stock: units,
        per_user_limit: 1,
        opens_at: None,
        closes_at: None,
    };
    let now = Timestamp::from_millis(0);
    let mut stock = Stock::create(&Stock::creation(ItemNumber(1), definition, now)).expect("a creation");
    let terms = Terms { pay_within: None, late: LatePayment::Refund, cool_down: Duration::ZERO };
    let user = "first".parse().expect("a user id");
    let sold = stock.reserve(Reservation { user, quantity: 1, key: None }, &terms, now);
    assert!(matches!(sold, Decision::Placed(..)));
    Listing::new(&stock, Core(0))
}

fn buyers() -> Vec<(UserId, IdempotencyKey)> {
    let user = |number| format!("u{number:012}").parse().expect("a user id");
    let key = |number| format!("{number:036}").parse().expect("a key");
    (0..BUYERS).map(|number| (user(number), key(number))).collect()
}

fn whole_way(criterion: &mut Criterion) {
    let buyers = buyers();
    let mut turn = buyers.iter().cycle();
    let mut next = || turn.next().expect("they come again and again");
    let (on_sale, sold_out) = (listing(ENOUGH), listing(1));

    let mut door = Door::new(NO_WINDOW);
    criterion.bench_function("gate/through all layers", |bencher| {
        bencher.iter(|| assert_eq!(door.attempt(&on_sale, next()), Ok(())));
    });
    door.check(Layer::Bucket, door.attempts);
    assert_eq!(on_sale.pool.taken(), 1, "every token went back but that of the unit that is sold");

    let mut door = Door::new(NO_WINDOW);
    criterion.bench_function("gate/refused: sold out", |bencher| {
        bencher.iter(|| assert_eq!(door.attempt(&sold_out, next()), Err(Refusal::SoldOut { remaining: 0 })));
    });
    door.check(Layer::SoldOut, 0);

    let mut door = Door::new(LONG_WINDOW);
    let first = &buyers[0];
    assert_eq!(door.attempt(&on_sale, first), Ok(()));
    criterion.bench_function("gate/refused: throttled", |bencher| {
        bencher.iter(|| assert!(matches!(door.attempt(&on_sale, first), Err(Refusal::Throttled { .. }))));
    });
    door.check(Layer::Throttle, 1);
}

fn single_layers(criterion: &mut Criterion) {
    let (on_sale, house, bucket) = (listing(ENOUGH), House::new(1), bucket());
    criterion.bench_function("gate/capacity", |bencher| {
        bencher.iter(|| black_box(&house).enter().expect("nobody else is inside"));
    });
    assert_eq!(house.inside(), 0);

    let (pool, item) = (Pool::new(None, PoolReturns::local()), on_sale.definition().id.clone());
    criterion.bench_function("gate/pool", |bencher| {
        bencher.iter(|| {
            let verdict = pool.admit(&item, &on_sale.pool, ENOUGH.into(), 1).now_or_never();
            assert!(matches!(verdict, Some(PoolVerdict::Pass(_token))));
        });
    });
    assert_eq!(on_sale.pool.taken(), 1);

    criterion.bench_function("gate/bucket", |bencher| {
        bencher.iter(|| assert_eq!(bucket.admit(Instant::now()).now_or_never(), Some(Verdict::Pass)));
    });

    let (counter, mut made) = (AtomicU64::new(0), 0_u64);
    criterion.bench_function("gate/baseline: an atomic increment", |bencher| {
        bencher.iter(|| {
            made += 1;
            black_box(&counter).fetch_add(1, Ordering::Relaxed)
        });
    });
    assert_eq!(counter.into_inner(), made);
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    single_layers(&mut criterion);
    whole_way(&mut criterion);
    criterion.final_summary();
}
