//! **Job:** what a catalogue would change of a running sale: the steps from what is there to what the file says.
//! **Owns:** which differences can be taken back by a step, and the sentence about each.
//! **Never:** takes a step, or touches an item that the file does not name.

use std::fmt;

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::{Amount, Currency, ItemDefinition};

use super::differences::fields;
use crate::fields::grouped;

/// An item as the server has it.
#[derive(Debug, Clone)]
pub struct KnownItem {
    /// As it is defined, with the stock that it was created with.
    pub definition: ItemDefinition,
    /// Units on sale in all: first stock and restocks, less what was withdrawn.
    pub supply: u32,
    /// Units that nobody holds.
    pub remaining: u32,
    /// Whether somebody ever ordered it.
    pub has_orders: bool,
    /// Whether its owner ended its sale.
    pub closed: bool,
}

/// A step that can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The item is new.
    Create(ItemDefinition),
    /// It gets this definition; the sentences say what changes.
    Change(ItemDefinition, Vec<String>),
    /// Units are added: how many, and to how many.
    Restock(ItemId, u32, u32),
    /// Units that nobody holds are taken off sale: how many, of how many on sale and how many left.
    Withdraw(ItemId, u32, u32, u32),
}

/// Everything that differs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What can be done, in the order of the file.
    pub steps: Vec<Step>,
    /// What cannot: the item, and why.
    pub impossible: Vec<(ItemId, String)>,
    /// Items of the server that the file does not name. They stay.
    pub left_alone: Vec<ItemId>,
}

impl Step {
    /// The item.
    #[must_use]
    pub fn item(&self) -> &ItemId {
        match self {
            Self::Create(definition) | Self::Change(definition, _) => &definition.id,
            Self::Restock(item, ..) | Self::Withdraw(item, ..) => item,
        }
    }
}

impl Plan {
    /// From what `known` lists to what `catalogue` says.
    #[must_use]
    pub fn of(catalogue: &[ItemDefinition], known: &[KnownItem]) -> Self {
        let mut plan = Self::default();
        let by_id: std::collections::HashMap<_, _> = known.iter().map(|item| (&item.definition.id, item)).collect();
        for item in catalogue {
            match by_id.get(&item.id) {
                None => plan.steps.push(Step::Create(item.clone())),
                Some(known) => plan.compare(item, known),
            }
        }
        let named: std::collections::HashSet<_> = catalogue.iter().map(|item| &item.id).collect();
        let others = known.iter().map(|item| &item.definition.id).filter(|id| !named.contains(id));
        plan.left_alone = others.cloned().collect();
        plan
    }

    /// Whether server and file say the same of every item that the file names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.impossible.is_empty()
    }

    fn compare(&mut self, item: &ItemDefinition, known: &KnownItem) {
        // Whoever names the stock may name the first one: whatever is sold and restocked meanwhile, it is right.
        let mut wanted = ItemDefinition { stock: known.definition.stock, ..item.clone() };
        let differing = fields(&wanted, &known.definition);
        if known.has_orders && differing.iter().any(|name| matches!(*name, "unit_price" | "currency")) {
            let prices = (price(&known.definition), price(item));
            let why = format!("price {} → {}: it has been ordered, so its price stays", prices.0, prices.1);
            self.impossible.push((item.id.clone(), why));
            (wanted.unit_price, wanted.currency) = (known.definition.unit_price, known.definition.currency);
        }
        let differing = fields(&wanted, &known.definition);
        if !differing.is_empty() {
            let sentences = differing.iter().map(|name| change(name, &known.definition, &wanted)).collect();
            self.steps.push(Step::Change(wanted, sentences));
        }
        self.compare_stock(item, known);
    }

    fn compare_stock(&mut self, item: &ItemDefinition, known: &KnownItem) {
        let id = item.id.clone();
        let (more, fewer) = (item.stock.saturating_sub(known.supply), known.supply.saturating_sub(item.stock));
        let sizes = format!("stock {} → {}", units(known.supply), units(item.stock));
        if more > 0 && known.closed {
            self.impossible.push((id, format!("{sizes}: its sale was ended; reopen it first")));
        } else if more > 0 {
            self.steps.push(Step::Restock(id, more, item.stock));
        } else if fewer > known.remaining {
            let (fewer, left) = (units(fewer), units(known.remaining));
            self.impossible.push((id, format!("{sizes}: {fewer} would have to go, but only {left} are left")));
        } else if fewer > 0 {
            self.steps.push(Step::Withdraw(id, fewer, known.supply, known.remaining));
        }
    }
}

fn units(count: u32) -> String {
    grouped(i64::from(count))
}

/// A price as people write it.
fn price(definition: &ItemDefinition) -> String {
    money(definition.unit_price, definition.currency)
}

fn money(amount: Amount, currency: Currency) -> String {
    let minor = amount.minor();
    match currency.decimal(i128::from(minor)) {
        Some(decimal) => format!("{decimal} {currency}"),
        None => format!("{minor} minor units of {currency}"),
    }
}

