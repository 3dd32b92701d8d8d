//! **Job:** holds that the public listener speaks TLS: to real clients, with every bound that it has without.
//! **Owns:** certificates that are exchanged, unfit, or at their end, and clients that never finish a handshake.
//! **Never:** needs an authority: each client believes the one certificate it was made for.

use std::io::Read as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::connections::{MAX_GROWTH_KIB, resident_kib};
use crate::support::{
    ADMIN_TOKEN, Certificate, Client, Item, JWT_SECRET, Server, Setup, admin_authorization, authorization, doorbuster,
    metric, raw_exchange, text,
};

const SKU: &str = "sku-1";

/// How long something that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn shop(certificate: &Certificate) -> Setup {
    Setup::new([Item::new(SKU, 1_000)]).with_tls(&certificate.pem(), &certificate.key())
}

/// A purchase, as it is on the wire.
fn purchase(user: &str) -> String {
    format!(
        "POST /v1/items/{SKU}/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{{\"quantity\":1}}",
        authorization(user)
    )
}

async fn buys(certificate: &Certificate, server: &Server, user: &str) -> u16 {
    let mut client = certificate.connect(server.address()).await.expect("a connection");
    client.say(&purchase(user)).await.expect("an answer").status
}

#[tokio::test]
async fn a_real_client_buys_over_tls_and_everything_says_https() {
    let certificate = Certificate::valid_for(90);
    let server = shop(&certificate).start();
    let address = server.address();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--http2", "-w", "\n%{http_version} %{ssl_verify_result}", "--cacert"]).arg(certificate.pem());
    curl.args(["-H", &format!("Authorization: {}", authorization("ann"))]);
    curl.args(["-H", "Content-Type: application/json", "-d", "{\"quantity\":1}"]);
    let said = curl.arg(format!("https://{address}/v1/items/{SKU}/orders")).output().expect("curl is installed");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(text.contains("\"status\":\"pending\""), "{text}{}", String::from_utf8_lossy(&said.stderr));
    assert!(text.ends_with("\n1.1 0"), "HTTP/1.1, and a certificate that fits: {text}");

    assert!(server.stdout().contains(&format!("shop  https://{address}/")), "{}", server.stdout());
    let admin = admin_authorization();
    let openapi = Client::new(server.ops_address()).get("/openapi.json", &[("Authorization", &admin)]).await;
    assert_eq!(openapi.expect("an answer").json()["servers"][0]["url"], format!("https://{address}"));
    let mut client = certificate.connect(address).await.expect("a connection");
    let preflight = "OPTIONS /v1/items HTTP/1.1\r\nHost: shop.test\r\nOrigin: https://other.test\r\n\
                     Access-Control-Request-Method: GET\r\n\r\n";
    let answer = client.say(preflight).await.expect("an answer");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.test"));
    let ends_at = metric::<u64>(&server, "doorbuster_tls_certificate_expires_seconds{listener=\"public\"}").await;
    let days = (ends_at - crate::support::now_s()) / (24 * 3600);
    assert!((89..=90).contains(&days), "{days}");
}

