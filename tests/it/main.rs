//! **Job:** one binary of all tests that stand before the built server: one module a subject, linked once.
//! **Owns:** the list of the subjects.
//! **Never:** assumes that a test is alone in its process: `cargo test --test it crash::` runs one subject.

mod alerts;
mod answers;
mod backup;
mod bad_inputs;
mod bench;
mod calibrate;
mod canonical;
mod clock;
mod configuration;
mod connections;
mod crash;
mod crash_states;
mod damage;
mod dashboard;
mod data_file;
mod exports;
mod feed;
mod gate_redis;
mod identity;
mod inspect;
mod inventory;
mod life;
mod modes;
mod openapi;
mod operate;
mod operations;
mod origins;
mod payments;
mod platform;
mod proxies;
mod queue;
mod recovery;
mod replay;
mod sale;
mod salvage;
mod stalls;
mod storefront;
mod strangers;
mod support;
mod tokens;
mod top;
mod verdict;
mod verify;
mod webhook;
