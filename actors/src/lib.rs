//! The sale itself: who may buy what is decided, written down and answered here. Knows no HTTP, Redis, command line or
//! configuration file.
//!
//! In reading order:
//!
//! | file | room |
//! |---|---|
//! | [`letters`] | the letters that go through the house |
//! | [`ids`], [`money`], [`time`], [`item`] | the words they are written in |
//! | [`reply`], [`permit`] | the return envelope and the guards that travel with a letter |
//! | [`postbox`], [`desk`] | where a thread drops its letters, and the post desk that bundles them |
//! | [`stock_actor`] → [`stock`] | the counter of an item, and the state machine that decides |
//! | [`order_writer`] → [`batch`], [`ledger`] | group commit, and the strongbox |
//! | [`entry`] | what one line of the ledger says |
//! | [`cores`], [`directory`], [`used_keys`], [`watchers`] | placement, published state |
//! | [`observe`], [`trace`], [`drill`] | counters, spans, and how to see them |

#![forbid(unsafe_code)]

pub mod batch;
pub mod cores;
pub mod data_file;
pub mod desk;
pub mod directory;
pub mod drill;
pub mod entry;
pub mod ids;
pub mod item;
pub mod item_pool;
pub mod ledger;
pub mod letters;
pub mod money;
pub mod observe;
pub mod order_writer;
pub mod permit;
pub mod postbox;
pub mod reply;
pub mod stock;
pub mod stock_actor;
pub mod stop;
pub mod time;
pub mod trace;
pub mod used_keys;
pub mod watchers;
