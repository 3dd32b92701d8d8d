//! **Job:** holds that the operations listener may be a Unix socket, for whoever may open its file.
//! **Owns:** that file, from the start of a server to its end or its death; real clients on it.
//! **Never:** needs a port of the operations listener.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{ADMIN_TOKEN, Attempt, Client, Item, PassedSocket, Server, Setup, doorbuster, text};

/// A server with its socket in its own folder.
fn setup() -> (Setup, PathBuf) {
    let setup = Setup::new([Item::new("sku", 9)]);
    let path = setup.directory().join("ops.sock");
    let raw = format!("\"unix:{}\"", path.display());
    (setup.set("server.ops_listen", &raw), path)
}

/// What curl hears on the socket: status and body.
fn curl(socket: &Path, path: &str, token: &str) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-w", "\n%{http_code}", "-H", &format!("Authorization: Bearer {token}"), "--unix-socket"]);
    let said = curl.arg(socket).arg(format!("http://localhost{path}")).output().expect("curl is installed");
    let out = String::from_utf8(said.stdout).expect("it is text");
    let (body, status) = out.rsplit_once('\n').unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&said.stderr)));
    (status.parse().expect("a status"), body.to_owned())
}

fn command(server: &Server, arguments: &[&str]) -> String {
    let config = server.directory().join("doorbuster.toml");
    let output = doorbuster(arguments, &[("--config", &config)]);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    text(&output)
}

#[tokio::test]
async fn everything_an_operator_does_goes_over_a_socket_that_only_its_group_may_open() {
    let (setup, path) = setup();
    let mut server = setup.start();
    let found = std::fs::metadata(&path).expect("it is there");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    let ports = std::fs::read_to_string(server.directory().join("ports.json")).expect("it is ready");
    let ports: Value = serde_json::from_str(&ports).expect("JSON");
    assert_eq!(ports["ops_listen"], format!("unix:{}", path.display()));

    assert_eq!(curl(&path, "/actors", "guess").0, 401);
    assert_eq!(curl(&path, "/livez", "").0, 200);
    let (status, funnel) = curl(&path, "/funnel", ADMIN_TOKEN);
    assert_eq!((status, funnel.contains("\"ledger\"")), (200, true), "{funnel}");
    assert!(curl(&path, "/metrics", ADMIN_TOKEN).1.contains("doorbuster_ops_auth_failures_total 1\n"), "one guess");

    assert_eq!(
        Attempt::new("ann", "sku").send(&mut Client::new(server.address())).await.expect("an answer").status,
        201
    );
    assert!(command(&server, &["admin", "items"]).contains("sku"));
    command(&server, &["admin", "pause", "sku"]);
    assert!(command(&server, &["top", "--once"]).contains("stock/sku"));
    command(&server, &["catalogue", "diff"]); // exit code 0: the file says what is sold
    let url = format!("unix:{}", path.display());
    assert!(command(&server, &["admin", "journal", "--url", &url]).contains("paused"));
    assert!(server.terminate().success());
    assert!(!path.exists(), "the socket goes with its server");
}

#[test]
fn a_socket_that_a_killed_server_has_left_is_replaced_and_nothing_else_is() {
    let (setup, path) = setup();
    let mut server = setup.start();
    server.kill9();
    assert!(path.exists() && UnixStream::connect(&path).is_err(), "nobody is there");
    server.restart();
    assert_eq!(curl(&path, "/livez", "").0, 200);

    // Another server of the same name: it is refused, and the first one goes on.
    let other = Setup::new([Item::new("sku", 9)]).set("server.ops_listen", &format!("\"unix:{}\"", path.display()));
    let stopped = other.try_start().err().expect("somebody listens there");
    assert_eq!(stopped.status.code(), Some(78), "{stopped}");
    assert!(stopped.stderr.contains("server.ops_listen") && stopped.stderr.contains("in use"), "{stopped}");
    assert_eq!(curl(&path, "/livez", "").0, 200);

    let file = server.directory().join("notes.txt");
    std::fs::write(&file, "mine").expect("the folder takes files");
    let other = Setup::new([Item::new("sku", 9)]).set("server.ops_listen", &format!("\"unix:{}\"", file.display()));
    let stopped = other.try_start().err().expect("it is no socket");
    assert_eq!(stopped.status.code(), Some(78), "{stopped}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
}

#[test]
fn a_unix_socket_may_be_passed_for_operations_and_stays_with_who_passed_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("passed.sock");
    let socket = UnixListener::bind(&path).expect("it is free");
    let mut server = Setup::new([Item::new("sku", 9)]).passing(PassedSocket::new("operations", socket)).start();
    assert_eq!(curl(&path, "/funnel", ADMIN_TOKEN).0, 200);
    assert!(server.terminate().success());
    assert!(path.exists(), "it is the service manager's");

    let socket = UnixListener::bind(folder.path().join("public.sock")).expect("it is free");
    let stopped = Setup::new([Item::new("sku", 9)]).passing(PassedSocket::new("public", socket)).try_start();
    let stopped = stopped.err().expect("buyers have no file system here");
    assert_eq!(stopped.status.code(), Some(78), "{stopped}");
    assert!(
        stopped.stderr.contains("public: not a stream socket") || stopped.stderr.contains("Unix socket"),
        "{stopped}"
    );
}
