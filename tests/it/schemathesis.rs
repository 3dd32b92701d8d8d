//! **Job:** requests that Schemathesis makes of the served OpenAPI document, valid and invalid ones, meet no fault on
//! either listener, and are answered as the document says.
//! **Owns:** the shop they are sent to, and the sentence that says what came of it.
//! **Never:** excludes a route or switches a check off: what a schema cannot say is in `schemathesis/`, with reasons.
//!
//! `make schemathesis-campaign` makes all of it; the tests have a share. `make prepare` installs the program.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "reads how long a campaign is to be; says what came of it"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Client, Server, seed};

/// Where `make prepare` puts it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/schemathesis-4.32.5");

/// What the schema cannot say.
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schemathesis");

/// Requests per operation in the share of the tests.
const EXAMPLES: u32 = 4;

/// A shop in development mode, with enough on sale, and what opens its doors.
struct Shop {
    server: Server,
    admin: String,
    buyer: String,
}

impl Shop {
    async fn open() -> Self {
        let server = Server::start_in_development_mode();
        let secrets = std::fs::read_to_string(server.data_file().with_file_name("development.toml"))
            .expect("it is beside the data");
        let secret = |name: &str| {
            let line = secrets.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {name} in {secrets}")).trim().trim_matches('"').to_owned()
        };
        let mut minting = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
        minting
            .args(["token", "--user", "ann", "--ttl", "24h"])
            .env("DOORBUSTER_AUTH_JWT_SECRET", secret("jwt_secret"));
        let minted = minting.output().expect("the binary runs");
        assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        let buyer = String::from_utf8(minted.stdout).expect("a token is text").trim().to_owned();
        let shop = Self { server, admin: secret("admin_token"), buyer };
        shop.fill_the_shelves().await;
        shop
    }

    /// The item that the document takes as its example has enough for every generated purchase.
    async fn fill_the_shelves(&self) {
        let item = json!({"title": "Air freshener", "unit_price": 1990, "currency": "CNY", "stock": 100,
            "per_user_limit": 1_000_000_000});
        self.owner("PUT", "/v1/admin/items/sku-1", Some(&item)).await;
        self.owner("POST", "/v1/admin/items/sku-1/restock", Some(&json!({"quantity": 100_000_000}))).await;
    }

    async fn owner(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let authorization = format!("Bearer {}", self.admin);
        let mut client = Client::new(self.server.ops_address());
        let body = body.map(Value::to_string);
        let answer = client.request(method, path, &[("Authorization", &authorization)], body.as_deref()).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// The served document, as far as it is about one listener.
    fn document_of(whole: &Value, is_of_operations: bool) -> Value {
        let mut document = whole.clone();
        document.as_object_mut().expect("an object").remove("servers");
        let paths = document["paths"].as_object_mut().expect("the document has paths");
        for operations in paths.values_mut() {
            let operations = operations.as_object_mut().expect("a path has operations");
            operations.retain(|_, operation| (operation["servers"][0]["url"] == "/") == is_of_operations);
            for operation in operations.values_mut() {
                operation.as_object_mut().expect("an operation is an object").remove("servers");
            }
        }
        paths.retain(|_, operations| operations.as_object().is_some_and(|operations| !operations.is_empty()));
        document
    }

    /// Tries one listener, and returns the report.
    fn try_out(&self, listener: &str, document: &Value, arguments: &[String]) -> Value {
        let file = |suffix: &str| self.server.directory().join(format!("{listener}.{suffix}"));
        std::fs::write(file("json"), document.to_string()).expect("our own folder");
        let address = if listener == "public" { self.server.address() } else { self.server.ops_address() };
        let mut command = Command::new(program());
        command
            .arg("--config-file")
            .arg(Path::new(CONFIGURATION).join("schemathesis.toml"))
            .arg("run")
            .arg(file("json"));
        command.args(["--url", &format!("http://{address}"), "--checks", "all", "--mode", "all"]).args(arguments);
        command.args(["--continue-on-failure", "--no-color", "--report", "json"]);
        command.arg("--report-json-path").arg(file("report")).current_dir(self.server.directory());
        command.env("PYTHONPATH", format!("{PROGRAM}:{CONFIGURATION}")).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("ADMIN_TOKEN", &self.admin).env("BUYER_TOKEN", &self.buyer);
        let output = command.output().expect("python3 is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = std::fs::read(file("report"))
            .unwrap_or_else(|_| panic!("{listener}: no report: {said}{}", String::from_utf8_lossy(&output.stderr)));
        if !output.status.success() {
            println!("{said}");
        }
        serde_json::from_slice(&report).expect("a report is JSON")
    }
}

fn program() -> PathBuf {
    let path = Path::new(PROGRAM).join("bin/schemathesis");
    assert!(path.exists(), "Schemathesis is not installed: make prepare");
    path
}

/// How many requests per operation a campaign makes in each phase.
fn examples() -> Option<u32> {
    std::env::var("SCHEMATHESIS_EXAMPLES").ok().map(|text| text.parse().expect("SCHEMATHESIS_EXAMPLES is a number"))
}

fn count(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

#[tokio::test]
async fn generated_requests_meet_no_fault_and_are_answered_as_described() {
    let (shop, seed) = (Shop::open().await, seed());
    let whole = shop.owner("GET", "/openapi.json", None).await;
    // The phase of coverage takes every bound of every parameter, however few examples are asked for: a minute.
    let phases = if examples().is_some() { "examples,coverage,fuzzing,stateful" } else { "examples,fuzzing,stateful" };
    let number = examples().unwrap_or(EXAMPLES).to_string();
    let arguments = ["--phases", phases, "--max-examples", &number, "--seed", &seed.to_string()].map(str::to_owned);
    let (mut cases, mut failures, mut errors, mut faults) = (0, 0, 0, 0);
    // Buyers first: the owner closes and deletes what they could buy.
    for listener in ["public", "operations"] {
        let document = Shop::document_of(&whole, listener == "operations");
        let report = shop.try_out(listener, &document, &arguments);
        assert_eq!(report["complete"], true, "{listener}: {report}");
        cases += count(&report, "/test_cases/generated");
        failures += count(&report, "/test_cases/unique_failures");
        errors += report["errors"].as_array().map_or(0, Vec::len);
        let of_server = |failure: &&Value| failure.to_string().contains("not_a_server_error");
        faults += report["failures"].as_array().map_or(0, |all| all.iter().filter(of_server).count());
    }
    println!("schemathesis: {cases} cases, {failures} failures, {errors} errors, {faults} × 500, seed {seed}");
    assert_eq!((failures, errors, faults), (0, 0, 0));
    assert!(!shop.server.stderr().contains("panicked"), "{}", shop.server.stderr());
}
