//! **Job:** what the rooms of the sale tell about themselves: counters and distributions since the start.
//! **Owns:** the words for it; one file for each thing that is observed.
//! **Never:** computes a rate, keeps a history, or grows: readers subtract.

mod actor;
mod code;
mod core;
mod distribution;
mod passage;
mod writer;

pub use actor::{ActorCounters, ActorSnapshot, MailboxGauge};
pub use code::Code;
pub use core::{CoreCounters, CoreSnapshot};
pub use distribution::{Distribution, DistributionSnapshot};
pub use passage::Passage;
pub(crate) use writer::Took;
pub use writer::{CommitsMeasured, StorageState, WriterCounters};
