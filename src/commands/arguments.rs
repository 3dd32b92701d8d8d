//! **Job:** the options that several commands share.
//! **Owns:** `--set`, `--db`, and how options become keys of the configuration.
//! **Never:** knows a command.

use clap::Args;

/// Keys of the configuration, set one by one.
// Not a global option: of those clap keeps only the ones after the command if there are some on both sides of it.
#[derive(Args)]
pub struct Assignments {
    /// Sets one key of the configuration; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

impl Assignments {
    /// The assignments, and behind them the options of the command that stand for a key: so they win.
    pub(super) fn and(&self, shorthands: &[(&str, &Option<String>)]) -> Vec<(String, String)> {
        let short = shorthands.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.as_ref()?.clone())));
        self.set.iter().cloned().chain(short).collect()
    }
}

/// Which data file.
#[derive(Args)]
pub struct DataFile {
    /// The data file; default from the configuration. Same as --set storage.path=FILE.
    #[arg(long, value_name = "FILE")]
    pub db: Option<String>,
}

impl DataFile {
    /// The assignments, with `--db` behind them.
    pub(super) fn with(&self, assignments: &Assignments) -> Vec<(String, String)> {
        assignments.and(&[("storage.path", &self.db)])
    }
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected SECTION.KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
