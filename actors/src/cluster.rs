//! **Job:** says which node an item belongs to, where a shop has several.
//! **Owns:** the function from item and names to a node; every node and every tool computes the same.
//! **Never:** talks to another node: nodes share nothing but this function, and if they like a Redis for the gate.
//!
//! **Rendezvous hashing** (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM
//! Transactions on Networking 6(1), 1998): an item belongs to the node whose score for it is highest. The score is the
//! first eight bytes, big-endian, of `SHA-256(name ‖ 0x00 ‖ item_id)`. When a node comes or goes, only items move that
//! go to it or were its own.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::ids::{ItemId, ItemNumber, NodeNumber};

/// Longest name of a node.
const MAX_NAME: usize = 32;

/// What a node is called: 1 to 32 characters of `a-z 0-9 -`, the first a letter. It stands in headers, upstreams of
/// proxies and labels of metrics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeName(Box<str>);

impl NodeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn score(&self, item: &ItemId) -> u64 {
        let digest = Sha256::new().chain_update(self.as_str()).chain_update([0]).chain_update(item.as_str()).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(first)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_NAME} characters of a-z, 0-9 and -, the first a letter")]
pub struct InvalidNodeName;

impl FromStr for NodeName {
    type Err = InvalidNodeName;

    fn from_str(text: &str) -> Result<Self, InvalidNodeName> {
        let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        let is_name = begins && text.len() <= MAX_NAME && text.bytes().all(is_usual);
        is_name.then(|| Self(text.into())).ok_or(InvalidNodeName)
    }
}

/// The nodes of a shop, and which of them this one is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    /// In the order of the list, which is that of their numbers; a place that is given up has no name.
    nodes: Vec<Option<NodeName>>,
    own: NodeNumber,
}

/// What is wrong with a list of nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCluster {
    /// There are more than order ids can tell apart.
    #[error("must have at most {} nodes", NodeNumber::MAX)]
    TooMany,
    /// A name stands twice.
    #[error("names {0} twice")]
    Twice(NodeName),
    /// The own name is not in it.
    #[error("does not name {0}, which is this node")]
    Missing(NodeName),
}

impl Cluster {
    /// A shop of one node, which has every item.
    #[must_use]
    pub fn alone() -> Self {
        Self::default()
    }

