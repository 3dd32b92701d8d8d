//! **Job:** holds that what `bench --history` records of a real server is found correct, a crash in the middle
//! included, and that what is changed afterwards is not.
//! **Owns:** runs of the generator, and the changes.
//! **Never:** knows the checker's insides: its own tests plant a violation of every kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Inventory, Item, Server, Setup, doorbuster, lasting_port, text};

/// How long a run may take on a busy machine.
const RUN_LIMIT: Duration = Duration::from_mins(1);

/// How often the ledger is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Confirmed orders before the server is killed, each time.
const ORDERS_BEFORE_KILL: i64 = 200;

fn bench(server: &Server, history: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command
        .args(["bench", "--url", &format!("http://{}", server.address())])
        .args(["--ops-url", &format!("http://{}", server.ops_address())])
        .args(arguments.split_whitespace())
        .arg("--history")
        .arg(history)
        .arg("--config")
        .arg(server.data_file().with_file_name("doorbuster.toml"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// What `verify` says of the server's file and the history: its exit code, and the report.
fn verdict(server: &Server, history: &Path) -> (Option<i32>, Value) {
    let output = doorbuster(&["verify", "--json"], &[("--db", &server.data_file()), ("--history", history)]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    (output.status.code(), report)
}

fn violated(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().expect("checks");
    let violated = checks.iter().filter(|check| check["violations"] != 0);
    violated.map(|check| check["name"].as_str().expect("a name")).collect()
}

fn assert_clean(server: &Server, history: &Path) -> Value {
    let (code, report) = verdict(server, history);
    assert_eq!((code, violated(&report)), (Some(0), vec![]), "{report:#}");
    report["history"].clone()
}

fn lines(history: &Path) -> Vec<Value> {
    let text = fs::read_to_string(history).expect("a history");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let history = folder.path().join("run.history");
    (folder, history)
}

/// Two items, one of which sells out, one with a limit of two; buyers come again, repeat, read and give up.
fn shop() -> Setup {
    Setup::new([Item::new("few", 300).limit(2), Item::new("many", 1_000_000).limit(2)])
}

const MIX: &str = "--item few,many --zipf 0.3 --clicks 3 --connections 16 --threads 2 --retries 5 --mix 0.6";

#[test]
fn a_run_is_correct_and_every_request_of_it_is_written_down_once() {
    let server = shop().set("gate.throttle.window", "\"0s\"").start();
    let (_folder, history) = place();
    let arguments = format!("{MIX} --users 700 --requests 4000 --json");
    let output = bench(&server, &history, &arguments).output().expect("the binary runs");
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sent = ["requests", "retries", "follow_ups"].map(|name| report[name].as_u64().expect("a count"));
    let lines = lines(&history);
    assert_eq!(lines[0], serde_json::json!({"doorbuster_history": 1, "covers": "buyers"}));
    assert_eq!(lines.len() as u64 - 2, sent.iter().sum::<u64>(), "{sent:?}");
    assert_eq!(lines.last().unwrap()["operations"], lines.len() - 2);
    for (op, status) in [("buy", 201), ("buy", 409), ("buy", 422), ("read", 200), ("read", 404), ("cancel", 200)] {
        assert!(lines.iter().any(|line| line["op"] == op && line["status"] == status), "no {op} got {status}");
    }
    let counted = assert_clean(&server, &history);
    assert_eq!(counted["operations"], lines.len() - 2);
    let again = bench(&server, &history, "--requests 1").output().expect("the binary runs");
    assert_eq!(again.status.code(), Some(1), "a history was written over");
    assert!(text(&again).contains("--history: "), "{}", text(&again));
}

/// A number that the ledger of a running server says.
fn ledger(server: &Server, sql: &str) -> i64 {
    let ledger =
        Connection::open_with_flags(server.data_file(), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a data file");
    ledger.busy_timeout(RUN_LIMIT).expect("a time-out");
    ledger.query_row(sql, [], |row| row.get(0)).expect("a number")
}

/// Waits until the run has sold so many more, or ends.
fn wait_for_orders(server: &Server, run: &mut Child, more: i64) {
    let count = || ledger(server, "SELECT count(*) FROM ledger WHERE kind = 2");
    let (begun, before) = (Instant::now(), count());
    while count() < before + more && run.try_wait().expect("a child can be asked").is_none() {
        assert!(begun.elapsed() < RUN_LIMIT, "fewer than {more} orders in {RUN_LIMIT:?}");
        park_timeout(TICK);
    }
}

#[test]
fn a_run_in_which_the_server_is_killed_is_correct_too() {
    let [listen, ops] = [(); 2].map(|()| format!("\"127.0.0.1:{}\"", lasting_port()));
    let setup = shop().set("gate.throttle.window", "\"0s\"").set("payment.pay_within", "\"1s\"");
    let mut server = setup.set("server.listen", &listen).set("server.ops_listen", &ops).start();
    let (_folder, history) = place();
    let arguments = format!("{MIX} --users 20000 --duration 6s --json");
    let mut run = bench(&server, &history, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..3 {
        wait_for_orders(&server, &mut run, ORDERS_BEFORE_KILL);
        server.kill9();
        server.restart();
    }
    let output = run.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output));
    let counted = assert_clean(&server, &history);
    assert!(counted["info"].as_u64() > Some(0), "nobody was interrupted: {counted}");
    println!("three kills: {counted}");
}

#[test]
fn what_is_changed_afterwards_is_found() {
    let mut server = shop().start();
    let (_folder, history) = place();
    let output = bench(&server, &history, "--item many --requests 300 --connections 4").output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output));
    assert!(server.terminate().success());
    assert_clean(&server, &history);
    let whole = fs::read_to_string(&history).expect("a history");

    let line = whole.lines().find(|line| line.contains("\"status\":201")).expect("somebody bought");
    fs::write(&history, whole.replace(line, &line.replace("\"quantity\":1,", "\"quantity\":2,"))).unwrap();
    let (code, report) = verdict(&server, &history);
    assert_eq!((code, violated(&report)), (Some(1), vec!["I2 durable"]), "{report:#}");
    assert!(report["checks"].to_string().contains("line "), "{report:#}");

    let without = whole.replace(&format!("{line}\n"), "").replace("\"operations\":300", "\"operations\":299");
    fs::write(&history, without).unwrap();
    let (code, report) = verdict(&server, &history);
    // The buyer had this one purchase, so the history does not name them: only one that covers all tells.
    assert_eq!((code, violated(&report)), (Some(0), vec![]), "{report:#}");
    let everything = fs::read_to_string(&history).unwrap().replace("buyers", "everything");
    fs::write(&history, everything).unwrap();
    let (code, report) = verdict(&server, &history);
    assert_eq!((code, violated(&report)), (Some(1), vec!["I5 phantom"]), "{report:#}");

    fs::write(&history, &whole[..whole.len() / 2]).unwrap();
    let output = doorbuster(&["verify"], &[("--db", &server.data_file()), ("--history", &history)]);
    assert_eq!(output.status.code(), Some(74), "{}", text(&output));
    assert!(text(&output).contains("the recording was cut short"), "{}", text(&output));
}

#[test]
fn an_own_server_is_compared_with_the_history_of_its_run() {
    let (folder, history) = place();
    let output = Command::new(env!("CARGO_BIN_EXE_doorbuster"))
        .args(["bench", "--requests", "2000", "--users", "300", "--clicks", "2", "--mix", "0.5", "--history"])
        .arg(&history)
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .env_remove("RUST_LOG")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("and the history of the run: "), "{}", text(&output));
    assert_eq!(lines(&history)[0]["covers"], "everything");
}

#[test]
fn an_inventory_has_applied_every_entry_once_or_it_is_told() {
    let server = shop().start();
    let mut inventory = Inventory::of(&format!("http://{}", server.ops_address()));
    inventory.start();
    let (_folder, history) = place();
    let output = bench(&server, &history, "--item few --requests 200 --mix 0.5").output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output));
    let last = ledger(&server, "SELECT max(seq) FROM ledger");
    inventory.wait_for_cursor(last.try_into().expect("never negative"));
    let verify = |db: &Path| {
        doorbuster(&["verify"], &[("--db", &server.data_file()), ("--history", &history), ("--inventory", db)])
    };
    let clean = verify(&inventory.data_file());
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean));
    assert!(text(&clean).contains("ok        I9 inventory"), "{}", text(&clean));
    assert!(inventory.terminate().success());
    let db = inventory.data_file();
    let change = |sql: &str| Connection::open(&db).unwrap().execute_batch(sql).unwrap();
    for (sql, says) in [
        ("UPDATE item SET allocated = allocated + 1", "item few: the inventory has "),
        ("UPDATE item SET allocated = allocated - 1; DELETE FROM held WHERE status = 'cancelled'", "has none"),
    ] {
        change(sql);
        let output = verify(&db);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains("VIOLATED  I9 inventory") && text(&output).contains(says), "{}", text(&output));
    }
    let other = verify(&server.data_file());
    assert_eq!(other.status.code(), Some(74), "{}", text(&other));
}
