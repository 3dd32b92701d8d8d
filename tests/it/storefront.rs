//! **Job:** the storefront in a real browser, before a real server: what buyers see, press and are told.
//! **Owns:** nothing but the list of its parts.
//! **Never:** believes the page about what was bought: the server's own counters and books say so.

mod button;
mod choice;
mod files;
mod guests;
mod languages;
mod line;
mod looks;
mod money;
mod opening;
mod orders;
mod paying;
mod retries;
mod shop;
