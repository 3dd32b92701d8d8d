//! **Job:** plants one trouble after the other and holds that `doorbuster doctor` names each, and none where there is
//! none.
//! **Owns:** a shop that is ready for a sale: its folder, keys and catalogue.
//! **Never:** believes that a trouble was found unless the same shop was sound without it.

mod machine;
mod neighbours;
mod shop;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{ADMIN_TOKEN, JWT_SECRET, WEBHOOK_SECRET};

/// What `timedatectl` says on a machine whose clock is right.
const CLOCK_IS_KEPT: &str = "#!/bin/sh\necho yes\n";

/// A shop that is ready.
struct Shop {
    folder: TempDir,
    keys: BTreeMap<&'static str, String>,
    wrapper: Vec<String>,
    items: String,
}

impl Shop {
    /// On the disk of the build: a folder for temporary files is often in memory.
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
        let text = |text: &str| format!("{text:?}");
        let keys = BTreeMap::from([
            ("server.listen", text("127.0.0.1:0")),
            ("server.ops_listen", text("127.0.0.1:0")),
            ("storage.path", text(folder.path().join("sale.db").to_str().expect("a path of text"))),
            ("catalogue.path", text(folder.path().join("catalogue.toml").to_str().expect("a path of text"))),
            ("auth.jwt_secret", text(JWT_SECRET)),
            ("auth.admin_token", text(ADMIN_TOKEN)),
            ("payment.webhook_secret", text(WEBHOOK_SECRET)),
            ("payment.pay_url", text("https://pay.shop.test/{order_id}")),
        ]);
        let items = item("lamp", 100);
        let shop = Self { folder, keys, wrapper: Vec::new(), items };
        shop.write("timedatectl", CLOCK_IS_KEPT, 0o755);
        shop
    }

    /// Sets a key to a raw TOML value.
    fn set(mut self, key: &'static str, raw_toml: &str) -> Self {
        self.keys.insert(key, raw_toml.to_owned());
        self
    }

    fn unset(mut self, key: &str) -> Self {
        self.keys.remove(key);
        self
    }

    /// A path in its folder, as a TOML value.
    fn toml_path(&self, name: &str) -> String {
        format!("{:?}", self.path(name).to_str().expect("a path of text"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).expect("the folder takes files");
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), mode).expect("an own file");
    }

    /// The program that becomes the doctor.
    fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    fn render(&self) -> PathBuf {
        let mut text = String::new();
        for (key, value) in &self.keys {
            let (section, name) = key.rsplit_once('.').expect("a key has a section");
            // Of tables with dots the sections may come in any order, each key by itself.
            text.push_str(&format!("{section}.{name} = {value}\n"));
        }
        self.write("shop.toml", &text, 0o600);
        self.write("catalogue.toml", &self.items, 0o644);
        self.path("shop.toml")
    }

    /// `doorbuster` with these arguments, its configuration, and no other in the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let config = self.render();
        let binary = env!("CARGO_BIN_EXE_doorbuster");
        let mut command = match self.wrapper.split_first() {
            None => Command::new(binary),
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(binary);
                command
            }
        };
        #[expect(clippy::disallowed_methods, reason = "what is set here must not configure the program")]
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOORBUSTER_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        #[expect(clippy::disallowed_methods, reason = "programs of its own stand in front of the machine's")]
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.folder.path().display()));
        command.args(arguments).arg("--config").arg(config).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn doctor(&self) -> Report {
        let output = self.command(&["doctor", "--json"]).output().expect("the binary runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let findings = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{complaint}"));
        Report { code: output.status.code().expect("it ends by itself"), findings }
    }
}

/// An `[[item]]` of a catalogue.
fn item(id: &str, stock: u32) -> String {
    format!("[[item]]\nid = {id:?}\ntitle = \"A\"\nunit_price = 1990\ncurrency = \"EUR\"\nstock = {stock}\n")
}

/// What the doctor said.
#[derive(Debug)]
struct Report {
    code: i32,
    findings: Vec<Value>,
}

impl Report {
    /// What it said about one thing, but for what is as it should be: level, found and advice.
    fn troubles(&self, check: &str) -> Vec<(String, String)> {
        let of_check: Vec<_> = self.findings.iter().filter(|finding| finding["check"] == check).collect();
        let is_trouble = |finding: &&&Value| finding["level"] != "ok";
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let told = of_check.iter().filter(is_trouble).map(|finding| {
            assert!(finding["advice"].is_string(), "whoever says what is wrong says what to do: {finding}");
            (text(finding, "level"), format!("{} → {}", text(finding, "found"), text(finding, "advice")))
        });
        told.collect()
    }

    /// That it named the trouble, and with it what to do.
    fn assert_named(&self, check: &str, level: &str, words: &[&str]) {
        let told = self.troubles(check);
        let is_named = told.iter().any(|(its, text)| its == level && words.iter().all(|word| text.contains(word)));
        assert!(is_named, "{check} {level} {words:?}: {told:?} of {:#?}", self.findings);
        if level == "fail" {
            assert_eq!(self.code, 1, "a failure is one of the whole");
        }
    }

    /// That it looked, and there was nothing.
    fn assert_sound(&self, check: &str) {
        let is_there = self.findings.iter().any(|finding| finding["check"] == check && finding["level"] == "ok");
        assert!(is_there && self.troubles(check).is_empty(), "{check}: {:#?}", self.findings);
    }
}

/// A shop with a trouble, and what is to be said of it, where the same shop without it is sound.
fn assert_found(check: &str, level: &str, words: &[&str], plant: impl FnOnce(Shop) -> Shop) {
    let shop = Shop::new();
    shop.doctor().assert_sound(check);
    plant(shop).doctor().assert_named(check, level, words);
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
