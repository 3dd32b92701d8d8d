//! **Job:** the storefront in a real browser, before a real server: what buyers see, press and are told.
//! **Owns:** nothing but the list of its parts: files, the button, the opening, bad lines, orders, guests, looks.
//! **Never:** believes the page about what was bought: the server's own counters and books say so.

mod button;
mod files;
mod guests;
mod line;
mod looks;
mod opening;
mod orders;
mod retries;
mod shop;
