//! **Job:** what one HTTP worker thread is equipped with when it starts.
//! **Owns:** which worker runs which core.
//! **Never:** is used after the start.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use doorbuster_actors::ids::CoreId;
use doorbuster_actors::sale::Limits as StreamLimits;
use doorbuster_actors::{Sale, SaleHandle};

use crate::api::ApiState;
use crate::api::events::Events;
use crate::api::items::Items;
use crate::api::orders::Orders;
use crate::api::pay_page::{ForBuyers, PayPage};
use crate::api::payments::Payments;
use crate::api::rate_limits::RateLimits;
use crate::api::storefront::Storefront;
use crate::api::trace_sampler::Sampler;
use crate::auth::Identity;
use crate::config::ThrottleScope;
use crate::gate::bucket::{Bucket, LocalBucket};
use crate::gate::funnel::Funnel;
use crate::gate::pool::{Pool, PoolReturns};
use crate::gate::redis::{Redis, RedisLink};
use crate::gate::throttle::{LocalThrottle, Throttle};
use crate::gate::{self, Gate, Layers};
use crate::http::order_view::Shown;
use crate::http::response_counters::ResponseCounters;
use crate::http::sale_client::SaleClient;
use crate::ops::tokens::Tokens;
use crate::payment::Keys;
use crate::service_manager::watchdog::Watchdog;

/// All that the workers share.
pub(super) struct Shared {
    pub(super) sale: Arc<Sale>,
    pub(super) gate: gate::Shared,
    pub(super) identity: Arc<Identity>,
    pub(super) throttle: Arc<LocalThrottle>,
    pub(super) throttle_scope: ThrottleScope,
    pub(super) pool: Option<(PoolReturns, f64)>,
    pub(super) bucket: Option<Arc<LocalBucket>>,
    pub(super) redis: Option<Arc<Redis>>,
    pub(super) payment_keys: Arc<ArcSwap<Keys>>,
    pub(super) ops_tokens: Arc<Tokens>,
    pub(super) shown: Shown,
    pub(super) pay_page: Arc<ArcSwapOption<PayPage>>,
    pub(super) storefront: Arc<Storefront>,
    pub(super) funnels: Arc<Vec<Arc<Funnel>>>,
    pub(super) responses: Arc<Vec<Arc<ResponseCounters>>>,
    pub(super) streams: StreamLimits,
    /// Set when the server has been told to end.
    pub(super) draining: Arc<AtomicBool>,
    pub(super) watchdog: Arc<Watchdog>,
    pub(super) rate_limits: Option<RateLimits>,
}

/// Equips workers, in the order in which they come: each runs the core of its number.
pub(super) struct WorkerFactory {
    shared: Shared,
    started: AtomicU16,
}

impl WorkerFactory {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, started: AtomicU16::new(0) }
    }

    /// Equips the worker that calls, on its own thread.
    pub(super) fn equip(&self) -> (Rc<ApiState>, Arc<ResponseCounters>) {
        let worker = self.started.fetch_add(1, Ordering::Relaxed);
        let handle = self.shared.sale.start_core(CoreId(worker));
        self.shared.watchdog.watch_this_thread(format!("worker {worker}"));
        let worker = usize::from(worker);
        (Rc::new(self.shared.state(worker, handle)), Arc::clone(&self.shared.responses[worker]))
    }
}

impl Shared {
    fn state(&self, worker: usize, handle: SaleHandle) -> ApiState {
        let items = || Items { sale: Arc::clone(self.sale.view()) };
        let client = SaleClient { handle };
        let payments = Payments { keys: Arc::clone(&self.payment_keys), client: client.clone(), shown: self.shown };
        let orders = Orders {
            gate: self.gate(worker),
            identity: Arc::clone(&self.identity),
            items: items(),
            client,
            shown: ForBuyers { shown: self.shown, pay_page: Arc::clone(&self.pay_page) },
            answers: Arc::clone(&self.responses[worker]),
            sampler: Sampler::default(),
            rate_limits: self.rate_limits.clone(),
        };
        ApiState {
            items: items(),
            orders,
            payments,
            events: Events { limits: self.streams },
            storefront: Arc::clone(&self.storefront),
        }
    }

    fn gate(&self, worker: usize) -> Gate {
        // One connection per worker carries all layers.
        let link = self.redis.as_ref().map(|redis| RedisLink::new(Arc::clone(redis)));
        if let Some(link) = &link {
            link.stay_connected();
        }
        let layers = Layers {
            throttle: Throttle::new(Arc::clone(&self.throttle), link.clone(), self.throttle_scope),
            pool: self.pool.as_ref().map(|(returns, factor)| (Pool::new(link.clone(), returns.clone()), *factor)),
            bucket: self.bucket.as_ref().map(|bucket| Bucket::new(Arc::clone(bucket), link.clone())),
        };
        Gate::new(self.gate.clone(), layers, Arc::clone(&self.funnels[worker]))
    }
}
