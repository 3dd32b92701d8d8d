//! **Job:** throttle per network: of all attempts from one address within a window, the first passes.
//! **Owns:** which addresses are one network.
//! **Never:** gives a window back: it bounds how fast a machine tries, whatever becomes of it; or believes a header,
//! which is for whoever knows the proxies.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use super::throttle::{Throttle, ThrottleVerdict};
use super::verdict::Verdict;

/// Bits of an IPv6 address that a network has: what a provider gives one household at least (RFC 6177, section 2).
/// Within it a machine can take as many addresses as it likes.
const IPV6_NETWORK: u128 = !(u64::MAX as u128);

/// One worker's throttle of networks.
#[derive(Debug)]
pub struct AddressThrottle(Throttle);

impl AddressThrottle {
    /// A throttle of networks, with windows as `throttle` has them.
    #[must_use]
    pub fn new(throttle: Throttle) -> Self {
        Self(throttle)
    }

    /// Lets one attempt pass per network and window.
    pub async fn admit(&self, address: IpAddr, now: Instant) -> Verdict {
        // The window is never given back, so that nothing has to be remembered of it.
        let verdict: ThrottleVerdict = self.0.admit_network(&network(address).to_string(), now).await;
        verdict.into()
    }
}

/// The network of an address: IPv4 as it is, also where it is written as IPv6; IPv6 by the first half.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & IPV6_NETWORK).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::super::throttle::LocalThrottle;
    use super::*;
    use crate::config::ThrottleScope;

    const WINDOW: Duration = Duration::from_millis(500);

    fn passes(throttle: &AddressThrottle, address: &str, now: Instant) -> bool {
        let address = address.parse().expect("an address");
        throttle.admit(address, now).now_or_never().expect("in process nobody waits") == Verdict::Pass
    }

    #[test]
    fn one_attempt_of_a_network_passes_in_a_window_and_an_ipv6_network_is_a_household() {
        let local = Arc::new(LocalThrottle::new(WINDOW));
        let throttle = AddressThrottle::new(Throttle::new(local, None, ThrottleScope::User));
        let now = Instant::now();
        for (address, wanted) in [
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::2", false),
            ("2001:db8:0:2::1", true),
        ] {
            assert_eq!(passes(&throttle, address, now), wanted, "{address}");
        }
        assert!(passes(&throttle, "192.0.2.1", now + WINDOW), "another window");
    }
}
