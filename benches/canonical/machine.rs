//! **Job:** says on what was measured: machine, durability, versions, commit.
//! **Owns:** the refusal to measure durability in a file system that has none.
//! **Never:** guesses: what the system does not say is "unknown".

use std::fs::read_to_string;
use std::process::Command;
use std::time::Duration;

use super::peers::{postgres, redis};
use super::report::Facts;
use super::settings::{Depth, Settings, profile};

/// How long is looked at who else uses the cores.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn describe(settings: &Settings) -> anyhow::Result<Facts> {
    let temporary = std::env::temp_dir();
    let folder = temporary.to_string_lossy();
    let file_system = said("df", &["--output=fstype", &folder]);
    anyhow::ensure!(file_system != "tmpfs", "data files would be in memory: set TMPDIR to a folder on a disk");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let depth = match settings.depth {
        Depth::Full => "the whole set",
        Depth::Quick => "QUICK: a smoke test, its figures mean little",
    };
    Ok(vec![
        ("commit", said("git", &["describe", "--always", "--dirty"])),
        ("what", format!("{depth}; {} rounds, {:?} each", settings.rounds, settings.run)),
        ("CPU", format!("{}, {cores} cores, generators included", field("/proc/cpuinfo", "model name"))),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", said("uname", &["-sr"])),
        ("file system of the data files", file_system),
        ("compiler", format!("{}, profile `{}`", said("rustc", &["--version"]), profile())),
        (
            "durability",
            "ours: full (log synced before each answer); Redis: appendfsync always; PostgreSQL: \
                        synchronous_commit and fsync on"
                .to_owned(),
        ),
        ("peers", format!("{}; {}", redis::version(), postgres::version())),
        ("load average at the start", load()),
    ])
}

/// Share of the cores, in per cent, that somebody uses now: asked while nobody of ours does.
pub(crate) fn used_by_others() -> f64 {
    let before = Ticks::now();
    std::thread::sleep(LOOK);
    let after = Ticks::now();
    100.0 * (1.0 - (after.idle - before.idle) / (after.all - before.all).max(1.0))
}

/// What the cores did so far, in ticks of their clock (`man 5 proc_stat`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    all: f64,
    idle: f64,
    stolen: f64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        let text = read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let ticks: Vec<f64> = line.map(|ticks| ticks.parse().unwrap_or(0.0)).collect();
        let [_user, _nice, _system, idle, waiting, _interrupts, _soft, stolen] = ticks[..] else {
            return Self { all: 0.0, idle: 0.0, stolen: 0.0 };
        };
        Self { all: ticks.iter().sum(), idle: idle + waiting, stolen }
    }

    /// Share of the cores' time, in per cent, that the hypervisor has given to others since then: each piece of it is a
    /// pause of milliseconds for whoever was running.
    pub(crate) fn stolen_since(self) -> f64 {
        let now = Self::now();
        100.0 * (now.stolen - self.stolen) / (now.all - self.all).max(1.0)
    }
}

/// Who else was there.
pub(crate) fn load() -> String {
    read_to_string("/proc/loadavg").map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

/// The last line that a program says.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    text.lines().last().map_or_else(unknown, |line| line.trim().to_owned())
}

fn field(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or_else(unknown, |(_, value)| value.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
