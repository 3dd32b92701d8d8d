//! **Job:** items as their owner writes them, in a catalogue file or the body of a `PUT`.
//! **Owns:** the names of their fields and the defaults.
//! **Never:** sells, or knows which items exist already.

mod described;
mod differences;
mod plan;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::{Amount, InvalidItem, ItemDefinition, MAX_AMOUNT, MAX_QUANTITY, MAX_STOCK};
use doorbuster_actors::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

pub use differences::Differences;
pub use plan::{KnownItem, Plan, Step};

use crate::config::syntax::describe;
use crate::fields::{Field, Found, Kind, Wrong, faults, grouped};

/// Most items of a catalogue: each becomes an actor, so this many are about a gigabyte and a second of the start.
pub const MAX_ITEMS: usize = 100_000;

/// Largest catalogue file, in bytes: [`MAX_ITEMS`] items with long titles.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// What is to be done about an item that the data file knows otherwise.
pub const LEFT_ALONE: &str = "items are read from the catalogue at their first start only. `doorbuster catalogue diff` \
                              says what the file would change of a running server, `doorbuster catalogue apply` does \
                              it";

/// Units of an item one buyer may hold, unless the owner says otherwise: one each is what a flash sale promises.
const DEFAULT_PER_USER_LIMIT: i64 = 1;

/// The fields of an item but its id: a `PUT` body, and one `[[item]]` of a file. Numbers are as wide as the formats
/// have them, so that one out of range is named by its field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(description = "An item as its owner describes it.")]
pub struct ItemFields {
    /// Name for people, 1 to 200 characters.
    #[schema(schema_with = described::title)]
    pub title: String,
    /// What there is to say about it, up to 2,000 characters; line ends are kept.
    #[serde(default)]
    #[schema(schema_with = described::description)]
    pub description: Option<String>,
    /// Its picture: an https or http address, or a path on the shop's own host.
    #[serde(default)]
    #[schema(schema_with = described::image_url)]
    pub image_url: Option<String>,
    /// Price of one unit in minor units of the currency.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub unit_price: i64,
    /// ISO 4217 code.
    #[schema(schema_with = described::currency)]
    pub currency: String,
    /// Units for sale.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub stock: i64,
    /// Units one buyer may hold; absent: 1.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_147_483_647)]
    pub per_user_limit: Option<i64>,
    /// First moment of the sale, RFC 3339 with offset; absent: at once.
    #[serde(default)]
    #[schema(schema_with = described::opens_at)]
    pub opens_at: Option<String>,
    /// First moment after the sale, RFC 3339 with offset; absent: never.
    #[serde(default)]
    #[schema(schema_with = described::closes_at)]
    pub closes_at: Option<String>,
}

/// The same as a table: what each field must be, before anything is judged.
pub const FIELDS: &[Field] = &[
    Field::required("title", Kind::Text),
    Field::optional("description", Kind::Text),
    Field::optional("image_url", Kind::Text),
    Field::required("unit_price", Kind::Whole { least: 0, most: MAX_AMOUNT }),
    Field::required("currency", Kind::Text),
    Field::required("stock", Kind::Whole { least: 0, most: MAX_STOCK as i64 }),
    Field::optional("per_user_limit", Kind::Whole { least: 1, most: MAX_QUANTITY as i64 }),
    Field::optional("opens_at", Kind::Text),
    Field::optional("closes_at", Kind::Text),
];

/// A field that cannot be sold as it is: `<field> <reason>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FieldError {
    /// The field's name as in the contract.
    pub field: &'static str,
    /// What it must be.
    pub reason: String,
}

impl FieldError {
    #[expect(clippy::needless_pass_by_value, reason = "a literal is as welcome as an error")]
    fn new(field: &'static str, reason: impl ToString) -> Self {
        Self { field, reason: reason.to_string() }
    }
}

impl From<InvalidItem> for FieldError {
    fn from(invalid: InvalidItem) -> Self {
        Self::new(invalid.field, invalid.reason)
    }
}

impl ItemFields {
    /// The item these fields describe under the name `id`.
    ///
    /// # Errors
    /// The first field that is out of its range, in the order of the contract.
    pub fn into_definition(self, id: ItemId) -> Result<ItemDefinition, FieldError> {
        let price_range = || FieldError::new("unit_price", format!("must be 0 to {}", grouped(MAX_AMOUNT)));
        let definition = ItemDefinition {
            id,
            title: self.title,
            description: some(self.description),
            image_url: some(self.image_url),
            unit_price: Amount::new(self.unit_price).ok_or_else(price_range)?,
            currency: parse_field("currency", &self.currency)?,
            stock: count("stock", self.stock, "must be 0 to 1,000,000,000")?,
            per_user_limit: {
                let limit = self.per_user_limit.unwrap_or(DEFAULT_PER_USER_LIMIT);
                count("per_user_limit", limit, "must be 1 to 2,147,483,647")?
            },
            opens_at: time("opens_at", self.opens_at)?,
            closes_at: time("closes_at", self.closes_at)?,
        };
        definition.validate()?;
        Ok(definition)
    }
}

/// An empty text says as much as none.
fn some(text: Option<String>) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty()).map(Into::into)
}

/// A number that fits a count at all; the exact range is the definition's own business.
fn count(field: &'static str, number: i64, range: &str) -> Result<u32, FieldError> {
    u32::try_from(number).map_err(|_| FieldError::new(field, range))
}

