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

use actix::System;
use criterion::Criterion;
use doorbuster::config::ThrottleScope;
use doorbuster::gate::bucket::{Bucket, BucketSize, LocalBucket};
use doorbuster::gate::funnel::{Funnel, Layer};
use doorbuster::gate::pool::{Pool, PoolReturns, PoolVerdict};
use doorbuster::gate::single_flight::SingleFlight;
use doorbuster::gate::throttle::{LocalThrottle, Throttle};
use doorbuster::gate::verdict::Verdict;
use doorbuster::gate::{Attempt, Gate, Layers, Refusal, Shared};
use doorbuster::http::problem::Problem;
use doorbuster_actors::ids::{CoreId, IdempotencyKey, UserId};
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::request::{Rejection, Reservation};
use doorbuster_actors::sale::{ConcurrencyLimit, Outcome, PublishedItem, Token};
use doorbuster_actors::{Sale, SaleSettings};
use futures_util::FutureExt as _;
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Buyers in turn: more than fit a cache, fewer than the throttle's cap.
const BUYERS: usize = 100_000;

/// Windows of the throttle: one that is over before the next attempt, and one that outlasts the bench.
const NO_WINDOW: Duration = Duration::from_nanos(1);
const LONG_WINDOW: Duration = Duration::from_hours(1);

/// Tokens that no bench uses up.
const ENOUGH: u32 = 1_000_000_000;

const ON_SALE: &str = "on-sale";
const SOLD_OUT: &str = "sold-out";

const SOLD: Refusal = Refusal::Rejected(Rejection::SoldOut { remaining: 0 });

/// A gate with every layer on, and what it counted.
struct Entrance {
    gate: Gate,
    funnel: Arc<Funnel>,
    attempts: u64,
}

impl Entrance {
    fn new(shop: &Shop, window: Duration) -> Self {
        let shared = Shared {
            sale: Arc::clone(shop.sale.view()),
            single_flight: Arc::new(SingleFlight::default()),
            closing: Arc::new(AtomicBool::new(false)),
        };
        let layers = Layers {
            address: None,
            throttle: Throttle::new(Arc::new(LocalThrottle::new(window)), None, ThrottleScope::User),
            pool: Some((Pool::new(None, PoolReturns::local()), 1.0)),
            bucket: Some(bucket()),
        };
        let funnel = Arc::new(Funnel::default());
        Self { gate: Gate::new(shared, layers, Arc::clone(&funnel)), funnel, attempts: 0 }
    }

    /// The way of a purchase as `http` goes it, up to the stock.
    fn attempt(
        &mut self,
        published: &Arc<PublishedItem>,
        (user, key): &(UserId, IdempotencyKey),
    ) -> Result<(), Refusal> {
        self.attempts += 1;
        let mut guard = self.gate.begin();
        guard.pass();
        let attempt = Attempt { user, published, quantity: 1, key: Some(key), address: None };
        let _permit = self.gate.enter(&mut guard)?;
        let same_key = self.gate.same_key(attempt).now_or_never().expect("nobody has this key");
        assert!(!same_key.is_used);
        let admitted = self.gate.admit(&mut guard, attempt).now_or_never().expect("in process nobody waits");
        admitted.map(drop).inspect_err(|refusal| guard.answer(Problem::from(*refusal).reason()))
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

/// A sale of two items that a first buyer has one unit of: one with plenty left, and one that is sold out.
struct Shop {
    sale: Sale,
    _folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the bench");
        let items = vec![definition(ON_SALE, ENOUGH), definition(SOLD_OUT, 1)];
        let sale = Sale::open(&SaleSettings::new(folder.path().join("sale.db")), items).expect("a new data file");
        let handle = sale.start_core(CoreId(0));
        let shop = Self { sale, _folder: folder };
        for id in [ON_SALE, SOLD_OUT] {
            let permit = shop.sale.view().purchases.enter().expect("nobody else is buying");
            let wanted = Reservation { user: "first".parse().expect("a user id"), quantity: 1, key: None };
            let sold = handle.reserve(&shop.item(id), wanted, Token::none(), permit).outcome().await;
            assert!(matches!(sold, Outcome::Confirmed(_)), "{sold:?}");
        }
        shop
    }

    fn item(&self, id: &str) -> Arc<PublishedItem> {
        self.sale.view().directory.find(&id.parse().expect("an item id")).expect("it is for sale")
    }
}

fn definition(id: &str, units: u32) -> ItemDefinition {
    ItemDefinition {
        id: id.parse().expect("an item id"),
        title: "Of the bench".to_owned(),
        description: None,
        image_url: None,
        unit_price: Amount::new(1_990).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
        stock: units,
        per_user_limit: 1,
        opens_at: None,
        closes_at: None,
    }
}

fn buyers() -> Vec<(UserId, IdempotencyKey)> {
    let user = |number| format!("u{number:012}").parse().expect("a user id");
    let key = |number| format!("{number:036}").parse().expect("a key");
    (0..BUYERS).map(|number| (user(number), key(number))).collect()
}

fn whole_way(criterion: &mut Criterion, shop: &Shop) {
    let buyers = buyers();
    let mut turn = buyers.iter().cycle();
    let mut next = || turn.next().expect("they come again and again");
    let (on_sale, sold_out) = (shop.item(ON_SALE), shop.item(SOLD_OUT));

    let mut entrance = Entrance::new(shop, NO_WINDOW);
    criterion.bench_function("gate/through all layers", |bencher| {
        bencher.iter(|| assert_eq!(entrance.attempt(&on_sale, next()), Ok(())));
    });
    entrance.check(Layer::Bucket, entrance.attempts);
    assert_eq!(on_sale.pool.taken(), 1, "every token went back but that of the unit that is sold");

    let mut entrance = Entrance::new(shop, NO_WINDOW);
    criterion.bench_function("gate/refused: sold out", |bencher| {
        bencher.iter(|| assert_eq!(entrance.attempt(&sold_out, next()), Err(SOLD)));
    });
    entrance.check(Layer::SoldOut, 0);

    let mut entrance = Entrance::new(shop, LONG_WINDOW);
    let first = &buyers[0];
    assert_eq!(entrance.attempt(&on_sale, first), Ok(()));
    criterion.bench_function("gate/refused: throttled", |bencher| {
        bencher.iter(|| assert!(matches!(entrance.attempt(&on_sale, first), Err(Refusal::Throttled { .. }))));
    });
    entrance.check(Layer::Throttle, 1);
}

fn single_layers(criterion: &mut Criterion, shop: &Shop) {
    let (on_sale, limit, bucket) = (shop.item(ON_SALE), ConcurrencyLimit::new(1), bucket());
    criterion.bench_function("gate/capacity", |bencher| {
        bencher.iter(|| black_box(&limit).enter().expect("nobody else is buying"));
    });
    assert_eq!(limit.in_flight(), 0);

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
    let system = System::new();
    let shop = system.block_on(Shop::open());
    single_layers(&mut criterion, &shop);
    whole_way(&mut criterion, &shop);
    system.block_on(shop.sale.close()).expect("a ledger that can be closed");
    criterion.final_summary();
}
