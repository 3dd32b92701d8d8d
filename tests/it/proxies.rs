//! **Job:** holds that the server works behind real proxies: a real nginx, as it is deployed and worse.
//! **Owns:** what is worse.
//! **Never:** looks into the server: what passes the proxy counts.

mod addresses;
mod base_path;
mod events;
mod pages;
mod restarts;
mod tap;
mod versions;

use std::net::SocketAddr;

use crate::support::Nginx;

/// A server of nginx in front of `upstream`, with these directives.
fn in_front_of(upstream: SocketAddr, directives: &str) -> Nginx {
    Nginx::start(&format!(
        "server {{ listen {{listen}}; {directives} location / {{ proxy_pass http://{upstream}; }} }}"
    ))
}
