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
    /// After a purchase that passed the throttle; none without a throttle.
    spent: Option<HeaderValue>,
}

impl RateLimits {
    /// One attempt of a buyer within `window`, and `rate` purchases a second of everybody; nothing without either.
    #[must_use]
    pub fn new(window: Duration, rate: u32) -> Option<Self> {
        let window = (!window.is_zero()).then(|| seconds(window));
        let throttle = window.map(|window| format!("\"throttle\";q=1;w={window}"));
        let bucket = (rate > 0).then(|| format!("\"bucket\";q={rate};w=1"));
        let policy: Vec<_> = throttle.into_iter().chain(bucket).collect();
        let spent = window.map(|window| header(&format!("\"throttle\";r=0;t={window}")));
        (!policy.is_empty()).then(|| Self { policy: header(&policy.join(", ")), spent })
    }

    /// Of a purchase that came through all layers.
    pub(super) fn mark_passed(&self, headers: &mut HeaderMap) {
        self.mark(headers);
        if let Some(spent) = &self.spent {
            headers.insert(LIMIT.clone(), spent.clone());
        }
    }

    /// Of one that was refused.
    pub(super) fn mark_refused(&self, problem: &Problem, headers: &mut HeaderMap) {
        self.mark(headers);
        let met = [(Reason::Throttled, "throttle"), (Reason::RateLimited, "bucket")];
        let met = met.into_iter().find(|(code, _)| *code == problem.reason());
        if let (Some((_, policy)), Some(wait)) = (met, problem.retry_after()) {
            headers.insert(LIMIT.clone(), header(&format!("\"{policy}\";r=0;t={}", seconds(wait))));
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

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("names and numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_off_is_not_spoken_of() {
        let policy = |window, rate| RateLimits::new(window, rate).map(|limits| limits.policy);
        assert_eq!(policy(Duration::ZERO, 0), None);
        assert_eq!(policy(Duration::from_secs(5), 0), Some(header("\"throttle\";q=1;w=5")));
        assert_eq!(policy(Duration::from_millis(1_500), 9), Some(header("\"throttle\";q=1;w=2, \"bucket\";q=9;w=1")));
        assert_eq!(policy(Duration::ZERO, 9), Some(header("\"bucket\";q=9;w=1")));
    }
}
