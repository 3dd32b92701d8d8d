//! **Job:** what goes wrong around a server that itself is sound: its Redis, network, output, process and feed.
//! **Owns:** the faults that no other subject has; `TESTING.md` says which test holds which.
//! **Never:** asks more of a server that is in trouble than what is promised for it.

#![expect(clippy::disallowed_methods, reason = "waits for processes and proxies, which wake nobody")]

mod feed;
mod network;
mod output;
mod process;
mod proxy;
mod redis;
