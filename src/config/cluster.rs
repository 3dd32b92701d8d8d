//! **Job:** the list of nodes as an operator writes it.
//! **Owns:** the form `name=address`, and the empty place of a node that was given up.
//! **Never:** says which item belongs to whom: that is the sale's own function.

use std::fmt;

use doorbuster_actors::cluster::{Cluster, NodeName};

use super::value::Value;
use super::{ConfigError, WebOrigin};

/// A node in `cluster.nodes`: `a=http://10.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is called.
    pub name: NodeName,
    /// Where its public listener is; none of a node that was given up.
    pub address: Option<WebOrigin>,
}

impl Node {
    fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.split_once('=')?;
        let address = if address.is_empty() { None } else { Some(WebOrigin::parse(address)?) };
        Some(Self { name: name.parse().ok()?, address })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.name)?;
        self.address.as_ref().map_or(Ok(()), |address| write!(f, "{address}"))
    }
}

impl Value for Vec<Node> {
    const EXPECTED: &'static str = "a list of nodes like a=http://10.0.0.1:8080 (names of small letters, digits and -, \
        the first a letter; the address without a path, and nothing in its place for a node that was given up)";

    /// Commas stand between the nodes; an empty text is an empty list.
    fn from_text(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::new());
        }
        text.split(',').map(|node| Node::parse(node.trim())).collect()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(|node| Node::parse(node.as_str()?)).collect()
    }

    fn to_toml(&self) -> toml::Value {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().into()
    }
}

impl super::Cluster {
    /// The nodes and which of them this one is.
    ///
    /// # Errors
    /// A list that cannot be used, or a node without a name of its own.
    pub fn nodes_and_own(&self) -> Result<Cluster, ConfigError> {
        if self.nodes.is_empty() && self.node.is_empty() {
            return Ok(Cluster::alone());
        }
        if self.node.is_empty() {
            let reason = "must name this node: cluster.nodes is set. For example DOORBUSTER_CLUSTER_NODE=a";
            return Err(ConfigError::new("cluster.node", reason));
        }
        let own = self.node.parse().map_err(|bad| ConfigError::new("cluster.node", bad))?;
        self.seen_by(&own)
    }

    /// The same for whoever only asks where items are, and is none of the nodes.
    ///
    /// # Errors
    /// A list that cannot be used.
    pub fn seen_from_outside(&self) -> Result<Cluster, ConfigError> {
        match self.nodes.iter().find(|node| node.address.is_some()) {
            None => Ok(Cluster::alone()),
            Some(any) => self.seen_by(&any.name),
        }
    }

    fn seen_by(&self, own: &NodeName) -> Result<Cluster, ConfigError> {
        let names = self.nodes.iter().map(|node| node.address.is_some().then(|| node.name.clone())).collect();
        Cluster::new(names, own).map_err(|bad| ConfigError::new("cluster.nodes", bad))
    }
}
