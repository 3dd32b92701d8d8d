//! **Job:** a real browser without a window: headless Chromium, driven over W3C `WebDriver`.
//! **Owns:** the two processes (driver and browser), their profile, and the screenshots in `target/screenshots/`.
//! **Never:** judges a page, or does for it what its visitor would not.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Client;
use super::lasting_port;

/// How long the driver may take to start, and a page to do what it is waited for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a page is looked at while it is waited for.
const TICK: Duration = Duration::from_millis(20);
/// What an element is called in the answers of the protocol (`WebDriver`, section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What a visitor's screen looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Desk,
    Phone,
}

/// Which colours a visitor prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    Light,
    Dark,
}

/// A browser with one tab. Its processes end with it.
pub(crate) struct Browser {
    driver: Child,
    client: Client,
    session: String,
    directory: TempDir,
}

impl Browser {
    /// Starts a browser with an empty profile.
    ///
    /// # Panics
    /// If Chromium or its driver is missing or does not start: `make prepare` installs both.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (driver, address) = start_driver(directory.path()).await;
        let mut browser = Self { driver, client: Client::new(address), session: String::new(), directory };
        let profile = format!("--user-data-dir={}", browser.directory.path().join("profile").display());
        let quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
        let plain = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
        // The same words and pictures everywhere, and nothing that moves while it is looked at.
        let fixed = ["--lang=en-US", "--force-prefers-reduced-motion", &profile];
        let arguments = [&plain[..], &quiet, &fixed].concat();
        let wanted = json!({
            "browserName": "chrome",
            // Those of the tests have signed their certificates themselves.
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {"binary": program("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let made = browser.command("POST", "/session", Some(json!({"capabilities": {"alwaysMatch": wanted}}))).await;
        browser.session = format!("/session/{}", made["sessionId"].as_str().expect("a session has an id"));
        browser.screen(Screen::Desk).await;
        browser
    }

    /// Opens a page and waits until it has loaded.
    pub(crate) async fn goto(&mut self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// The tab that is worked with.
    pub(crate) async fn tab(&mut self) -> String {
        self.get("/window").await.as_str().expect("a tab has a handle").to_owned()
    }

    /// Opens another tab and works with it: of a window of its own (`window`), where it stays visible when another one
    /// is worked with, or of the same one (`tab`).
    pub(crate) async fn new_tab(&mut self, kind: &str) -> String {
        let made = self.post("/window/new", json!({"type": kind})).await;
        let handle = made["handle"].as_str().expect("a tab has a handle").to_owned();
        self.switch_to(&handle).await;
        handle
    }

    /// Works with that tab from now on.
    pub(crate) async fn switch_to(&mut self, tab: &str) {
        self.post("/window", json!({"handle": tab})).await;
    }

    /// Closes the tab that is worked with; switch to another one next.
    pub(crate) async fn close_tab(&mut self) {
        self.command("DELETE", &format!("{}/window", self.session), None).await;
    }

    /// Loads the page again.
    pub(crate) async fn reload(&mut self) {
        self.post("/refresh", json!({})).await;
    }

    /// Runs the body of a function in the page and returns what it returns; `arguments[0]` is the first of `arguments`.
    pub(crate) async fn run(&mut self, script: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// The visible text of the first element of that CSS selector.
    pub(crate) async fn text(&mut self, selector: &str) -> String {
        let script = "const found = document.querySelector(arguments[0]); return found ? found.innerText.trim() : null";
        let text = self.run(script, &[json!(selector)]).await;
        text.as_str().unwrap_or_else(|| panic!("no {selector} in the page")).to_owned()
    }

    /// Clicks an element as a mouse does: it must be visible, and its middle uncovered.
    pub(crate) async fn click(&mut self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Presses and releases the mouse `count` times on an element, without a pause.
    pub(crate) async fn click_quickly(&mut self, selector: &str, count: usize) {
        let element = self.find(selector).await;
        let origin = json!({ELEMENT: element});
        let there = json!({"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": origin});
        let click = [json!({"type": "pointerDown", "button": 0}), json!({"type": "pointerUp", "button": 0})];
        let clicks = (0..count).flat_map(|_| click.clone());
        let all: Vec<_> = std::iter::once(there).chain(clicks).collect();
        let mouse = json!({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": all});
        self.post("/actions", json!({"actions": [mouse]})).await;
    }

    /// Types text into an element.
    pub(crate) async fn write(&mut self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Panics
    /// If it does not become so in time; with what the page shows then.
    pub(crate) async fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        let script = format!("return Boolean({expression})");
        while self.run(&script, &[]).await != json!(true) {
            if begun.elapsed() > PATIENCE {
                let shown = self.text("body").await;
                panic!("{expression} is not true after {PATIENCE:?}; the page says:\n{shown}");
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits until the first element of a selector is visible and its text contains `text`.
    pub(crate) async fn until_text(&mut self, selector: &str, text: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.until(&format!("{found}?.checkVisibility() && {found}.innerText.includes({})", json!(text))).await;
    }

    /// What the page has written to the console since the last call, errors and warnings only.
    pub(crate) async fn complaints(&mut self) -> Vec<String> {
        let entries = self.post("/se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().expect("a list").iter();
        let is_complaint = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.filter(is_complaint).map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Checks that the console has no complaint but those about the `expected` refusals: a browser reports each answer
    /// of 400 and above as an error of the page.
    ///
    /// # Panics
    /// If there is another one.
    pub(crate) async fn assert_quiet(&mut self, expected: &[u16]) {
        let is_expected = |complaint: &String| {
            expected.iter().any(|status| complaint.contains(&format!("responded with a status of {status} ")))
        };
        let others: Vec<_> = self.complaints().await.into_iter().filter(|complaint| !is_expected(complaint)).collect();
        assert!(others.is_empty(), "the console has complaints:\n{}", others.join("\n"));
    }

    /// A screenshot of what is visible, in `target/screenshots/<name>.png`.
    pub(crate) async fn screenshot(&mut self, name: &str) {
        let image = self.get("/screenshot").await;
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&directory).expect("the target directory takes files");
        let bytes = from_base64(image.as_str().expect("an image"));
        std::fs::write(directory.join(format!("{name}.png")), bytes).expect("the target directory takes files");
    }

    /// Changes the screen.
    pub(crate) async fn screen(&mut self, screen: Screen) {
        let (width, height, scale, is_mobile) = match screen {
            Screen::Desk => (1200, 860, 1, false),
            Screen::Phone => (390, 844, 2, true),
        };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_mobile});
        self.tool("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Changes the preferred colours.
    pub(crate) async fn colours(&mut self, colours: Colours) {
        let value = match colours {
            Colours::Light => "light",
            Colours::Dark => "dark",
        };
        let feature = json!({"name": "prefers-color-scheme", "value": value});
        self.tool("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await;
    }

    /// Changes the languages that the visitor reads, as `Accept-Language` and scripts see them: `zh-CN,zh`.
    pub(crate) async fn languages(&mut self, languages: &str) {
        let agent = self.run("return navigator.userAgent", &[]).await;
        let visitor = json!({"userAgent": agent, "acceptLanguage": languages});
        self.tool("Emulation.setUserAgentOverride", visitor).await;
    }

    /// Runs a script in each page before any of its own.
    pub(crate) async fn before_each_page(&mut self, script: &str) {
        self.tool("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// A command of the browser's own protocol for developers.
    pub(crate) async fn tool(&mut self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    async fn find(&mut self, selector: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().expect("an element has an id").to_owned()
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.command("POST", &format!("{}{path}", self.session), Some(body)).await
    }

    async fn get(&mut self, path: &str) -> Value {
        self.command("GET", &format!("{}{path}", self.session), None).await
    }

    async fn command(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string());
        let answer = self.client.request(method, path, &[], body.as_deref()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.driver_log()));
        assert_eq!(answer.status, 200, "{method} {path} {body:?}: {}", answer.text());
        answer.json()["value"].take()
    }

    fn driver_log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("driver.log")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is of the driver's process group. Both fail only if the processes have ended already.
        let group = format!("kill -s KILL -- -{}", self.driver.id());
        let _ = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        let _ = self.driver.wait();
    }
}

/// Starts the driver in a process group of its own, which the browser it starts belongs to.
async fn start_driver(directory: &Path) -> (Child, SocketAddr) {
    // The driver cannot be asked which port it picked.
    let address = SocketAddr::from(([127, 0, 0, 1], lasting_port()));
    let log = File::create(directory.join("driver.log")).expect("the temporary directory takes files");
    let mut command = Command::new(program("chromedriver"));
    command.arg(format!("--port={}", address.port())).process_group(0).env("TMPDIR", directory).stdin(Stdio::null());
    command.stderr(log.try_clone().expect("an open file")).stdout(log);
    let driver = command.spawn().expect("chromedriver runs: `make prepare` installs it");
    let begun = Instant::now();
    while Client::new(address).get("/status", &[]).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the driver does not listen after {PATIENCE:?}");
        tokio::time::sleep(TICK).await;
    }
    (driver, address)
}

/// Where a program is. The driver does not look for the browser itself where Debian puts it.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("a shell sets it");
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: `make prepare` does it"))
}

/// Bytes from base64 with padding (RFC 4648, section 4).
fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|candidate| *candidate == letter).expect("base64");
        group = group << 6 | u32::try_from(value).expect("below 64");
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(group >> bits & 0xff).expect("a byte"));
        }
    }
    bytes
}
