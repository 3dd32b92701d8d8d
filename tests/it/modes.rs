//! **Job:** holds that a server is in development mode only when that was asked for or nothing at all was given.
//! **Owns:** servers without a configuration file.
//! **Never:** repeats the table of all ways to configure: that is beside the rule (`src/config/mode/tests.rs`).

use std::process::{Command, Stdio};

use crate::support::{
    ADMIN_TOKEN, Client, Item, JWT_SECRET, Response, Server, Setup, Stopped, WEBHOOK_SECRET, authorization,
};

const SECRETS: [(&str, &str); 3] = [
    ("DOORBUSTER_AUTH_JWT_SECRET", JWT_SECRET),
    ("DOORBUSTER_AUTH_ADMIN_TOKEN", ADMIN_TOKEN),
    ("DOORBUSTER_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
];

async fn make_buyer(server: &Server) -> Response {
    let port = server.address().port();
    let mut client = Client::new(([127, 0, 0, 1], port).into());
    client.request("POST", "/dev/buyer", &[], None).await.expect("an answer")
}

async fn is_admin(server: &Server, token: &str) -> bool {
    let mut client = Client::new(server.ops_address());
    let answer = client.get("/actors", &[("Authorization", &format!("Bearer {token}"))]).await.expect("an answer");
    answer.status == 200
}

fn refused(environment: &[(&str, &str)], arguments: &[&str]) -> Stopped {
    match Server::start_without_file(environment, arguments) {
        Ok(_server) => panic!("it started: {environment:?} {arguments:?}"),
        Err(stopped) => stopped,
    }
}

#[tokio::test]
async fn all_secrets_by_environment_on_every_interface_make_no_buyers_for_anybody() {
    let everywhere = [("DOORBUSTER_SERVER_LISTEN", "0.0.0.0:0")];
    let server = Server::start_without_file(&[&SECRETS[..], &everywhere].concat(), &[]).expect("it starts");
    assert_eq!(make_buyer(&server).await.status, 404);
    assert!(is_admin(&server, ADMIN_TOKEN).await);
    let mut client = Client::new(([127, 0, 0, 1], server.address().port()).into());
    let items = client.get("/v1/items", &[]).await.expect("an answer").json();
    assert_eq!(items["items"].as_array().map(Vec::len), Some(0), "the sample is for trying things out: {items}");
    let page = client.get("/", &[]).await.expect("an answer");
    assert!(!String::from_utf8_lossy(&page.body).contains("\"guest\""), "the page does not offer to make a buyer");
    assert!(!server.stdout().contains("DEVELOPMENT"), "{}", server.stdout());
    assert!(!server.data_file().with_file_name("development.toml").exists());
}

#[test]
fn what_is_missing_in_production_mode_is_named_with_the_way_out() {
    for missing in ["AUTH_JWT_SECRET", "AUTH_ADMIN_TOKEN"] {
        let given: Vec<_> = SECRETS.into_iter().filter(|(name, _)| !name.ends_with(missing)).collect();
        let Stopped { status, stderr } = refused(&given, &[]);
        let key = missing.to_lowercase().replacen('_', ".", 1);
        assert_eq!(status.code(), Some(78), "{stderr}");
        assert!(stderr.contains(&format!("{key}: must be set")) && stderr.contains("--dev"), "{stderr}");
    }
}

#[test]
fn a_listener_that_others_can_reach_needs_secrets_or_the_wish() {
    for variable in ["DOORBUSTER_SERVER_LISTEN", "DOORBUSTER_SERVER_OPS_LISTEN"] {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let Stopped { status, stderr } = refused(&[(variable, address)], &[]);
            assert_eq!(status.code(), Some(78), "{stderr}");
            assert!(stderr.contains("auth.jwt_secret, auth.admin_token: must be set"), "{stderr}");
            assert!(stderr.contains("is not a loopback address") && stderr.contains("--dev"), "{stderr}");
        }
    }
    let open = Server::start_without_file(&[("DOORBUSTER_SERVER_LISTEN", "0.0.0.0:0")], &["--dev"]);
    assert!(open.expect("it was asked for").stdout().contains("DEVELOPMENT MODE"));
}

