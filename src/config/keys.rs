//! **Job:** every key on one page: its unit, its limits, its default and the reason for it.
//! **Owns:** the names of the keys; a key exists where it is written below and nowhere else.
//! **Never:** checks a value: `validate.rs` does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::value::Setting;
use super::{
    AuthMode, BasePath, Durability, InventorySource, JwtAlgorithm, LatePayment, Node, OnError, OpsAddress, RedisUrl,
    Secret, StreamTrim, ThrottleScope, WebOrigin, WebhookUrl,
};

/// A place on this machine only: what a first try opens must not be open to the world.
const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

section! {
    /// `[server]`: the listeners, the threads behind them, and how many purchases may be in flight.
    pub struct Server in "server" {
        /// Address of the public listener; port 0 picks a free one. Default `127.0.0.1:8080`: a proxy on the same
        /// machine is the usual neighbour.
        pub listen: SocketAddr = loopback(8080),
        /// Address of the operations listener (admin, metrics, dashboard); port 0 picks a free one. Or a Unix socket,
        /// like `unix:/run/doorbuster/ops.sock`, for its owner and group (mode 0660). Default `127.0.0.1:9190`: out of
        /// the public's reach, and not 9090, where Prometheus itself listens.
        pub ops_listen: OpsAddress = OpsAddress::Tcp(loopback(9190)),
        /// File that receives `{"listen": "…", "ops_listen": "…"}` once the server is ready, and goes with it. Default
        /// empty: none.
        pub port_file: Option<PathBuf> = None,
        /// HTTP worker threads, at most 256; 0 = one per core. Default 0: a core thread never blocks, so more would
        /// only queue.
        pub workers: usize = 0,
        /// Purchases in flight at once, 1 to 1000000; past it the answer is 503 `overloaded`. Default 16384: sixteen
        /// full batches, a fraction of a second of work for a slow disk, a few megabytes of memory.
        pub max_in_flight: usize = 16_384,
        /// Public connections at once, at most 1000000; when they are used up, those that have waited longest for a
        /// request make room. Default 0: what the limit of open files allows, less a reserve for operations and ledger,
        /// at most 20,000.
        pub max_connections: usize = 0,
        /// Of them from one address (IPv6: as it is), at most 1000000; 0 = any number. Trusted proxies are exempt: a
        /// connection of theirs carries requests of many clients, which only they can count. Default 0: behind one
        /// address there may be a whole campus.
        pub max_connections_per_address: usize = 0,
        /// How long a client may take nothing of what is written for it before it is closed, at least `1s` and at most
        /// `5m`. Default `10s`: phones in tunnels come back sooner or not at all.
        pub write_stall: Duration = Duration::from_secs(10),
        /// How long both listeners (and the inventory's) keep a connection on which nothing is asked, at least `1s` and
        /// at most `1h`. Default `75s`: longer than nginx and most balancers keep theirs (60 s), so that it is they who
        /// close, and no request meets a closing connection. Behind Google's balancer (600 s) `620s`.
        pub keep_alive: Duration = Duration::from_secs(75),
        /// Networks (CIDR) whose `X-Forwarded-For`, `X-Forwarded-Proto` and `X-User-Id` are believed, on both
        /// listeners. Default none: anybody can write a header.
        pub trusted_proxies: Vec<IpNet> = Vec::new(),
        /// Path below which everything public lives, like `/sale`, where a proxy passes paths on as they are; at most
        /// 200 bytes. Not needed behind one that removes it. Default empty: the root.
        pub base_path: BasePath = BasePath::default(),
        /// PEM file with the certificate of the public listener, and behind it those on the way to an authority that
        /// browsers know; with `tls_key_file`. Read again on SIGHUP. Default none: HTTP, for a proxy that speaks TLS.
        pub tls_certificate_file: Option<PathBuf> = None,
        /// PEM file with its key, without a password; with `tls_certificate_file`. Read again on SIGHUP. Default none.
        pub tls_key_file: Option<PathBuf> = None,
        /// Origins whose pages may buy (CORS), like `https://shop.example.com`; read again on SIGHUP. Default none:
        /// only pages of the shop's own origin.
        pub allowed_origins: Vec<WebOrigin> = Vec::new(),
    }
}