#[tokio::test]
async fn a_chain_ends_with_the_first_of_its_certificates() {
    let (own, authority) = (Certificate::valid_for(90), Certificate::valid_for(10));
    let chain = [own.pem(), authority.pem()].map(|pem| std::fs::read_to_string(pem).expect("openssl writes text"));
    std::fs::write(own.pem(), chain.concat()).expect("an own file");
    let server = shop(&own).start();
    let ends_at = metric::<u64>(&server, "doorbuster_tls_certificate_expires_seconds{listener=\"public\"}").await;
    let days = (ends_at - crate::support::now_s()) / (24 * 3600);
    assert!((9..=10).contains(&days), "{days}");
    assert!(server.stderr().contains("the certificate ends in "), "{}", server.stderr());
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_harms_nobody() {
    let certificate = Certificate::valid_for(90);
    let server = shop(&certificate).start();
    for bytes in [purchase("ann"), "\r\n".to_owned(), "\u{16}\u{3}\u{1}\u{7f}\u{7f}".repeat(5_000)] {
        let answer = raw_exchange(server.address(), bytes.as_bytes()).await.expect("the end of the connection");
        assert!(answer.response.is_none(), "an answer in the clear: {:?}", answer.response);
    }
    assert_eq!(buys(&certificate, &server, "bob").await, 201);
    assert_eq!(server.orders().len(), 1, "nothing was sold in the clear");
}

#[tokio::test]
async fn who_never_finishes_a_handshake_is_closed_in_time_and_makes_room() {
    let certificate = Certificate::valid_for(90);
    let server = shop(&certificate).set("server.max_connections", "40").start();
    let silent: Vec<_> = (0..60).filter_map(|_| TcpStream::connect(server.address()).ok()).collect();
    // All places are taken by them, and they make room for who comes. Until the last of them has been let in or turned
    // away, that may be so for the next one, too.
    let begun = Instant::now();
    for number in 0..30 {
        let mut client = loop {
            match certificate.connect(server.address()).await {
                Ok(client) => break client,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "nobody makes room: {error}"),
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(client.say(&purchase(&format!("user-{number}"))).await.expect("an answer").status, 201);
    }
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let is_over = ended.as_ref().map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |_| true);
        assert!(is_over, "still open: {ended:?}");
    }
}

/// Asks for pages without reading one, until the server takes no more for a while; whether it has closed.
async fn pour(stream: &mut (impl AsyncWrite + Unpin)) -> bool {
    let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000);
    loop {
        match tokio::time::timeout(Duration::from_millis(100), stream.write_all(requests.as_bytes())).await {
            Ok(Ok(())) => {}
            Ok(Err(_closed)) => return true,
            Err(_takes_no_more) => return false,
        }
    }
}