    /// The node called `own` of these. Their places are their numbers, from 1 on; a node that was given up leaves its
    /// place empty, so that no other gets its number.
    pub fn new(nodes: Vec<Option<NodeName>>, own: &NodeName) -> Result<Self, InvalidCluster> {
        if nodes.len() > usize::from(NodeNumber::MAX) {
            return Err(InvalidCluster::TooMany);
        }
        let mut names: Vec<_> = nodes.iter().flatten().collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InvalidCluster::Twice(pair[0].clone()));
        }
        let place = nodes.iter().position(|name| name.as_ref() == Some(own));
        let number = place.and_then(|place| NodeNumber::new(u16::try_from(place + 1).ok()?));
        let own = number.ok_or_else(|| InvalidCluster::Missing(own.clone()))?;
        Ok(Self { nodes, own })
    }

    /// Whether there are no others.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.nodes.is_empty()
    }

    /// This node's number: part of the ids of its orders.
    #[must_use]
    pub fn number(&self) -> NodeNumber {
        self.own
    }

    /// This node's name, unless it is alone.
    #[must_use]
    pub fn name(&self) -> Option<&NodeName> {
        self.named(self.own)
    }

    /// The names of all nodes, in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.iter().flatten()
    }

    fn named(&self, number: NodeNumber) -> Option<&NodeName> {
        self.nodes.get(usize::from(number.get()) - 1)?.as_ref()
    }

    /// The node that an item belongs to; none where there is but one.
    #[must_use]
    pub fn owner_of(&self, item: &ItemId) -> Option<&NodeName> {
        // Equal scores will not happen; if they do, all nodes still agree.
        self.names().max_by_key(|name| (name.score(item), Reverse(*name)))
    }

    /// The node that has an item, if it is another one.
    #[must_use]
    pub fn elsewhere(&self, item: &ItemId) -> Option<&NodeName> {
        self.owner_of(item).filter(|owner| Some(*owner) != self.name())
    }

    /// The node whose orders are of this item's number, if it is another one that there is.
    #[must_use]
    pub fn issued_elsewhere(&self, item: ItemNumber) -> Option<&NodeName> {
        self.named(item.node()).filter(|issuer| Some(*issuer) != self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    fn cluster(names: &[&str], own: &str) -> Cluster {
        let place = |text: &&str| (!text.is_empty()).then(|| name(text));
        Cluster::new(names.iter().map(place).collect(), &name(own)).expect("a list of nodes")
    }

    fn item(number: usize) -> ItemId {
        format!("sku-{number}").parse().expect("an id")
    }

    #[test]
    fn an_item_belongs_to_the_node_that_the_description_says() {
        // For each name: printf 'a\000sku-1' | sha256sum; the largest first sixteen digits win.
        let nodes = cluster(&["a", "b", "c"], "a");
        let owners: Vec<_> = (1..=6).map(|number| nodes.owner_of(&item(number)).expect("several").as_str()).collect();
        assert_eq!(owners, ["a", "a", "a", "a", "b", "c"]);
    }

    #[test]
    fn every_node_computes_the_same_owner_whatever_the_order_of_the_list() {
        let (one, other) = (cluster(&["a", "b", "c"], "a"), cluster(&["c", "", "a", "b"], "b"));
        for number in 0..500 {
            assert_eq!(one.owner_of(&item(number)), other.owner_of(&item(number)));
            let at_home = |nodes: &Cluster| nodes.elsewhere(&item(number)).is_none();
            let homes = ["a", "b", "c"].map(|own| cluster(&["a", "b", "c"], own)).iter().filter(|n| at_home(n)).count();
            assert_eq!(homes, 1, "an item belongs to exactly one node");
        }
    }

    #[test]
    fn a_node_that_comes_takes_its_share_and_moves_nothing_else() {
        let (before, after) = (cluster(&["a", "b", "c"], "a"), cluster(&["a", "b", "c", "d"], "a"));
        let mut taken = 0;
        for number in 0..4_000 {
            let (was, is) = (before.owner_of(&item(number)), after.owner_of(&item(number)));
            if was != is {
                assert_eq!(is.map(NodeName::as_str), Some("d"));
                taken += 1;
            }
        }
        assert!((850..1_150).contains(&taken), "a quarter of 4,000, give or take: {taken}");
    }

    #[test]
    fn alone_every_item_is_at_home_and_orders_are_of_node_1() {
        let alone = Cluster::alone();
        assert_eq!((alone.elsewhere(&item(1)), alone.name()), (None, None));
        assert_eq!(alone.number(), NodeNumber::ALONE);
        assert_eq!(alone.issued_elsewhere(ItemNumber::first(NodeNumber::new(2).expect("a number"))), None);
    }

    #[test]
    fn a_node_keeps_its_number_when_another_is_given_up() {
        let nodes = cluster(&["a", "", "c"], "c");
        assert_eq!(nodes.number().get(), 3);
        let issued = |number| nodes.issued_elsewhere(ItemNumber::first(NodeNumber::new(number).expect("a number")));
        assert_eq!(issued(1).map(NodeName::as_str), Some("a"));
        assert_eq!((issued(2), issued(3), issued(4)), (None, None, None));
        assert!(nodes.names().all(|name| name.as_str() != "b"));
    }

    #[test]
    fn a_list_names_each_node_once_and_this_one_too() {
        let list = |names: &[&str]| names.iter().map(|text| Some(name(text))).collect::<Vec<_>>();
        assert_eq!(Cluster::new(list(&["a", "b", "a"]), &name("a")), Err(InvalidCluster::Twice(name("a"))));
        assert_eq!(Cluster::new(list(&["a", "b"]), &name("c")), Err(InvalidCluster::Missing(name("c"))));
        let many = (0..=usize::from(NodeNumber::MAX)).map(|number| Some(name(&format!("n{number}")))).collect();
        assert_eq!(Cluster::new(many, &name("n1")), Err(InvalidCluster::TooMany));
        for bad in ["", "A", "1a", "-a", "a_b", "a b", "ä", &"a".repeat(33)] {
            assert_eq!(bad.parse::<NodeName>(), Err(InvalidNodeName), "{bad:?}");
        }
    }
}
