//! **Job:** what one HTTP worker thread is equipped with when it starts.
//! **Owns:** the seats: which thread runs which core.
//! **Never:** is used after the start.

use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;
use doorbuster_actors::cores::Cores;
use doorbuster_actors::desk::{Desk, Hosting};
use doorbuster_actors::directory::Directory;
use doorbuster_actors::drill::Slowed;
use doorbuster_actors::ids::Core;
use doorbuster_actors::observe::{CoreCounters, WriterCounters};
use doorbuster_actors::order_writer::OrderWriter;
use doorbuster_actors::permit;
use doorbuster_actors::postbox::{Postbox, Stamps};
use doorbuster_actors::reply::Seat;
use doorbuster_actors::stock::{Stock, Terms};
use doorbuster_actors::time::Clock;
use doorbuster_actors::used_keys::UsedKeys;
use doorbuster_actors::watchers::{Limits as StreamLimits, Watchers};
use parking_lot::Mutex;

use crate::config::{Layout, Secret};
use crate::gate::bucket::{Bucket, LocalBucket};
use crate::gate::funnel::Funnel;
use crate::gate::pool::{Pool, PoolReturns};
use crate::gate::redis::{Redis, RedisLink};
use crate::gate::throttle::{LocalThrottle, Throttle};
use crate::gate::{Gate, Layers, Shared};
use crate::http::Front;
use crate::http::clerk::Clerk;
use crate::http::events::Events;
use crate::http::identity::Identity;
use crate::http::items::Items;
use crate::http::order_view::Shown;
use crate::http::orders::Orders;
use crate::http::payments::Payments;
use crate::http::responses::Responses;
use crate::http::sampler::Sampler;
use crate::http::storefront::Storefront;

/// All that the threads of the sale share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) cores: Arc<Cores>,
    pub(super) directory: Arc<Directory>,
    pub(super) writer: Addr<OrderWriter>,
    pub(super) writer_counters: Arc<WriterCounters>,
    pub(super) clock: Clock,
    pub(super) used_keys: Arc<UsedKeys>,
    pub(super) house: Arc<permit::House>,
    pub(super) reads: Arc<permit::House>,
    pub(super) shared: Shared,
    pub(super) identity: Arc<Identity>,
    pub(super) throttle: Arc<LocalThrottle>,
    pub(super) pool: Option<(PoolReturns, f64)>,
    pub(super) bucket: Option<Arc<LocalBucket>>,
    pub(super) redis: Option<Arc<Redis>>,
    pub(super) terms: Terms,
    pub(super) watchers: Arc<Watchers>,
    pub(super) webhook_secret: Secret,
    pub(super) shown: Shown,
    pub(super) storefront: Arc<Storefront>,
    pub(super) funnels: Arc<Vec<Arc<Funnel>>>,
    pub(super) responses: Arc<Vec<Arc<Responses>>>,
    pub(super) core_counters: Arc<Vec<Arc<CoreCounters>>>,
    pub(super) slowed: Option<Slowed>,
    pub(super) streams: StreamLimits,
}

impl Common {
    /// Starts the desk of a core on this thread.
    pub(super) fn host(&self, core: Core, stocks: Vec<Stock>) -> Addr<Desk> {
        let hosting = Hosting {
            core,
            stocks,
            writer: self.writer.clone(),
            clock: self.clock,
            terms: self.terms,
            directory: Arc::clone(&self.directory),
            writer_counters: Arc::clone(&self.writer_counters),
            used_keys: Arc::clone(&self.used_keys),
            core_counters: Arc::clone(&self.core_counters[usize::from(core.0)]),
            slowed: self.slowed.clone(),
        };
        Desk::start(core.seat(), &self.cores, self.letters(), Some(hosting))
    }

    fn guest(&self, seat: Seat) -> Addr<Desk> {
        Desk::start(seat, &self.cores, self.letters(), None)
    }

    pub(super) fn letters(&self) -> usize {
        self.house.capacity() + self.reads.capacity()
    }

    fn gate(&self, worker: usize) -> Gate {
        let link = || self.redis.as_ref().map(|redis| RedisLink::new(Arc::clone(redis)));
        // One connection per worker carries all layers.
        let link = link();
        let layers = Layers {
            throttle: Throttle::new(Arc::clone(&self.throttle), link.clone()),
            pool: self.pool.as_ref().map(|(returns, factor)| (Pool::new(link.clone(), returns.clone()), *factor)),
            bucket: self.bucket.as_ref().map(|bucket| Bucket::new(Arc::clone(bucket), link.clone())),
        };
        Gate::new(self.shared.clone(), layers, Arc::clone(&self.funnels[worker]))
    }

    /// The seat of the thread of the operations listener: the last one.
    pub(super) fn operations(&self) -> Clerk {
        let seat = self.cores.last_seat();
        self.clerk(Postbox::new(self.guest(seat), seat, Stamps::Sampled))
    }

    fn clerk(&self, postbox: Postbox) -> Clerk {
        Clerk { postbox, house: Arc::clone(&self.reads), writer: Arc::clone(&self.writer_counters) }
    }

    fn front(&self, worker: usize, desk: Addr<Desk>, seat: Seat) -> Front {
        let items = || Items { directory: Arc::clone(&self.directory), clock: self.clock };
        let clerk = self.clerk(Postbox::new(desk, seat, Stamps::Sampled));
        let payments = Payments {
            secret: self.webhook_secret.clone(),
            directory: Arc::clone(&self.directory),
            clerk: clerk.clone(),
            shown: self.shown,
        };
        Front {
            items: items(),
            orders: Orders {
                gate: self.gate(worker),
                identity: Arc::clone(&self.identity),
                items: items(),
                clerk,
                shown: self.shown,
                sampler: Sampler::default(),
            },
            payments,
            events: Events { watchers: Arc::clone(&self.watchers), limits: self.streams },
            storefront: Arc::clone(&self.storefront),
        }
    }
}

/// The seats that workers take when they start, in the order in which they come.
pub(super) struct Seats {
    common: Common,
    layout: Layout,
    /// Items of the cores that workers run, and how many workers have come.
    waiting: Mutex<(Vec<Vec<Stock>>, usize)>,
}

impl Seats {
    /// For `shared`, the workers take the cores; for `beside`, `stocks` have been given to threads of their own.
    pub(super) fn new(common: Common, layout: Layout, stocks: Vec<Vec<Stock>>) -> Self {
        Self { common, layout, waiting: Mutex::new((stocks, 0)) }
    }

    /// Equips the worker that calls, on its own thread.
    pub(super) fn take(&self) -> (Rc<Front>, Arc<Responses>) {
        let mut waiting = self.waiting.lock();
        let worker = waiting.1;
        waiting.1 += 1;
        let index = u16::try_from(worker).expect("there are at most 256 workers");
        let (desk, seat) = match self.layout {
            Layout::Shared => {
                let stocks = std::mem::take(&mut waiting.0[worker]);
                (self.common.host(Core(index), stocks), Seat(index))
            }
            Layout::Beside => {
                let seat = Seat(self.common.cores.count() + index);
                (self.common.guest(seat), seat)
            }
        };
        (Rc::new(self.common.front(worker, desk, seat)), Arc::clone(&self.common.responses[worker]))
    }
}
