//! **Job:** what everybody who talks to Redis shares: the way there, and how each kind of command fares.
//! **Owns:** the reading of the address, the causes of failure with what to do about each, and the state of each kind.
//! **Never:** sends a command, or shows an address or the server's own words: either may hold a secret.
//!
//! | file | does |
//! |---|---|
//! | `address` | from `redis.url` and the TLS files to a client; says which part cannot be used |
//! | `command` | the kinds of commands |
//! | `cause` | what an error means, and what to do |
//! | `breaker` | stops asking what does not answer |
//! | `health` | the state of each kind: counts, breaker, and what the log is told |

mod address;
mod breaker;
mod cause;
mod command;
mod health;

pub use address::{RedisAddress, SharedClient, TlsFiles, UnusableAddress};
pub use breaker::{BreakerState, CallPermit, FAILURES_TO_OPEN, OPEN_FOR};
pub use cause::{Cause, Failure};
pub use command::Command;
pub use health::{CommandHealth, Health, Trouble};
