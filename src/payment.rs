//! **Job:** understands what payment providers report.
//! **Owns:** the providers, a file each: a pure function of headers, body, keys and the time.
//! **Never:** calls out, knows a web server, or says what an event means for an order: the stock does.

pub mod alipay;
mod event;
mod headers;
mod keys;
mod members;
mod minor_units;
pub mod own;
mod platform_keys;
pub mod standard_webhooks;
pub mod stripe;
#[cfg(test)]
mod tests;
mod time;
mod timed_signature;
pub mod wechat;

pub use event::{Distrust, Event, Refusal, Report};
pub use headers::Headers;
pub use keys::{Keys, UnfitKey};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use platform_keys::PlatformKeys;
