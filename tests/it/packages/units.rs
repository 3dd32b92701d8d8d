//! **Job:** holds what the units promise: systemd takes them, and they give away little.
//! **Owns:** how a unit file is read.
//! **Never:** needs a systemd that runs: `systemd-analyze` looks at files.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::pack::run;
use crate::support::text;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd");
const SERVICES: [&str; 2] = ["doorbuster.service", "doorbuster-inventory.service"];

/// Exposure by `systemd-analyze security`, in tenths: what it calls OK ends at 4.9.
const MOST_EXPOSURE: &str = "15";

/// The settings of a unit file.
pub(super) struct Unit(Vec<(String, String)>);

impl Unit {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let settings = lines.filter_map(|line| line.split_once('='));
        Self(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn read(name: &str) -> Self {
        Self::parse(&fs::read_to_string(Path::new(FOLDER).join(name)).expect("it is shipped"))
    }

    /// The value of a setting that stands there once.
    pub(super) fn value(&self, name: &str) -> String {
        let found: Vec<_> = self.0.iter().filter(|(setting, _)| setting == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].1.clone()
    }
}

fn units() -> Vec<String> {
    let files = fs::read_dir(FOLDER).expect("it is shipped").map(|entry| entry.expect("readable").file_name());
    let names = files.map(|name| name.to_string_lossy().into_owned());
    let units: Vec<_> = names.filter(|name| name.starts_with("doorbuster")).collect();
    assert_eq!(units.len(), 5, "{units:?}");
    units
}

/// What systemd itself brings, and the units refer to.
const TARGETS: [&str; 6] = ["sysinit", "basic", "shutdown", "sockets", "network-online", "time-sync"];

/// A tree with the units and what they start, changed by `change`.
fn tree(change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a temporary directory");
    let folder = tree.path().join("usr/lib/systemd/system");
    fs::create_dir_all(&folder).expect("an own folder");
    for unit in units() {
        let text = fs::read_to_string(Path::new(FOLDER).join(&unit)).expect("it is shipped");
        fs::write(folder.join(unit), change(&text)).expect("an own folder");
    }
    for target in TARGETS {
        fs::write(folder.join(format!("{target}.target")), "[Unit]\nDescription=A target\n").expect("an own folder");
    }
    for program in ["usr/bin/doorbuster", "bin/kill"] {
        let path = tree.path().join(program);
        fs::create_dir_all(path.parent().expect("a folder")).expect("an own folder");
        fs::copy("/bin/true", path).expect("an own folder");
    }
    tree
}

fn analyze(verb: &[&str], tree: &Path, unit: &str) -> Output {
    let root = format!("--root={}", tree.display());
    run("systemd-analyze", &[verb, &[&root, unit]].concat())
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let check = |tree: &Path, unit: &str| analyze(&["verify", "--man=no", "--recursive-errors=one"], tree, unit);
    let shipped = tree(str::to_owned);
    for unit in units() {
        let output = check(shipped.path(), &unit);
        assert!(output.status.success() && text(&output).trim().is_empty(), "{unit}:\n{}", text(&output));
    }
    let wrong = tree(|text| text.replace("Restart=on-failure", "Restarts=on-failure"));
    let output = check(wrong.path(), SERVICES[0]);
    assert!(text(&output).contains("Restarts"), "a word that systemd does not know is found: {}", text(&output));
}

#[test]
fn the_services_give_away_little_of_the_machine() {
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    let judge = |tree: &Path, unit: &str| analyze(&["security", "--offline=true", &threshold], tree, unit);
    let (shipped, open) = (tree(str::to_owned), tree(|text| text.replace("ProtectSystem=", "#").replace("User=", "#")));
    for unit in SERVICES {
        let output = judge(shipped.path(), unit);
        assert!(output.status.success(), "{unit}:\n{}", text(&output));
        let output = judge(open.path(), unit);
        assert!(!output.status.success(), "{unit}, as root:\n{}", text(&output));
    }
}

#[test]
fn an_end_has_more_time_than_it_takes() {
    // Requests in flight, then the ledger, then what is beside it.
    let patience = include_str!("../../../src/server/shutdown.rs");
    let seconds = patience.lines().filter_map(|line| line.split_once("PATIENCE: Duration = Duration::from_secs("));
    let seconds: u64 = seconds.map(|(_, rest)| rest.trim_end_matches(");").parse::<u64>().expect("a number")).sum();
    assert!(seconds >= 20, "{seconds}");
    for unit in SERVICES {
        let granted = Unit::read(unit).value("TimeoutStopSec");
        let granted: u64 = granted.trim_end_matches('s').parse().expect("seconds");
        assert!(granted > seconds + 10, "{unit}: {granted} s for {seconds} s and a busy machine");
    }
}
