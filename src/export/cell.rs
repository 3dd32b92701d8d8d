//! **Job:** one value of a record.
//! **Owns:** the kinds of values that there are, which decide how each format writes them.
//! **Never:** rounds: an amount is there in minor units, and as people write it beside that.

use doorbuster_actors::item::Currency;
use doorbuster_actors::time::Timestamp;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text of somebody else: an id, a title. What a spreadsheet makes of it is anybody's guess.
    Text(String),
    /// One of our own words, or an id of our own: no program takes it for something else.
    Word(String),
    /// A number.
    Whole(i64),
    /// An amount as people write it, in whole units of its currency.
    Decimal(String),
    /// A time.
    Time(Timestamp),
    /// There is none.
    Nothing,
}

/// The values of a record, in the order of its columns.
pub type Record = Vec<Cell>;

impl Cell {
    /// A text, if there is one.
    pub(super) fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.into()))
    }

    /// An amount as people write it; nothing where no currency in use has that code, because nobody knows its decimals.
    pub(super) fn decimal(currency: Option<Currency>, minor: i64) -> Self {
        currency.and_then(|currency| currency.decimal(i128::from(minor))).map_or(Self::Nothing, Self::Decimal)
    }

    /// The value as it is, for people and for formats in which nothing is misread.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Word(text) | Self::Decimal(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Nothing => String::new(),
        }
    }
}
