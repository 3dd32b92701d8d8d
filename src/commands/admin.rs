//! **Job:** steers a running server from the command line: what an operator may do, and undo.
//! **Owns:** what each action sends, and what is said of it.
//! **Never:** knows more of the server than its operations listener, or does what is hard to take back without asking.
//!
//! | file | does |
//! |---|---|
//! | `options` | the command line |
//! | `desk` | the requests, with who does it and why |
//! | `plan` | what a dangerous action will do, and whether it may |
//! | `lists`, `table` | what is shown |

mod desk;
mod lists;
mod options;
mod plan;
mod table;

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

pub use options::{Action, Admin, Operator};

use super::failure::Failure;
use super::ops_client::{Method, OpsClient, OpsError, OpsUrl};
use super::{Cli, load_with_secrets};
use crate::config::Purpose;
use desk::Desk;
use lists::List;
use options::{ItemChanges, Reason};

/// Carries out what the options say.
pub(super) fn run(cli: &Cli, options: &Admin) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Operate])?;
    let url = options.url.clone().or_else(|| OpsUrl::of(&loaded.config.server.ops_listen)).ok_or(OpsError::NoPort)?;
    let operator = options.operator.clone().or_else(|| Cli::user().and_then(|user| user.parse().ok()));
    let client = OpsClient::new(url, loaded.config.auth.admin_token.expose());
    let desk = Desk { client, operator };
    let answer = carry_out(&desk, options)?;
    let mut out = std::io::stdout().lock();
    match (answer, options.json) {
        (Done::Shown(list, value), false) => out.write_all(lists::text(list, &value).as_bytes())?,
        (Done::Shown(_, value), true) => writeln!(out, "{value:#}")?,
        (Done::Said(sentence), false) => writeln!(out, "{sentence}")?,
        (Done::Said(_), true) => writeln!(out, "{{}}")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What came of it.
enum Done {
    Shown(List, Value),
    Said(String),
}

fn carry_out(desk: &Desk, options: &Admin) -> Result<Done, Failure> {
    plan::confirm(desk, &options.action, options.yes)?;
    let steer = |item: &str, verb: &str, reason: &Reason| {
        let item = desk.send(Method::Post, &item_path(item, &format!("/{verb}")), reason.members())?;
        Ok(Done::Shown(List::Items, json!({ "items": [item] })))
    };
    match &options.action {
        Action::Items => lists::items(desk),
        Action::Orders(filter) => lists::orders(desk, filter),
        Action::Payments(filter) => lists::payments(desk, filter),
        Action::Journal(filter) => lists::journal(desk, filter),
        Action::Withdraw { item, units, reason } => counted(desk, (item.as_str(), "withdraw"), *units, reason),
        Action::Restock { item, units, reason } => counted(desk, (item.as_str(), "restock"), *units, reason),
        Action::Pause { item, reason } => steer(item.as_str(), "pause", reason),
        Action::Resume { item, reason } => steer(item.as_str(), "resume", reason),
        Action::Close { item, reason } => steer(item.as_str(), "close", reason),
        Action::Reopen { item, reason } => steer(item.as_str(), "reopen", reason),
        Action::Hide { item, reason } => steer(item.as_str(), "hide", reason),
        Action::Show { item, reason } => steer(item.as_str(), "show", reason),
        Action::Delete { item, reason } => {
            desk.send(Method::Delete, &item_path(item.as_str(), ""), reason.members())?;
            Ok(Done::Said(format!("{item} is deleted")))
        }
        Action::Set { item, changes, reason } => set(desk, item.as_str(), changes, reason),
        Action::Cancel { order, reason } => {
            let path = format!("/v1/admin/orders/{order}/cancel");
            let order = desk.send(Method::Post, &path, Map::from_iter([("reason".to_owned(), json!(reason))]))?;
            Ok(Done::Shown(List::Orders, json!({ "orders": [order] })))
        }
        Action::Refunded { payment, reason } => {
            let path = format!("/v1/admin/payments/{payment}/refunded");
            let payment = desk.send(Method::Post, &path, reason.members())?;
            Ok(Done::Shown(List::Payments, json!({ "payments": [payment] })))
        }
    }
}

fn item_path(item: &str, rest: &str) -> String {
    format!("/v1/admin/items/{item}{rest}")
}

fn counted(desk: &Desk, (item, verb): (&str, &str), units: u32, reason: &Reason) -> Result<Done, Failure> {
    let mut members = reason.members();
    members.insert("quantity".to_owned(), json!(units));
    let item = desk.send(Method::Post, &item_path(item, &format!("/{verb}")), members)?;
    Ok(Done::Shown(List::Items, json!({ "items": [item] })))
}

/// Reads the item and puts it back with what is to be changed.
fn set(desk: &Desk, item: &str, changes: &ItemChanges, reason: &Reason) -> Result<Done, Failure> {
    let path = item_path(item, "");
    let known: Value = desk.client.get(&path, &[])?;
    let mut fields = reason.members();
    for name in
        ["title", "description", "image_url", "unit_price", "currency", "per_user_limit", "opens_at", "closes_at"]
    {
        fields.insert(name.to_owned(), known[name].clone());
    }
    // The first stock names the stock whatever is sold, restocked or withdrawn meanwhile.
    fields.insert("stock".to_owned(), known["first_stock"].clone());
    fields.extend(changes.members());
    let item = desk.send(Method::Put, &path, fields)?;
    Ok(Done::Shown(List::Items, json!({ "items": [item] })))
}
