//! **Job:** what the catalogue says in vain is told, and what it cannot say is refused by name.
//! **Owns:** catalogues that are edited after their items' first start, and currencies.
//! **Never:** repeats the fields of an item: their unit tests hold them.

use std::process::{Command, Output};

use crate::support::{Attempt, Client, Item, Server, Setup};

const SKU: &str = "sku-1";

fn edit(server: &Server, from: &str, to: &str) {
    let file = server.directory().join("catalogue.toml");
    let text = std::fs::read_to_string(&file).expect("written by the setup");
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replace(from, to)).expect("an own file");
}

fn config_check(server: &Server) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    let file = server.data_file().with_file_name("doorbuster.toml");
    command.args(["config", "check", "--config"]).arg(file).output().expect("the binary runs")
}

#[tokio::test]
async fn an_edited_catalogue_that_is_ignored_says_so_at_the_start_and_in_the_check() {
    let mut server = Setup::new([Item::new(SKU, 5), Item::new("other", 5)]).start();
    server.terminate();
    assert!(!server.stderr().contains("the catalogue differs"), "{}", server.stderr());
    edit(
        &server,
        "id = \"sku-1\"\ntitle = \"Item sku-1\"\nunit_price = 1990",
        "id = \"sku-1\"\ntitle = \"New\"\nunit_price = 5",
    );
    let said = String::from_utf8(config_check(&server).stdout).expect("text");
    assert!(said.contains("sku-1 (title, unit_price)") && !said.contains("other ("), "{said}");
    server.restart();
    let log = server.stderr();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("the catalogue differs from the data file")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("sku-1 (title, unit_price)") && lines[0].contains("WARN"), "{}", lines[0]);
    let said = String::from_utf8(config_check(&server).stdout).expect("text");
    assert!(said.contains("sku-1 (title, unit_price)"), "also while a server runs: {said}");
    let item = Client::new(server.address()).get("/v1/items/sku-1", &[]).await.expect("an answer").json();
    assert_eq!(item["unit_price"], 1990, "it is left alone");
}

#[tokio::test]
async fn a_currency_that_is_not_in_use_is_refused_for_new_items_and_sold_on_where_it_is_there() {
    let mut server = Setup::new([Item::new(SKU, 5)]).start();
    server.terminate();
    // As a server from before would have left it: a code of three letters was enough.
    edit(&server, "currency = \"CNY\"", "currency = \"PTS\"");
    let check = config_check(&server);
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(78), "{said}");
    assert!(said.contains("item sku-1: currency must be the ISO 4217 code") && said.contains("PTS is none"), "{said}");
    let refused = server.refused_start();
    assert!(format!("{refused}").contains("PTS is none"), "{refused}");
    edit(&server, "currency = \"PTS\"", "currency = \"CNY\"");
    server.restart();
    let bought = Attempt::new("ann", SKU).send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(bought.status, 201, "{}", bought.text());
}
