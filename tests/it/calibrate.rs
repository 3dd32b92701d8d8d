//! **Job:** a calibration measures every cell, proposes settings that the server takes, and leaves nothing behind.
//! **Owns:** the directory under test.
//! **Never:** expects a rate: any disk will do.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

const BATCHES: [u64; 6] = [1, 16, 64, 256, 1_024, 4_096];

fn doorbuster() -> Command {
    Command::new(env!("CARGO_BIN_EXE_doorbuster"))
}

fn calibrate(option: &str, path: &Path, others: &[&str]) -> Output {
    let mut command = doorbuster();
    command.args(["calibrate", "--seconds", "0.02"]).arg(option).arg(path).args(others);
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a directory").next().is_none()
}

#[test]
fn every_cell_is_measured_and_no_file_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let output = calibrate("--dir", folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "there is no terminal to draw on");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let cells = report["cells"].as_array().expect("cells");
    let named: Vec<_> = cells.iter().map(|cell| (cell["durability"].as_str(), cell["batch"].as_u64())).collect();
    let expected = ["full", "normal"].map(|name| BATCHES.map(|batch| (Some(name), Some(batch))));
    assert_eq!(named, expected.as_flattened());
    for cell in cells {
        let figure = |name: &str| cell[name].as_f64().expect("a number");
        let (rows, commits) = (figure("rows_per_second"), figure("commits_per_second"));
        assert!(commits > 0.0 && (rows / commits - figure("batch")).abs() < 1e-6 * rows, "{cell}");
        assert!(cell["commit_us"]["count"].as_u64() > Some(0), "{cell}");
    }
    assert!(report["sync_us"]["max"].as_u64() >= report["sync_us"]["p50"].as_u64(), "{report}");
    assert!(report["machine"]["cores"].as_u64() > Some(0) && report["machine"]["kernel"].is_string(), "{report}");
    assert!(BATCHES.contains(&report["proposal"]["max_batch"].as_u64().expect("a number")), "{report}");
    assert!(is_empty(folder.path()));
}

#[test]
fn the_server_takes_what_is_proposed() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = calibrate("--db", &folder.path().join("sale.db"), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(is_empty(folder.path()), "the directory of the data file is the one that is measured");
    let proposal = text(&output.stdout);
    let (_table, proposal) = proposal.split_once("\n[storage]\n").expect("a section to paste");
    for key in ["max_batch = ", "linger = ", "[gate.bucket]", "rate = "] {
        assert!(proposal.contains(key), "{key}: {proposal}");
    }
    let file = elsewhere.path().join("doorbuster.toml");
    std::fs::write(&file, format!("[storage]\n{proposal}")).unwrap();
    let mut check = doorbuster();
    check.args(["config", "check", "--config"]).arg(&file);
    for secret in ["auth.jwt_secret", "auth.admin_token", "payment.webhook_secret"] {
        check.args(["--set", &format!("{secret}={}", secret.repeat(3))]);
    }
    let check = check.output().expect("the binary runs");
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
}

#[test]
fn a_directory_that_is_not_there_is_a_storage_error_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let output = calibrate("--dir", &missing, &[]);
    assert_eq!(output.status.code(), Some(74));
    assert!(text(&output.stderr).contains(missing.to_str().unwrap()), "{}", text(&output.stderr));
    assert!(is_empty(folder.path()));
}

#[test]
fn interrupted_it_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = doorbuster();
    command.args(["calibrate", "--seconds", "60", "--dir"]).arg(folder.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let deadline = Instant::now() + PATIENCE;
    // The signal is listened to before the first file is made.
    while is_empty(folder.path()) {
        assert!(Instant::now() < deadline, "it never began");
        std::thread::yield_now();
    }
    let sent = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status();
    assert!(sent.expect("a shell").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(is_empty(folder.path()));
}