#[tokio::test]
async fn clients_who_ask_and_never_read_hold_little_and_are_closed() {
    let certificate = Certificate::valid_for(90);
    let server = shop(&certificate).set("server.write_stall", "\"1s\"").start();
    let before = resident_kib(&server);
    let mut crowd = Vec::new();
    for _ in 0..60 {
        let mut client = certificate.connect(server.address()).await.expect("a connection");
        pour(client.stream()).await;
        crowd.push(client);
    }
    let grown = resident_kib(&server).saturating_sub(before);
    assert!(grown < MAX_GROWTH_KIB, "{grown} KiB for {} clients that read nothing", crowd.len());
    assert_eq!(buys(&certificate, &server, "ann").await, 201);
    let begun = Instant::now();
    for mut client in crowd {
        while !pour(client.stream()).await {
            assert!(begun.elapsed() < PATIENCE, "a client who takes nothing is not let go");
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_over_while_old_connections_go_on() {
    let (files, next) = (Certificate::valid_for(90), Certificate::valid_for(300));
    let server = shop(&files).start();
    let mut old = files.connect(server.address()).await.expect("a connection");
    assert_eq!(old.say(&purchase("ann")).await.expect("an answer").status, 201);

    files.become_like(&next);
    server.send("HUP");
    until("the new certificate is shown", async || next.connect(server.address()).await.is_ok()).await;
    assert_eq!(buys(&next, &server, "bob").await, 201);
    assert_eq!(old.say(&purchase("cid")).await.expect("the old connection goes on").status, 201);
    let ends_at = metric::<u64>(&server, "doorbuster_tls_certificate_expires_seconds{listener=\"public\"}").await;
    assert!(ends_at > crate::support::now_s() + 200 * 24 * 3600, "{ends_at}");

    // What cannot be used leaves it in force, and is told.
    std::fs::write(files.pem(), "no certificate").expect("an own file");
    server.send("HUP");
    until("the unfit pair is told", async || server.stderr().contains("SIGHUP: not taken over, and as it was")).await;
    let log = server.stderr();
    assert!(log.contains("server.tls_certificate_file: ") && log.contains("holds no certificate in PEM form"), "{log}");
    assert_eq!(buys(&next, &server, "dan").await, 201);
}

/// Pairs that cannot be used, and what is said of them.
fn unfit(folder: &Path) -> Vec<(PathBuf, PathBuf, &'static str)> {
    let (own, other) = (Certificate::valid_for(90), Certificate::valid_for(90));
    let file = |name: &str, bytes: Vec<u8>| {
        std::fs::write(folder.join(name), bytes).expect("the temporary directory takes files");
        folder.join(name)
    };
    let read = |path: PathBuf| std::fs::read(path).expect("made by openssl");
    let (pem, key) = (file("own.pem", read(own.pem())), file("own.key", read(own.key())));
    let (junk, foreign) = (file("junk.pem", b"junk".to_vec()), file("other.key", read(other.key())));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = file("encrypted.key", encrypted.into());
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
    let certificate = "server.tls_certificate_file: ";
    vec![
        (folder.join("none.pem"), key.clone(), certificate),
        (junk.clone(), key.clone(), "holds no certificate in PEM form"),
        (broken, key, "holds a certificate that cannot be read"),
        (pem.clone(), folder.join("none.key"), "server.tls_key_file: "),
        (pem.clone(), junk, "holds no private key in PEM form"),
        (pem.clone(), encrypted, "is encrypted"),
        (pem, foreign, "is not the key of the certificate in server.tls_certificate_file"),
    ]
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_at_the_start_and_by_the_check() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (pem, key, words) in unfit(folder.path()) {
        let setup = Setup::new([Item::new(SKU, 1)]).with_tls(&pem, &key);
        let stopped = setup.try_start().map(drop).expect_err("an unfit pair");
        assert_eq!(stopped.status.code(), Some(78), "{words}: {stopped}");
        assert!(stopped.stderr.contains(words), "{words}: {stopped}");
    }
    let own = Certificate::valid_for(90);
    let half = Setup::new([Item::new(SKU, 1)]).set("server.tls_certificate_file", &format!("{:?}", own.pem()));
    let stopped = half.try_start().map(drop).expect_err("half a pair");
    assert!(stopped.stderr.contains("server.tls_certificate_file: needs server.tls_key_file"), "{stopped}");
}

/// What `doorbuster config check` says of a pair.
fn checked(pem: &Path, key: &Path) -> (Option<i32>, String) {
    let given = [
        ("server.tls_certificate_file", pem.display().to_string()),
        ("server.tls_key_file", key.display().to_string()),
        ("auth.jwt_secret", JWT_SECRET.to_owned()),
        ("auth.admin_token", ADMIN_TOKEN.to_owned()),
    ];
    let given: Vec<_> = given.into_iter().map(|(key, value)| format!("--set={key}={value}")).collect();
    let arguments: Vec<_> = ["config", "check"].into_iter().chain(given.iter().map(String::as_str)).collect();
    let output = doorbuster(&arguments, &[]);
    (output.status.code(), text(&output))
}

#[test]
fn the_check_finds_unfit_pairs_and_warns_of_what_has_ended_or_is_about_to() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (pem, key, words) in unfit(folder.path()) {
        let (code, said) = checked(&pem, &key);
        assert!(code == Some(78) && said.contains(words), "{words}: {code:?} {said}");
    }
    for (certificate, warning) in [
        (Certificate::made("2020-01-01", 30), Some("the certificate ended ")),
        (Certificate::valid_for(5), Some("the certificate ends in ")),
        (Certificate::valid_for(90), None),
    ] {
        let (code, said) = checked(&certificate.pem(), &certificate.key());
        assert_eq!(code, Some(0), "{said}");
        let found = said.lines().find(|line| line.starts_with("warning: server.tls_certificate_file: "));
        assert_eq!(found.is_some(), warning.is_some(), "{said}");
        assert!(warning.is_none_or(|words| found.is_some_and(|found| found.contains(words))), "{said}");
    }
}
