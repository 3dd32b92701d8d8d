//! **Job:** messages prove who sends them, keys can be exchanged, and no key is ever shown.
//! **Owns:** the check of a signature, by OpenSSL.
//! **Never:** shares code with what signs.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Heard, KEY, OTHER_KEY, Receiver, buy, deliveries, figure, owner, shop, until, until_all_accepted};
use crate::support::{metrics_page, now_s};

/// What OpenSSL says when it is given `input`.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("openssl is installed: `make prepare` does it");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

/// The signature of a message with a key, as Standard Webhooks says.
fn signature(key: &str, heard: &Heard) -> String {
    let encoded = format!("{}\n", key.strip_prefix("whsec_").expect("a key"));
    let bytes = openssl(&["base64", "-d", "-A"], encoded.trim_end().as_bytes());
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let content = format!("{}.{}.{}", heard.id, heard.timestamp, heard.body);
    let option = format!("hexkey:{key}");
    let mac = openssl(&["dgst", "-sha256", "-mac", "HMAC", "-macopt", &option, "-binary"], content.as_bytes());
    let encoded = openssl(&["base64", "-A"], &mac);
    format!("v1,{}", String::from_utf8(encoded).expect("base64").trim())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_is_signed_as_of_now() {
    let receiver = Receiver::start().await;
    let server = shop(&receiver.url()).start();
    for user in ["ann", "bob", "auth0|5f7c\\\"x"] {
        buy(&server, user).await;
    }
    until_all_accepted(&server, &receiver).await;
    for heard in receiver.heard() {
        assert_eq!(heard.signature, signature(KEY, &heard));
        let sent: u64 = heard.timestamp.parse().expect("seconds");
        assert!(now_s().abs_diff(sent) < 60, "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_key_is_exchanged_both_sign() {
    let receiver = Receiver::start().await;
    let setup = shop(&receiver.url()).unset("webhook.secret");
    let (current, previous) = (setup.directory().join("key"), setup.directory().join("previous"));
    std::fs::write(&current, KEY).expect("writable");
    std::fs::write(&previous, KEY).expect("writable");
    let server = setup
        .set("webhook.secret_file", &format!("{current:?}"))
        .set("webhook.previous_secret_file", &format!("{previous:?}"))
        .start();
    buy(&server, "ann").await;
    until_all_accepted(&server, &receiver).await;
    let first = &receiver.heard()[0];
    assert_eq!(first.signature, format!("{0} {0}", signature(KEY, first)), "the old key twice is no harm");
    std::fs::write(&current, format!("{OTHER_KEY}\n")).expect("writable");
    server.send("HUP");
    until("it was read again", async || server.stderr().matches("SIGHUP: read again").count() == 1).await;
    buy(&server, "bob").await;
    until_all_accepted(&server, &receiver).await;
    let second = &receiver.heard()[1];
    assert_eq!(second.signature, format!("{} {}", signature(OTHER_KEY, second), signature(KEY, second)));
    std::fs::write(&current, "whsec_canary").expect("writable");
    server.send("HUP");
    until("it was refused", async || server.stderr().contains("webhook.secret: must be")).await;
    buy(&server, "cyd").await;
    until_all_accepted(&server, &receiver).await;
    let third = &receiver.heard()[2];
    assert_eq!(third.signature, format!("{} {}", signature(OTHER_KEY, third), signature(KEY, third)));
    assert!(!server.stderr().contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_shown_anywhere() {
    let receiver = Receiver::with(|_, before| match before {
        0 => super::Does::Babble,
        1 => super::Does::Answer(500),
        _ => super::Does::Answer(200),
    })
    .await;
    let url = format!("{}?token=canary-in-the-query", receiver.url());
    let mut server = shop(&url).set("webhook.previous_secret", &format!("{OTHER_KEY:?}")).log("trace").start();
    buy(&server, "ann").await;
    until("it was tried", async || figure(&server, "doorbuster_webhook_trouble{cause=\"failing\"}").await.is_some())
        .await;
    let mut shown = metrics_page(&server).await;
    shown.push_str(&owner(&server, "GET", "/v1/admin/webhook/deliveries", None).await.text());
    shown.push_str(&format!("{:?}", deliveries(&server, "").await));
    shown.push_str(&owner(&server, "GET", "/readyz?verbose", None).await.text());
    shown.push_str(&owner(&server, "GET", "/openapi.json", None).await.text());
    assert!(server.terminate().success());
    shown.push_str(&server.stderr());
    shown.push_str(&server.stdout());
    let config = server.directory().join("doorbuster.toml");
    let output =
        Command::new(env!("CARGO_BIN_EXE_doorbuster")).args(["config", "show", "--config"]).arg(config).output();
    shown.push_str(&String::from_utf8_lossy(&output.expect("the binary runs").stdout));
    for secret in [&KEY[6..], &OTHER_KEY[6..], "canary-in-the-query"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    assert!(shown.contains(&format!("{}?***", receiver.url())), "the rest of the URL is");
}
