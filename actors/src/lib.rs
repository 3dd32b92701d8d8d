//! The sale itself: who may buy what is decided, written down and answered here. Knows no HTTP, Redis, command line or
//! configuration file.
//!
//! [`Sale`] is the door: settings and items in, one [`SaleHandle`] per worker out.
//!
//! ```
//! use doorbuster_actors::ids::CoreId;
//! use doorbuster_actors::request::Reservation;
//! use doorbuster_actors::sale::{Outcome, Token};
//! use doorbuster_actors::{Sale, SaleSettings};
//! # use doorbuster_actors::item::ItemDefinition;
//! # fn mug() -> ItemDefinition {
//! #     ItemDefinition {
//! #         id: "mug".parse().expect("an id"),
//! #         title: "A mug".to_owned(),
//! #         description: None,
//! #         image_url: None,
//! #         unit_price: doorbuster_actors::item::Amount::new(990).expect("a price"),
//! #         currency: "EUR".parse().expect("a currency"),
//! #         stock: 1,
//! #         per_user_limit: 1,
//! #         opens_at: None,
//! #         closes_at: None,
//! #     }
//! # }
//!
//! # #[actix::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sale.db");
//! let sale = Sale::open(&SaleSettings::new(path), vec![mug()])?;
//! let handle = sale.start_core(CoreId(0));
//!
//! let mug = sale.view().directory.find(&"mug".parse()?).expect("it is for sale");
//! let permit = sale.view().purchases.enter().expect("nobody else is buying");
//! let wanted = Reservation { user: "ada".parse()?, quantity: 1, key: None };
//! let outcome = handle.reserve(&mug, wanted, Token::none(), permit).outcome().await;
//!
//! assert!(matches!(outcome, Outcome::Confirmed(_)), "in the data file, and synced");
//! assert_eq!(mug.remaining(), 0);
//! sale.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The way of a message, in reading order:
//!
//! | file | holds |
//! |---|---|
//! | `sale`, `view` | how the parts are put together; what anybody may read of them |
//! | `ids`, `item`, `money`, `payment`, `time`, `request` | the values that messages are made of |
//! | `messages`, `enqueued`, `permit`, `reply` | the messages, and what travels with them: guards, reply channels |
//! | `handle` → `router` → `core` | how a thread sends, batches and delivers messages |
//! | `stock_actor` → `stock` | the actor of an item, and the state machine that decides |
//! | `suspense`, `debts` | money that came for no order; money that has to go back |
//! | `order_writer` → `batch`, `ledger` | group commit, and the data file |
//! | `entry` | what one entry of the ledger says |
//! | `cluster`, `placement`, `directory`, `watchers` | where items live, and what is published about them |
//! | `used_keys`, `payment_index` | which order a key or a payment made |
//! | `status` | what others act on |
//! | `observe`, `trace`, `fault` | counters, spans, and what can be made worse on purpose |

#![forbid(unsafe_code)]

mod batch;
pub mod cluster;
mod commit_trigger;
mod core;
pub mod data_file;
mod debts;
mod directory;
mod enqueued;
pub mod entry;
mod fault;
mod gathering;
mod handle;
pub mod ids;
pub mod item;
mod item_pool;
pub mod ledger;
mod messages;
mod money;
pub mod observe;
mod order_writer;
pub mod payment;
mod payment_index;
mod permit;
mod placement;
mod reply;
pub mod request;
mod router;
pub mod sale;
mod status;
pub mod stock;
mod stock_actor;
mod stop;
pub mod suspense;
pub mod time;
mod trace;
mod used_keys;
mod view;
mod watchers;

pub use sale::{Sale, SaleHandle, SaleSettings};