fn time(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>, FieldError> {
    text.map(|text| parse_field(field, &text)).transpose()
}

fn parse_field<T: FromStr<Err: ToString>>(field: &'static str, text: &str) -> Result<T, FieldError> {
    text.parse().map_err(|error: T::Err| FieldError::new(field, error))
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read, or is longer than any catalogue.
    #[error("the catalogue cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The text is not TOML, or has something else than items in it.
    #[error("the catalogue is not a list of items: {0}")]
    Malformed(String),
    /// More than [`MAX_ITEMS`].
    #[error("the catalogue has more than {MAX_ITEMS} items")]
    TooMany,
    /// An item that cannot be sold as it is.
    #[error("item {item}: {reason}")]
    Item {
        /// Its id, or its place in the file (`#1` is the first) if it has none.
        item: String,
        /// The field, and what it must be.
        reason: String,
    },
}

/// The items of the catalogue file at `path`.
///
/// # Errors
/// The file cannot be read, or whatever [`parse`] refuses.
pub fn read(path: &Path) -> Result<Vec<ItemDefinition>, CatalogueError> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
    }
    parse(&text)
}

/// The sample catalogue, as text.
#[must_use]
pub fn sample() -> &'static str {
    include_str!("../data/catalogue.toml")
}

/// The items of a catalogue, in its order.
///
/// # Errors
/// Text that is not a list of items, too many of them, one that cannot be sold, or two with the same id.
pub fn parse(text: &str) -> Result<Vec<ItemDefinition>, CatalogueError> {
    let tables = tables_of(text)?;
    if tables.len() > MAX_ITEMS {
        return Err(CatalogueError::TooMany);
    }
    let mut seen = HashSet::with_capacity(tables.len());
    let mut items = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let item = parse_item(index + 1, table)?;
        if !seen.insert(item.id.clone()) {
            return Err(CatalogueError::Item { item: item.id.to_string(), reason: "id is given twice".to_owned() });
        }
        items.push(item);
    }
    Ok(items)
}

/// Refuses a price in a currency that is not in use, unless the item is for sale in it already: which currencies there
/// are changes, and an item of a data file stays what it is.
///
/// # Errors
/// The first such item.
pub fn check_currencies(items: &[ItemDefinition], known: &[ItemDefinition]) -> Result<(), CatalogueError> {
    let is_so_already =
        |item: &ItemDefinition| known.iter().any(|old| old.id == item.id && old.currency == item.currency);
    let mut unknown = items.iter().filter_map(|item| Some((item, item.currency.check_in_use().err()?)));
    match unknown.find(|(item, _)| !is_so_already(item)) {
        None => Ok(()),
        Some((item, why)) => Err(CatalogueError::Item { item: item.id.to_string(), reason: format!("currency {why}") }),
    }
}

/// The `[[item]]` tables of a catalogue file, which has nothing else in it.
fn tables_of(text: &str) -> Result<Vec<toml::Table>, CatalogueError> {
    let document: toml::Table =
        toml::from_str(text).map_err(|error| CatalogueError::Malformed(describe(&error, text)))?;
    let mut items = Vec::new();
    for (name, value) in document {
        if name != "item" {
            return Err(CatalogueError::Malformed(Wrong::unknown("name", &name, "[[item]]").sentence));
        }
        let toml::Value::Array(tables) = value else { return Err(not_tables()) };
        items = tables;
    }
    let table = |value: toml::Value| value.try_into().map_err(|_other: toml::de::Error| not_tables());
    items.into_iter().map(table).collect()
}

fn not_tables() -> CatalogueError {
    CatalogueError::Malformed("each item begins with a line [[item]]".to_owned())
}

fn parse_item(place: usize, mut table: toml::Table) -> Result<ItemDefinition, CatalogueError> {
    let unnamed = |reason: String| CatalogueError::Item { item: format!("#{place}"), reason };
    let id = table.remove("id").ok_or_else(|| unnamed("id is missing".to_owned()))?;
    let id = id.as_str().ok_or_else(|| unnamed("id must be a text".to_owned()))?;
    let id: ItemId = id.parse().map_err(|error| unnamed(format!("id {error}")))?;

    let unsellable = |reason: String| CatalogueError::Item { item: id.to_string(), reason };
    for (_, value) in &mut table {
        // TOML has times of its own, without quotes; both spellings are the same text.
        if let toml::Value::Datetime(time) = value {
            *value = time.to_string().into();
        }
    }
    let wrong = faults(FIELDS, table.iter().map(|(name, value)| (name.as_str(), found(value))));
    if !wrong.is_empty() {
        let sentences: Vec<_> = wrong.into_iter().map(|wrong| wrong.sentence).collect();
        return Err(unsellable(sentences.join("; ")));
    }
    let fields: ItemFields =
        table.try_into().map_err(|_bad: toml::de::Error| unsellable("cannot be read".to_owned()))?;
    fields.into_definition(id.clone()).map_err(|error| unsellable(error.to_string()))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library: no field is of another kind")]
fn found(value: &toml::Value) -> Found<'_> {
    match value {
        toml::Value::String(text) => Found::Text(text),
        toml::Value::Integer(number) => Found::Whole(Some(*number)),
        _other => Found::Other,
    }
}

#[cfg(test)]
mod tests;
