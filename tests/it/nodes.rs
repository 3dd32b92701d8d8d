//! **Job:** holds that a shop of three nodes sells each item once, and loses no more than what is on a node that is
//! down.
//! **Owns:** which item is whose in these tests; `doorbuster cluster map` is asked, not the library.
//! **Never:** knows how an item is given to a node.

mod list;
mod nginx;
mod wrong_node;

use crate::support::Item;

/// Two items of each node, by the documented function: printf 'a\000sku-1' | sha256sum; the largest digits win.
const OF_A: [&str; 2] = ["sku-1", "sku-2"];
const OF_B: [&str; 2] = ["sku-5", "sku-7"];
const OF_C: [&str; 2] = ["sku-10", "sku-6"];

/// All of them, so many units each.
fn items(stock: u32) -> Vec<Item> {
    [OF_A, OF_B, OF_C].concat().into_iter().map(|id| Item::new(id, stock)).collect()
}
