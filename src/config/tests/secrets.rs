//! **Job:** what holds for secrets in files: where they may be, and who may read them.
//! **Owns:** files of every mode.
//! **Never:** shows one.

use super::*;

#[test]
fn a_secret_may_be_in_a_file_of_its_own_in_every_source() {
    let folder = Folder::new();
    let secret = "0123456789abcdef-0123456789abcdef";
    let path = folder.file("secret", &format!("{secret}\n"));
    let path = path.to_str().expect("UTF-8");
    let from_file = folder.load_file(&format!("{SECRETS}jwt_issuer = \"\"\n[feed]\ntoken_file = \"{path}\"\n"));
    let from_environment = load_environment(&[("DOORBUSTER_FEED_TOKEN_FILE", path)]);
    let from_flag = load_flags(&[("feed.token_file", path)]);
    for loaded in [from_file, from_environment, from_flag] {
        assert_eq!(loaded.map(|loaded| loaded.config.feed.token.expose().to_owned()).as_deref(), Ok(secret));
    }
    let refused = refusal(load_flags(&[("feed.token_file", "none")]));
    assert!(refused.starts_with("feed.token_file: none: cannot be read"), "{refused}");
    for (content, reason) in [("", "is empty"), ("\n", "is empty"), (" \n", "must have at least 32 bytes")] {
        let path = folder.file("blank", content);
        let refused = refusal(load_flags(&[("auth.jwt_secret_file", path.to_str().expect("UTF-8"))]));
        assert!(refused.starts_with("auth.jwt_secret") && refused.contains(reason), "{refused}");
    }
}

#[test]
fn files_with_secrets_that_others_can_use_are_told_and_not_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let secret = folder.file("secret", "0123456789abcdef-0123456789abcdef");
    let inline = folder.file("inline.toml", SECRETS);
    let pointing = folder.file("pointing.toml", &format!("[feed]\ntoken_file = {secret:?}\n"));
    let told = |file: &PathBuf| {
        let loaded = load(Sources { file: Some(file.clone()), ..Sources::default() }).expect("valid");
        loaded.exposed.into_iter().map(|exposure| exposure.path).collect::<Vec<_>>()
    };
    let set = |file: &PathBuf, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("own file");
    for (mode, inline_is_told, pointing_is_told) in
        [(0o600, false, false), (0o400, false, false), (0o644, true, false), (0o640, true, false), (0o620, true, true)]
    {
        set(&inline, mode);
        set(&pointing, mode);
        set(&secret, 0o600);
        assert_eq!(!told(&inline).is_empty(), inline_is_told, "{mode:o}");
        assert_eq!(!told(&pointing).is_empty(), pointing_is_told, "{mode:o}");
    }
    // As an orchestrator mounts them.
    for mode in [0o444, 0o644] {
        set(&secret, mode);
        set(&pointing, 0o600);
        assert_eq!(told(&pointing), std::slice::from_ref(&secret), "{mode:o}");
    }
}

#[test]
fn both_forms_of_a_secret_are_refused_in_one_source_and_ranked_in_two() {
    let folder = Folder::new();
    let path = folder.file("secret", "0123456789abcdef-0123456789abcdef");
    let path = path.to_str().expect("UTF-8");
    let both = [("feed.token", "x"), ("feed.token_file", path)];
    assert_eq!(refusal(load_flags(&both)), "feed.token: is given together with feed.token_file (flag)");

    let environment = pairs(&[("DOORBUSTER_FEED_TOKEN_FILE", path)]);
    let flags = pairs(&[("feed.token", "fedcba9876543210fedcba9876543210")]);
    let loaded = load(Sources { environment, flags, ..Sources::default() }).expect("valid");
    assert_eq!(loaded.config.feed.token.expose(), "fedcba9876543210fedcba9876543210");
}

#[test]
fn the_key_of_webhooks_has_its_own_form_and_a_url_needs_one() {
    let folder = Folder::new();
    let key = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let load = |webhook: &str| folder.load_file(&format!("{SECRETS}[webhook]\n{webhook}"));
    let url = "url = \"https://shop.example.com/hooks\"\n";
    assert!(load(&format!("{url}secret = \"{key}\"\nprevious_secret = \"{key}\"\n")).is_ok());
    for (webhook, beginning) in [
        (url.to_owned(), "webhook.secret: must be set: webhook.url is; it must be `whsec_`"),
        ("secret = \"canary-0123456789abcdef-0123456789\"".to_owned(), "webhook.secret: must be `whsec_`"),
        (format!("previous_secret = \"{key}\""), "webhook.previous_secret: needs webhook.secret"),
        ("url = \"https://ann:canary@shop.example.com\"".to_owned(), "webhook.url: expected a URL"),
        (
            format!("url = \"http://a\"\nsecret = \"{key}\"\ntls_ca_file = \"x\""),
            "webhook.tls_ca_file: needs an https://",
        ),
    ] {
        let refused = refusal(load(&webhook));
        assert!(refused.starts_with(beginning) && !refused.contains("canary"), "{refused}");
    }
    let file = folder.file("key", &format!("{key}\n"));
    assert!(load(&format!("{url}secret_file = {file:?}\n")).is_ok());
}

#[test]
fn what_is_shown_is_a_configuration_file_without_secrets() {
    let folder = Folder::new();
    let path = folder.file("a\n\"b\".toml", &format!("{SECRETS}[redis]\nurl = \"redis://:canary@10.0.0.1\"\n"));
    let loaded = load(Sources { file: Some(path), ..Sources::default() }).expect("valid");
    let shown = show(&loaded, false);
    let table: toml::Table = shown.parse().expect("valid TOML");
    assert_eq!(table["auth"]["jwt_secret"].as_str(), Some("***"));
    assert_eq!(table["feed"]["token"].as_str(), Some(""));
    assert_eq!(table["gate"]["throttle"]["window"].as_str(), Some("5s"));
    assert!(shown.contains("workers = 0  # default\n"), "{shown}");
    for secret in ["canary", "0123456789abcdef", "fedcba9876543210"] {
        assert!(!shown.contains(secret) && !format!("{loaded:?}").contains(secret), "{secret}");
    }
}
