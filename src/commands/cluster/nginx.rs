//! **Job:** tells nginx which node a request goes to.
//! **Owns:** the names of its upstreams and variables, which `deploy/nginx/doorbuster.conf` uses.
//! **Never:** has to be complete: a node that is asked for what is another's says so (421), and nginx asks that one.

use doorbuster_actors::cluster::NodeName;
use doorbuster_actors::ids::ItemId;

use crate::config::{Config, Node};

/// The node of a shop that has one.
const ONLY: &str = "only";

/// What every file of maps begins with.
const HEAD: &str =
    "# Made by `doorbuster cluster map --format nginx`: where the nodes are, and which of them a request goes to.";

/// As many items, with ids so long, as fit nginx's tables as they are.
const USUAL_ITEMS: usize = 500;
const USUAL_LENGTH: usize = 32;

/// A node as nginx reaches it.
struct Upstream {
    name: String,
    scheme: &'static str,
    address: String,
    /// Its number, as order ids have it.
    digits: String,
}

/// Where nginx finds the nodes, and the maps from path to node.
pub(super) fn map(config: &Config, owned: &[(ItemId, Option<NodeName>)]) -> String {
    let nodes = upstreams(config);
    let base = config.server.base_path.as_str().replace('.', "\\.");
    let mut lines = vec![HEAD.to_owned()];
    lines.extend(sizes(owned));
    for node in &nodes {
        lines.extend(group(&format!("doorbuster_node_{}", node.name), std::slice::from_ref(node)));
    }
    lines.push("# What any node can answer.".to_owned());
    lines.extend(group("doorbuster_nodes", &nodes));

    lines.push("# The second and third character of an order id are the number of its node.".to_owned());
    let by_order =
        nodes.iter().map(|node| format!("    ~^{base}/v1/orders/[CGHKP]{}[0-9A-Z]+(/|$) {};", node.digits, node.name));
    lines.extend(choice("$uri", "$doorbuster_by_order", "\"\"", by_order));
    let item = format!("    ~^{base}(/v1)?/items/(?<doorbuster_item_id>[^/]+)(/|$) $doorbuster_item_id;");
    lines.extend(choice("$uri", "$doorbuster_item", "\"\"", [item]));
    let by_item =
        owned.iter().map(|(item, node)| format!("    \"{item}\" {};", node.as_ref().map_or(ONLY, NodeName::as_str)));
    lines.extend(choice("$doorbuster_item", "$doorbuster_by_item", "\"\"", by_item));
    let by_name = nodes.iter().map(|node| format!("    {0} {0};", node.name));
    lines.extend(choice("$arg_node", "$doorbuster_by_name", "\"\"", by_name));

    let scheme = nodes.first().map_or("http", |node| node.scheme);
    let target = |node: &Upstream| format!("    {0} {1}://doorbuster_node_{0};", node.name, node.scheme);
    for (from, to) in [
        ("$doorbuster_by_order$doorbuster_by_item$doorbuster_by_name", "$doorbuster_target"),
        ("$doorbuster_said", "$doorbuster_other_target"),
    ] {
        lines.extend(choice(from, to, &format!("{scheme}://doorbuster_nodes"), nodes.iter().map(target)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn upstreams(config: &Config) -> Vec<Upstream> {
    if config.cluster.nodes.is_empty() {
        let address = config.server.listen.to_string();
        return vec![Upstream { name: ONLY.to_owned(), scheme: "http", address, digits: digits(1) }];
    }
    let upstream = |(number, node): (usize, &Node)| {
        let address = node.address.as_ref()?.as_str();
        let (scheme, address) = match address.strip_prefix("https://") {
            Some(address) => ("https", address),
            None => ("http", address.trim_start_matches("http://")),
        };
        let (name, address) = (node.name.to_string(), with_port(address, scheme));
        Some(Upstream { name, scheme, address, digits: digits(number) })
    };
    (1..).zip(&config.cluster.nodes).filter_map(upstream).collect()
}

fn digits(number: usize) -> String {
    const DIGITS: &[u8; 31] = b"0123456789ABCDEFGHJKMNPQRSTVWXY";
    [number / 31, number % 31].map(|digit| char::from(DIGITS[digit % 31])).iter().collect()
}

/// An upstream without a port would be asked on port 80, whatever the scheme.
fn with_port(address: &str, scheme: &str) -> String {
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = if scheme == "https" { 443 } else { 80 };
    if has_port { address.to_owned() } else { format!("{address}:{port}") }
}

/// An upstream of these nodes. Each worker of nginx keeps connections to it, and closes them before we do.
fn group(name: &str, nodes: &[Upstream]) -> Vec<String> {
    let mut lines = vec![format!("upstream {name} {{")];
    lines.extend(nodes.iter().map(|node| format!("    server {};", node.address)));
    lines.push("    keepalive 64;".to_owned());
    lines.push("    keepalive_timeout 60s;  # less than server.keep_alive (75s): nginx closes first".to_owned());
    lines.push("}".to_owned());
    lines
}

/// Room in nginx's tables, where its own is too small. It takes them only in front of the first map.
fn sizes(owned: &[(ItemId, Option<NodeName>)]) -> Vec<String> {
    let longest = owned.iter().map(|(item, _)| item.as_str().len()).max().unwrap_or(0);
    if owned.len() <= USUAL_ITEMS && longest <= USUAL_LENGTH {
        return Vec::new();
    }
    let size = (owned.len() * 2).next_power_of_two().max(2_048);
    vec![format!("map_hash_max_size {size};"), "map_hash_bucket_size 128;".to_owned()]
}

fn choice(from: &str, to: &str, default: &str, cases: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines = vec![format!("map {from} {to} {{"), format!("    default {default};")];
    lines.extend(cases);
    lines.push("}".to_owned());
    lines
}
