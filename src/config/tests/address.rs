//! **Job:** what holds for the address of Redis: as a text, in a file, and with the files of TLS.
//! **Owns:** who needs it and who does not.
//! **Never:** finds a password in what is shown.

use super::{Folder, SECRETS, Sources, load_flags, refusal};
use crate::config::{Loaded, Origin, Purpose, RedisUrl, load, show, wanted};

fn url(loaded: &Loaded) -> Option<&str> {
    loaded.config.redis.url.as_ref().map(RedisUrl::expose)
}

#[test]
fn the_address_may_be_in_a_file_beside_the_configuration() {
    let folder = Folder::new();
    folder.file("redis-url", "rediss://gate:canary@redis.example.com:6380/1\n");
    let loaded = folder.load_file(&format!("{SECRETS}[redis]\nurl_file = \"redis-url\"\n")).expect("valid");
    assert_eq!(url(&loaded), Some("rediss://gate:canary@redis.example.com:6380/1"));
    assert!(matches!(loaded.origins["redis.url"], Origin::File(_)));
    let shown = show(&loaded, true);
    assert!(shown.contains("rediss://***@redis.example.com:6380/1") && !shown.contains("canary"), "{shown}");
    assert!(shown.contains("`url_file`"), "{shown}");
}

#[test]
fn a_file_that_holds_no_address_is_refused_without_a_word_of_it() {
    let folder = Folder::new();
    folder.file("redis-url", "canary");
    let refusal = refusal(folder.load_file(&format!("{SECRETS}[redis]\nurl_file = \"redis-url\"\n")));
    assert!(refusal.starts_with("redis.url_file: expected a URL") && !refusal.contains("canary"), "{refusal}");
}

#[test]
fn only_an_inventory_that_reads_a_stream_needs_the_address() {
    let folder = Folder::new();
    let read = |source: &str, purposes: &[Purpose]| {
        let text = format!(
            "{SECRETS}[redis]\nurl_file = \"missing\"\n[feed]\nredis_stream = \"orders\"\n\
             [inventory]\nsource = {source:?}\n"
        );
        let file = Some(folder.file("doorbuster.toml", &text));
        load(Sources { file, wanted: wanted(purposes), ..Sources::default() })
    };
    for (source, purposes) in [
        ("redis", &[Purpose::Sign][..]),
        ("redis", &[Purpose::Operate]),
        ("http://127.0.0.1:9190", &[Purpose::Pull]),
        ("http://127.0.0.1:9190", &[Purpose::Sign, Purpose::Pull]),
    ] {
        let read = read(source, purposes).map(|loaded| url(&loaded).is_none());
        assert_eq!(read, Ok(true), "{source} {purposes:?}");
    }
    for purpose in [Purpose::Pull, Purpose::Serve] {
        let refusal = refusal(read("redis", &[purpose]));
        assert!(refusal.starts_with("redis.url_file: ") && refusal.contains("cannot be read"), "{refusal}");
    }
}

#[test]
fn words_of_scope_and_trim_are_read_exactly() {
    for (key, word, is_known) in [
        ("gate.throttle.scope", "user_item", true),
        ("gate.throttle.scope", "item", false),
        ("feed.redis_trim", "confirmed", true),
        ("feed.redis_trim", "all", false),
    ] {
        let loaded = load_flags(&[(key, word)]);
        assert_eq!(loaded.is_ok(), is_known, "{key} {word}");
    }
}

#[test]
fn a_certificate_needs_its_key() {
    for key in ["tls_certificate_file", "tls_key_file"] {
        for (section, other) in [("redis", "url = \"rediss://localhost\""), ("server", "workers = 1")] {
            let text = format!("{SECRETS}[{section}]\n{other}\n{key} = \"x.pem\"\n");
            let refusal = refusal(Folder::new().load_file(&text));
            let expected = format!("{section}.tls_certificate_file: needs {section}.tls_key_file");
            assert!(refusal.starts_with(&expected), "{refusal}");
        }
    }
}
