//! **Job:** tells buyers the limits of purchases before they meet them: `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10).
//! **Owns:** how a limit is written; each text that can be is made once.
//! **Never:** limits, or says a figure that it does not know: where nothing is known of a limit, nothing is said.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use doorbuster_actors::request::Reason;

use crate::http::problem::Problem;

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of this server's purchases.
#[derive(Debug, Clone)]
pub struct RateLimits {
    policy: HeaderValue,
    /// None without a throttle.
    throttle: Option<Spent>,
}

/// A throttle whose window has just begun.
#[derive(Debug, Clone)]
struct Spent {
    window: Duration,
    limit: HeaderValue,
}

impl RateLimits {
    /// One attempt of a buyer within `window` and of an address within another, and `rate` purchases a second of
    /// everybody; nothing without any.
    #[must_use]
    pub fn new((window, of_address): (Duration, Duration), rate: u32) -> Option<Self> {
        let window = (!window.is_zero()).then_some(window);
        let address = (!of_address.is_zero()).then(|| one_in("address", of_address));
        let throttle = window.map(|window| one_in("throttle", window));
        let bucket = (rate > 0).then(|| format!("\"bucket\";q={rate};w=1"));
        let policy: Vec<_> = throttle.into_iter().chain(address).chain(bucket).collect();
        let throttle = window.map(|window| Spent { window, limit: none_left("throttle", window) });
        (!policy.is_empty()).then(|| Self { policy: header(&policy.join(", ")), throttle })
    }

    /// Of a purchase that came through all layers.
    pub(super) fn mark_passed(&self, headers: &mut HeaderMap) {
        self.mark(headers);
        if let Some(throttle) = &self.throttle {
            headers.insert(LIMIT.clone(), throttle.limit.clone());
        }
    }

    /// Of one that was refused.
    pub(super) fn mark_refused(&self, problem: &Problem, headers: &mut HeaderMap) {
        self.mark(headers);
        let limit = match (problem.reason(), problem.retry_after(), &self.throttle) {
            (Reason::Throttled, Some(wait), _) if problem.scope().is_some() => Some(none_left("address", wait)),
            // A longer wait is a cool-down of the stock: who meets it has just passed the throttle.
            (Reason::Throttled, Some(wait), Some(throttle)) if wait > throttle.window => Some(throttle.limit.clone()),
            (Reason::Throttled, Some(wait), Some(_)) => Some(none_left("throttle", wait)),
            (Reason::RateLimited, Some(wait), _) => Some(none_left("bucket", wait)),
            _other => None,
        };
        if let Some(limit) = limit {
            headers.insert(LIMIT.clone(), limit);
        }
    }

    /// Of an answer that says nothing about how much is left.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(POLICY.clone(), self.policy.clone());
    }
}

/// Whole seconds, rounded up as in `Retry-After`: earlier is too early.
fn seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

/// One attempt within `window`. The field knows whole seconds only: of a shorter one it says how many fit into one.
fn one_in(policy: &str, window: Duration) -> String {
    let attempts = 1_000_u128.checked_div(window.as_millis()).unwrap_or(1).max(1);
    format!("\"{policy}\";q={attempts};w={}", seconds(window))
}

fn none_left(policy: &str, for_so_long: Duration) -> HeaderValue {
    header(&format!("\"{policy}\";r=0;t={}", seconds(for_so_long)))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("names and numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Refusal;

    #[test]
    fn a_refusal_says_how_long_its_own_limit_lasts() {
        let told = |window, refusal: fn(Duration) -> Refusal, wait| {
            let mut headers = HeaderMap::new();
            let problem = refusal(Duration::from_secs(wait)).into();
            RateLimits::new((Duration::from_secs(window), Duration::ZERO), 9)
                .expect("a bucket")
                .mark_refused(&problem, &mut headers);
            headers.get(&LIMIT).map(|limit| limit.to_str().expect("ASCII").to_owned())
        };
        let throttled = |retry_after| Refusal::Throttled { retry_after };
        assert_eq!(told(5, throttled, 3).as_deref(), Some("\"throttle\";r=0;t=3"));
        assert_eq!(
            told(5, |retry_after| Refusal::RateLimited { retry_after }, 1).as_deref(),
            Some("\"bucket\";r=0;t=1")
        );
        let of_address = |retry_after| Refusal::AddressThrottled { retry_after };
        assert_eq!(told(5, of_address, 1).as_deref(), Some("\"address\";r=0;t=1"));
        assert_eq!(told(5, throttled, 30).as_deref(), Some("\"throttle\";r=0;t=5"), "the rest is a cool-down");
        assert_eq!(told(0, throttled, 30), None, "a cool-down where nothing is throttled");
        assert_eq!(told(5, |retry_after| Refusal::NoToken { retry_after }, 1), None);
    }

    #[test]
    fn a_limit_that_is_off_is_not_spoken_of() {
        let policy = |window, rate| RateLimits::new((window, Duration::ZERO), rate).map(|limits| limits.policy);
        assert_eq!(policy(Duration::ZERO, 0), None);
        assert_eq!(policy(Duration::from_secs(5), 0), Some(header("\"throttle\";q=1;w=5")));
        assert_eq!(policy(Duration::from_millis(1_500), 9), Some(header("\"throttle\";q=1;w=2, \"bucket\";q=9;w=1")));
        assert_eq!(policy(Duration::from_millis(300), 0), Some(header("\"throttle\";q=3;w=1")));
        assert_eq!(policy(Duration::ZERO, 9), Some(header("\"bucket\";q=9;w=1")));
    }
}
