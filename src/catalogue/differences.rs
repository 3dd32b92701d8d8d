//! **Job:** what a catalogue says otherwise than the data file, which counts after an item's first start.
//! **Owns:** which fields are compared, and how many items are named.
//! **Never:** changes either.

use std::fmt;

use doorbuster_actors::item::ItemDefinition;

/// Items that are named: a line of a log is read by people.
const MAX_NAMED: usize = 10;

/// The items that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// How many there are.
    pub items: usize,
    /// The first of them, each with its fields.
    named: Vec<String>,
}

impl Differences {
    /// Between the items of a catalogue and those that `known` finds by their ids; none if there is none.
    pub fn between<'i, K>(
        catalogue: &'i [ItemDefinition],
        known: impl Fn(&'i ItemDefinition) -> Option<K>,
    ) -> Option<Self>
    where
        K: AsRef<ItemDefinition>,
    {
        let differing = catalogue.iter().filter_map(|item| {
            let fields = fields(item, known(item)?.as_ref());
            (!fields.is_empty()).then(|| format!("{} ({})", item.id, fields.join(", ")))
        });
        let (mut items, mut named) = (0, Vec::new());
        for difference in differing {
            items += 1;
            if named.len() < MAX_NAMED {
                named.push(difference);
            }
        }
        (items > 0).then_some(Self { items, named })
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named.join(", "))?;
        match self.items - self.named.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The fields that differ, by their names in the catalogue.
pub(super) fn fields(one: &ItemDefinition, other: &ItemDefinition) -> Vec<&'static str> {
    let compared = [
        ("title", one.title != other.title),
        ("description", one.description != other.description),
        ("image_url", one.image_url != other.image_url),
        ("unit_price", one.unit_price != other.unit_price),
        ("currency", one.currency != other.currency),
        ("stock", one.stock != other.stock),
        ("per_user_limit", one.per_user_limit != other.per_user_limit),
        ("opens_at", one.opens_at != other.opens_at),
        ("closes_at", one.closes_at != other.closes_at),
    ];
    compared.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::parse;

    fn items(count: usize, stock: u32) -> Vec<ItemDefinition> {
        let item = |number| {
            format!(
                "[[item]]\nid = \"i{number}\"\ntitle = \"A\"\nunit_price = 1\ncurrency = \"EUR\"\nstock = {stock}\n"
            )
        };
        parse(&(0..count).map(item).collect::<String>()).expect("valid")
    }

    fn between(catalogue: &[ItemDefinition], known: &[ItemDefinition]) -> Option<Differences> {
        Differences::between(catalogue, |item| known.iter().find(|known| known.id == item.id).cloned().map(Arc::new))
    }

    #[test]
    fn items_that_differ_are_named_with_their_fields_and_no_more_than_a_line_holds() {
        assert_eq!(between(&items(3, 5), &items(3, 5)), None);
        assert_eq!(between(&items(3, 5), &[]), None, "what is new is no difference");
        let two = between(&items(2, 5), &items(3, 6)).expect("they differ");
        assert_eq!((two.items, two.to_string().as_str()), (2, "i0 (stock), i1 (stock)"));
        let many = between(&items(14, 5), &items(14, 6)).expect("they differ");
        assert!(many.to_string().ends_with("i9 (stock) and 4 more"), "{many}");
        let mut other = items(1, 5);
        other[0].title = "B".to_owned();
        other[0].opens_at = "2030-01-01T00:00:00Z".parse().ok();
        assert_eq!(between(&items(1, 5), &other).expect("they differ").to_string(), "i0 (title, opens_at)");
    }
}
