//! **Job:** holds that what `make deb` and `make dist` pack can be installed, runs as its units say, and goes again.
//! **Owns:** the life of an installation: first start, sale, upgrade, removal.
//! **Never:** touches the machine it runs on, or builds the program a second time.

mod machine;
mod pack;
mod units;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use machine::{Machine, Service};
use pack::{Stage, TESTED};

use crate::support::{Client, JWT_SECRET, PATIENCE, Response, ServiceManager, authorization, doorbuster, text};

const FIRST: &str = "0.1.0-1";
const NEXT: &str = "0.1.0-2";

const CATALOGUE: &str = "[[item]]\nid = \"sku\"\ntitle = \"Lamp\"\nunit_price = 1990\ncurrency = \"CNY\"\nstock = 5\n";

const TOML: &str = "/etc/doorbuster/doorbuster.toml";
const ADMIN: &str = "/etc/doorbuster/secrets/admin";
const DATA: &str = "/var/lib/doorbuster/doorbuster.db";

async fn purchase(address: SocketAddr, user: &str) -> Response {
    let mut client = Client::new(address);
    let headers = [("Authorization", &*authorization(user))];
    client.request("POST", "/v1/items/sku/orders", &headers, Some(r#"{"quantity":1}"#)).await.expect("an answer")
}

async fn order(address: SocketAddr, user: &str, id: &str) -> u16 {
    let headers = [("Authorization", &*authorization(user))];
    Client::new(address).get(&format!("/v1/orders/{id}"), &headers).await.expect("an answer").status
}

/// Sends a purchase to a socket on which nobody may be serving.
fn send_purchase(address: SocketAddr, user: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).expect("the socket is open");
    let (authorization, body) = (authorization(user), r#"{"quantity":1}"#);
    let head = format!("POST /v1/items/sku/orders HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n");
    let rest = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    connection.write_all(format!("{head}Connection: close\r\n{rest}").as_bytes()).expect("the kernel takes it");
    connection
}

fn answer(mut connection: TcpStream) -> String {
    connection.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer, and the end");
    answer
}

/// What whoever installs it has to do before the first start.
fn configure(machine: &Machine) {
    machine.write("/etc/doorbuster/secrets/jwt", JWT_SECRET);
    machine.write("/etc/doorbuster/catalogue.toml", CATALOGUE);
    let shipped = machine.read(TOML);
    let (before, after) = shipped.split_once("[catalogue]\n").expect("a section of the shipped file");
    machine.write(TOML, &format!("{before}[catalogue]\npath = \"/etc/doorbuster/catalogue.toml\"\n{after}"));
}

/// Whose everything is, and who else may look at it.
fn check_owners(machine: &Machine) {
    let [user, group] = machine.user("doorbuster");
    for (path, mode, owner) in [
        ("/etc/doorbuster", "750", "0"),
        (TOML, "640", "0"),
        ("/etc/doorbuster/secrets", "750", "0"),
        (ADMIN, "400", &user),
        ("/var/lib/doorbuster", "750", &user),
    ] {
        assert_eq!(machine.access(path), format!("{mode} {owner} {group}"), "{path}");
    }
}

/// Nothing sells by a configuration that nobody has looked at, and systemd does not try again and again.
fn check_that_it_waits_to_be_configured(machine: &Machine, service: &Service<'_>, manager: &ServiceManager) {
    let refused = service.run_to_its_end(manager);
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused));
    assert!(text(&refused).contains("auth.jwt_secret_file"), "{}", text(&refused));
    let unit = machine.unit("doorbuster.service");
    assert!(unit.value("RestartPreventExitStatus").split(' ').any(|code| code == "78"), "a restart mends no key");
}

fn check_that_it_leaves_nothing(machine: &Machine, before: &BTreeSet<PathBuf>) {
    machine.dpkg(&["--remove", "doorbuster"]);
    assert!(machine.path(DATA).exists() && machine.path(ADMIN).exists(), "`remove` keeps data and secrets");
    assert!(!machine.path("/usr/bin/doorbuster").exists());
    machine.dpkg(&["--purge", "doorbuster"]);
    assert_eq!(&machine.files(), before);
    for folder in ["/etc/doorbuster", "/var/lib/doorbuster", "/usr/share/doc/doorbuster"] {
        assert!(!machine.path(folder).exists(), "{folder}");
    }
}

/// A package of the binary under test, and a later one whose configuration file has changed as well.
fn packages(folder: &Path) -> [PathBuf; 2] {
    let stage = Stage::new(folder, TESTED, FIRST);
    let first = stage.deb(FIRST);
    let shipped = stage.read("doorbuster.toml");
    stage.write("doorbuster.toml", &format!("{shipped}\n# A later version says more.\n"));
    [first, stage.deb(NEXT)]
}

