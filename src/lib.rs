//! Doorbuster: a single-node flash-sale server. Never oversold, no acknowledged order lost, every request answered.
//!
//! In reading order, the way of one purchase:
//!
//! | file | holds |
//! |---|---|
//! | [`api`] | the public listener: its routes, and the way of a purchase through gate and sale |
//! | [`auth`] | who is asking |
//! | [`http`] | what both listeners answer with: connections, bodies, problem documents, built-in files |
//! | [`gate`] | which purchases may go on to the stock, layer by layer |
//! | [`doorbuster_actors`] | the sale itself: stock, group commit, ledger |
//! | [`payment`] | what payment providers report, a file each |
//! | [`ops`] | the operations listener |
//! | [`feed`] | committed entries for the outside: pulled, or relayed to Redis |
//! | [`export`] | orders and payments as files for other programs |
//! | [`inventory`] | the independent inventory system: knows the feed's wire format, not the server |
//! | [`server`] | the composition root: builds all of it bottom-up and closes it top-down |
//! | [`commands`] | the command line, one file or folder a command |
//! | [`redis_client`] | the way to Redis and the state of each kind of command, for gate, feed and inventory |
//! | [`config`], [`catalogue`] | what an operator says |
//! | [`fields`] | what is wrong with a document's members, in plain words |
//! | [`logs`] | what an operator hears |
//! | [`signals`] | what a signal means to a process that serves |
//! | [`service_manager`] | what it tells the service manager that started it, and which sockets it has from there |
//! | [`background`] | threads beside the work |

#![forbid(unsafe_code)]

pub mod api;
pub mod auth;
pub mod background;
pub mod catalogue;
mod certificates;
pub mod commands;
pub mod config;
pub mod export;
pub mod feed;
pub mod fields;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[path = "../tests/fuzz/targets/mod.rs"]
pub mod fuzzing;
pub mod gate;
pub mod http;
pub mod inventory;
pub mod json_object;
pub mod logs;
pub mod ops;
pub mod payment;
pub mod redis_client;
pub mod server;
pub mod service_manager;
pub mod signals;
#[cfg(test)]
#[path = "../tests/simulation/inventory.rs"]
mod simulated_inventory;
pub mod webhook;
