//! Doorbuster: a single-node flash-sale server. Never oversold, no acknowledged order lost, every request answered.
//!
//! In reading order, the way of one purchase:
//!
//! | file | room |
//! |---|---|
//! | [`http`] | the front door: routes, identity, JSON, problems |
//! | [`pages`] | what a browser gets: the built-in files of the storefront |
//! | [`gate`] | the gatehouse: who may go on to the counter |
//! | [`doorbuster_actors`] | the counter, the ledger room, the strongbox |
//! | [`ops`] | the operations listener |
//! | [`feed`] | committed entries for the outside: pulled, or relayed to Redis |
//! | [`inventory`] | the independent inventory system: knows the feed's wire format, not the server |
//! | [`server`] | the composition root: builds all of it bottom-up and closes it top-down |
//! | [`lab`] | the auditor, export, backup, calibration, terminal view, load generator: know wire and file only |
//! | [`cli`], [`config`], [`catalogue`] | what an operator says |
//! | [`logs`] | what an operator hears |

#![forbid(unsafe_code)]

pub mod api;
pub mod auth;
pub mod catalogue;
pub mod commands;
pub mod config;
pub mod feed;
pub mod gate;
pub mod http;
pub mod inventory;
pub mod logs;
pub mod ops;
pub mod server;