/// What changes of one field, as a sentence without its item.
fn change(name: &str, from: &ItemDefinition, to: &ItemDefinition) -> String {
    let text = |definition: &ItemDefinition| match name {
        "title" => format!("{:?}", definition.title),
        "description" => definition.description.as_deref().map_or("none".to_owned(), |text| format!("{text:?}")),
        "image_url" => definition.image_url.as_deref().unwrap_or("none").to_owned(),
        "unit_price" | "currency" => price(definition),
        "per_user_limit" => units(definition.per_user_limit),
        "opens_at" => definition.opens_at.map_or("at once".to_owned(), |time| time.to_string()),
        "closes_at" => definition.closes_at.map_or("never".to_owned(), |time| time.to_string()),
        _other => units(definition.stock),
    };
    format!("{name} {} → {}", text(from), text(to))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(item) => {
                let (title, stock, price) = (&item.title, units(item.stock), price(item));
                write!(f, "+ {}: new: {title:?}, {stock} units at {price}", item.id)
            }
            Self::Change(item, sentences) => {
                let lines: Vec<_> = sentences.iter().map(|sentence| format!("~ {}: {sentence}", item.id)).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Restock(item, more, to) => {
                write!(f, "~ {item}: stock → {}: {} units are added", units(*to), units(*more))
            }
            Self::Withdraw(item, fewer, supply, left) => {
                let (to, fewer, left) = (units(supply - fewer), units(*fewer), units(*left));
                write!(f, "~ {item}: stock → {to}: {fewer} of the {left} units that are left are taken off sale")
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))?;
        self.impossible.iter().try_for_each(|(item, why)| writeln!(f, "! {item}: {why}"))?;
        self.left_alone.iter().try_for_each(|item| writeln!(f, "= {item}: not in the file, left alone"))?;
        let (steps, impossible, others) = (self.steps.len(), self.impossible.len(), self.left_alone.len());
        write!(f, "{steps} to do, {impossible} not possible, {others} left alone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::parse;

    fn item(fields: &str) -> ItemDefinition {
        let text = "[[item]]\nid = \"lamp\"\ntitle = \"Lamp\"\nunit_price = 1990\ncurrency = \"CNY\"\n";
        parse(&format!("{text}{fields}")).expect("valid").remove(0)
    }

    fn known(definition: ItemDefinition) -> KnownItem {
        let (supply, remaining) = (definition.stock, definition.stock);
        KnownItem { definition, supply, remaining, has_orders: false, closed: false }
    }

    fn plan(catalogue: &ItemDefinition, known: &KnownItem) -> String {
        Plan::of(std::slice::from_ref(catalogue), std::slice::from_ref(known)).to_string()
    }

    #[test]
    fn what_is_the_same_needs_no_step_and_what_is_new_is_made() {
        let lamp = item("stock = 10");
        let same = Plan::of(std::slice::from_ref(&lamp), &[known(lamp.clone())]);
        assert!(same.is_empty() && same.left_alone.is_empty(), "{same}");
        let new = Plan::of(std::slice::from_ref(&lamp), &[]);
        assert_eq!(
            new.to_string(),
            "+ lamp: new: \"Lamp\", 10 units at 19.90 CNY\n1 to do, 0 not possible, 0 left alone"
        );
        let other = Plan::of(&[], &[known(lamp)]);
        assert!(other.is_empty(), "an item that the file does not name is no difference");
        assert_eq!(other.to_string(), "= lamp: not in the file, left alone\n0 to do, 0 not possible, 1 left alone");
    }

    #[test]
    fn a_price_changes_only_before_the_first_order_and_the_rest_changes_all_the_same() {
        let mut wanted = item("stock = 10\nper_user_limit = 2");
        wanted.unit_price = Amount::new(1000).expect("in range");
        let mut there = known(item("stock = 10"));
        let free = plan(&wanted, &there);
        assert!(free.contains("~ lamp: unit_price 19.90 CNY → 10.00 CNY\n~ lamp: per_user_limit 1 → 2"), "{free}");
        there.has_orders = true;
        let both = Plan::of(&[wanted], &[there]);
        let Some(Step::Change(definition, _)) = both.steps.first() else { panic!("{both}") };
        assert_eq!((definition.unit_price.minor(), definition.per_user_limit), (1990, 2));
        assert!(both.to_string().contains("! lamp: price 19.90 CNY → 10.00 CNY: it has been ordered"), "{both}");
    }

    #[test]
    fn a_stock_becomes_a_restock_or_a_withdrawal_if_there_is_enough_left() {
        let mut there = known(item("stock = 100"));
        (there.supply, there.remaining) = (120, 30);
        let step = |stock: u32, there: &KnownItem| {
            let plan = Plan::of(&[item(&format!("stock = {stock}"))], std::slice::from_ref(there));
            (plan.steps.first().cloned(), plan.impossible.first().map(|(_, why)| why.clone()))
        };
        let id: ItemId = "lamp".parse().expect("valid");
        assert_eq!(step(120, &there), (None, None));
        assert_eq!(step(150, &there), (Some(Step::Restock(id.clone(), 30, 150)), None));
        assert_eq!(step(90, &there), (Some(Step::Withdraw(id, 30, 120, 30)), None));
        let (none, why) = step(89, &there);
        assert_eq!((none, why.as_deref()), (None, Some("stock 120 → 89: 31 would have to go, but only 30 are left")));
        there.closed = true;
        assert!(step(121, &there).1.is_some_and(|why| why.contains("reopen")));
    }
}
