//! **Job:** an actor that is made slow is visibly the one.
//! **Owns:** the drill: one of five items takes 5 ms a message.
//! **Never:** compares with a time that a busy machine could change: the slow one stands out by a factor.

use serde_json::Value;

use super::observer::Observer;
use crate::support::{ADMIN_TOKEN, Attempt, Item, Server, Setup, crowd, seed};

fn p99(row: &Value) -> u64 {
    row["handle_us"]["p99"].as_u64().expect("a time")
}

/// The table that `doorbuster top` prints, the slowest first.
fn top(server: &Server) -> String {
    let url = format!("http://{}", server.ops_address());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(["top", "--once", "--sort", "handle", "--url", &url]).env("DOORBUSTER_AUTH_ADMIN_TOKEN", ADMIN_TOKEN);
    let printed = command.output().expect("the binary runs");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).expect("a table is text")
}

#[tokio::test]
async fn the_slow_actor_is_the_one_on_top_of_the_inspector() {
    let items = ["a", "b", "c", "d", "e"];
    let server = Setup::new(items.map(|id| Item::new(id, 1_000))).slow_item("c=5ms").start();
    let attempts = items.iter().flat_map(|item| Attempt::shuffled(item, 60, seed())).collect();
    crowd(server.address(), attempts).await;
    let mut observer = Observer::of(&server);
    let seen = observer.get("/actors?sort=handle&search=i").await;
    let rows = seen["actors"].as_array().expect("a list");
    assert_eq!(rows[0]["item_id"], "c", "{seen}");
    assert!(p99(&rows[0]) >= 5_000, "it takes what it was told to: {}", rows[0]);
    let median = |row: &Value| row["handle_us"]["p50"].as_u64().expect("a time");
    for row in &rows[1..] {
        assert!(median(row) * 10 < median(&rows[0]), "the others do not: {row}");
    }
    let table = top(&server);
    let first = table.lines().find(|line| line.contains("stock/")).expect("an actor");
    assert!(first.contains("stock/c"), "and on top of the terminal's table:\n{table}");
}
