//! **Job:** what holds for a configuration as a whole: precedence, refusals, secrets.
//! **Owns:** the contract's page as a file.
//! **Never:** reads this process's own environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

mod address;
mod secrets;

/// The page of the contract, without its comments.
const CONTRACT: &str = include_str!("tests/contract.toml");

const SECRETS: &str = "[auth]\njwt_secret = \"0123456789abcdef0123456789abcdef\"\n\
    admin_token = \"fedcba9876543210fedcba9876543210\"\n";

/// A directory of files for one test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("writable");
        path
    }

    fn load_file(&self, content: &str) -> Result<Loaded, ConfigError> {
        load(Sources { file: Some(self.file("doorbuster.toml", content)), ..Sources::default() })
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn load_flags(flags: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load(Sources { flags: pairs(flags), ..Sources::default() })
}

fn load_environment(environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load(Sources { environment: pairs(environment), ..Sources::default() })
}

fn refusal(result: Result<Loaded, ConfigError>) -> String {
    result.expect_err("must be refused").to_string()
}

fn without_origins(shown: &str) -> String {
    shown.lines().map(|line| line.split("  # ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_contract_page_lists_every_key_with_its_default() {
    let loaded = Folder::new().load_file(CONTRACT).expect("valid");
    assert!(loaded.origins.iter().all(|(_, origin)| matches!(origin, Origin::File(_))), "{:?}", loaded.origins);
    let mut defaults = Folder::new().load_file(SECRETS).expect("valid");
    assert_eq!(without_origins(&show(&loaded, false)), without_origins(&show(&defaults, false)));
    defaults.config.storage.max_batch += 1;
    assert_ne!(without_origins(&show(&loaded, false)), without_origins(&show(&defaults, false)));
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let folder = Folder::new();
    let file = folder.file("c.toml", &format!("{SECRETS}[storage]\nmax_batch = 2\nlinger = \"2ms\"\npath = \"f\"\n"));
    let environment =
        pairs(&[("DOORBUSTER_STORAGE_MAX_BATCH", "3"), ("DOORBUSTER_STORAGE_LINGER", "3ms"), ("HOME", "/")]);
    let flags = pairs(&[("storage.max_batch", "1"), ("storage.max_batch", "4")]);
    let loaded = load(Sources { file: Some(file.clone()), environment, flags, ..Sources::default() }).expect("valid");

    let storage = &loaded.config.storage;
    assert_eq!((storage.max_batch, storage.linger), (4, Duration::from_millis(3)));
    assert_eq!((storage.path.as_path(), storage.durability), (Path::new("f"), Durability::Full));
    assert_eq!(loaded.origins["storage.max_batch"], Origin::Flag);
    assert_eq!(loaded.origins["storage.linger"], Origin::Environment("DOORBUSTER_STORAGE_LINGER".to_owned()));
    assert_eq!(loaded.origins["storage.path"], Origin::File(file));
    assert_eq!(loaded.origins["storage.durability"], Origin::Default);
    assert_eq!(loaded.mode, Mode::Production);
}

#[test]
fn an_unknown_key_is_named_wherever_it_was_given() {
    let folder = Folder::new();
    for (content, key) in [
        ("[server]\nlissten = \"x\"", "server.lissten: is not a known key"),
        ("[sever]", "sever: is not a known key"),
        ("\"a\\nb\" = 1", "a\\nb: is not a known key"),
        ("listen = \"x\"", "listen: is not a known key"),
        ("[gate]\nwindow = \"5s\"", "gate.window: is not a known key"),
        ("[server]\nlisten_file = \"x\"", "server.listen_file: is not a known key"),
    ] {
        let refusal = refusal(folder.load_file(content));
        assert!(refusal.starts_with(key), "{refusal}");
    }
    assert_eq!(refusal(load_flags(&[("server.x", "1")])), "server.x: is not a known key (flag)");
    let refusal = refusal(load_environment(&[("DOORBUSTER_CONFIG", "x")]));
    assert!(refusal.starts_with("DOORBUSTER_CONFIG: is not a known variable"), "{refusal}");
}

#[test]
fn a_value_of_another_type_names_key_expectation_and_origin() {
    assert_eq!(
        refusal(load_environment(&[("DOORBUSTER_SERVER_WORKERS", "many")])),
        "server.workers: expected a whole number, 0 or more (environment DOORBUSTER_SERVER_WORKERS)"
    );
    assert_eq!(
        refusal(load_flags(&[("storage.durability", "high")])),
        "storage.durability: expected one of `full` `normal` (flag)"
    );
    let refusal = refusal(Folder::new().load_file("[server]\nlisten = 8080"));
    assert!(refusal.starts_with("server.listen: expected an IP address with a port, like"), "{refusal}");
}

#[test]
fn a_broken_or_missing_file_is_named() {
    let folder = Folder::new();
    let refused = refusal(folder.load_file("[server]\nlisten = canary"));
    assert!(refused.contains("doorbuster.toml: line 2: ") && !refused.contains("canary"), "{refused}");
    let refused = refusal(load(Sources { file: Some(folder.0.path().join("none")), ..Sources::default() }));
    assert!(refused.contains("none: cannot be read"), "{refused}");
}

#[test]
fn a_variable_that_is_not_utf8_is_refused() {
    let refusal = refusal(load_environment(&[("DOORBUSTER_REDIS_PREFIX", "a\u{fffd}")]));
    assert_eq!(refusal, "DOORBUSTER_REDIS_PREFIX: is not valid UTF-8");
}

/// Values of keys beyond what these may be.
pub(super) const BEYOND_LIMITS: &[(&str, &str)] = &[
    ("server.workers", "257"),
    ("server.max_in_flight", "0"),
    ("server.max_in_flight", "1000001"),
    ("server.ops_listen", "127.0.0.1:8080"),
    ("server.keep_alive", "999ms"),
    ("server.keep_alive", "3601s"),
    ("server.base_path", "/sale/"),
    ("storage.path", ""),
    ("storage.max_batch", "0"),
    ("storage.max_batch", "65537"),
    ("storage.linger", "1001ms"),
    ("clock.follow_after", "999ms"),
    ("clock.follow_after", "86401s"),
    ("storage.stall_limit", "4999ms"),
    ("storage.stall_limit", "25h"),
    ("gate.address.window", "86401s"),
    ("gate.address.window", "999us"),
    ("gate.throttle.window", "86401s"),
    ("gate.throttle.window", "999us"),
    ("gate.pool.factor", "-0.1"),
    ("gate.pool.factor", "1000.1"),
    ("gate.pool.factor", "NaN"),
    ("gate.pool.factor", "inf"),
    ("gate.bucket.rate", "10000001"),
    ("gate.bucket.burst", "1"),
    ("redis.url", "localhost"),
    ("redis.timeout", "0s"),
    ("redis.timeout", "5001ms"),
    ("redis.prefix", "a b"),
    ("redis.prefix", "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"),
    ("payment.pay_within", "31days"),
    ("payment.pay_within", "999us"),
    ("payment.pay_url", "ftp://pay.example/{order_id}"),
    ("payment.pay_url", "https://pay.example/"),
    ("payment.pay_url", "https://pay.example/{order}"),
    ("feed.redis_stream", "orders"),
    ("webhook.url", "https://ann:canary@shop.example.com"),
    ("webhook.timeout", "999ms"),
    ("webhook.timeout", "61s"),
    ("webhook.concurrency", "0"),
    ("webhook.concurrency", "65"),
    ("webhook.retry_for", "999ms"),
    ("webhook.retry_for", "31days"),
    ("inventory.rate", "10000001"),
    ("inventory.source", "redis"),
];

#[test]
fn limits_are_refused_with_the_key() {
    for (key, bad) in BEYOND_LIMITS {
        let refusal = refusal(load_flags(&[(key, bad)]));
        assert!(refusal.starts_with(&format!("{key}: ")) && refusal.ends_with(" (flag)"), "{key} {bad}: {refusal}");
    }
}

#[test]
fn values_on_the_limits_are_taken() {
    let flags = [
        ("server.workers", "256"),
        ("server.max_in_flight", "1000000"),
        ("server.listen", "127.0.0.1:0"),
        ("server.ops_listen", "127.0.0.1:0"),
        ("storage.max_batch", "65536"),
        ("storage.linger", "1s"),
        ("storage.stall_limit", "24h"),
        ("gate.address.window", "1day"),
        ("gate.throttle.window", "1day"),
        ("gate.pool.factor", "1000"),
        ("gate.bucket.rate", "10000000"),
        ("gate.bucket.burst", "10000000"),
        ("redis.url", "redis://127.0.0.1"),
        ("redis.timeout", "5s"),
        ("redis.prefix", ""),
        ("payment.pay_within", "30days"),
        ("payment.pay_url", "https://pay.example/{order_id}?s={signature}"),
        ("feed.redis_stream", "orders"),
        ("webhook.timeout", "1m"),
        ("webhook.concurrency", "64"),
        ("webhook.retry_for", "30days"),
        ("inventory.source", "redis"),
    ];
    let loaded = load_flags(&flags).expect("valid");
    assert_eq!(Some(loaded.config.server.listen), loaded.config.server.ops_listen.tcp());
}

#[test]
fn production_needs_its_secrets_and_development_does_not() {
    assert_eq!(load_flags(&[]).map(|loaded| loaded.mode), Ok(Mode::Development));
    let folder = Folder::new();
    let missing = |content: &str| {
        let loaded = folder.load_file(content).expect("valid");
        demand(&loaded, Purpose::Serve).err().map(|error| error.key)
    };
    assert_eq!(missing("").as_deref(), Some("auth.jwt_secret, auth.admin_token"));
    let without_admin = "[auth]\njwt_secret = \"0123456789abcdef0123456789abcdef\"";
    assert_eq!(missing(without_admin).as_deref(), Some("auth.admin_token"));
    assert_eq!(missing(SECRETS), None);
}

#[test]
fn a_secret_that_can_be_guessed_is_refused_and_not_repeated() {
    let canary = "canary-0123456789abcdef";
    for (key, bad, reason) in [
        ("auth.jwt_secret", canary, "must have at least 32 bytes"),
        ("auth.admin_token", "canarycanarycanarycanarycanarycanary", "fewer than 8 distinct characters"),
        ("payment.webhook_secret", "canary-ChangeMe-0123456789abcdef0123", "contains a word of examples"),
        ("payment.pay_url_secret", canary, "must have at least 32 bytes"),
        ("feed.token", "canary 0123456789abcdef0123456789abcdef", "must be visible ASCII"),
        ("auth.jwt_secret", &" ".repeat(40), "must have at least 32 bytes"),
        (
            "auth.jwt_secret",
            " \t\n\u{a0}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}",
            "must have at least",
        ),
        ("auth.jwt_secret", &format!("{canary}{}", " ".repeat(40)), "must have at least 32 bytes"),
    ] {
        let refusal = refusal(load_flags(&[(key, bad)]));
        assert!(refusal.starts_with(key) && refusal.contains(reason), "{refusal}");
        assert!(!refusal.contains("canary"), "{refusal}");
    }
}

#[test]
fn a_signed_address_of_the_payment_page_needs_a_key_and_production_needs_https() {
    let folder = Folder::new();
    let payment = |lines: &str| folder.load_file(&format!("{SECRETS}[payment]\n{lines}"));
    let signed = "pay_url = \"https://pay.example/{order_id}?s={signature}\"\n";
    let missing = refusal(payment(signed));
    assert!(missing.starts_with("payment.pay_url: ") && missing.contains("payment.pay_url_secret"), "{missing}");
    for key in ["webhook_secret", "pay_url_secret"] {
        let secret = format!("{signed}{key} = \"0011223344556677889900aabbccddeeff\"\n");
        assert!(payment(&secret).is_ok(), "{key}");
    }
    assert!(payment("pay_url = \"https://pay.example/{order_id}\"\n").is_ok());
    let plain = refusal(payment("pay_url = \"http://pay.example/{order_id}\"\n"));
    assert!(plain.starts_with("payment.pay_url: must begin with https://"), "{plain}");
    assert!(load_flags(&[("payment.pay_url", "http://pay.example/{order_id}")]).is_ok(), "development mode");
}

#[test]
fn the_other_ways_of_identification_need_no_jwt_secret_but_their_own_keys() {
    let folder = Folder::new();
    let admin = "[auth]\nadmin_token = \"fedcba9876543210fedcba9876543210\"\n";
    let header = format!("{admin}mode = \"header\"\n");
    assert!(refusal(folder.load_file(&header)).starts_with("server.trusted_proxies: must not be empty"));
    assert!(folder.load_file(&format!("{header}[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n")).is_ok());

    let key_pair = format!("{admin}jwt_algorithm = \"EdDSA\"\n");
    assert!(refusal(folder.load_file(&key_pair)).starts_with("auth.jwt_public_key_file: must be set"));
    let missing = format!("{key_pair}jwt_public_key_file = \"{}\"\n", folder.0.path().join("none").display());
    assert!(
        refusal(folder.load_file(&missing)).starts_with("auth.jwt_public_key_file: /")
            && refusal(folder.load_file(&missing)).contains("cannot be read")
    );
    let path = folder.file("public.pem", "PEM");
    assert!(folder.load_file(&format!("{key_pair}jwt_public_key_file = \"{}\"\n", path.display())).is_ok());
}
