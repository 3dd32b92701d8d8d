//! **Job:** what a test needs to stand in the street before a built server: a house, a telephone, papers, a crowd.
//! **Owns:** the secrets of the tests and the patience of a client.
//! **Never:** links the server's code: it knows the binary, the wire and the command line only.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a failure is repeated and understood from")]
#![expect(clippy::disallowed_methods, reason = "waits for processes, which wake nobody, and reads the seed of a run")]

mod browser;
mod certificate;
mod checks;
mod client;
mod crowd;
mod evidence;
mod inventory;
mod nginx;
mod redis_server;
mod scrape;
mod server;
mod service_manager;
mod setup;
mod shop;
mod token;
mod volume;
mod webhook;

use std::net::TcpListener;

pub(crate) use browser::{Browser, Colours, Screen};
pub(crate) use certificate::Certificate;
pub(crate) use checks::{assert_conservation, assert_problem, but_for_its_id, live_of, problem_code, same_promise};
pub(crate) use client::{Client, RawAnswer, Response, raw_exchange};
pub(crate) use crowd::{Attempt, Tally, crowd, crowd_counting};
pub(crate) use evidence::{beside, doorbuster, everything_in, flip, text};
pub(crate) use inventory::{Books, Held, Inventory, PATIENCE, wait};
pub(crate) use nginx::Nginx;
pub(crate) use redis_server::RedisServer;
pub(crate) use scrape::{metric, metrics_page, sample};
pub(crate) use server::{Server, Stopped, send};
pub(crate) use service_manager::{PassedSocket, ServiceManager, passing};
pub(crate) use setup::{Item, Setup};
pub(crate) use shop::{node, shop_at, shop_of, shop_with_limits, three_addresses, three_nodes};
pub(crate) use token::{
    Claims, admin_authorization, authorization, base64url, hs256, key_pair, now_s, sealed, signature, token,
};
pub(crate) use volume::Volume;
pub(crate) use webhook::{payment_event, report_paid, report_paid_below, send_signed, send_with, webhook_signature};

/// HS256 secret of every server in the tests: fixed, so that a run can be repeated; long, so that it is accepted.
pub(crate) const JWT_SECRET: &str = "kV7q2Zp9xT4mB8wR1nY6cD3fG5hJ0sLa";
/// Bearer token of the ops listener.
pub(crate) const ADMIN_TOKEN: &str = "Qw8eRt5yUi2oPa9sDf6gHj3kLz0xCv7b";
/// Secret of the payment provider's webhook.
pub(crate) const WEBHOOK_SECRET: &str = "Zx1cVb4nMa7sDf0gHj3kLq6wEr9tYu2i";

/// The seeds of this run: `TEST_SEED` alone if it is set, else `default`. Printed, so that a failure can be repeated.
pub(crate) fn seeds(default: &[u64]) -> Vec<u64> {
    let seeds = match std::env::var("TEST_SEED") {
        Ok(text) => vec![text.parse().expect("TEST_SEED is a number")],
        Err(_) => default.to_vec(),
    };
    println!("seeds: {seeds:?} (TEST_SEED=n repeats one)");
    seeds
}

/// The one seed of a test that needs only one.
pub(crate) fn seed() -> u64 {
    seeds(&[20_261_122])[0]
}

/// A port that nobody is given by chance while its owner is dead: below those the system picks for
/// the listeners and connections of other tests.
pub(crate) fn lasting_port() -> u16 {
    // A Redis of a cluster also takes the port that is 10,000 higher; below 32,768 the system gives none to clients.
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let both = |port: &u16| is_free(*port) && is_free(*port + 10_000);
    std::iter::repeat_with(|| rand::random_range(15_000..22_000)).find(both).expect("one of so many is free")
}
