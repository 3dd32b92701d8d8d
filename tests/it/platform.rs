//! **Job:** holds that what a platform does to a process neither keeps a sale from starting nor ends it.
//! **Owns:** environments, signals, owners of files, and file systems as containers and service managers have them.
//! **Never:** tries what an operator has got wrong: a misspelt key stays an error.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Client, Inventory, Item, PATIENCE, Server, Setup, authorization};

/// What Kubernetes and Docker put into the environment of whoever runs beside a service of our name.
const INJECTED: [(&str, &str); 9] = [
    ("DOORBUSTER_SERVICE_HOST", "10.0.0.7"),
    ("DOORBUSTER_SERVICE_PORT", "80"),
    ("DOORBUSTER_SERVICE_PORT_OPS", "9190"),
    ("DOORBUSTER_PORT", "tcp://10.0.0.7:80"),
    ("DOORBUSTER_PORT_80_TCP", "tcp://10.0.0.7:80"),
    ("DOORBUSTER_PORT_80_TCP_ADDR", "10.0.0.7"),
    ("DOORBUSTER_SERVER_PORT_8080_TCP", "tcp://[fd00::7]:8080"),
    ("DOORBUSTER_SERVER_SERVICE_HOST", "fd00::7"),
    ("DOORBUSTER_ENV_PATH", "/usr/bin"),
];

async fn buy(server: &Server, user: &str) -> u16 {
    answer(server, user).await.0
}