section! {
    /// `[storage]`: the data file and when it is on disk.
    pub struct Storage in "storage" {
        /// The data file: a regular file with one name, beside which its log lies, on a disk. Default
        /// `data/doorbuster.db`.
        pub path: PathBuf = PathBuf::from("data/doorbuster.db"),
        /// Whether a data file that is missing is made. Default `true`, for the first start. `false` afterwards: on a
        /// volume that was not mounted the stock would be sold a second time.
        pub create: bool = true,
        /// What a confirmed order survives: `full` a power cut, `normal` only a crash of the process. Default `full`:
        /// that is the promise.
        pub durability: Durability = Durability::Full,
        /// Most entries in one commit, 1 to 65536. Default 1024: larger batches hardly gain and delay the first one in
        /// them.
        pub max_batch: usize = 1_024,
        /// How long an open batch waits for more, at most `1s`; 0 = commit whatever arrived while the last commit ran.
        /// Default `0us`: under load batches fill by themselves.
        pub linger: Duration = Duration::ZERO,
        /// How long a commit may stand still (a volume that stalls, a file system that is frozen for a snapshot) before
        /// the process ends with exit code 74, `5s` to `1day`; 0 = never. Nothing is sold meanwhile, and the sale goes
        /// on by itself. Default `5m`: snapshots and volumes that fail over need less; after that a supervisor may try
        /// a new process.
        pub stall_limit: Duration = Duration::from_mins(5),
    }
}

section! {
    /// `[catalogue]`: what is for sale at the start.
    pub struct Catalogue in "catalogue" {
        /// TOML file of items. Those the data file does not know are created at start, the others are left alone;
        /// a warning names those that differ. Default empty: none (the built-in sample in development mode).
        pub path: Option<PathBuf> = None,
    }
}

section! {
    /// `[auth]`: who is a buyer, who is an operator.
    pub struct Auth in "auth" {
        /// How buyers prove who they are: `jwt`, or `header` (`X-User-Id`, only from `server.trusted_proxies`).
        /// Default `jwt`.
        pub mode: AuthMode = AuthMode::Jwt,
        /// The one algorithm of the buyers' tokens: `HS256`, `ES256`, `EdDSA` or `RS256`. Default `HS256`: it needs no
        /// key pair. A token never chooses its own. With a JWK set and no algorithm given, each key has its own one.
        pub jwt_algorithm: JwtAlgorithm = JwtAlgorithm::Hs256,
        /// Key of `HS256`, at least 32 bytes (RFC 7518, section 3.2). Secret; no default.
        pub jwt_secret: Secret = Secret::default(),
        /// The secret from before, still accepted while tokens signed with it are around; empty it when they have
        /// expired. Secret; default empty: none.
        pub jwt_previous_secret: Secret = Secret::default(),
        /// PEM file with the public key of `ES256`, `EdDSA` or `RS256`. Default empty: none.
        pub jwt_public_key_file: Option<PathBuf> = None,
        /// JWK set (RFC 7517) of the identity provider instead of one key: a token's `kid` picks the key. Looked at
        /// once a second; one that cannot be used leaves the keys from before in force. Default empty: none.
        pub jwt_jwks_file: Option<PathBuf> = None,
        /// Which claim names the buyer. Default `sub`: the subject.
        pub jwt_user_claim: String = "sub".to_owned(),
        /// What a token's `iss` must be. Default empty: not checked.
        pub jwt_issuer: Option<String> = None,
        /// What a token's `aud` must contain. Default empty: not checked.
        pub jwt_audience: Option<String> = None,
        /// Bearer token of the operations listener, at least 32 bytes; read again on SIGHUP. Secret; no default.
        pub admin_token: Secret = Secret::default(),
        /// The token from before, still accepted while it is being replaced everywhere; read again on SIGHUP. Secret;
        /// default empty: none.
        pub admin_previous_token: Secret = Secret::default(),
    }
}

section! {
    /// `[gate.address]`: one attempt per network in a window.
    pub struct Address in "gate.address" {
        /// Time between two attempts that come from one address (IPv6: one /64), at least `1ms` and at most `1day`; 0 =
        /// off. Addresses of clients behind `server.trusted_proxies` are theirs. Default `0s`: behind one address there
        /// may be a whole campus, so a window here is short: `50ms` are twenty attempts a second.
        pub window: Duration = Duration::ZERO,
    }
}

section! {
    /// `[gate.throttle]`: one attempt per user in a window.
    pub struct Throttle in "gate.throttle" {
        /// Time between two attempts of one user, at least `1ms` and at most `1day`; 0 = off. Default `5s`: people
        /// don't notice, scripts do.
        pub window: Duration = Duration::from_secs(5),
        /// Who shares a window: a `user` over all items, or a `user_item` alone, so that a buyer may try another item
        /// at once. Default `user`: a script that tries all items is one script.
        pub scope: ThrottleScope = ThrottleScope::User,
    }
}

