//! **Job:** troubles of the shop itself: its keys, files and secrets; and that a sound one hears of none.
//! **Owns:** what must be left alone.
//! **Never:** counts findings: there will be more of them.

use rusqlite::Connection;

use super::{Shop, assert_found, exists, item};
use crate::support::{Item, JWT_SECRET, Setup, everything_in};

#[test]
fn a_sound_shop_ends_with_0_and_nothing_is_made() {
    let shop = Shop::new();
    shop.render();
    let names = || everything_in(shop.folder.path()).into_iter().map(|file| file.0).collect::<Vec<_>>();
    let before = names();
    let report = shop.doctor();
    let failed: Vec<_> = report.findings.iter().filter(|finding| finding["level"] == "fail").collect();
    assert!(failed.is_empty() && report.code == 0, "{failed:#?}");
    assert_eq!(names(), before);
    let text = shop.command(&["doctor"]).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let last = text.lines().last().expect("a summary");
    assert!(last.contains(" ok, ") && last.contains(" 0 failed: "), "{text}");
    for check in ["data-file", "disk-room", "open-files", "accept-queue", "memory", "clock", "server.listen", "items"] {
        assert!(text.lines().any(|line| line.split_whitespace().nth(1) == Some(check)), "{check}: {text}");
    }
}

#[test]
fn a_server_that_runs_is_no_trouble_and_is_left_alone() {
    let server = Setup::new([Item::new("lamp", 10)]).start();
    let shop = Shop::new().set("storage.path", &format!("{:?}", server.data_file()));
    let shop = shop.set("server.listen", &format!("{:?}", server.address().to_string()));
    let shop = shop.set("server.ops_listen", &format!("{:?}", server.ops_address().to_string()));
    let report = shop.doctor();
    for key in ["server.listen", "server.ops_listen"] {
        report.assert_sound(key);
        let says = report.findings.iter().find(|finding| finding["check"] == key).expect("it was looked at");
        assert!(says["found"].as_str().is_some_and(|found| found.contains("the server runs")), "{says}");
    }
    let shop = shop.set("storage.path", "\"another.db\"");
    shop.doctor().assert_named("server.listen", "fail", &["doorbuster", "on another data file"]);
}

#[test]
fn the_files_of_a_killed_server_stay_as_they_are() {
    let mut server = Setup::new([Item::new("lamp", 10)]).start();
    server.kill9();
    let before = everything_in(server.directory());
    let shop = Shop::new().set("storage.path", &format!("{:?}", server.data_file())).set("storage.create", "false");
    shop.doctor().assert_sound("data-file");
    assert_eq!(everything_in(server.directory()), before);
}

#[test]
fn a_data_file_of_a_newer_version_is_named() {
    let mut server = Setup::new([Item::new("lamp", 10)]).start();
    assert!(server.terminate().success());
    let shop = Shop::new().set("storage.path", &format!("{:?}", server.data_file()));
    let sound = shop.set("storage.create", "false");
    sound.doctor().assert_sound("data-file");
    let file = Connection::open(server.data_file()).expect("it is there");
    file.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99").expect("a number");
    drop(file);
    sound.doctor().assert_named("data-file", "fail", &["schema version 99", "install the version that wrote it"]);
}

#[test]
fn a_data_file_that_must_be_there_and_is_not_is_named() {
    assert_found("data-file", "fail", &["storage.create is false", "is the volume mounted?"], |shop| {
        shop.set("storage.create", "false")
    });
}

#[test]
fn the_last_entries_that_went_with_a_lost_log_are_named() {
    let mut server = Setup::new([Item::new("lamp", 10)]).start();
    server.kill9();
    let log = crate::support::beside(&server.data_file(), "-wal");
    assert!(exists(&log));
    std::fs::remove_file(log).expect("it is there");
    let shop = Shop::new().set("storage.path", &format!("{:?}", server.data_file()));
    shop.doctor().assert_named("data-file", "fail", &["verify", "Salvage"]);
}

#[test]
fn orders_that_nobody_could_pay_are_named() {
    let words = ["no provider has a key", "payment.webhook_secret_file"];
    assert_found("payment-provider", "fail", &words, |shop| shop.unset("payment.webhook_secret"));
    Shop::new()
        .unset("payment.webhook_secret")
        .set("payment.pay_within", "\"0s\"")
        .doctor()
        .assert_sound("payment-provider");
}

#[test]
fn a_secret_that_others_can_read_is_named_with_its_file() {
    assert_found("secret-files", "warn", &["jwt.secret", "other users can read it", "chmod 600"], |shop| {
        shop.write("jwt.secret", JWT_SECRET, 0o644);
        let path = shop.toml_path("jwt.secret");
        shop.unset("auth.jwt_secret").set("auth.jwt_secret_file", &path)
    });
}

#[test]
fn a_secret_that_is_missing_is_named() {
    assert_found("secrets", "fail", &["auth.admin_token", "openssl rand -hex 32"], |shop| {
        shop.unset("auth.admin_token")
    });
}

#[test]
fn listeners_that_the_world_can_reach_are_named() {
    assert_found("ops-listener", "warn", &["not private", "127.0.0.1:9190"], |shop| {
        shop.set("server.ops_listen", "\"0.0.0.0:0\"")
    });
    assert_found("public-listener", "warn", &["without TLS", "server.trusted_proxies"], |shop| {
        shop.set("server.listen", "\"0.0.0.0:0\"")
    });
}

#[test]
fn an_item_that_will_not_sell_as_meant_is_named() {
    assert_found("items", "warn", &["the sale is over already: lamp", "closes_at"], |mut shop| {
        shop.items = format!("{}closes_at = \"2026-01-01T00:00:00Z\"\n", item("lamp", 5));
        shop
    });
    assert_found("items", "warn", &["has no stock: lamp"], |mut shop| {
        shop.items = item("lamp", 0);
        shop
    });
}

#[test]
fn every_fault_of_files_is_named_and_not_only_the_first() {
    let shop = Shop::new().set("payment.alipay.public_key_file", "\"none.pem\"").set("payment.alipay.app_id", "\"1\"");
    let mut shop = shop.set("auth.jwt_algorithm", "\"RS256\"");
    shop.write("buyers.pem", "no key at all", 0o644);
    let path = shop.toml_path("buyers.pem");
    shop = shop.set("auth.jwt_public_key_file", &path);
    shop.items = "[[item]]\nid = 7\n".to_owned();
    let report = shop.doctor();
    report.assert_named("configuration", "fail", &["buyers.pem"]);
    report.assert_named("configuration", "fail", &["payment.alipay.public_key_file"]);
    report.assert_named("catalogue", "fail", &["catalogue.path", "id must be a text"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_as_the_check_tells_it() {
    let shop = Shop::new().set("server.port", "1");
    let said = |arguments: &[&str]| {
        let output = shop.command(arguments).output().expect("the binary runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let doctor = said(&["doctor"]);
    assert_eq!(doctor, said(&["config", "check"]));
    assert!(doctor.0 == Some(78) && doctor.1.contains("server.port: is not a known key"), "{doctor:?}");
}

#[test]
fn development_mode_is_named_and_makes_no_secrets() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    let ports = ["--set", "server.listen=127.0.0.1:0", "--set", "server.ops_listen=127.0.0.1:0"];
    let output = command.args(["doctor", "--dev"]).args(ports).current_dir(folder.path()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mode = text.lines().find(|line| line.contains(" mode ")).expect("it is told");
    assert!(mode.starts_with("warn") && mode.contains("development"), "{text}");
    assert!(everything_in(folder.path()).is_empty(), "{:?}", everything_in(folder.path()));
}