async fn answer(server: &Server, user: &str) -> (u16, serde_json::Value) {
    let authorization = authorization(user);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let mut client = Client::new(server.address());
    let answer =
        client.request("POST", "/v1/items/sku/orders", &headers, Some(r#"{"quantity":1}"#)).await.expect("an answer");
    (answer.status, answer.json())
}

async fn logged(said: impl Fn() -> String, text: &str) {
    let begun = Instant::now();
    while !said().contains(text) {
        assert!(begun.elapsed() < PATIENCE, "never logged: {text}\n{}", said());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[tokio::test]
async fn variables_of_a_service_called_doorbuster_do_not_keep_it_from_starting() {
    let server = Server::start_without_file(&INJECTED, &[]).expect("it starts");
    let line = "variables of a container platform's services are ignored";
    logged(|| server.stderr(), line).await;
    for (name, _) in INJECTED {
        assert!(server.stderr().contains(name), "{name} is not named: {}", server.stderr());
    }
    assert!(server.stdout().contains("DEVELOPMENT"), "they are nothing that was given");
}

#[test]
fn a_misspelt_variable_still_keeps_it_from_starting() {
    for (name, value) in [("DOORBUSTER_SERVER_PORT", "8080"), ("DOORBUSTER_STORAGE_PAHT", "x.db")] {
        let stopped = Server::start_without_file(&[(name, value)], &[]).map(drop).expect_err("refused");
        assert_eq!(stopped.status.code(), Some(78), "{stopped}");
        assert!(stopped.stderr.contains(&format!("{name}: is not a known variable")), "{stopped}");
    }
}

#[tokio::test]
async fn no_signal_that_is_meant_for_something_else_ends_a_sale() {
    let mut server = Setup::new([Item::new("sku", 9).limit(9)]).start();
    for (signal, line) in [
        ("HUP", "SIGHUP: read again"),
        ("USR1", "\"signal\":\"SIGUSR1\""),
        ("USR2", "\"signal\":\"SIGUSR2\""),
        ("ALRM", "\"signal\":\"SIGALRM\""),
    ] {
        server.send(signal);
        logged(|| server.stderr(), line).await;
        assert!(server.is_alive(), "{signal}");
        assert_eq!(buy(&server, signal).await, 201);
    }
    server.send("PIPE");
    assert_eq!(buy(&server, "pipe").await, 201);
    assert!(server.terminate().success(), "{}", server.stderr());
    assert_eq!(server.orders().len(), 5);
}

#[tokio::test]
async fn sigquit_and_a_hangup_on_the_way_out_end_it_in_order() {
    let mut server = Setup::new([Item::new("sku", 9)]).start();
    assert_eq!(buy(&server, "ann").await, 201);
    server.send("QUIT");
    // It looks whether anybody is in flight for a tenth of a second at least: the process is there.
    server.send("HUP");
    assert!(server.wait().success(), "{}", server.stderr());
    assert!(server.stderr().contains("\"closed\""), "{}", server.stderr());
}

#[tokio::test]
async fn a_hangup_names_what_needs_a_start_and_a_file_that_is_wrong_changes_nothing() {
    let server = Setup::new([Item::new("sku", 9).limit(9)]).start();
    let file = server.directory().join("doorbuster.toml");
    let text = std::fs::read_to_string(&file).expect("written");
    let other = "b2Xk9vR4tLq7ZsW1mPc8HdYf3GjN6aTe";
    let changed = text.replace("[gate.throttle]\nwindow = \"0s\"", "[gate.throttle]\nwindow = \"1h\"");
    assert_ne!(changed, text);
    std::fs::write(&file, format!("{changed}\n[feed]\ntoken = {other:?}\n[inventory]\nrate = 5\n"))
        .expect("an own file");
    server.send("HUP");
    logged(|| server.stderr(), "\"from_the_next_start\":\"gate.throttle.window inventory.rate\"").await;
    assert!(!server.stderr().contains(other), "a secret is logged");

    std::fs::write(&file, "[server]\nlissten = 1\n").expect("an own file");
    server.send("HUP");
    logged(|| server.stderr(), "server.lissten: is not a known key").await;
    assert_eq!(count(&server.stderr(), "everything stays as it was"), 1);
    assert_eq!(buy(&server, "ann").await, 201);
    assert_eq!(buy(&server, "ann").await, 201, "there is no throttle, as at the start");
}

#[tokio::test]
async fn no_such_signal_ends_an_inventory() {
    let mut inventory = Inventory::of("http://127.0.0.1:9");
    inventory.start();
    for signal in ["HUP", "USR1", "USR2", "ALRM", "PIPE"] {
        inventory.send(signal);
    }
    logged(|| inventory.log(), "SIGHUP: the inventory takes its keys over at a start only").await;
    logged(|| inventory.log(), "SIGUSR2").await;
    assert_eq!(inventory.ask("GET", "/livez").status, 200);
    assert!(inventory.terminate().success(), "{}", inventory.log());
}

#[test]
fn the_port_file_goes_with_the_server() {
    let mut server = Setup::new([Item::new("sku", 9)]).start();
    let file = server.directory().join("ports.json");
    let (refused, _) = server.refused_second_server();
    assert_eq!(refused.status.code(), Some(74), "{refused}");
    assert!(file.exists());
    assert!(server.terminate().success());
    assert!(!file.exists(), "after an orderly end");
}

#[test]
fn a_port_file_of_the_dead_is_gone_before_the_data_file_is_read() {
    let mut server = Setup::new([Item::new("sku", 9)]).start();
    let ports = server.directory().join("ports.json");
    let stale = std::fs::read(&ports).expect("written");
    server.kill9();
    std::fs::write(&ports, &stale).expect("as the killed one has left it");
    std::fs::write(server.directory().join("catalogue.toml"), "not a catalogue").expect("an own file");
    let refused = doorbuster(&server);
    assert_eq!(refused.status.code(), Some(78), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(!ports.exists(), "the ports of the dead");
}

/// `doorbuster serve` on the files of a server, which must end by itself.
fn doorbuster(server: &Server) -> Output {
    let file = server.directory().join("doorbuster.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(["serve", "--config"]).arg(file).output().expect("the binary runs")
}

#[tokio::test]
async fn an_order_in_memory_is_promised_no_power_cut() {
    let in_memory = Path::new("/dev/shm");
    let folder = tempfile::tempdir_in(in_memory).expect("every Linux has it");
    let path = folder.path().join("sale.db");
    let server = Setup::new([Item::new("sku", 9)]).set("storage.path", &format!("{path:?}")).start();
    let (status, order) = answer(&server, "ann").await;
    assert_eq!((status, &order["durability"]), (201, &"normal".into()), "{order}");
    assert!(server.stdout().contains("WARNING: the data file is in memory (tmpfs)"), "{}", server.stdout());
    assert!(server.stderr().contains("the data file is in memory (tmpfs)"), "{}", server.stderr());
}

#[tokio::test]
async fn a_data_file_of_another_user_that_may_be_used_is_used() {
    let mut server = Setup::new([Item::new("sku", 9)]).start();
    assert_eq!(buy(&server, "ann").await, 201);
    assert!(server.terminate().success());
    let folder = server.directory().to_owned();
    // Only root can become somebody else: for everybody else the case does not exist, and neither does the test.
    if chown(folder.join("doorbuster.toml"), Some(65_534), None).is_err() {
        return;
    }
    let other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let may_run = Command::new(other[0])
        .args(&other[1..])
        .args([env!("CARGO_BIN_EXE_doorbuster"), "--version"])
        .stdout(Stdio::null())
        .status();
    if !may_run.is_ok_and(|status| status.success()) {
        return;
    }
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
    mode(&folder, 0o733);
    for entry in std::fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("an entry").path()) {
        if entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with("doorbuster.db")) {
            mode(&entry, 0o666);
        }
    }
    server.start_under(&other);
    server.restart();
    assert_eq!(buy(&server, "bob").await, 201);
    assert!(server.stderr().contains("belongs to another user"), "{}", server.stderr());
    assert!(server.terminate().success());
}
