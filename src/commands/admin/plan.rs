//! **Job:** says what an action will do that is hard to take back, and asks whether it may.
//! **Owns:** which actions these are.
//! **Never:** does it.

use std::io::{self, Write as _};

use serde_json::Value;

use super::desk::Desk;
use super::options::Action;
use crate::commands::confirm;
use crate::commands::failure::Failure;
use crate::commands::text::Text;

/// Goes on if nothing is dangerous, or somebody has said yes.
pub(super) fn confirm(desk: &Desk, action: &Action, is_sure: bool) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    if let Some(plan) = plan(desk, action)? {
        writeln!(io::stderr(), "{plan}")?;
        confirm::confirm(is_sure)?;
    }
    Ok(())
}

/// What the action will do; nothing if it is easy to take back.
fn plan(desk: &Desk, action: &Action) -> Result<Option<String>, Failure> {
    let item = |item: &str| -> Result<(String, Value), Failure> {
        let known: Value = desk.client.get(&format!("/v1/admin/items/{item}"), &[])?;
        let title = Text::from(known["title"].as_str().unwrap_or_default());
        Ok((format!("{item} (\u{201c}{title}\u{201d})"), known))
    };
    let plan = match action {
        Action::Withdraw { item: id, units, .. } => {
            let (name, known) = item(id.as_str())?;
            let left = &known["remaining"];
            format!(
                "This takes {units} of the {left} units that are left of {name} off sale. A restock puts them back."
            )
        }
        Action::Close { item: id, .. } => {
            let (name, known) = item(id.as_str())?;
            format!(
                "This ends the sale of {name}, of which {} units are left. reopen takes it back.",
                known["remaining"]
            )
        }
        Action::Hide { item: id, .. } => {
            let (name, _) = item(id.as_str())?;
            format!("Buyers will see {name} no more, and cannot buy it. show takes it back.")
        }
        Action::Delete { item: id, .. } => {
            let (name, _) = item(id.as_str())?;
            format!("This deletes {name} for good. It is refused if it was ever ordered.")
        }
        Action::Cancel { order, .. } => format!(
            "This cancels order {order} for its buyer, and its units go back on sale. If it was paid, its price has to \
             go back. It cannot be taken back."
        ),
        Action::Items
        | Action::Orders(_)
        | Action::Payments(_)
        | Action::Journal(_)
        | Action::Restock { .. }
        | Action::Pause { .. }
        | Action::Resume { .. }
        | Action::Reopen { .. }
        | Action::Show { .. }
        | Action::Set { .. }
        | Action::Refunded { .. } => return Ok(None),
    };
    Ok(Some(plan))
}
