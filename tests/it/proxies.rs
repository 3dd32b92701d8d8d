//! **Job:** holds that the server works behind real proxies: a real nginx, as the manual has it and worse.
//! **Owns:** the block of the manual, and what has to be exchanged in it for a test.
//! **Never:** looks into the server: what passes the proxy counts.

mod addresses;
mod base_path;
mod events;
mod pages;
mod restarts;
mod tap;
mod versions;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::{Nginx, Server};

/// The block of the manual in front of this server.
fn as_in_the_manual(server: &Server) -> Nginx {
    let manual =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/README.md")).expect("a manual");
    let block = manual.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let mut block = block.to_owned();
    for (theirs, ours) in [
        ("listen 443 ssl http2;", "listen {listen} ssl http2;"),
        ("/etc/nginx/shop.pem", "{dir}/shop.pem"),
        ("/etc/nginx/shop.key", "{dir}/shop.key"),
        ("server 127.0.0.1:8080;", &format!("server {};", server.address())),
        ("http://127.0.0.1:9190/", &format!("http://{}/", server.ops_address())),
        ("allow 10.0.0.0/8;", "allow 127.0.0.0/8;"),
    ] {
        assert!(block.contains(theirs), "{theirs} is not in the manual");
        block = block.replace(theirs, ours);
    }
    Nginx::start_with(&block, certify)
}

/// Makes a certificate that nobody has signed.
fn certify(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
    openssl.arg("-keyout").arg(folder.join("shop.key")).arg("-out").arg(folder.join("shop.pem"));
    let made = openssl.output().expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A server of nginx in front of `upstream`, with these directives.
fn in_front_of(upstream: SocketAddr, directives: &str) -> Nginx {
    Nginx::start(&format!(
        "server {{ listen {{listen}}; {directives} location / {{ proxy_pass http://{upstream}; }} }}"
    ))
}
