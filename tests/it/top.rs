//! **Job:** what an operator sees of a running server with `doorbuster top`, as text and on a live screen.
//! **Owns:** the command's arguments and the environment it runs in.
//! **Never:** looks at how a figure is computed: the room's own tests do.

mod screen;

use std::process::{Command, Output, Stdio};

use screen::Screen;
use serde_json::Value;

use crate::support::{ADMIN_TOKEN, Attempt, Client, Item, Server, Setup, authorization, crowd, lasting_port, seed};

const SKU: &str = "sku-1";

fn top(arguments: &[&str], token: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.arg("top").args(arguments);
    with_token(&mut command, token);
    command
}

/// In a directory of its own, so that development secrets lie nowhere else.
fn with_token(command: &mut Command, token: &str) {
    command.env("DOORBUSTER_AUTH_ADMIN_TOKEN", token).env("DOORBUSTER_STORAGE_PATH", "doorbuster.db");
    command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
}

fn run(arguments: &[&str], token: &str) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut command = top(arguments, token);
    command.current_dir(directory.path()).stdin(Stdio::null()).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ops_url(server: &Server) -> String {
    format!("http://{}", server.ops_address())
}

async fn sell(server: &Server, units: usize) {
    let tally = crowd(server.address(), Attempt::shuffled(SKU, units, seed())).await;
    assert_eq!(tally.orders().len(), units);
}

async fn state(server: &Server) -> Value {
    let authorization = authorization("ann");
    let headers = [("Authorization", authorization.as_str())];
    let answer = Client::new(server.address()).get(&format!("/v1/items/{SKU}"), &headers).await;
    answer.expect("the server answers").json()["state"].clone()
}

#[tokio::test]
async fn one_reading_lists_every_item_with_what_is_left() {
    let server = Setup::new([Item::new(SKU, 12), Item::new("other", 7)]).start();
    sell(&server, 5).await;
    for arguments in [&["--once", "--url", &ops_url(&server)][..], &["--url", &ops_url(&server)]] {
        let output = run(arguments, ADMIN_TOKEN);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
        let row = |start: &str| -> Vec<_> {
            let line = shown.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {shown}"));
            line.split_whitespace().collect()
        };
        assert_eq!(row("stock/sku-1 ")[2..5], ["open", "7", "12"], "{shown}");
        assert_eq!(row("stock/other ")[2..5], ["open", "7", "7"], "{shown}");
        assert_eq!(row("order_writer ")[2..5], ["-", "-", "-"], "{shown}");
        assert_eq!(row("door ")[1], "5", "{shown}");
        assert!(!shown.contains('\u{1b}'), "no terminal, no escapes: {shown:?}");
    }
    let searched = text(&run(&["--once", "--search", "OTHER", "--url", &ops_url(&server)], ADMIN_TOKEN).stdout);
    assert!(searched.contains("stock/other ") && !searched.contains("stock/sku-1 "), "{searched}");
}

#[tokio::test]
async fn a_wrong_token_or_another_listener_or_none_is_said_in_one_line() {
    let server = Setup::new([Item::new(SKU, 1)]).start();
    let (ops, public) = (ops_url(&server), format!("http://{}", server.address()));
    let nobody = format!("http://127.0.0.1:{}", lasting_port());
    let other = "Zz8eRt5yUi2oPa9sDf6gHj3kLz0xCv7b";
    for (url, token, words) in [
        (ops.as_str(), other, "does not accept the admin token (auth.admin_token)"),
        (&public, ADMIN_TOKEN, "is not an operations listener"),
        (&nobody, ADMIN_TOKEN, "no answer from http://127.0.0.1:"),
    ] {
        for once in [&["--once", "--url", url][..], &["--url", url]] {
            let output = run(once, token);
            let complaint = text(&output.stderr);
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{complaint}");
            assert!(complaint.starts_with("doorbuster: ") && complaint.contains(words), "{complaint}");
            assert!(complaint.lines().count() == 1 && !complaint.contains(token), "{complaint}");
        }
    }
}

#[test]
fn a_url_that_cannot_be_asked_is_a_usage_error_and_a_port_nobody_knows_one_of_the_configuration() {
    let output = run(&["--url", "https://127.0.0.1:9190"], ADMIN_TOKEN);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("https is not built in"), "{}", text(&output.stderr));
    let output = run(&["--set", "server.ops_listen=127.0.0.1:0"], ADMIN_TOKEN);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("server.ops_listen"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn the_live_screen_shows_the_item_and_pauses_it_after_a_yes() {
    let server = Setup::new([Item::new(SKU, 12)]).start();
    sell(&server, 5).await;
    let mut screen = Screen::open(&ops_url(&server), |command| with_token(command, ADMIN_TOKEN));
    screen.sees("stock/sku-1").await;
    screen.sees("Healthy: ").await;
    screen.sees("7/12").await;
    screen.press("p");
    screen.sees("pause the sale of sku-1? y/n").await;
    assert_eq!(state(&server).await, "open", "not before a yes");
    screen.press("y");
    screen.sees("paused: sku-1").await;
    assert_eq!(state(&server).await, "paused");
    screen.press("q");
    assert_eq!(screen.ends().await, 0);
}

#[tokio::test]
async fn sigterm_ends_the_screen_and_gives_the_terminal_back() {
    let server = Setup::new([Item::new(SKU, 1)]).start();
    let screen = Screen::open(&ops_url(&server), |command| with_token(command, ADMIN_TOKEN));
    screen.sees("stock/sku-1").await;
    screen.terminate();
    assert_eq!(screen.ends().await, 0);
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_a_screen_that_says_so() {
    let mut server = Setup::new([Item::new(SKU, 1)]).start();
    let mut screen = Screen::open(&ops_url(&server), |command| with_token(command, ADMIN_TOKEN));
    screen.sees("Healthy: ").await;
    server.kill9();
    screen.sees("connection lost").await;
    screen.press("\u{3}");
    assert_eq!(screen.ends().await, 0);
}
