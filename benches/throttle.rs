//! **Job:** what one throttled attempt costs: in process, on Redis in one command, and in the usual two.
//! **Owns:** the two-command baseline, which a crash between its commands turns into a user locked out for ever.
//! **Never:** measures a throttle that does not throttle: each form first shows that exactly one attempt passes.

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use doorbuster::config::{OnError, ThrottleScope};
use doorbuster::gate::redis::{Redis, RedisLink, RedisSettings};
use doorbuster::gate::throttle::{LocalThrottle, Throttle, ThrottleVerdict};
use doorbuster::redis_client::{self, RedisAddress};
use doorbuster_actors::ids::ItemId;
use redis::aio::MultiplexedConnection;

const WINDOW: Duration = Duration::from_mins(1);

/// Users in turn. Fewer than the table's cap, so that nobody passes unremembered.
const USERS: usize = 100_000;

fn in_process(criterion: &mut Criterion) {
    let throttle = Throttle::new(Arc::new(LocalThrottle::new(WINDOW)), None, ThrottleScope::User);
    let runtime = runtime();
    let passed = runtime.block_on(count_passed(&throttle));
    assert_eq!(passed, 1);

    let item = item();
    let users: Vec<_> = (0..USERS).map(|user| format!("user-{user}")).collect();
    let (mut turn, mut now) = (0, Instant::now());
    criterion.bench_function("throttle/in process/passes", |bencher| {
        bencher.iter(|| {
            turn += 1;
            if turn == USERS {
                (turn, now) = (0, now + WINDOW);
            }
            assert!(passes(&ready(throttle.admit(black_box(&users[turn]), &item, now))));
        });
    });
    criterion.bench_function("throttle/in process/is refused", |bencher| {
        bencher.iter(|| ready(throttle.admit(black_box("ada"), &item, now)));
    });
}

fn on_redis(criterion: &mut Criterion) {
    let server = Server::start();
    let runtime = runtime();
    let settings = RedisSettings {
        address: RedisAddress::new(&server.url()),
        timeout: Duration::from_secs(5),
        on_error: OnError::Closed,
        prefix: "bench:".to_owned(),
        commands: vec![redis_client::Command::Throttle, redis_client::Command::ThrottleWait],
    };
    let redis = Redis::new(&settings).expect("the url is valid");
    let throttle =
        Throttle::new(Arc::new(LocalThrottle::new(WINDOW)), Some(RedisLink::new(redis)), ThrottleScope::User);
    let (item, mut turn) = (item(), 0_u64);
    let mut user = move || {
        turn += 1;
        format!("user-{turn}")
    };

    assert_eq!(runtime.block_on(count_passed(&throttle)), 1);
    criterion.bench_function("throttle/redis/one command (SET NX EX)", |bencher| {
        bencher.iter(|| {
            let verdict = runtime.block_on(throttle.admit(&user(), &item, Instant::now()));
            assert!(passes(&verdict));
        });
    });

    let mut connection = runtime.block_on(server.connect());
    let passed = (0..64).filter(|_| runtime.block_on(two_commands(&mut connection, "ada"))).count();
    assert_eq!(passed, 1);
    criterion.bench_function("throttle/redis/two commands (SETNX, EXPIRE)", |bencher| {
        bencher.iter(|| assert!(runtime.block_on(two_commands(&mut connection, &user()))));
    });
}

/// The baseline: an attempt that passes takes two round trips.
async fn two_commands(connection: &mut MultiplexedConnection, user: &str) -> bool {
    let key = format!("baseline:throttle:{user}");
    let first: bool = redis::cmd("SETNX").arg(&key).arg(1).query_async(connection).await.expect("the server answers");
    if first {
        let expire = redis::cmd("EXPIRE").arg(&key).arg(WINDOW.as_secs()).to_owned();
        expire.exec_async(connection).await.expect("the server answers");
    }
    first
}

async fn count_passed(throttle: &Throttle) -> usize {
    let mut passed = 0;
    for _ in 0..64 {
        passed += usize::from(passes(&throttle.admit("ada", &item(), Instant::now()).await));
    }
    passed
}

fn item() -> ItemId {
    "sku-1".parse().expect("an item id")
}

fn passes(verdict: &ThrottleVerdict) -> bool {
    matches!(verdict, ThrottleVerdict::Pass(_))
}

/// The answer of a future that has nothing to wait for.
fn ready(attempt: impl Future<Output = ThrottleVerdict>) -> ThrottleVerdict {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(attempt).poll(&mut context) {
        std::task::Poll::Ready(verdict) => verdict,
        std::task::Poll::Pending => panic!("an attempt in process never waits"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

struct Server {
    child: Child,
    directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(directory.path().join("socket"))
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be installed and on the PATH (Debian: apt-get install redis-server)");
        let server = Self { child, directory };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !server.directory.path().join("socket").exists() {
            assert!(Instant::now() < deadline, "redis-server did not come up");
            #[expect(clippy::disallowed_methods, reason = "a process that starts wakes nobody")]
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn url(&self) -> String {
        format!("unix://{}/socket", self.directory.path().display())
    }

    async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("the url is valid");
        client.get_multiplexed_async_connection().await.expect("the server is up")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

criterion_group!(benches, in_process, on_redis);
criterion_main!(benches);
