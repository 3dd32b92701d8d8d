//! **Job:** a shop as it is deployed: the nginx of `deploy/` in front of one node or several.
//! **Owns:** what has to be exchanged in those files for a test.
//! **Never:** writes a map: the program does.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Item, Nginx, Server, Setup, doorbuster, lasting_port, text};

/// The names of the nodes of a test.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// The deployed proxy in front of a server.
pub(crate) fn shop_of(server: &Server) -> Nginx {
    deployed(&[server.address()], &[], &[])
}

/// The same without TLS, in front of nodes that need not be there. `items` is the catalogue that its map was made of;
/// everybody comes from one address here, so that it does not limit them.
pub(crate) fn shop_at(nodes: &[SocketAddr], items: &[Item]) -> Nginx {
    deployed(nodes, items, &[(" ssl http2;", ";"), ("rate=20r/s", "rate=100000r/s"), ("burst=40", "burst=10000")])
}

/// The same with the limits of one address as they are deployed.
pub(crate) fn shop_with_limits(server: &Server) -> Nginx {
    deployed(&[server.address()], &[], &[(" ssl http2;", ";")])
}

fn deployed(nodes: &[SocketAddr], items: &[Item], changes: &[(&str, &str)]) -> Nginx {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx");
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect("it is deployed");
    let mut conf = read("doorbuster.conf");
    for (theirs, ours) in [
        ("listen 443 ssl http2;", "listen {listen} ssl http2;"),
        ("/etc/nginx/shop.pem", "{dir}/shop.pem"),
        ("/etc/nginx/shop.key", "{dir}/shop.key"),
        ("/etc/nginx/doorbuster", "{dir}"),
        ("/var/lib/nginx/doorbuster", "{dir}/cache"),
        ("SHOP.EXAMPLE.COM", "127.0.0.1"),
    ] {
        assert!(conf.contains(theirs), "{theirs} is not in the file");
        conf = conf.replace(theirs, ours);
    }
    for (deployed, here) in changes {
        assert!(conf.contains(deployed), "{deployed} is not in the file");
        conf = conf.replace(deployed, here);
    }
    let map = map(nodes, items);
    Nginx::start_with(&conf, |folder| {
        certify(folder);
        std::fs::write(folder.join("map.conf"), &map).expect("the folder takes files");
        for page in ["doorbuster-closed.html", "doorbuster-closed.json"] {
            std::fs::write(folder.join(page), read(page)).expect("the folder takes files");
        }
    })
}

/// What the program tells nginx of these nodes.
fn map(nodes: &[SocketAddr], items: &[Item]) -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let catalogue = folder.path().join("catalogue.toml");
    std::fs::write(&catalogue, Item::catalogue(items)).expect("the folder takes files");
    let catalogue = format!("catalogue.path={}", catalogue.display());
    let place = match nodes {
        [only] => format!("server.listen={only}"),
        _several => format!("cluster.nodes={}", list(nodes).join(",")),
    };
    let map = doorbuster(&["cluster", "map", "--format", "nginx", "--set", &place, "--set", &catalogue], &[]);
    assert!(map.status.success(), "{}", text(&map));
    String::from_utf8(map.stdout).expect("it is text")
}

/// `cluster.nodes` of these.
fn list(nodes: &[SocketAddr]) -> Vec<String> {
    NAMES.iter().zip(nodes).map(|(name, address)| format!("{name}=http://{address}")).collect()
}

/// Addresses that three nodes will have, also after a restart.
pub(crate) fn three_addresses() -> [SocketAddr; 3] {
    [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], lasting_port())))
}

/// A node of a shop of three, with the whole catalogue.
pub(crate) fn node(place: usize, nodes: &[SocketAddr; 3], items: &[Item]) -> Setup {
    Setup::new(items.to_vec())
        .set("server.listen", &format!("\"{}\"", nodes[place]))
        .set("server.trusted_proxies", "[\"127.0.0.1/32\"]")
        .set("cluster.node", &format!("\"{}\"", NAMES[place]))
        .set("cluster.nodes", &format!("{:?}", list(nodes)))
}

/// All three of them, started.
pub(crate) fn three_nodes(nodes: &[SocketAddr; 3], items: &[Item], with: impl Fn(Setup) -> Setup) -> [Server; 3] {
    [0, 1, 2].map(|place| with(node(place, nodes, items)).start())
}

/// Makes a certificate that nobody has signed.
fn certify(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
    openssl.arg("-keyout").arg(folder.join("shop.key")).arg("-out").arg(folder.join("shop.pem"));
    let made = openssl.output().expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