#[tokio::test]
async fn a_package_sells_outlives_its_upgrade_and_leaves_nothing_behind_but_its_user() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let [first, next] = packages(folder.path());
    let machine = Machine::new();
    let bare = machine.files();
    machine.dpkg(&["--install", first.to_str().expect("text")]);
    let token = machine.read(ADMIN);
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    check_owners(&machine);
    let user = machine.user("doorbuster");

    let manager = ServiceManager::new();
    let service = machine.service("doorbuster.service", &["doorbuster-public.socket", "doorbuster-operations.socket"]);
    check_that_it_waits_to_be_configured(&machine, &service, &manager);
    configure(&machine);
    let [public, operations] = service.addresses();
    let mut running = service.start(&manager);
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    let sold = purchase(public, "ann").await;
    assert_eq!(sold.status, 201, "{}", sold.text());
    let id = sold.json()["order_id"].as_str().expect("an id").to_owned();
    let bearer = format!("Bearer {token}");
    let seen = Client::new(operations).get("/invariants", &[("Authorization", &bearer)]).await.expect("an answer");
    assert_eq!(seen.status, 200, "the token that the installation has made opens operations: {}", seen.text());

    let written = machine.read(TOML);
    machine.dpkg(&["--install", next.to_str().expect("text")]);
    assert_eq!(machine.read(TOML), written, "the operator's file is kept");
    assert!(machine.read(&format!("{TOML}.dpkg-dist")).contains("A later version says more."));
    assert_eq!(machine.read(ADMIN), token);
    check_owners(&machine);
    assert_eq!(purchase(public, "ben").await.status, 201, "the old program sells until it is restarted");

    assert!(running.terminate().success());
    manager.wait_for("STOPPING=1");
    // Nobody serves now. The socket is open all the same.
    let waiting = send_purchase(public, "cai");
    let mut running = service.start(&manager);
    assert!(answer(waiting).starts_with("HTTP/1.1 201 "), "who came during the restart is not refused");
    assert_eq!(order(public, "ann", &id).await, 200, "what was sold before the upgrade");
    assert!(running.terminate().success());

    let audit = doorbuster(&["verify"], &[("--db", &machine.path(DATA))]);
    assert!(audit.status.success(), "{}", text(&audit));
    check_that_it_leaves_nothing(&machine, &bare);
    assert_eq!(machine.user("doorbuster"), user);
}

#[test]
fn a_token_that_was_taken_away_does_not_come_back_with_an_upgrade() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let stage = Stage::new(folder.path(), "/bin/true", FIRST);
    let [first, next] = [FIRST, NEXT].map(|version| stage.deb(version));
    let machine = Machine::new();
    machine.write(ADMIN, "a token that an earlier installation has left");
    machine.dpkg(&["--install", first.to_str().expect("text")]);
    assert!(machine.read(ADMIN).starts_with("a token that"), "one that is there is kept");
    std::fs::remove_file(machine.path(ADMIN)).expect("it is there");
    machine.dpkg(&["--install", next.to_str().expect("text")]);
    assert!(!machine.path(ADMIN).exists());
}

#[test]
fn the_package_is_as_debian_wants_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let package = Stage::new(folder.path(), TESTED, FIRST).deb(FIRST);
    let complaints = pack::run("lintian", &["--fail-on", "error,warning", package.to_str().expect("text")]);
    assert!(complaints.status.success(), "{}", text(&complaints));
    let contents = text(&pack::run("dpkg-deb", &["--contents", package.to_str().expect("text")]));
    for name in ["man1/doorbuster-serve.1.gz", "completions/doorbuster", "_doorbuster", "doorbuster.fish"] {
        assert!(contents.contains(name), "{name}:\n{contents}");
    }
}

#[test]
fn the_same_program_makes_the_same_tarball_and_it_runs_where_it_is_unpacked() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let stage = Stage::new(folder.path(), TESTED, FIRST);
    let [one, other] = ["one", "other"].map(|name| stage.tarball("0.1.0", &folder.path().join(name)));
    let bytes = |path: &Path| std::fs::read(path).expect("it was packed");
    assert!(bytes(&one) == bytes(&other), "the same files are the same bytes");
    let place = one.parent().expect("a folder");
    let name = one.file_name().expect("a name").to_string_lossy().into_owned();
    let unpack = format!("sha256sum --check --strict {name}.sha256 && tar -xf {name} --strip-components=1");
    let unpacked = pack::run("sh", &["-c", &format!("cd {} && {unpack}", place.display())]);
    assert!(unpacked.status.success(), "{}", text(&unpacked));
    let said = pack::run(place.join("doorbuster").to_str().expect("text"), &["--version"]);
    assert_eq!(text(&said), format!("doorbuster {}\n", env!("CARGO_PKG_VERSION")));
    for file in ["VERSION", "doorbuster.toml", "man/doorbuster.1.gz", "completions/_doorbuster", "LICENSE-MIT"] {
        assert!(place.join(file).exists(), "{file}");
    }
    for unit in ["doorbuster.service", "sysusers.conf", "tmpfiles.conf"] {
        assert!(place.join("deploy/systemd").join(unit).exists(), "{unit}");
    }
    assert!(place.join("README.md").exists() && place.join("deploy/README.md").exists());
}
