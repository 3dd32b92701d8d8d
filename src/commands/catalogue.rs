//! **Job:** `doorbuster catalogue`: what a catalogue file would change of a running server, and doing it.
//! **Owns:** the requests of each step, and what is said when one fails.
//! **Never:** compares (see [`crate::catalogue::Plan`]), or touches an item that the file does not name.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use doorbuster_actors::item::ItemDefinition;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::Operator;
use super::arguments::{Assignments, DataFile};
use super::confirm::confirm;
use super::failure::{EXIT_VIOLATED, Failure};
use super::ops_client::{Method, OpsClient, OpsError, OpsUrl};
use super::{Cli, load_with_secrets};
use crate::catalogue::{self, CatalogueError, ItemFields, KnownItem, Plan, Step};
use crate::config::Purpose;

/// Items of one page.
const PAGE: &str = "1000";

/// `doorbuster catalogue`.
#[derive(Subcommand)]
pub enum CatalogueCommand {
    /// Say what the file would change of a running server: exit 0 if nothing, 1 if something.
    Diff(Compared),
    /// Say what the file would change, ask, and do it step by step; stop at the first step that fails.
    Apply(Apply),
}

/// Which file, and which server.
#[derive(Args)]
#[expect(clippy::doc_markdown, reason = "the help is read without markup")]
pub struct Compared {
    /// The catalogue file; default from the configuration: catalogue.path.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The operations listener of the server; default from the configuration: server.ops_listen.
    #[arg(long, value_name = "OPS_URL")]
    pub url: Option<OpsUrl>,
    /// The data file: in development mode the admin token is kept beside it.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// `doorbuster catalogue apply`.
#[derive(Args)]
pub struct Apply {
    /// What is compared.
    #[command(flatten)]
    pub compared: Compared,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Who does it, for the journal; default: who is at the keyboard.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<Operator>,
}

impl CatalogueCommand {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        let (Self::Diff(compared) | Self::Apply(Apply { compared, .. })) = self;
        compared.data_file.with(&compared.assignments)
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        Self::configuration(error)
    }
}

/// Compares, and does what the file says if that was asked for.
pub(super) fn run(cli: &Cli, command: &CatalogueCommand) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        CatalogueCommand::Diff(compared) => {
            let comparison = compare(cli, compared)?;
            comparison.show(&mut out)?;
            let plan = comparison.plan;
            Ok(if plan.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
        }
        CatalogueCommand::Apply(options) => {
            let comparison = compare(cli, &options.compared)?;
            comparison.show(&mut out)?;
            out.flush()?;
            if !comparison.plan.steps.is_empty() {
                confirm(options.yes)?;
            }
            let operator = options.operator.clone().or_else(|| Cli::user().and_then(|user| user.parse().ok()));
            comparison.apply(operator.as_ref(), &mut out)
        }
    }
}

struct Comparison {
    client: OpsClient,
    plan: Plan,
    /// Items of the file that belong to other nodes.
    elsewhere: usize,
    /// For the journal.
    reason: String,
}

fn compare(cli: &Cli, compared: &Compared) -> Result<Comparison, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Operate])?;
    let file = compared.file.clone().or_else(|| loaded.config.catalogue.path.clone());
    let file = file.ok_or_else(|| Failure::configuration("catalogue.path: is not set: name the file"))?;
    let url = compared.url.clone().or_else(|| OpsUrl::of(&loaded.config.server.ops_listen)).ok_or(OpsError::NoPort)?;
    let client = OpsClient::new(url, loaded.config.auth.admin_token.expose());
    let items =
        catalogue::read(&file).map_err(|error| Failure::configuration(format!("{}: {error}", file.display())))?;
    // Each node is told of its own items only: the same file serves all of them.
    let cluster = loaded.config.cluster.nodes_and_own()?;
    let (items, elsewhere): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| cluster.elsewhere(&item.id).is_none());
    let known = known_items(&client, &items)?;
    let definitions: Vec<_> = known.iter().map(|item| item.definition.clone()).collect();
    catalogue::check_currencies(&items, &definitions)?;
    let elsewhere = elsewhere.len();
    Ok(Comparison { client, plan: Plan::of(&items, &known), elsewhere, reason: reason(&file) })
}

/// `catalogue shop.toml`: the folder is nobody's business.
fn reason(file: &Path) -> String {
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let plain: String = name.chars().filter(|char| !char.is_control()).take(200).collect();
    format!("catalogue {plain}")
}

