//! Sells three of two: `cargo run -p doorbuster-actors --example one_item`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use doorbuster_actors::ids::CoreId;
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::request::Reservation;
use doorbuster_actors::sale::Token;
use doorbuster_actors::{Sale, SaleSettings};

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let two_mugs = ItemDefinition {
        id: "mug".parse()?,
        title: "A mug".to_owned(),
        description: None,
        image_url: None,
        unit_price: Amount::new(1990).ok_or("an amount below 2^53")?,
        currency: "CNY".parse()?,
        stock: 2,
        per_user_limit: 1,
        opens_at: None,
        closes_at: None,
    };
    let sale = Sale::open(&SaleSettings::new(folder.path().join("sale.db")), vec![two_mugs])?;
    let handle = sale.start_core(CoreId(0));
    let mug = sale.view().directory.find(&"mug".parse()?).ok_or("it is for sale")?;

    for buyer in ["ada", "bob", "eve"] {
        let permit = sale.view().purchases.enter().ok_or("too many purchases in flight")?;
        let wanted = Reservation { user: buyer.parse()?, quantity: 1, key: None };
        let outcome = handle.reserve(&mug, wanted, Token::none(), permit).outcome().await;
        println!("{buyer}: {outcome:?}");
    }
    println!("{} left", mug.remaining());
    sale.close().await?;
    Ok(())
}
