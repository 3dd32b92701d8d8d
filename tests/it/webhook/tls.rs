//! **Job:** the way to the receiver over TLS: its certificate is checked.
//! **Owns:** an authority of its own; a real nginx speaks TLS.
//! **Never:** reaches for the system's authorities, which know nobody here.

use std::process::{Command, Stdio};

use super::{Receiver, assert_in_order, buy, deliveries, shop, until, until_all_accepted};
use crate::support::Nginx;

const NEW_KEY: [&str; 10] = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-batch",
    "-config",
    "openssl.cnf",
];

/// nginx in front of a receiver, with a certificate that an authority of its own has signed.
fn in_front_of(receiver: &Receiver) -> Nginx {
    let http = format!(
        "server {{ listen {{listen}} ssl; ssl_certificate {{dir}}/own.pem; ssl_certificate_key {{dir}}/own.key; \
         location / {{ proxy_pass http://{}; proxy_http_version 1.1; }} }}",
        receiver.address()
    );
    Nginx::start_with(&http, |folder| {
        // Nothing from the machine's own: it would add extensions twice.
        let empty = "[req]\ndistinguished_name = name\n[name]\n";
        std::fs::write(folder.join("openssl.cnf"), empty).expect("writable");
        let authority = ["-subj", "/CN=An authority", "-addext", "basicConstraints=critical,CA:TRUE"];
        let own =
            ["-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"];
        for arguments in [
            [&authority[..], &["-out", "ca.pem", "-keyout", "ca.key"]].concat(),
            [&own[..], &["-CA", "ca.pem", "-CAkey", "ca.key", "-out", "own.pem", "-keyout", "own.key"]].concat(),
        ] {
            let mut openssl = Command::new("openssl");
            openssl.args(NEW_KEY).args(&arguments).current_dir(folder).stderr(Stdio::null());
            let status = openssl.status().expect("openssl is installed: `make prepare` does it");
            assert!(status.success(), "{arguments:?}");
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_behind_tls_is_told_if_its_certificate_is_right() {
    let receiver = Receiver::start().await;
    let nginx = in_front_of(&receiver);
    let url = format!("https://{}/hooks", nginx.address());
    let stranger = shop(&url).start();
    buy(&stranger, "ann").await;
    until("it was tried", async || {
        let list = deliveries(&stranger, "").await;
        list.first().is_some_and(|one| one["last_error"].as_str().is_some_and(|error| error.starts_with("TLS: ")))
    })
    .await;
    assert!(receiver.heard().is_empty(), "nothing is told to who cannot prove who they are");
    let setup = shop(&url);
    let authority = setup.directory().join("ca.pem");
    std::fs::write(&authority, nginx.read("ca.pem")).expect("writable");
    let server = setup.set("webhook.tls_ca_file", &format!("{authority:?}")).start();
    for number in 0..10 {
        buy(&server, &format!("buyer-{number}")).await;
    }
    until_all_accepted(&server, &receiver).await;
    assert_in_order(&receiver.heard());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorities_that_cannot_be_used_are_told_at_the_start_and_by_the_check() {
    let setup = shop("https://127.0.0.1:9/hooks").set("webhook.tls_ca_file", "\"none.pem\"");
    let stopped = setup.try_start().map(drop).expect_err("there is no such file");
    assert!(stopped.stderr.contains("webhook.tls_ca_file: ") && stopped.stderr.contains("cannot be read"), "{stopped}");
    assert_eq!(stopped.status.code(), Some(78));
}