section! {
    /// `[gate.pool]`: at most so many attempts per unit of stock reach the stock.
    pub struct Pool in "gate.pool" {
        /// Tokens per unit of stock, 0 to 1000; 0 = off. Default 0: the stock itself says no cheaply.
        pub factor: f64 = 0.0,
    }
}

section! {
    /// `[gate.bucket]`: how fast purchases come in.
    pub struct Bucket in "gate.bucket" {
        /// Purchases per second, of the whole server (or whole Redis), at most 10000000; 0 = off. Default 0: the
        /// permits already bound it.
        pub rate: u32 = 0,
        /// Purchases that may come at once after a pause, at most 10000000; only with a rate. Default 0: one at a time.
        pub burst: u32 = 0,
    }
}

section! {
    /// `[redis]`: the gate's shared memory, for several servers. No promise depends on it.
    pub struct Redis in "redis" {
        /// `redis://user:password@host:6379/0`, `rediss://…` (TLS) or `unix:///run/redis.sock?user=…&pass=…&db=0`;
        /// user, password and database may be left out. SIGHUP reads it again. Default empty: the gate remembers in
        /// process.
        pub url: Option<RedisUrl> = None,
        /// PEM file with the authorities that may have signed Redis' certificate, for `rediss://`. Default empty: those
        /// of the system.
        pub tls_ca_file: Option<PathBuf> = None,
        /// PEM file with our own certificate, where Redis asks for one (`tls-auth-clients`); with `tls_key_file`.
        /// Default empty: none.
        pub tls_certificate_file: Option<PathBuf> = None,
        /// PEM file with its private key. Default empty: none.
        pub tls_key_file: Option<PathBuf> = None,
        /// Longest wait for an answer of Redis, at least `1ms` and at most `5s`. Default `50ms`: a hundred times what
        /// it usually takes.
        pub timeout: Duration = Duration::from_millis(50),
        /// What the gate does without Redis: decide `local`ly, stay `closed` (503), or let all in (`open`). Default
        /// `local`: the stock still refuses whatever must not be sold.
        pub on_error: OnError = OnError::Local,
        /// Beginning of every key's name, at most 64 visible ASCII characters. Default `doorbuster:`.
        pub prefix: String = "doorbuster:".to_owned(),
    }
}

section! {
    /// `[payment]`: how long an unpaid order holds its units.
    pub struct Payment in "payment" {
        /// Time from an order to its expiry, at least `1ms` and at most `30days`; 0 = orders need no payment and are
        /// `paid` at once. Default `15m`: enough for a bank's second factor, short enough to resell in the same sale.
        pub pay_within: Duration = Duration::from_mins(15),
        /// HMAC key of payment events in our own format, at least 32 bytes; read again on SIGHUP. Secret; default
        /// empty: no webhook.
        pub webhook_secret: Secret = Secret::default(),
        /// The key from before, still accepted while it is being rotated; read again on SIGHUP. Secret; default empty:
        /// none.
        pub webhook_previous_secret: Secret = Secret::default(),
        /// Address of the payment page, for buyers of pending orders: the member `pay_url` of the order, and a button.
        /// At most 2000 bytes, `https` (`http` on loopback and in development mode), with `{order_id}` and any of
        /// `{item_id}`, `{quantity}`, `{amount}` (minor units), `{amount_decimal}`, `{currency}`, `{pay_by}` (RFC
        /// 3339), `{expires}` (Unix seconds), `{signature}`, each percent-encoded; read again on SIGHUP. Default empty:
        /// no button.
        pub pay_url: String = String::new(),
        /// Key of `{signature}`, the HMAC-SHA256 of `<order_id>.<amount>.<currency>` in hexadecimal digits; at least 32
        /// bytes; read again on SIGHUP. Secret; default empty: `payment.webhook_secret`.
        pub pay_url_secret: Secret = Secret::default(),
        /// A payment after the expiry: `refund` it, or `honour` it if a unit is left. Default `refund`: the same answer
        /// for everybody.
        pub late: LatePayment = LatePayment::Refund,
        /// First cool-down of a buyer who repeatedly holds units of an item without paying. Holding is measured in
        /// times to pay: an order that expires is one, an order cancelled halfway is half of one. From the second one
        /// in a row on they wait this long (at most `1day`), then twice as long, and so on up to a day; a payment ends
        /// the row; 0 = off.
        /// Default `30s`; off in development mode, where one person plays the whole crowd.
        pub cool_down: Duration = Duration::from_secs(30),
    }
}

