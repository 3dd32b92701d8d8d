//! **Job:** finds out who is behind a proxy: the client's address and scheme.
//! **Owns:** which proxies are believed, and how `X-Forwarded-For` and `X-Forwarded-Proto` are read.
//! **Never:** believes a word that somebody else than a trusted proxy may have written.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// Each proxy appends whom it was called by.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// `http` or `https`: how the client spoke to the first proxy.
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Networks whose word is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    /// The listener speaks TLS itself.
    is_tls: bool,
}

impl TrustedProxies {
    /// The proxies in these networks.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self { networks: networks.into(), is_tls: false }
    }

    /// The same in front of a listener that speaks TLS, or does not.
    #[must_use]
    pub fn with_tls(self, is_tls: bool) -> Self {
        Self { is_tls, ..self }
    }

    /// Whether this address, as it is on the wire, is one of them.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request that came from `peer`: from the right, the first hop that is no proxy of ours. What stands to
    /// the left of it, anybody may have written. If all are ours, the client is one of us: the first hop. If one that
    /// is needed cannot be read, nothing is known but the peer.
    #[must_use]
    pub fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.ip().to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).map(HeaderValue::as_bytes).collect();
        let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        let mut client = peer;
        while self.trusts(client) {
            let Some(hop) = hops.next() else { break };
            client = match address(hop) {
                Some(address) => address,
                // Empty elements of a list are no elements (RFC 9110, section 5.6.1).
                None if hop.trim_ascii().is_empty() => continue,
                None => return Some(peer),
            };
        }
        Some(client)
    }

    /// Whether the client of a request that came from `peer` spoke TLS: to the first proxy, if we are told, or to us.
    #[must_use]
    pub fn is_https(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
        let first =
            headers.get(X_FORWARDED_PROTO).and_then(|value| value.as_bytes().split(|byte| *byte == b',').next());
        let told = first.filter(|_| peer.is_some_and(|peer| self.trusts(peer.ip())));
        told.map_or(self.is_tls, |scheme| scheme.trim_ascii().eq_ignore_ascii_case(b"https"))
    }
}

/// An address as proxies write it: bare, with a port, in brackets, in quotes.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(&["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network")))
    }

    fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
        let value = |line: &&str| HeaderValue::from_str(line).expect("of one line");
        lines.iter().map(|line| (HeaderName::from_static(name), value(line))).collect()
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        proxies().client(Some(peer), &headers(X_FORWARDED_FOR, lines)).expect("a peer").to_string()
    }

    #[test]
    fn the_client_is_the_rightmost_hop_that_is_no_proxy_of_ours() {
        for (peer, lines, expected) in [
            ("10.0.0.1", &["192.0.2.7"][..], "192.0.2.7"),
            ("::ffff:10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
            ("10.0.0.1", &["198.51.100.1", "192.0.2.7,10.9.9.9", "10.3.3.3"], "192.0.2.7"),
            ("10.0.0.1", &["junk, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["192.0.2.7:51234"], "192.0.2.7"),
            ("10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", &["\"[2001:db8::7]:443\""], "2001:db8::7"),
            ("10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7"),
            ("fd00::1", &["  192.0.2.7 ,, "], "192.0.2.7"),
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_leaves_the_peer() {
        for junk in
            ["unknown", "_hidden", "192.0.2", "192.0.2.7.", "192.0.2.7:x", "192.0.2.7:99999", "[2001:db8::7", "a b"]
        {
            assert_eq!(client("10.0.0.1", &[junk]), "10.0.0.1", "{junk}");
            assert_eq!(client("10.0.0.1", &[&format!("192.0.2.7, {junk}, 10.2.2.2")]), "10.0.0.1", "{junk}");
        }
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        let tls = headers(X_FORWARDED_PROTO, &["https"]);
        let from = |peer: &str| proxies().is_https(Some(SocketAddr::new(peer.parse().expect("an address"), 1)), &tls);
        assert!(from("10.0.0.1") && from("::ffff:10.0.0.1") && !from("192.0.2.1"));
        assert!(!proxies().is_https(None, &tls) && proxies().client(None, &tls).is_none());
        // We speak TLS ourselves: only a proxy of ours can say that its client did not.
        let (ours, plain) = (proxies().with_tls(true), headers(X_FORWARDED_PROTO, &["http"]));
        let from = |peer: &str| ours.is_https(Some(SocketAddr::new(peer.parse().expect("an address"), 1)), &plain);
        assert!(from("192.0.2.1") && !from("10.0.0.1") && ours.is_https(None, &HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn nobody_chooses_their_own_address(forged in "[ -~]{0,80}", last in any::<[u8; 4]>(), port in any::<u16>()) {
            let client_address = IpAddr::from([192, 0, 2, last[3]]);
            let appended = format!("{forged}, {client_address}");
            prop_assert_eq!(client("10.0.0.1", &[&appended]), client_address.to_string());
            let with_port = format!("{forged}, {}", SocketAddr::new(client_address, port));
            prop_assert_eq!(client("10.0.0.1", &[&with_port]), client_address.to_string());
        }
    }
}