#[test]
fn an_empty_secret_was_given_and_is_missing() {
    let Stopped { status, stderr } = refused(&[("DOORBUSTER_AUTH_JWT_SECRET", "")], &[]);
    assert_eq!(status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("auth.jwt_secret"), "{stderr}");
}

#[tokio::test]
async fn development_mode_says_so_in_large_letters_and_uses_no_given_secret() {
    let server = Server::start_without_file(&SECRETS, &["--dev"]).expect("it starts");
    assert_eq!(make_buyer(&server).await.status, 201);
    assert!(!is_admin(&server, ADMIN_TOKEN).await, "the given token opens nothing");
    let mut client = Client::new(server.address());
    let own = authorization("ann");
    let answer = client.get("/v1/orders?item_id=sku-1", &[("Authorization", &own)]).await.expect("an answer");
    assert_eq!(answer.status, 401, "who is signed with the given secret is nobody");
    let said = [server.stdout(), server.stderr()].concat();
    assert!(server.stdout().starts_with("****") && server.stdout().contains("DEVELOPMENT MODE"), "{said}");
    assert!(server.stderr().contains("DEVELOPMENT MODE") && server.stderr().contains("WARN"), "{said}");
    for (name, secret) in SECRETS {
        assert!(server.stdout().contains(&format!("(environment {name})")), "{name} is not named: {said}");
        assert!(!said.contains(secret), "{name} is shown");
    }
}

#[tokio::test]
async fn development_mode_uses_no_secret_of_a_configuration_file() {
    let server = Setup::new([Item::new("sku", 9)]).argument("--dev").start();
    assert_eq!(make_buyer(&server).await.status, 201);
    assert!(!is_admin(&server, ADMIN_TOKEN).await);
    assert!(server.stdout().contains("auth.admin_token (file "), "{}", server.stdout());
}

/// A command in the folder of a server, with nothing in its environment that could configure it but `environment`.
fn said(server: &Server, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(arguments).envs(environment.iter().copied()).env_remove("RUST_LOG").stdin(Stdio::null());
    let output = command.arg("--set").arg(format!("storage.path={}", server.data_file().display())).output();
    let output = output.expect("the binary runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn other_commands_agree_about_the_mode() {
    let server = Server::start_in_development_mode();
    let mut client = Client::new(server.address());
    for (environment, wish, status) in
        [(&[][..], &[][..], 200), (&SECRETS, &[], 401), (&SECRETS, &["--dev"], 200), (&[], &["--dev"], 200)]
    {
        let arguments = [&["token", "--user", "ann"], wish].concat();
        let token = said(&server, environment, &arguments);
        let bearer = format!("Bearer {}", token.trim());
        let answer = client.get("/v1/orders?item_id=sku-1", &[("Authorization", &bearer)]).await.expect("an answer");
        assert_eq!(answer.status, status, "{arguments:?} with {} variables: {token}", environment.len());
        let shown = said(&server, environment, &[&["config", "show"], wish].concat());
        let mode =
            if environment.is_empty() || !wish.is_empty() { "# development mode: " } else { "# production mode: " };
        assert!(shown.starts_with(mode), "{shown}");
        let checked = said(&server, environment, &[&["config", "check"], wish].concat());
        assert!(checked.starts_with("the configuration is valid\n") && checked.contains(&mode[2..]), "{checked}");
        let audited = said(&server, environment, &[&["verify"], wish].concat());
        assert!(audited.contains("clean") || audited.contains("ok"), "an audit asks for no secret: {audited}");
    }
}

#[test]
fn a_file_with_secrets_that_others_can_use_is_told_and_the_server_starts() {
    use std::os::unix::fs::PermissionsExt as _;
    let secret = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(secret.path(), JWT_SECRET).expect("writable");
    let path = secret.path().to_str().expect("UTF-8");
    let environment = [SECRETS[1], SECRETS[2], ("DOORBUSTER_AUTH_JWT_SECRET_FILE", path)];
    for (mode, is_told) in [(0o600, false), (0o444, true)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("own file");
        let server = Server::start_without_file(&environment, &[]).expect("it starts");
        let sentence = format!("{path}: contains secrets, and other users can read it (mode {mode:04o}): chmod 600");
        assert_eq!(server.stderr().contains(&sentence), is_told, "{}", server.stderr());
        assert_eq!(said(&server, &environment, &["config", "check"]).contains(&sentence), is_told);
    }
}
