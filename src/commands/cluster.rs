//! **Job:** `doorbuster cluster`: which node each item belongs to, for people and for the proxy in front.
//! **Owns:** its options, and the list of what would move.
//! **Never:** moves anything, or asks a server.

mod nginx;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use doorbuster_actors::cluster::{Cluster, NodeName};
use doorbuster_actors::ids::{ItemId, ItemNumber};
use doorbuster_actors::time::Timestamp;
use serde_json::json;

use super::Cli;
use super::arguments::{Assignments, DataFile as DataFileOption};
use super::data_file::{DataFile, DataFileError};
use super::failure::{EXIT_VIOLATED, Failure};
use crate::catalogue;
use crate::config::{self, Config};

/// `doorbuster cluster …`.
#[derive(Subcommand)]
pub enum ClusterCommand {
    /// Print which node each item of the catalogue belongs to, or what nginx needs to know of it.
    Map(Map),
    /// List items of a data file that are on sale and would belong to other nodes with this configuration: exit 1 if
    /// there are any. A server refuses to start while there are.
    Moves(Moves),
}

/// `doorbuster cluster map`.
#[derive(Args)]
pub struct Map {
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: MapFormat,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// How a map is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MapFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// Upstreams and maps, to be included in the http block of nginx.
    Nginx,
}

/// `doorbuster cluster moves`.
#[derive(Args)]
pub struct Moves {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFileOption,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl ClusterCommand {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        match self {
            Self::Map(options) => options.assignments.set.clone(),
            Self::Moves(options) => options.data_file.with(&options.assignments),
        }
    }
}

/// Prints it.
pub(super) fn run(cli: &Cli, command: &ClusterCommand) -> Result<ExitCode, Failure> {
    let config = config::load(cli.sources())?.config;
    match command {
        ClusterCommand::Map(options) => map(&config, options.format),
        ClusterCommand::Moves(_) => moves(&config),
    }
}

fn map(config: &Config, format: MapFormat) -> Result<ExitCode, Failure> {
    let cluster = config.cluster.seen_from_outside()?;
    let owned = owned(config, &cluster)?;
    let mut out = std::io::stdout().lock();
    match format {
        MapFormat::Nginx => out.write_all(nginx::map(config, &owned).as_bytes())?,
        MapFormat::Json => {
            let items: serde_json::Map<_, _> =
                owned.iter().map(|(item, node)| (item.to_string(), json!(node))).collect();
            writeln!(out, "{}", json!({ "nodes": cluster.names().collect::<Vec<_>>(), "items": items }))?;
        }
        MapFormat::Table => {
            for (item, node) in &owned {
                writeln!(out, "{:<24} {}", item.as_str(), node.as_ref().map_or("(the only node)", NodeName::as_str))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The items of the catalogue, each with its node.
fn owned(config: &Config, cluster: &Cluster) -> Result<Vec<(ItemId, Option<NodeName>)>, Failure> {
    let Some(path) = &config.catalogue.path else { return Ok(Vec::new()) };
    let items = catalogue::read(path);
    let items =
        items.map_err(|error| Failure::configuration(format!("catalogue.path: {}: {error}", path.display())))?;
    let owner = |id: &ItemId| cluster.owner_of(id).cloned();
    Ok(items.into_iter().map(|item| (item.id.clone(), owner(&item.id))).collect())
}

fn moves(config: &Config) -> Result<ExitCode, Failure> {
    let cluster = config.cluster.nodes_and_own()?;
    let mut out = std::io::stdout().lock();
    let mut count = 0;
    for item in on_sale(&DataFile::open(&config.storage.path)?)? {
        if let Some(node) = cluster.elsewhere(&item) {
            writeln!(out, "{:<24} {node}", item.as_str())?;
            count += 1;
        }
    }
    if count == 0 {
        writeln!(out, "nothing would move")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "{count} on sale here would belong to others. Before the change: close what was sold of (doorbuster admin \
         close), delete what was not (doorbuster admin delete) and create it at its new node"
    )?;
    Ok(ExitCode::from(EXIT_VIOLATED))
}

/// Why a start on this data file would be refused because of the list of nodes, if it would.
pub(super) fn stranger(config: &Config, file: &DataFile) -> Result<Option<String>, DataFileError> {
    // Another fault of the list is told as what it is.
    let Ok(cluster) = config.cluster.nodes_and_own() else { return Ok(None) };
    let number = file.connection.query_row("SELECT min(item) FROM ledger WHERE item > 0", [], |row| row.get(0));
    let number: Option<u32> = number.map_err(|source| file.failed(source))?;
    let (own, found) = (cluster.number(), number.map(|number| ItemNumber(number).node()));
    if let Some(found) = found.filter(|found| *found != own) {
        return Ok(Some(format!(
            "it is the file of node number {}, and this node has number {}",
            found.get(),
            own.get()
        )));
    }
    let moved = on_sale(file)?.into_iter().filter(|item| cluster.elsewhere(item).is_some()).count();
    Ok((moved > 0).then(|| format!("items that are on sale here would belong to other nodes: {moved}")))
}

/// Items whose sale is not over.
fn on_sale(file: &DataFile) -> Result<Vec<ItemId>, DataFileError> {
    // Kinds 10 and 12 end a sale and take that back; before version 3 nothing took it back.
    let sql = "SELECT item_id, closes_at FROM items WHERE coalesce((SELECT kind FROM ledger WHERE ledger.item = \
               items.item AND kind IN (10, 12) ORDER BY seq DESC LIMIT 1), 0) != 10 ORDER BY item_id";
    let read = || -> rusqlite::Result<Vec<(String, Option<String>)>> {
        let mut statement = file.connection.prepare(sql)?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
    let is_over = |closes_at: &Option<String>| {
        let closes_at = closes_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        closes_at.is_some_and(|closes_at| closes_at <= now)
    };
    let items = read().map_err(|source| file.failed(source))?;
    Ok(items.into_iter().filter(|(_, closes_at)| !is_over(closes_at)).filter_map(|(id, _)| id.parse().ok()).collect())
}
