//! **Job:** the configuration as an operator meets it: an example that explains, a check that finds what a start finds.
//! **Owns:** `doorbuster config`, paths in files, and what each command must be able to read.
//! **Never:** repeats the limits of the keys: those are beside them (`src/config/`).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{ADMIN_TOKEN, Item, JWT_SECRET, Setup, WEBHOOK_SECRET};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        std::fs::write(path, text).expect("the folder takes files");
    }

    /// Runs the program in this folder, with these variables.
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
        command.args(arguments).current_dir(self.path()).env_remove("RUST_LOG").envs(variables.iter().copied());
        command.output().expect("the binary runs")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn production() -> String {
    format!(
        "[auth]\njwt_secret = {JWT_SECRET:?}\nadmin_token = {ADMIN_TOKEN:?}\n[payment]\n\
         webhook_secret = {WEBHOOK_SECRET:?}\n"
    )
}

/// The shop's own file as README.md has it, beside its secrets, below this folder.
fn readme_shop(folder: &Folder) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("it is there");
    let section = readme.split("## A shop's own file").nth(1).expect("the section");
    let block = section.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the file");
    assert!(block.lines().count() <= 12, "ten lines or so:\n{block}");
    for (name, secret) in [("jwt", JWT_SECRET), ("admin", ADMIN_TOKEN), ("webhook", WEBHOOK_SECRET)] {
        folder.write(&format!("secrets/{name}"), &format!("{secret}\n"));
    }
    folder.write(
        "etc/catalogue.toml",
        "[[item]]\nid = \"a\"\ntitle = \"A\"\nunit_price = 1\ncurrency = \"EUR\"\nstock = 1\n",
    );
    let here = |name: &str| format!("{}/{name}/", folder.path().display());
    block.replace("/var/lib/doorbuster/", &here("lib")).replace("/etc/doorbuster/", &here("etc"))
}

