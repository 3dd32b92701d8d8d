//! **Job:** holds that no way to configure leads into development mode unasked, and that it uses no given secret.
//! **Owns:** the table of all ways: which key, given how, with which listeners, asked for or not.
//! **Never:** knows how the rule is written.

use std::fs;
use std::path::PathBuf;

use super::super::{ConfigError, Loaded, Mode, Origin, Purpose, Requested, Sources, demand, fill_secrets, load};
use super::{Cause, Config};

/// A secret that any key takes, and that must not turn up where it is not used.
const CANARY: &str = "canary-0123456789abcdef0123456789abcdef";

/// How a value can be given.
#[derive(Debug, Clone, Copy)]
enum Way {
    Flag,
    Variable,
    File,
}

const WAYS: [Way; 3] = [Way::Flag, Way::Variable, Way::File];

/// Listeners, and which of them is public.
const LISTENERS: [(&str, &str, Option<&str>); 8] = [
    ("127.0.0.1:0", "127.0.0.1:0", None),
    ("127.8.9.10:0", "[::1]:0", None),
    ("[::ffff:127.0.0.1]:0", "127.0.0.1:0", None),
    ("0.0.0.0:0", "127.0.0.1:0", Some("server.listen")),
    ("[::]:0", "127.0.0.1:0", Some("server.listen")),
    ("192.168.1.2:0", "127.0.0.1:0", Some("server.listen")),
    ("127.0.0.1:0", "0.0.0.0:0", Some("server.ops_listen")),
    ("127.0.0.1:0", "[::ffff:10.0.0.1]:0", Some("server.ops_listen")),
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("writable");
        path
    }

    /// Sources that say these pairs, each in its way.
    fn sources(&self, requested: Requested, pairs: &[(&str, &str, Way)]) -> Sources {
        let mut sources = Sources { requested, ..Sources::default() };
        let mut text = String::new();
        for (key, value, way) in pairs {
            match way {
                Way::Flag => sources.flags.push(((*key).to_owned(), (*value).to_owned())),
                Way::Variable => {
                    let name = format!("DOORBUSTER_{}", key.replace('.', "_").to_uppercase());
                    sources.environment.push((name, (*value).to_owned()));
                }
                Way::File => {
                    let (section, name) = key.rsplit_once('.').expect("a key has a section");
                    text.push_str(&format!("[{section}]\n{name} = {value:?}\n"));
                }
            }
        }
        if !text.is_empty() {
            sources.file = Some(self.file("doorbuster.toml", &text));
        }
        sources
    }

    fn load(&self, requested: Requested, pairs: &[(&str, &str, Way)]) -> Result<Loaded, ConfigError> {
        load(self.sources(requested, pairs))
    }
}

/// Every key that says who is let in, with a value for it; secrets in both forms.
fn identities(folder: &Folder) -> Vec<(String, String)> {
    let secret_file = folder.file("secret", CANARY).to_str().expect("UTF-8").to_owned();
    let mut config = Config::default();
    let mut given = vec![("redis.url".to_owned(), format!("redis://:{CANARY}@127.0.0.1"))];
    for (key, setting) in config.settings() {
        let value = match key {
            "auth.mode" => "header",
            "auth.jwt_algorithm" => "RS256",
            "auth.jwt_public_key_file" => secret_file.as_str(),
            _ => CANARY,
        };
        if key.starts_with("auth.") || setting.holds_secret("") {
            given.push((key.to_owned(), value.to_owned()));
        }
        if setting.may_be_in_file() {
            given.push((format!("{key}_file"), secret_file.clone()));
        }
    }
    assert!(given.len() > 10, "{given:?}");
    given
}

#[test]
fn nothing_given_is_development_mode_on_loopback_only() {
    for (listen, ops_listen, public) in LISTENERS {
        for way in [Way::Flag, Way::Variable] {
            let pairs = [("server.listen", listen, way), ("server.ops_listen", ops_listen, way)];
            let loaded = Folder::new().load(Requested::None, &pairs).expect("valid");
            let expected = public.map_or(Cause::NothingGiven, Cause::Public);
            assert_eq!((loaded.cause, loaded.mode), (expected, expected.mode()), "{listen} {ops_listen} {way:?}");
            let refusal = demand(&loaded, Purpose::Serve).map_err(|error| error.to_string());
            if let Some(key) = public {
                let refusal = refusal.expect_err("no secret, no start");
                let (all, why) = ("auth.jwt_secret, auth.admin_token: must be set", format!("{key} is not a loopback"));
                assert!(refusal.starts_with(all) && refusal.contains(&why) && refusal.contains("--dev"), "{refusal}");
            }
        }
    }
}