section! {
    /// `[clock]`: which time it is for the sale.
    pub struct Clock in "clock" {
        /// Server time goes on as before when the wall clock is set while the server runs, and everybody is told. After
        /// the wall clock has stayed set for so long, at least `1s` and at most `1day`, server time follows it; 0 =
        /// only with the next start. Default `10m`: a slip is put right by then, and nobody wants to sell by a wrong
        /// clock for longer.
        pub follow_after: Duration = Duration::from_mins(10),
    }
}

section! {
    /// `[ops]`: the operations listener.
    pub struct Ops in "ops" {
        /// Whether `/metrics` is open without the admin token. Default false: sales figures are nobody's business.
        pub public_metrics: bool = false,
    }
}

section! {
    /// `[feed]`: committed entries for the outside.
    pub struct Feed in "feed" {
        /// Redis stream that receives every entry, e.g. `doorbuster:orders`; needs `redis.url`. Of several nodes each
        /// writes its own: `doorbuster:orders:<cluster.node>`. Default empty: the feed is pulled only.
        pub redis_stream: Option<String> = None,
        /// What is removed from that stream: what is `acknowledged` by every consumer group and confirmed by the
        /// inventory, what is `confirmed` by the inventory alone, or nothing (`off`). Done whenever there are 10,000
        /// such entries, and else every 10 s; the newest entry stays. Default `acknowledged`: nobody misses an entry.
        pub redis_trim: StreamTrim = StreamTrim::Acknowledged,
        /// Bearer token of the pull feed, at least 32 bytes; read again on SIGHUP. Secret; default empty: the admin
        /// token.
        pub token: Secret = Secret::default(),
    }
}

section! {
    /// `[webhook]`: order events for a URL of the shop's own, signed as Standard Webhooks says.
    pub struct Webhook in "webhook" {
        /// Where they are sent: `https://…`, or `http://…` on a network of your own. It is shown in logs, so user and
        /// password are refused in it: the signature proves who sends. Default empty: nothing is sent.
        pub url: Option<WebhookUrl> = None,
        /// Key of the signatures: `whsec_` and base64 of 24 to 64 random bytes (`openssl rand -base64 32`); read again
        /// on SIGHUP. Secret; no default.
        pub secret: Secret = Secret::default(),
        /// The key from before: while the receiver changes over, each event has a signature of either. Empty it
        /// afterwards; read again on SIGHUP. Secret; default empty: none.
        pub previous_secret: Secret = Secret::default(),
        /// PEM file with the authorities that may have signed the receiver's certificate. Default empty: those of the
        /// system.
        pub tls_ca_file: Option<PathBuf> = None,
        /// How long the receiver may take for one event, connecting included, at least `1s` and at most `1m`. Default
        /// `15s`: Standard Webhooks proposes 15 to 30.
        pub timeout: Duration = Duration::from_secs(15),
        /// Events that may be on their way at once, 1 to 64; those of one order never are. Default 8: some hundred
        /// events a second for a receiver that takes 20 ms.
        pub concurrency: usize = 8,
        /// How long an event is tried before it is given up, at least `1s` and at most `30days`. Default `3days`:
        /// longer than a weekend without anybody.
        pub retry_for: Duration = Duration::from_hours(72),
    }
}

section! {
    /// `[cluster]`: several nodes of one shop, each with items of its own.
    pub struct Cluster in "cluster" {
        /// This node's name, one of `cluster.nodes`. Default empty: there is but this one.
        pub node: String = String::new(),
        /// All nodes as `name=address`, like `a=http://10.0.0.1:8080`: the same list in the same order on each. An item
        /// belongs to the node that a hash of its id and the names picks. A node's place is its number in order ids:
        /// new ones come last, and one that was given up leaves its place as `name=`. Default none: alone.
        pub nodes: Vec<Node> = Vec::new(),
    }
}

section! {
    /// `[inventory]`: the independent inventory system, `doorbuster inventory` only.
    pub struct Inventory in "inventory" {
        /// Address of its listener; port 0 picks a free one. Default `127.0.0.1:9191`.
        pub listen: SocketAddr = loopback(9191),
        /// Its own data file. Default `data/inventory.db`.
        pub path: PathBuf = PathBuf::from("data/inventory.db"),
        /// Where entries come from: an ops listener's URL, or `redis` (`redis.url` and `feed.redis_stream`). Default
        /// `http://127.0.0.1:9190`: the pull feed needs no broker.
        pub source: InventorySource = InventorySource::Pull("http://127.0.0.1:9190".to_owned()),
        /// Entries per second, at most 10000000; 0 = as fast as it can. Default 0: a warehouse says what it can take.
        pub rate: u32 = 0,
    }
}
