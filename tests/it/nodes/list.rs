//! **Job:** the list of nodes changes only where nothing is sold twice or lost by it.
//! **Owns:** a node before and after a change of its list.
//! **Never:** looks at what a node says to buyers.

use std::process::Output;

use super::{OF_A, OF_B, OF_C, items};
use crate::support::{
    Attempt, Client, Server, Stopped, admin_authorization, assert_problem, doorbuster, everything_in, node, text,
    three_addresses,
};

/// The three nodes, and a fourth that takes two of the items of the others.
fn four_nodes() -> String {
    let list = ["a", "b", "c", "d"].map(|name| format!("{name}=http://127.0.0.1:1"));
    format!("{list:?}")
}

/// Items of `a` that stay there and that go to `d`, by the documented function.
const STAYS: &str = "sku-2";
const GOES: &str = "sku-1";

/// The options of the program with which a file is looked at under the longer list.
fn moves(server: &Server) -> Output {
    let list = four_nodes().replace(['[', ']', '"', ' '], "");
    let (list, own) = (format!("cluster.nodes={list}"), "cluster.node=a");
    doorbuster(&["cluster", "moves", "--set", &list, "--set", own], &[("--db", &server.data_file())])
}

async fn admin(server: &Server, method: &str, path: &str) -> u16 {
    let admin = admin_authorization();
    let headers = [("Authorization", admin.as_str())];
    let answer = Client::new(server.ops_address()).request(method, path, &headers, None).await.expect("an answer");
    answer.status
}

/// What the doctor says; it counts only what this node will sell.
fn doctor(server: &Server) -> String {
    text(&doorbuster(&["doctor"], &[("--config", &server.directory().join("doorbuster.toml"))]))
}

fn refused(server: &Server) -> Stopped {
    let name = server.data_file().file_name().expect("a name").to_string_lossy().into_owned();
    let seen = || {
        let mut all = everything_in(server.directory());
        all.retain(|(found, ..)| found.to_string_lossy().starts_with(&name));
        all
    };
    let before = seen();
    let stopped = server.refused_start();
    assert_eq!(seen(), before, "a start that was refused has changed the data file or what lies beside it");
    stopped
}

#[tokio::test]
async fn a_list_that_would_move_an_item_on_sale_is_refused_until_that_sale_is_over() {
    let items = [STAYS, GOES].map(|id| crate::support::Item::new(id, 5));
    let mut server = node(0, &three_addresses(), &items).start();
    let order = Attempt::new("ann", GOES).send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(order.status, 201, "{}", order.text());
    let found = moves(&server);
    assert_eq!(
        (found.status.code(), text(&found).contains(&format!("{GOES:<24} d"))),
        (Some(1), true),
        "{}",
        text(&found)
    );
    assert!(server.terminate().success());
    server.configure("cluster.nodes", &four_nodes());
    let stopped = refused(&server);
    assert_eq!(stopped.status.code(), Some(74), "{stopped}");
    assert!(stopped.stderr.contains(&format!("{GOES} would belong to node d")), "{stopped}");
    assert!(doctor(&server).contains("FAIL  cluster.nodes          items that are on sale here would belong to"));

    // The way out: the sale is ended under the old list; then its orders stay, and nobody sells it here any more.
    server.configure("cluster.nodes", &list_of_three());
    server.restart();
    assert_eq!(admin(&server, "POST", &format!("/v1/admin/items/{GOES}/close")).await, 200);
    assert_eq!(moves(&server).status.code(), Some(0), "{}", text(&moves(&server)));
    assert!(server.terminate().success());
    server.configure("cluster.nodes", &four_nodes());
    server.restart();
    let mut client = Client::new(server.address());
    let sold = Attempt::new("bob", GOES).send(&mut client).await.expect("an answer");
    assert_problem(&sold, 421, "misdirected");
    assert_eq!(admin(&server, "POST", &format!("/v1/admin/items/{GOES}/reopen")).await, 421);
    let path = format!("/v1/orders/{}", order.json()["order_id"].as_str().expect("an id"));
    let buyer = crate::support::authorization("ann");
    let read = client.get(&path, &[("Authorization", buyer.as_str())]).await.expect("an answer");
    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(server.verify().0, 0);
}

fn list_of_three() -> String {
    let list = ["a", "b", "c"].map(|name| format!("{name}=http://127.0.0.1:1"));
    format!("{list:?}")
}

#[tokio::test]
async fn the_data_file_of_another_node_is_refused() {
    let mut server = node(1, &three_addresses(), &items(5)).start();
    assert!(server.terminate().success());
    server.configure("cluster.node", "\"a\"");
    let stopped = refused(&server);
    assert_eq!(stopped.status.code(), Some(74), "{stopped}");
    assert!(doctor(&server).contains("FAIL  cluster.nodes          it is the file of node number 2"));
    assert!(stopped.stderr.contains("node number 2, and this node has number 1"), "{stopped}");
}

#[tokio::test]
async fn the_doctor_counts_what_this_node_will_sell() {
    let server = node(1, &three_addresses(), &items(5)).start();
    let said = doctor(&server);
    assert!(said.contains("items                  2 items, 0 of them new, with 10 units"), "{said}");
    assert!(!said.contains("cluster.nodes"), "{said}");
}

#[test]
fn a_list_that_cannot_be_meant_is_refused_by_its_key() {
    for (node, nodes, key, why) in [
        ("a", "[\"a=http://h:1\", \"a=http://h:2\"]", "cluster.nodes", "names a twice"),
        ("x", "[\"a=http://h:1\"]", "cluster.nodes", "does not name x"),
        ("", "[\"a=http://h:1\"]", "cluster.node", "must name this node"),
        ("a", "[\"a=\", \"b=http://h:2\"]", "cluster.nodes", "does not name a"),
        ("a", "[\"a=http://h:1/path\"]", "cluster.nodes", "expected a list of nodes"),
        ("A", "[\"a=http://h:1\"]", "cluster.node", "the first a letter"),
        ("a", "[]", "cluster.nodes", "does not name a"),
    ] {
        let setup = crate::support::Setup::new(items(1)).set("cluster.node", &format!("{node:?}"));
        let stopped = setup.set("cluster.nodes", nodes).try_start().err().expect("it is refused");
        assert_eq!(stopped.status.code(), Some(78), "{nodes}: {stopped}");
        assert!(stopped.stderr.contains(key) && stopped.stderr.contains(why), "{nodes}: {stopped}");
    }
}

#[test]
fn the_map_names_the_node_of_every_item_of_the_catalogue() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let catalogue = folder.path().join("catalogue.toml");
    std::fs::write(&catalogue, crate::support::Item::catalogue(&items(1))).expect("the folder takes files");
    let (nodes, path) = (
        format!("cluster.nodes={}", list_of_three().replace(['[', ']', '"', ' '], "")),
        format!("catalogue.path={}", catalogue.display()),
    );
    let map = doorbuster(&["cluster", "map", "--format", "json", "--set", &nodes, "--set", &path], &[]);
    let map: serde_json::Value = serde_json::from_slice(&map.stdout).expect("JSON");
    for (name, own) in [("a", OF_A), ("b", OF_B), ("c", OF_C)] {
        for item in own {
            assert_eq!(map["items"][item], name);
        }
    }
}