/// An item as the listener tells it. Members that are not here are of no interest.
#[derive(Deserialize)]
struct Told {
    item_id: String,
    #[serde(flatten)]
    fields: Value,
}

#[derive(Deserialize)]
struct ItemsPage {
    items: Vec<Told>,
    next: Option<String>,
}

fn known_items(client: &OpsClient, catalogue: &[ItemDefinition]) -> Result<Vec<KnownItem>, Failure> {
    const PATH: &str = "/v1/admin/items";
    let (mut known, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", PAGE)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page: ItemsPage = client.get(PATH, &query)?;
        for told in page.items {
            known.push(told.item().ok_or_else(|| client.foreign(PATH, "something else"))?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    for item in &mut known {
        let wanted = catalogue.iter().find(|wanted| wanted.id == item.definition.id);
        let is_price_new = wanted.is_some_and(|wanted| {
            (wanted.unit_price, wanted.currency) != (item.definition.unit_price, item.definition.currency)
        });
        item.has_orders = is_price_new && has_orders(client, item)?;
    }
    Ok(known)
}

/// Whether somebody ever ordered it: asked only where it matters.
fn has_orders(client: &OpsClient, item: &KnownItem) -> Result<bool, Failure> {
    let query = [("item_id", item.definition.id.as_str()), ("limit", "1")];
    let page: Value = client.get("/v1/admin/orders", &query)?;
    Ok(page["orders"].as_array().is_some_and(|orders| !orders.is_empty()))
}

impl Told {
    fn item(self) -> Option<KnownItem> {
        let count = |name: &str| self.fields[name].as_u64().and_then(|count| u32::try_from(count).ok());
        let text = |name: &str| self.fields[name].as_str().map(str::to_owned);
        let fields = ItemFields {
            title: text("title")?,
            description: text("description"),
            image_url: text("image_url"),
            unit_price: self.fields["unit_price"].as_i64()?,
            currency: text("currency")?,
            stock: i64::from(count("first_stock")?),
            per_user_limit: Some(self.fields["per_user_limit"].as_i64()?),
            opens_at: text("opens_at"),
            closes_at: text("closes_at"),
        };
        Some(KnownItem {
            definition: fields.into_definition(self.item_id.parse().ok()?).ok()?,
            supply: count("stock")?,
            remaining: count("remaining")?,
            has_orders: false,
            closed: self.fields["closed"].as_bool()?,
        })
    }
}

impl Comparison {
    fn show(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.plan)?;
        match self.elsewhere {
            0 => Ok(()),
            1 => writeln!(out, "1 item of the file belongs to another node"),
            several => writeln!(out, "{several} items of the file belong to other nodes"),
        }
    }

    fn apply(&self, operator: Option<&Operator>, out: &mut impl std::io::Write) -> Result<ExitCode, Failure> {
        let all = self.plan.steps.len();
        for (done, step) in self.plan.steps.iter().enumerate() {
            if let Err(error) = self.take(step, operator) {
                let item = step.item();
                return Err(Failure::new(format!(
                    "{item}: {error}; {done} of {all} steps were done, the rest was not"
                )));
            }
            writeln!(out, "done: {step}")?;
        }
        if self.plan.impossible.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::from(EXIT_VIOLATED))
    }

    fn take(&self, step: &Step, operator: Option<&Operator>) -> Result<(), OpsError> {
        let item = step.item();
        let (method, path, mut body) = match step {
            Step::Create(definition) | Step::Change(definition, _) => {
                (Method::Put, format!("/v1/admin/items/{item}"), body_of(definition))
            }
            Step::Restock(_, quantity, _) => {
                (Method::Post, format!("/v1/admin/items/{item}/restock"), json!({ "quantity": quantity }))
            }
            Step::Withdraw(_, quantity, ..) => {
                (Method::Post, format!("/v1/admin/items/{item}/withdraw"), json!({ "quantity": quantity }))
            }
        };
        body["reason"] = json!(self.reason);
        let headers: Vec<_> = operator.map(|operator| ("X-Operator", operator.as_str())).into_iter().collect();
        self.client.send(method, &path, &headers, Some(&body.to_string())).map(drop)
    }
}

fn body_of(definition: &ItemDefinition) -> Value {
    json!({
        "title": definition.title,
        "description": definition.description,
        "image_url": definition.image_url,
        "unit_price": definition.unit_price,
        "currency": definition.currency.as_str(),
        "stock": definition.stock,
        "per_user_limit": definition.per_user_limit,
        "opens_at": definition.opens_at,
        "closes_at": definition.closes_at,
    })
}
