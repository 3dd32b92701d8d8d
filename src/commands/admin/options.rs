//! **Job:** the options of `doorbuster admin`.
//! **Owns:** their limits and their help.
//! **Never:** takes a token: other users see a command line.

use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use doorbuster_actors::ids::{ItemId, UserId};
use doorbuster_actors::item::MAX_STOCK;
use serde_json::{Map, Value, json};

use crate::commands::arguments::Assignments;
use crate::commands::ops_client::OpsUrl;

const ADMIN_HELP: &str = "\
Whatever is done is durable before it is answered, and stands in the journal with who did it and why.
Admin token: auth.admin_token of the configuration, e.g. DOORBUSTER_AUTH_ADMIN_TOKEN; in development mode from the
secrets beside the data file.";

/// `doorbuster admin`.
#[derive(Args)]
#[command(after_help = ADMIN_HELP)]
#[expect(clippy::doc_markdown, reason = "the help is read without markup")]
pub struct Admin {
    /// The operations listener of the server; default from the configuration: server.ops_listen.
    #[arg(long, global = true, value_name = "OPS_URL")]
    pub url: Option<OpsUrl>,
    /// Who does it, for the journal: 1 to 100 printable ASCII characters; default: SUDO_USER, else USER.
    #[arg(long, global = true, value_name = "NAME")]
    pub operator: Option<Operator>,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Do not ask: for scripts. Without a terminal, what is hard to take back needs it.
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// The data file: in development mode the admin token is kept beside it. Same as --set storage.path=FILE.
    #[arg(long, global = true, value_name = "FILE")]
    pub db: Option<String>,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

impl Admin {
    pub(in crate::commands) fn flags(&self) -> Vec<(String, String)> {
        self.assignments.and(&[("storage.path", &self.db)])
    }
}

/// What to do.
#[derive(Subcommand)]
pub enum Action {
    /// List all items, hidden ones included.
    Items,
    /// List orders of all buyers and items.
    Orders(OrderFilter),
    /// List payments: what has to go back, or whatever is on record.
    Payments(PaymentFilter),
    /// List what was done to the sale, by whom and why.
    Journal(JournalFilter),
    /// Take units off sale that nobody holds. Asks first.
    Withdraw {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// How many.
        #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        units: u32,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Put more units on sale.
    Restock {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// How many.
        #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_STOCK)))]
        units: u32,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Interrupt the sale of an item.
    Pause {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Go on with the sale of an item.
    Resume {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// End the sale of an item. Asks first.
    Close {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Take the end of a sale back.
    Reopen {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Show an item to no buyer, and sell it to none. Asks first.
    Hide {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Show an item again.
    Show {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Delete an item that was never ordered. Asks first.
    Delete {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Change an item: texts, limit and window at any time, price and currency until somebody has ordered.
    Set {
        /// The item.
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// What is to be changed.
        #[command(flatten)]
        changes: ItemChanges,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Cancel an order for its buyer; the price of a paid one has to go back then. Asks first.
    Cancel {
        /// The order.
        #[arg(value_name = "ORDER", value_parser = name)]
        order: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say that what is owed of a payment was sent back, at the payment provider: nothing is sent from here.
    Refunded {
        /// The payment, as `payments` lists it.
        #[arg(value_name = "PAYMENT_ID", value_parser = name)]
        payment: String,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
}

/// Why.
#[derive(Args)]
pub struct Reason {
    /// Why, for the journal: up to 500 characters.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

impl Reason {
    pub(super) fn members(&self) -> Map<String, Value> {
        self.reason.iter().map(|reason| ("reason".to_owned(), json!(reason))).collect()
    }
}

/// Which orders.
#[derive(Args)]
pub struct OrderFilter {
    /// Only those of this buyer.
    #[arg(long, value_name = "ID")]
    pub user: Option<UserId>,
    /// Only those for this item.
    #[arg(long, value_name = "ID")]
    pub item: Option<ItemId>,
    /// Only those in this status.
    #[arg(long, value_parser = ["pending", "paid", "cancelled", "expired", "refund_due", "refunded"])]
    pub status: Option<String>,
}

/// Which payments.
#[derive(Args)]
pub struct PaymentFilter {
    /// owed: something has to go back now; settled: something had to, and did; all: whatever is on record.
    #[arg(long, default_value = "owed", value_parser = ["owed", "settled", "all"])]
    pub status: String,
    /// Only events that meant this.
    #[arg(long, value_parser = verdicts())]
    pub verdict: Option<String>,
    /// Only payments for orders of this item.
    #[arg(long, value_name = "ID")]
    pub item: Option<ItemId>,
    /// Only payments for this order.
    #[arg(long, value_name = "ID")]
    pub order: Option<String>,
}

/// Which lines of the journal.
#[derive(Args)]
pub struct JournalFilter {
    /// Only what was done to this item.
    #[arg(long, value_name = "ID")]
    pub item: Option<ItemId>,
}

/// What is to be changed of an item.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct ItemChanges {
    /// Its name for people.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// What there is to say about it; an empty text removes it.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Its picture: an address, or a path on the shop's own host; an empty text removes it.
    #[arg(long, value_name = "URL")]
    pub image_url: Option<String>,
    /// Price of one unit in minor units of the currency.
    #[arg(long, value_name = "AMOUNT")]
    pub unit_price: Option<i64>,
    /// ISO 4217 code.
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Units one buyer may hold.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// First moment of the sale (RFC 3339); an empty text: at once.
    #[arg(long, value_name = "TIME")]
    pub opens_at: Option<String>,
    /// First moment after the sale (RFC 3339); an empty text: never.
    #[arg(long, value_name = "TIME")]
    pub closes_at: Option<String>,
}

impl ItemChanges {
    pub(super) fn members(&self) -> Map<String, Value> {
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        let or_none =
            |text: &Option<String>| text.as_ref().map(|text| json!(Some(text).filter(|text| !text.is_empty())));
        let members = [
            ("title", text(&self.title)),
            ("description", or_none(&self.description)),
            ("image_url", or_none(&self.image_url)),
            ("unit_price", self.unit_price.map(|price| json!(price))),
            ("currency", text(&self.currency)),
            ("per_user_limit", self.limit.map(|limit| json!(limit))),
            ("opens_at", or_none(&self.opens_at)),
            ("closes_at", or_none(&self.closes_at)),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Who does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator(String);

impl FromStr for Operator {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        let is_printable = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_printable && (1..=100).contains(&name.len()) {
            Ok(Self(name.to_owned()))
        } else {
            Err("must have 1 to 100 printable ASCII characters")
        }
    }
}

impl Operator {
    pub(in crate::commands) fn as_str(&self) -> &str {
        &self.0
    }
}

fn verdicts() -> PossibleValuesParser {
    PossibleValuesParser::new(doorbuster_actors::payment::Verdict::ALL.iter().map(|verdict| verdict.as_str()))
}

/// The name of an order or a payment, as a part of an address.
fn name(text: &str) -> Result<String, &'static str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain && (1..=40).contains(&text.len()) { Ok(text.to_owned()) } else { Err("is not such a name") }
}
