//! **Job:** finds what a request names, or says where it is.
//! **Owns:** the answer for what another node has.
//! **Never:** asks another node.

use std::sync::Arc;

use doorbuster_actors::ids::{ItemId, OrderId};
use doorbuster_actors::sale::{PublishedItem, SaleView};

use super::problem::Problem;

/// An item that buyers may see.
pub(crate) fn shown_item(sale: &SaleView, id: &ItemId) -> Result<Arc<PublishedItem>, Problem> {
    sale.directory.find_shown(id).ok_or_else(|| away(sale, id))
}

/// An item, hidden or not.
pub(crate) fn item(sale: &SaleView, id: &ItemId) -> Result<Arc<PublishedItem>, Problem> {
    sale.directory.find(id).ok_or_else(|| away(sale, id))
}

/// The item of an order.
pub(crate) fn item_of(sale: &SaleView, order: OrderId) -> Result<Arc<PublishedItem>, Problem> {
    at_home(sale, order)?;
    sale.directory.find_number(order.item).ok_or_else(Problem::not_found)
}

/// Refuses an order that another node has taken.
pub(crate) fn at_home(sale: &SaleView, order: OrderId) -> Result<(), Problem> {
    sale.cluster.issued_elsewhere(order.item).map_or(Ok(()), |node| Err(Problem::misdirected(node)))
}

/// Refuses to answer in the place of another node: `node` is whose part of a list is asked for, if anybody's.
pub(crate) fn part_of(sale: &SaleView, node: Option<&str>) -> Result<(), Problem> {
    let Some(name) = node else { return Ok(()) };
    match sale.cluster.names().find(|known| known.as_str() == name) {
        Some(known) if sale.cluster.name() == Some(known) => Ok(()),
        Some(other) => Err(Problem::misdirected(other)),
        None => Err(Problem::invalid("node", "must be the name of a node")),
    }
}

/// Nothing here: another node may have it.
fn away(sale: &SaleView, id: &ItemId) -> Problem {
    sale.cluster.elsewhere(id).map_or_else(Problem::not_found, Problem::misdirected)
}
