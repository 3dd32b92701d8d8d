//! **Job:** one binary of all tests of the sale through its public interface: one module a subject, linked once.
//! **Owns:** the list of the subjects.
//! **Never:** assumes that a test is alone in its process: what ends or changes the process is a child's part.

mod actix_assumptions;
mod commit_triggers;
mod durability;
mod leap;
mod ledger;
mod ledger_file;
mod ledger_lines;
mod ledger_missing;
mod ledger_versions;
mod order_ids;
mod order_life;
mod pinned_log;
mod questions;
mod sale;
mod salvage;
#[path = "../simulation/mod.rs"]
mod simulation;
mod simulation_runs;
mod stock_model;
mod stock_rules;
mod stock_size;
mod storage_faults;
mod support;
mod suspense;
mod values;
