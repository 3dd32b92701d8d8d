//! **Job:** the storefront in a real browser, before a real server: what buyers see, press and are told.
//! **Owns:** nothing but the list of its parts: files, the button, the opening, bad lines, orders, guests, looks.
//! **Never:** believes the page about what was bought: the server's own counters and books say so.

#[path = "storefront/button.rs"]
mod button;
#[path = "storefront/files.rs"]
mod files;
#[path = "storefront/guests.rs"]
mod guests;
#[path = "storefront/line.rs"]
mod line;
#[path = "storefront/looks.rs"]
mod looks;
#[path = "storefront/opening.rs"]
mod opening;
#[path = "storefront/orders.rs"]
mod orders;
#[path = "storefront/retries.rs"]
mod retries;
#[path = "storefront/shop.rs"]
mod shop;
mod support;
