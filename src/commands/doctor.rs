//! **Job:** looks over machine, files, Redis and configuration before a sale, and says what to do about each trouble.
//! **Owns:** which groups of checks there are, their order, and what is printed.
//! **Never:** changes anything: no data file is made, none is written to, and the server may be running or not.
//!
//! Each check is a pure function of a reading; what takes the reading is thin.
//!
//! | file | looks at |
//! |---|---|
//! | `finding` | what came of one check |
//! | `configuration` | what a start would refuse, secrets, payment, who can reach the listeners |
//! | `items` | the catalogue |
//! | `ledger` | the data file; how many orders there are and may come |
//! | `storage` | its folder, file system, room and speed |
//! | `limits` | open files, queues and ports of the system |
//! | `machine`, `cgroup` | memory and cores |
//! | `clock` | whether it is set |
//! | `ports`, `listener` | whether the addresses are free, and who has them |
//! | `shared_gate` | Redis |
//! | `certificates` | until when they hold |

mod certificates;
mod cgroup;
mod clock;
mod configuration;
mod finding;
mod items;
mod ledger;
mod limits;
mod listener;
mod machine;
mod ports;
mod shared_gate;
mod storage;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use tracing::subscriber::{NoSubscriber, with_default};

use super::Cli;
use super::arguments::{Assignments, DataFile};
use super::failure::{EXIT_VIOLATED, Failure};
use super::text::Text;
use crate::config::{self, Loaded, Purpose, Sources};
use finding::{Finding, Level};

/// Columns of the names.
const NAME_WIDTH: usize = 22;

/// `doorbuster doctor`.
#[derive(Args)]
pub struct Doctor {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// Print the findings as a JSON array: check, level, found, advice.
    #[arg(long)]
    pub json: bool,
}

impl Doctor {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

/// Runs every check. A configuration that cannot be read at all is told as `config check` tells it.
pub(super) fn run(cli: &Cli, options: &Doctor) -> Result<ExitCode, Failure> {
    let loaded = config::load(Sources { wanted: config::wanted(&[Purpose::Serve]), ..cli.sources() })?;
    // What the parts have to say stands in the findings.
    let findings = with_default(NoSubscriber::default(), || look_over(&loaded))?;
    print(&findings, options.json, &mut io::stdout().lock())?;
    let has_failed = findings.iter().any(|finding| finding.level == Level::Fail);
    Ok(if has_failed { ExitCode::from(EXIT_VIOLATED) } else { ExitCode::SUCCESS })
}

fn look_over(loaded: &Loaded) -> Result<Vec<Finding>, Failure> {
    let config = &loaded.config;
    // Before anything here opens the data file: closing it would give up locks that are asked about.
    let is_running = ledger::has_server(&config.storage.path);
    let (of_items, catalogue) = items::read(loaded);
    let (of_ledger, books) = ledger::read(config, is_running);
    let planned = ledger::Planned::of(&books, &catalogue);
    let runtime = actix_web::rt::System::new();
    Ok([
        configuration::findings(loaded),
        of_items,
        items::findings(&catalogue, &books),
        of_ledger,
        runtime.block_on(storage::findings(config, planned))?,
        clock::findings(&books),
        limits::findings(config, planned),
        machine::findings(config, planned),
        ports::findings(config, is_running),
        runtime.block_on(shared_gate::findings(config)),
        certificates::findings(config),
    ]
    .concat())
}

fn print(findings: &[Finding], as_json: bool, out: &mut impl Write) -> io::Result<()> {
    if as_json {
        serde_json::to_writer(&mut *out, findings)?;
        return writeln!(out);
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    for finding in findings {
        let (level, check, found) = (finding.level.word(), finding.check, Text::from(finding.found.as_str()));
        writeln!(out, "{level:<5} {check:<NAME_WIDTH$} {found}")?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "      → {}", Text::from(advice.as_str()))?;
        }
    }
    let (ok, warnings, failed) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
    let verdict = match (failed, warnings) {
        (0, 0) => "nothing stands in the way of a sale",
        (0, _) => "nothing must be done; look at the warnings",
        _ => "do what stands behind each FAIL before the sale",
    };
    writeln!(out, "{ok} ok, {warnings} warnings, {failed} failed: {verdict}")
}