#[test]
fn whatever_says_who_is_let_in_leads_to_production_mode_however_it_is_given() {
    let folder = Folder::new();
    for (key, value) in identities(&folder) {
        for way in WAYS {
            for (listen, ops_listen, _) in LISTENERS {
                // An empty value is given, too: it is how a variable looks whose content got lost.
                for value in [value.as_str(), ""] {
                    if key == "redis.url" && value.is_empty() {
                        continue;
                    }
                    let at = [("server.listen", listen, Way::Flag), ("server.ops_listen", ops_listen, Way::Flag)];
                    let pairs = [&at[..], &[(key.as_str(), value, way)]].concat();
                    let Ok(loaded) = folder.load(Requested::None, &pairs) else { continue };
                    assert_eq!(loaded.mode, Mode::Production, "{key}={value} by {way:?} at {listen}");
                    let mut filled = loaded.clone();
                    fill_secrets(&mut filled).expect("nothing to do");
                    assert_eq!(format!("{:?}", filled.config), format!("{:?}", loaded.config), "{key} by {way:?}");
                    assert!(demand(&loaded, Purpose::Serve).is_err(), "{key}={value} by {way:?}: not all were given");
                }
            }
        }
    }
}

#[test]
fn a_configuration_file_leads_to_production_mode_whatever_it_says() {
    for content in ["", "[server]\nworkers = 1\n", "# nothing\n"] {
        let folder = Folder::new();
        let file = Some(folder.file("doorbuster.toml", content));
        let loaded = load(Sources { file, ..Sources::default() }).expect("valid");
        assert_eq!((loaded.mode, loaded.cause), (Mode::Production, Cause::File), "{content}");
    }
}

#[test]
fn development_mode_that_was_asked_for_uses_nothing_that_says_who_is_let_in() {
    let folder = Folder::new();
    let defaults = load(Sources { requested: Requested::Development, ..Sources::default() }).expect("valid");
    for (key, value) in identities(&folder) {
        for way in WAYS {
            for value in [value.as_str(), "", "weak", "/nowhere"] {
                let pairs = [("server.listen", "0.0.0.0:0", Way::Flag), (key.as_str(), value, way)];
                // An address of Redis without a password is no secret, and has to be one.
                let Ok(loaded) = folder.load(Requested::Development, &pairs) else {
                    assert_eq!(key, "redis.url", "{value} by {way:?}");
                    continue;
                };
                assert_eq!((loaded.mode, loaded.cause), (Mode::Development, Cause::Asked));
                let same = |loaded: &Loaded| format!("{:?}", (&loaded.config.auth, &loaded.config.feed));
                assert_eq!(same(&loaded), same(&defaults), "{key}={value} by {way:?}");
                assert!(loaded.config.payment.webhook_secret.is_empty() && loaded.config.redis.url.is_none());
                let named: Vec<_> = loaded.unused.iter().map(|(name, _)| *name).collect();
                let expected =
                    key.strip_suffix("_file").filter(|key| !["auth.jwt_public_key", "auth.jwt_jwks"].contains(key));
                let is_named = named == [expected.unwrap_or(&key)];
                assert!(is_named || (key == "redis.url" && value.is_empty()), "{key} by {way:?}: {named:?}");
            }
        }
    }
}

#[test]
fn all_secrets_by_environment_alone_are_production_mode_with_those_secrets() {
    let secrets = ["auth.jwt_secret", "auth.admin_token", "payment.webhook_secret"];
    let values = ["a", "b", "c"].map(|letter| format!("{letter}-{CANARY}"));
    let pairs: Vec<_> = secrets.iter().zip(&values).map(|(key, value)| (*key, value.as_str(), Way::Variable)).collect();
    let loaded = Folder::new().load(Requested::None, &pairs).expect("valid");
    assert_eq!((loaded.mode, demand(&loaded, Purpose::Serve)), (Mode::Production, Ok(())));
    let config = &loaded.config;
    let used = [&config.auth.jwt_secret, &config.auth.admin_token, &config.payment.webhook_secret];
    assert_eq!(used.map(|secret| secret.expose().to_owned()), values);
    assert_eq!(loaded.origins["auth.jwt_secret"], Origin::Environment("DOORBUSTER_AUTH_JWT_SECRET".to_owned()));
}

#[test]
fn a_command_asks_only_for_the_secrets_that_it_uses() {
    let folder = Folder::new();
    for (key, enough_for) in [
        ("auth.jwt_secret", &[Purpose::Sign][..]),
        ("auth.admin_token", &[Purpose::Operate, Purpose::Pull]),
        ("feed.token", &[Purpose::Pull]),
        ("payment.webhook_secret", &[]),
    ] {
        let loaded = folder.load(Requested::None, &[(key, CANARY, Way::Variable)]).expect("valid");
        for purpose in [Purpose::Serve, Purpose::Sign, Purpose::Operate, Purpose::Pull] {
            assert_eq!(demand(&loaded, purpose).is_ok(), enough_for.contains(&purpose), "{key} {purpose:?}");
        }
    }
}

#[test]
fn there_is_no_other_way_to_ask_for_development_mode() {
    for name in ["DOORBUSTER_DEV", "DOORBUSTER_MODE", "DOORBUSTER_SERVER_DEV", "DOORBUSTER_CONFIG"] {
        let environment = vec![(name.to_owned(), "1".to_owned())];
        assert!(load(Sources { environment, ..Sources::default() }).is_err(), "{name}");
    }
    for key in ["dev", "server.dev", "server.mode", "mode"] {
        let flags = vec![(key.to_owned(), "true".to_owned())];
        assert!(load(Sources { flags, ..Sources::default() }).is_err(), "{key}");
    }
}
