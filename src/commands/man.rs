//! **Job:** `doorbuster man`: the manual, made from the options of the commands.
//! **Owns:** which pages there are; each one that a page names is among them.
//! **Never:** says what the command line does not.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _};

use super::failure::Failure;
use super::{Cli, MANUAL, top};

/// `doorbuster man`.
#[derive(Args)]
pub struct Man {
    /// Write each page into a file of its own in this folder, like doorbuster-serve.1, instead of printing all.
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

/// Prints the pages, or writes them.
pub(super) fn run(options: &Man) -> Result<ExitCode, Failure> {
    let pages = pages()?;
    match &options.to {
        None => pages.iter().try_for_each(|(_, page)| io::stdout().write_all(page))?,
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            for (name, page) in pages {
                std::fs::write(folder.join(format!("{name}.1")), page)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All pages with their names.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let meanings = format!("{MANUAL}\n\nWhat the figures of the dashboard and of top mean:\n\n{}", top::help::manual());
    let mut program = Cli::command().after_help(meanings);
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    pages.push((name, page));
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| add(command, pages))
}
