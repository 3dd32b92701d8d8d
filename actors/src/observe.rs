//! **Job:** what the rooms of the sale tell about themselves: counters and distributions since the start.
//! **Owns:** the words for it; one file for each thing that is observed.
//! **Never:** computes a rate, keeps a history, or grows: readers subtract.

mod actor;
mod core;
mod distribution;
mod layer;
mod payments;
mod writer;

pub use crate::commit_trigger::CommitTrigger;
pub use actor::{ActorCounters, ActorSnapshot, MailboxGauge};
pub use core::{CoreCounters, CoreSnapshot};
pub use distribution::{Distribution, DistributionSnapshot};
pub use layer::LayerCounters;
pub use payments::PaymentCounters;
pub(crate) use writer::Took;
pub use writer::{CommitsMeasured, WriterCounters};
