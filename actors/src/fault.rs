//! **Job:** what can be made worse on purpose, to see how it looks.
//! **Owns:** the words for it.
//! **Never:** happens unless the operator asked for it at the start.

use std::time::Duration;

use crate::ids::ItemId;

/// The actor of one item is slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedDelay {
    /// Id of the item.
    pub item: ItemId,
    /// How much longer each message takes.
    pub by: Duration,
}
