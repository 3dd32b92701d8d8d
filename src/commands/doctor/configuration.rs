//! **Job:** checks what the configuration says, and what it leaves out.
//! **Owns:** what of it is fit for trying things out only.
//! **Never:** shows a secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::finding::Finding;
use crate::config::{Config, Loaded, Mode, OpsAddress, Purpose, demand};
use crate::server;

pub(super) fn findings(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = faults(loaded);
    findings.push(mode(loaded.mode, &loaded.cause.to_string()));
    findings.push(secrets(loaded));
    findings.extend(exposures(loaded));
    findings.extend(payment(Paying::of(loaded)));
    findings.push(public_listener(config.server.listen, has_tls(config), !config.server.trusted_proxies.is_empty()));
    findings.push(match &config.server.ops_listen {
        OpsAddress::Tcp(address) => ops_listener(*address),
        local @ OpsAddress::Unix(_) => Finding::ok("ops-listener", format!("{local}: reached from this machine only")),
    });
    findings
}

/// Whether the public listener itself speaks TLS.
fn has_tls(config: &Config) -> bool {
    config.server.tls_certificate_file.is_some()
}

fn faults(loaded: &Loaded) -> Vec<Finding> {
    let advice = "correct the key; `doorbuster config show --explain` says what each one means";
    let faults = server::faults(loaded);
    let found: Vec<_> = faults.iter().map(|fault| Finding::fail("configuration", fault.to_string(), advice)).collect();
    if found.is_empty() { vec![Finding::ok("configuration", "valid, with every file that it names")] } else { found }
}

fn mode(mode: Mode, cause: &str) -> Finding {
    match mode {
        Mode::Production => Finding::ok("mode", format!("production: {cause}")),
        Mode::Development => Finding::warn(
            "mode",
            format!("development: {cause}; anybody can become a buyer"),
            "for a sale that counts, give it a configuration file: doorbuster doctor --config FILE",
        ),
    }
}

/// In development mode they are made at the start.
fn secrets(loaded: &Loaded) -> Finding {
    let name = "secrets";
    match (loaded.mode, demand(loaded, Purpose::Serve)) {
        (Mode::Development, _) => Finding::ok(name, "made at the start, beside the data file"),
        (Mode::Production, Ok(())) => Finding::ok(name, "all that a server needs are there"),
        (Mode::Production, Err(missing)) => {
            Finding::fail(name, missing.to_string(), "openssl rand -hex 32 > FILE && chmod 600 FILE")
        }
    }
}

fn exposures(loaded: &Loaded) -> Vec<Finding> {
    let name = "secret-files";
    let exposed = |exposure: &crate::config::Exposure| {
        let text = exposure.to_string();
        // The sentence ends with the remedy.
        let remedy = text.rsplit(": ").next().unwrap_or_default();
        Finding::warn(name, &text, format!("{remedy} {}", exposure.path.display()))
    };
    let found: Vec<_> = loaded.exposed.iter().map(exposed).collect();
    if found.is_empty() { vec![Finding::ok(name, "no other user can read secrets or change keys")] } else { found }
}

/// What is known of the way money takes.
#[derive(Debug, Clone, Copy)]
struct Paying {
    must_pay: bool,
    has_provider: bool,
    has_page: bool,
}

impl Paying {
    fn of(loaded: &Loaded) -> Self {
        let payment = &loaded.config.payment;
        Self {
            must_pay: !payment.pay_within.is_zero(),
            // One is made with the other secrets.
            has_provider: loaded.mode == Mode::Development || server::takes_payments(&loaded.config),
            has_page: !payment.pay_url.is_empty(),
        }
    }
}

fn payment(paying: Paying) -> Vec<Finding> {
    let (provider, page) = ("payment-provider", "payment-page");
    if !paying.must_pay {
        return vec![Finding::ok(provider, "orders need no payment (payment.pay_within = 0s)")];
    }
    let has_provider = if paying.has_provider {
        Finding::ok(provider, "a provider can report payments")
    } else {
        Finding::fail(
            provider,
            "orders must be paid (payment.pay_within), but no provider has a key: every order would expire",
            "set payment.webhook_secret_file or a section [payment.…]; or payment.pay_within = \"0s\" if nothing is to \
             be paid",
        )
    };
    let has_page = if paying.has_page {
        Finding::ok(page, "pending orders name the page where they are paid")
    } else {
        Finding::warn(
            page,
            "payment.pay_url is not set: buyers are told that they must pay, not where",
            "set payment.pay_url, unless your own pages lead to the payment",
        )
    };
    vec![has_provider, has_page]
}

