//! **Job:** troubles with others: Redis, certificates, a program on our port.
//! **Owns:** real ones of each.
//! **Never:** leaves one running.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::{Shop, assert_found};
use crate::support::{RedisServer, lasting_port};

/// What deploy/README.md gives the account of the gate's throttle.
const ACCOUNT: &str = "ACL SETUSER gate on >p4ssword resetkeys ~doorbuster:* resetchannels -@all +ping +select +set \
                       +get +del +pttl +time +evalsha +script|load";

fn tell(redis: &RedisServer, command: &str) {
    let mut words = command.split(' ');
    let mut line = redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("it is up");
    redis::cmd(words.next().expect("a command")).arg(words.collect::<Vec<_>>()).exec(&mut line).expect("it does it");
}

fn with_redis(url: &str) -> Shop {
    Shop::new().set("redis.url", &format!("{url:?}")).set("redis.timeout", "\"1s\"")
}

#[test]
fn a_redis_that_nobody_reaches_is_named() {
    let redis = RedisServer::start();
    with_redis(&redis.url()).doctor().assert_sound("redis");
    let nobody = format!("redis://127.0.0.1:{}/", lasting_port());
    let words = ["unreachable", "redis.on_error", "is Redis running"];
    with_redis(&nobody).doctor().assert_named("redis", "fail", &words);
}

#[test]
fn a_redis_without_a_command_that_is_needed_is_named_and_its_password_is_not() {
    let redis = RedisServer::start();
    tell(&redis, ACCOUNT);
    let shop = with_redis(&redis.url().replace("redis://", "redis://gate:p4ssword@"));
    shop.doctor().assert_sound("redis");
    tell(&redis, "ACL SETUSER gate -pttl");
    let report = shop.doctor();
    report.assert_named("redis", "fail", &["throttle_wait fails (no_permission)", "ACL SETUSER"]);
    assert_eq!(report.troubles("redis").len(), 1, "what works is not called broken: {report:?}");
    tell(&redis, "ACL SETUSER gate -set");
    shop.doctor().assert_named("redis", "fail", &["throttle fails (no_permission)"]);
    assert!(!format!("{report:?}").contains("p4ssword"));
}

#[test]
fn the_commands_of_the_stream_are_tried_without_making_one() {
    let redis = RedisServer::start();
    tell(&redis, ACCOUNT);
    let shop = with_redis(&redis.url().replace("redis://", "redis://gate:p4ssword@"));
    let shop = shop.set("feed.redis_stream", "\"doorbuster:orders\"");
    shop.doctor().assert_named("redis", "fail", &["feed_publish fails (no_permission)"]);
    tell(&redis, "ACL SETUSER gate +multi +exec +xadd +xtrim +xpending +xinfo|stream +xinfo|groups");
    shop.doctor().assert_sound("redis");
    let mut line = redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("it is up");
    let there: i64 = redis::cmd("EXISTS").arg("doorbuster:orders").query(&mut line).expect("a number");
    assert_eq!(there, 0);
}

#[test]
fn a_redis_that_throws_away_what_it_has_is_named() {
    let redis = RedisServer::start();
    with_redis(&redis.url()).doctor().assert_sound("redis-memory");
    tell(&redis, "CONFIG SET maxmemory 64mb maxmemory-policy allkeys-lru");
    let words = ["allkeys-lru", "maxmemory-policy noeviction"];
    with_redis(&redis.url()).doctor().assert_named("redis-memory", "warn", &words);
}

/// A certificate of an authority, made by this wall clock.
fn authority(shop: &Shop, name: &str, wall_clock: &str) {
    shop.write("openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n", 0o644);
    let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
    let mut openssl = Command::new("faketime");
    openssl.args(["-f", wall_clock, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-nodes", "-batch", "-config", "openssl.cnf", "-subj", "/CN=shop", "-days", "30"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:TRUE"]);
    openssl.args(["-out", &pem, "-keyout", &key]).current_dir(shop.folder.path()).stderr(Stdio::null());
    assert!(openssl.status().expect("faketime and openssl are installed: `make prepare`").success());
}

fn checked(shop: Shop, name: &str) -> Shop {
    let path = shop.toml_path(&format!("{name}.pem"));
    let url = "\"https://127.0.0.1:9/hooks\"";
    let secret = "\"whsec_bm9ib2R5IGtub3dzIHRoaXMga2V5IG9mIHRoZSB0ZXN0\"";
    shop.set("webhook.url", url).set("webhook.secret", secret).set("webhook.tls_ca_file", &path)
}

#[test]
fn a_certificate_that_has_expired_or_will_soon_is_named() {
    let shop = Shop::new();
    for (name, wall_clock) in [("good", "+0d"), ("soon", "-20d"), ("expired", "-60d")] {
        authority(&shop, name, wall_clock);
    }
    let shop = checked(shop, "good");
    shop.doctor().assert_sound("webhook.tls_ca_file");
    let shop = checked(shop, "soon");
    shop.doctor().assert_named("webhook.tls_ca_file", "warn", &["within two weeks", "renew"]);
    let shop = checked(shop, "expired");
    shop.doctor().assert_named("webhook.tls_ca_file", "fail", &["expired.pem: expired on ", "renew the certificate"]);
}

#[test]
fn a_key_that_is_not_that_of_its_certificate_is_named() {
    let redis = RedisServer::start();
    let shop = with_redis(&redis.url().replace("redis://", "rediss://"));
    for name in ["own", "other"] {
        authority(&shop, name, "+0d");
    }
    let (own, key, other) = (shop.toml_path("own.pem"), shop.toml_path("own.key"), shop.toml_path("other.key"));
    let shop = shop.set("redis.tls_certificate_file", &own).set("redis.tls_key_file", &key);
    shop.doctor().assert_sound("redis.tls_certificate_file");
    let shop = shop.set("redis.tls_key_file", &other);
    shop.doctor().assert_named("redis.tls_certificate_file", "fail", &["other.key is not the key of", "together"]);
}

#[test]
fn a_port_that_another_program_has_is_named_with_the_program() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let own = format!("process {}", std::process::id());
    for key in ["server.listen", "server.ops_listen"] {
        assert_found(key, "fail", &["is taken by", &own, "end that program"], |shop| {
            shop.set(key, &format!("{address:?}"))
        });
    }
}
