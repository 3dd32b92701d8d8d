//! **Job:** `doorbuster catalogue`: a file that was edited, against a server that runs.
//! **Owns:** what is said of each difference, and what has changed afterwards.
//! **Never:** steers the server otherwise.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::{ADMIN_TOKEN, Attempt, Client, Item, JWT_SECRET, Server, Setup, admin_authorization, text};

const LAMP: &str = "[[item]]\nid = \"lamp\"\ntitle = \"Item lamp\"\nunit_price = 1990\ncurrency = \"CNY\"\n";

fn file(server: &Server, text: &str) -> PathBuf {
    let path = server.directory().join("edited.toml");
    std::fs::write(&path, text).expect("the folder takes files");
    path
}

fn catalogue(server: &Server, file: &Path, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.arg("catalogue").args(arguments).arg(file).args(["--url", &format!("http://{}", server.ops_address())]);
    command.env("DOORBUSTER_AUTH_ADMIN_TOKEN", ADMIN_TOKEN).env("DOORBUSTER_AUTH_JWT_SECRET", JWT_SECRET);
    command.current_dir(server.directory()).output().expect("the binary runs")
}

fn diff(server: &Server, file: &Path) -> (Option<i32>, String) {
    let output = catalogue(server, file, &["diff"]);
    (output.status.code(), text(&output))
}

async fn item(server: &Server, id: &str) -> Value {
    Client::new(server.address()).get(&format!("/v1/items/{id}"), &[]).await.expect("an answer").json()
}

#[tokio::test]
async fn what_an_edited_file_would_change_is_shown_and_then_done_with_its_reason() {
    let server = Setup::new([Item::new("lamp", 10).limit(5), Item::new("tea", 7)]).start();
    let same = file(&server, &format!("{LAMP}stock = 10\nper_user_limit = 5\n"));
    let (code, said) = diff(&server, &same);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("= tea: not in the file, left alone"), "{said}");

    let bought = Attempt::new("ann", "lamp").quantity(4).send(&mut Client::new(server.address())).await;
    assert_eq!(bought.expect("an answer").status, 201);
    let edited = LAMP.replace("1990", "1000").replace("Item lamp", "Lamp with a shade");
    let more = "[[item]]\nid = \"mug\"\ntitle = \"Mug\"\nunit_price = 500\ncurrency = \"JPY\"\nstock = 3\n";
    let edited = file(&server, &format!("{edited}stock = 6\nper_user_limit = 2\nimage_url = \"/lamp.png\"\n{more}"));
    let (code, said) = diff(&server, &edited);
    assert_eq!(code, Some(1), "{said}");
    for line in [
        "~ lamp: title \"Item lamp\" → \"Lamp with a shade\"",
        "~ lamp: per_user_limit 5 → 2",
        "~ lamp: image_url none → /lamp.png",
        "~ lamp: stock → 6: 4 of the 6 units that are left are taken off sale",
        "! lamp: price 19.90 CNY → 10.00 CNY: it has been ordered, so its price stays",
        "+ mug: new: \"Mug\", 3 units at 500 JPY",
        "= tea: not in the file, left alone",
        "3 to do, 1 not possible, 1 left alone",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(item(&server, "lamp").await["title"], "Item lamp", "diff changes nothing");

    let asked = catalogue(&server, &edited, &["apply"]);
    assert_eq!(asked.status.code(), Some(2), "nobody is there to be asked: {}", text(&asked));
    assert_eq!(item(&server, "lamp").await["title"], "Item lamp");
    let applied = catalogue(&server, &edited, &["apply", "--yes", "--operator", "eve"]);
    assert_eq!(applied.status.code(), Some(1), "one thing was not possible: {}", text(&applied));
    let lamp = item(&server, "lamp").await;
    assert_eq!((&lamp["title"], &lamp["unit_price"]), (&"Lamp with a shade".into(), &1990.into()));
    assert_eq!((&lamp["stock"], &lamp["remaining"], &lamp["image_url"]), (&6.into(), &2.into(), &"/lamp.png".into()));
    assert_eq!(item(&server, "mug").await["currency"], "JPY");
    assert_eq!(item(&server, "tea").await["stock"], 7);

    let mut owner = Client::new(server.ops_address());
    let journal = owner.get("/v1/admin/journal", &[("Authorization", &admin_authorization())]).await;
    let journal = journal.expect("an answer").json().to_string();
    assert!(journal.contains("catalogue edited.toml") && journal.contains("eve"), "{journal}");
    let repaired = file(&server, &std::fs::read_to_string(&edited).expect("ours").replace("= 1000", "= 1990"));
    let (code, said) = diff(&server, &repaired);
    assert_eq!(code, Some(0), "nothing is left to do: {said}");
}

#[tokio::test]
async fn a_step_that_cannot_be_taken_is_said_and_a_file_or_server_that_is_not_there_is_named() {
    let server = Setup::new([Item::new("lamp", 10).limit(9)]).start();
    let bought = Attempt::new("ann", "lamp").quantity(9).send(&mut Client::new(server.address())).await;
    assert_eq!(bought.expect("an answer").status, 201);
    let short = file(&server, &format!("{LAMP}stock = 8\nper_user_limit = 9\n"));
    let (code, said) = diff(&server, &short);
    assert!(code == Some(1) && said.contains("2 would have to go, but only 1 are left"), "{said}");
    let none = catalogue(&server, &server.directory().join("none.toml"), &["diff"]);
    assert!(none.status.code() == Some(78) && text(&none).contains("none.toml"), "{}", text(&none));
    let broken = file(&server, "item = 5");
    assert_eq!(diff(&server, &broken).0, Some(78));
}