fn public_listener(address: SocketAddr, has_tls: bool, has_proxies: bool) -> Finding {
    let name = "public-listener";
    if address.ip().to_canonical().is_loopback() {
        return Finding::ok(name, format!("{address}: a proxy on this machine can reach it"));
    }
    match (has_tls, has_proxies) {
        (true, _) => Finding::ok(name, format!("{address}, with TLS")),
        (false, true) => Finding::ok(name, format!("{address}, behind the proxies of server.trusted_proxies")),
        (false, false) => Finding::warn(
            name,
            format!(
                "{address}: other machines reach it without TLS, and no proxy is trusted: tokens travel in the open"
            ),
            "put a proxy with TLS in front, name it in server.trusted_proxies, and set server.listen = \
             \"127.0.0.1:8080\" if it is on this machine",
        ),
    }
}

fn ops_listener(address: SocketAddr) -> Finding {
    let name = "ops-listener";
    match reach(address.ip().to_canonical()) {
        Reach::Machine => Finding::ok(name, format!("{address}: reached from this machine only")),
        Reach::Private => Finding::ok(name, format!("{address}: reached from a private network")),
        Reach::World => Finding::warn(
            name,
            format!("{address} is not private: whoever reaches it may guess the admin token, which can do everything"),
            "set server.ops_listen to 127.0.0.1:9190 or to an address of a private network",
        ),
    }
}

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Machine,
    Private,
    World,
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        _ if ip.is_loopback() => Reach::Machine,
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || is_of_provider(ip) => Reach::Private,
        IpAddr::V6(ip) if is_unique_local(ip) => Reach::Private,
        IpAddr::V4(_) | IpAddr::V6(_) => Reach::World,
    }
}

/// 100.64.0.0/10 (RFC 6598): behind a provider's own translation, and what overlay networks use.
fn is_of_provider(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

fn is_unique_local(ip: Ipv6Addr) -> bool {
    ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn orders_that_nobody_could_ever_pay_are_a_failure() {
        let levels = |must_pay, has_provider, has_page| {
            let paying = Paying { must_pay, has_provider, has_page };
            payment(paying).iter().map(|finding| finding.level).collect::<Vec<_>>()
        };
        assert_eq!(levels(false, false, false), [Level::Ok]);
        assert_eq!(levels(true, true, true), [Level::Ok, Level::Ok]);
        assert_eq!(levels(true, true, false), [Level::Ok, Level::Warn]);
        assert_eq!(levels(true, false, true), [Level::Fail, Level::Ok]);
    }

    #[test]
    fn an_operations_listener_that_the_world_may_reach_is_told() {
        for (text, level) in [
            ("127.0.0.1:9190", Level::Ok),
            ("[::ffff:127.0.0.1]:9190", Level::Ok),
            ("10.1.2.3:9190", Level::Ok),
            ("100.64.0.1:9190", Level::Ok),
            ("[fd00::1]:9190", Level::Ok),
            ("0.0.0.0:9190", Level::Warn),
            ("[::]:9190", Level::Warn),
            ("100.128.0.1:9190", Level::Warn),
            ("203.0.113.7:9190", Level::Warn),
        ] {
            assert_eq!(ops_listener(address(text)).level, level, "{text}");
        }
    }

    #[test]
    fn a_public_listener_in_the_open_needs_tls_or_a_proxy() {
        let level = |text: &str, has_tls, has_proxies| public_listener(address(text), has_tls, has_proxies).level;
        assert_eq!(level("127.0.0.1:8080", false, false), Level::Ok);
        assert_eq!(level("0.0.0.0:8080", false, false), Level::Warn);
        assert_eq!(level("0.0.0.0:8080", true, false), Level::Ok);
        assert_eq!(level("10.0.0.1:8080", false, true), Level::Ok);
    }
}