#[tokio::test]
async fn the_file_of_a_shop_in_the_readme_passes_the_check_and_serves() {
    let folder = Folder::new();
    let shop = readme_shop(&folder);
    folder.write("doorbuster.toml", &shop);
    let first = folder.run(&["config", "check", "--config", "doorbuster.toml"], &[]);
    assert!(!first.status.success(), "create = false, and there is no data file yet: {}", said(&first));
    folder.write("doorbuster.toml", &shop.replace("create = false", "create = true"));
    let check = folder.run(&["config", "check", "--config", "doorbuster.toml"], &[]);
    assert!(check.status.success() && said(&check).contains("production mode"), "{}", said(&check));
    assert!(said(&check).contains("items in the catalogue: 1"), "{}", said(&check));
    let ports = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--set", "server.port_file=ports.json"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.arg("serve").args(["--config", "doorbuster.toml"]).args(ports).current_dir(folder.path());
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let begun = Instant::now();
    while !folder.path().join("ports.json").exists() {
        assert!(begun.elapsed() < PATIENCE, "it does not open");
        assert!(server.try_wait().expect("a child").is_none(), "it has ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.kill().expect("a child");
    server.wait().expect("a child");
    assert!(folder.path().join("lib/sale.db").exists());
}

#[test]
fn the_manual_names_only_pages_that_it_has() {
    let folder = Folder::new();
    let whole = folder.run(&["man"], &[]);
    assert!(whole.status.success(), "{}", said(&whole));
    let whole = said(&whole).replace("\\-", "-");
    let named: BTreeSet<_> =
        whole.split_whitespace().filter_map(|word| word.split_once("(1)")).map(|(name, _)| name).collect();
    assert!(named.len() > 10, "{named:?}");
    assert!(folder.run(&["man", "--to", "pages"], &[]).status.success());
    let pages: BTreeSet<_> = std::fs::read_dir(folder.path().join("pages"))
        .expect("written")
        .map(|page| page.expect("one").file_name())
        .collect();
    let heads = whole.lines().filter(|line| line.starts_with(".TH ")).count();
    assert_eq!(heads, pages.len(), "printed and written are the same pages");
    for name in named {
        assert!(pages.contains(&*OsString::from(format!("{name}.1"))), "{name}(1) is named and not there: {pages:?}");
    }
}

#[test]
fn the_example_explains_every_key_and_says_the_same_as_show() {
    let folder = Folder::new();
    let example = folder.run(&["config", "example"], &[]);
    assert!(example.status.success(), "{}", said(&example));
    let example = String::from_utf8(example.stdout).expect("text");
    folder.write("example.toml", &example);
    let shown = folder.run(&["config", "show", "--explain", "--config", "example.toml"], &[]);
    assert!(shown.status.success(), "{}", said(&shown));
    let shown = String::from_utf8(shown.stdout).expect("text");
    let explanations = |text: &str| -> Vec<String> {
        let head = text.find("\n\n").expect("a head");
        text[head..].lines().filter(|line| line.starts_with("# ")).map(str::to_owned).collect()
    };
    assert_eq!(explanations(&shown), explanations(&example));
    for words in ["[server]", "#listen = \"127.0.0.1:8080\"", "#keep_alive = \"1m 15s\"", "jwt_secret_file"] {
        assert!(example.contains(words), "{words} is missing:\n{example}");
    }
    assert!(shown.contains("ops_listen = \"127.0.0.1:9190\"  # default"), "{shown}");
}

#[test]
fn a_check_finds_what_a_start_would_find_and_names_the_file() {
    for (name, more, variables, found) in [
        ("no catalogue", "[catalogue]\npath = \"goods.toml\"\n", None, "catalogue.path: goods.toml: "),
        ("a bad one", "[catalogue]\npath = \"bad.toml\"\n", None, "catalogue.path: bad.toml: "),
        ("no data file", "[storage]\npath = \"none.db\"\ncreate = false\n", None, "storage.path: none.db is missing"),
        ("no folder", "[server]\nport_file = \"none/ports\"\n", None, "server.port_file: "),
        ("no filter", "", Some(("RUST_LOG", "doorbuster=loud")), "RUST_LOG: "),
        ("no Redis", "[redis]\nurl = \"redis://:x@:y\"\n", None, "redis.url"),
        ("no variable", "", Some(("DOORBUSTER_SERVER_PORT", "80")), "DOORBUSTER_SERVER_PORT: "),
    ] {
        let folder = Folder::new();
        folder.write("shop.toml", &format!("{}{more}", production()));
        folder.write("bad.toml", "[[item]]\nid = 7\n");
        let variables: Vec<_> = variables.into_iter().collect();
        let checked = folder.run(&["config", "check", "--config", "shop.toml"], &variables);
        assert_eq!(checked.status.code(), Some(78), "{name}: {}", said(&checked));
        assert!(said(&checked).contains(found), "{name}: {}", said(&checked));
        let served = folder.run(&["serve", "--config", "shop.toml"], &variables);
        assert!(!served.status.success(), "{name}: {}", said(&served));
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 2, "{name}: something was left behind");
    }
}

#[test]
fn a_wrong_key_file_is_named() {
    let folder = Folder::new();
    let keys = "[auth]\njwt_algorithm = \"EdDSA\"\njwt_public_key_file = \"keys/buyers.pem\"\n";
    folder.write("etc/shop.toml", &format!("{keys}admin_token = {ADMIN_TOKEN:?}\n"));
    for content in [None, Some("no key at all")] {
        if let Some(text) = content {
            folder.write("etc/keys/buyers.pem", text);
        }
        let checked = folder.run(&["config", "check", "--config", "etc/shop.toml"], &[]);
        assert_eq!(checked.status.code(), Some(78), "{}", said(&checked));
        let named =
            said(&checked).contains("auth.jwt_public_key_file") && said(&checked).contains("etc/keys/buyers.pem");
        assert!(named, "{}", said(&checked));
    }
}

#[test]
fn paths_of_files_are_meant_from_where_the_configuration_is() {
    let folder = Folder::new();
    folder.write("etc/secrets/jwt", &format!("{JWT_SECRET}\n"));
    folder.write("etc/secrets/admin", &format!("{ADMIN_TOKEN}\n"));
    let text = "[auth]\njwt_secret_file = \"secrets/jwt\"\nadmin_token_file = \"secrets/admin\"\n";
    folder.write("etc/shop.toml", text);
    let checked = folder.run(&["config", "check", "--config", "etc/shop.toml"], &[]);
    assert!(checked.status.success(), "{}", said(&checked));
    let variable = [("DOORBUSTER_AUTH_ADMIN_TOKEN_FILE", "etc/secrets/admin")];
    let checked = folder.run(&["config", "check", "--config", "etc/shop.toml"], &variable);
    assert!(checked.status.success(), "a variable's is meant from the working directory: {}", said(&checked));
}

#[tokio::test]
async fn a_command_need_not_be_able_to_read_what_it_does_not_use() {
    let mut server = Setup::new([Item::new("sku", 9)]).start();
    assert!(server.terminate().success());
    let folder = Folder::new();
    let text = format!(
        "[auth]\njwt_secret_file = \"none\"\nadmin_token = {ADMIN_TOKEN:?}\n[payment]\nwebhook_secret_file = \"none\"\n\
         [storage]\npath = {:?}\n[inventory]\nlisten = \"127.0.0.1:0\"\npath = \"/dev/null\"\n",
        server.data_file()
    );
    folder.write("shop.toml", &text);
    for command in [&["verify"][..], &["orders"], &["backup", "--to", "copy.db"]] {
        let output = folder.run(&[command, &["--config", "shop.toml"]].concat(), &[]);
        assert!(output.status.success(), "{command:?}: {}", said(&output));
    }
    // It gets as far as its data file, which is none.
    let inventory = folder.run(&["inventory", "--config", "shop.toml"], &[]);
    assert_eq!(inventory.status.code(), Some(74), "{}", said(&inventory));
    for command in [&["serve"][..], &["token", "--user", "ann"], &["config", "check"]] {
        let output = folder.run(&[command, &["--config", "shop.toml"]].concat(), &[]);
        assert_eq!(output.status.code(), Some(78), "{command:?}: {}", said(&output));
        assert!(said(&output).contains("auth.jwt_secret_file: "), "{command:?}: {}", said(&output));
    }
}
