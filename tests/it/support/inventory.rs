//! **Job:** runs `doorbuster inventory` and asks it.
//! **Owns:** its process and its directory.
//! **Never:** looks at the data file while the process lives.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use super::server::{send, wrapped};
use super::service_manager::{PassedSocket, passing};
use super::{ADMIN_TOKEN, JWT_SECRET};

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// `(stock, allocated, shipped)` by item.
pub(crate) type Books = BTreeMap<String, (i64, i64, i64)>;

/// `(item, quantity, status)` by order.
pub(crate) type Held = BTreeMap<String, (String, i64, String)>;

/// How often something is looked at.
const TICK: Duration = Duration::from_millis(5);

/// An inventory that is set up, running or not.
pub(crate) struct Inventory {
    directory: TempDir,
    keys: BTreeMap<String, String>,
    child: Option<Child>,
    url: String,
    environment: Vec<(String, String)>,
    wrapper: Vec<String>,
    passed: Option<PassedSocket>,
}

/// An answer of its listener.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Inventory {
    /// An inventory of that source, not started.
    pub(crate) fn of(source: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("inventory.db");
        let keys = [
            ("auth.jwt_secret", JWT_SECRET.to_owned()),
            ("auth.admin_token", ADMIN_TOKEN.to_owned()),
            ("inventory.listen", "127.0.0.1:0".to_owned()),
            ("inventory.path", path.to_str().expect("a plain path").to_owned()),
            ("inventory.source", source.to_owned()),
        ];
        let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), format!("{value:?}"))).collect();
        Self {
            directory,
            keys,
            child: None,
            url: String::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            passed: None,
        }
    }

    /// Sets `section.key` to a raw TOML value; counts from the next start.
    pub(crate) fn set(&mut self, key: &str, raw_toml: &str) -> &mut Self {
        self.keys.insert(key.to_owned(), raw_toml.to_owned());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn environment(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// From the next start on, it is started by a program that becomes it; by none if there are no words.
    pub(crate) fn under(&mut self, wrapper: &[String]) -> &mut Self {
        self.wrapper = wrapper.to_vec();
        self
    }

    /// Passes a socket on to it, as systemd does.
    pub(crate) fn passing(&mut self, socket: PassedSocket) -> &mut Self {
        self.passed = Some(socket);
        self
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    fn command(&self) -> Command {
        let mut text = String::new();
        for (key, value) in &self.keys {
            let (section, name) = key.rsplit_once('.').expect("section.key");
            text.push_str(&format!("[{section}]\n{name} = {value}\n"));
        }
        // TOML wants each table once.
        let mut tables: BTreeMap<&str, String> = BTreeMap::new();
        for pair in text.lines().collect::<Vec<_>>().chunks(2) {
            tables.entry(pair[0]).or_default().push_str(&format!("{}\n", pair[1]));
        }
        let file = self.directory.path().join("inventory.toml");
        let text: String = tables.into_iter().map(|(table, keys)| format!("{table}\n{keys}")).collect();
        std::fs::write(&file, text).expect("the directory takes files");
        let log = File::options().create(true).append(true).open(self.directory.path().join("stderr.log"));
        let mut command = wrapped(Command::new(env!("CARGO_BIN_EXE_doorbuster")), &self.wrapper);
        command.args(["inventory", "--config"]).arg(file).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(passed) = &self.passed {
            command = passing(&command, std::slice::from_ref(passed), "");
        }
        command.stderr(log.expect("a log file"));
        command
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(&mut self) {
        self.try_start().unwrap_or_else(|status| panic!("did not start: {status}\n{}", self.log()));
    }

    /// The same, or how it ended instead.
    pub(crate) fn try_start(&mut self) -> Result<(), ExitStatus> {
        let mut child = self.command().stdout(Stdio::piped()).spawn().expect("the binary is built");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("its output can be read");
        let Some(url) = line.trim().strip_prefix("inventory listens on ") else { return Err(wait(&mut child)) };
        url.clone_into(&mut self.url);
        self.child = Some(child);
        Ok(())
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.as_mut().expect("it runs").try_wait().expect("a child can be asked").is_none()
    }

    /// Starts another process on the same files, which must end by itself; its exit code.
    pub(crate) fn refused(&self) -> Option<i32> {
        let mut child = self.command().stdout(Stdio::null()).spawn().expect("the binary is built");
        wait(&mut child).code()
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait(&mut self.child.take().expect("it runs"))
    }

    /// Its data file, if the test has not set another.
    pub(crate) fn data_file(&self) -> std::path::PathBuf {
        self.directory.path().join("inventory.db")
    }

    /// All it has written to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("stderr.log")).unwrap_or_default()
    }

    /// Ends it without a chance to finish anything.
    pub(crate) fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.send("TERM");
        wait(&mut self.child.take().expect("it runs"))
    }

    /// Sends a signal, for example `HUP`.
    pub(crate) fn send(&self, signal: &str) {
        send(self.child.as_ref().expect("it runs").id(), signal);
    }

    /// Its listener.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.url.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("it runs")
    }

    /// `METHOD path` of its listener.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Answer {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let url = format!("{}{path}", self.url);
        let agent = config.new_agent();
        let answer = if method == "POST" { agent.post(&url).send_empty() } else { agent.get(&url).call() };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()));
        let header = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = header.unwrap_or_default().to_owned();
        let text = answer.body_mut().read_to_string().expect("a text");
        Answer { status: answer.status().as_u16(), content_type, text }
    }

    pub(crate) fn stock(&self) -> Value {
        self.ask("GET", "/stock").json()
    }

    /// Waits until something holds.
    pub(crate) fn wait_until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "never: {what}: {}\n{}", self.stock(), self.log());
            sleep(TICK);
        }
    }

    /// Waits until `cursor` is done with.
    pub(crate) fn wait_for_cursor(&self, cursor: usize) {
        self.wait_until(&format!("cursor {cursor}"), |inventory| inventory.stock()["cursor"] == cursor);
    }

    /// Cursor, dead letters and books of the data file of a process that has ended.
    pub(crate) fn on_disk(&self) -> (usize, usize, Books) {
        let file = self.file();
        let count = |sql: &str| -> usize {
            let count: i64 = file.query_row(sql, [], |row| row.get(0)).expect("readable");
            usize::try_from(count).expect("never negative")
        };
        let mut items = file.prepare("SELECT item_id, stock, allocated, shipped FROM item").expect("readable");
        let items = items.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))));
        let books = items.expect("readable").map(|row| row.expect("readable")).collect();
        let dead = count("SELECT count(*) FROM dead_letter");
        (count("SELECT seq FROM cursor"), dead, books)
    }

    /// Every order in the data file of a process that has ended.
    pub(crate) fn held(&self) -> Held {
        let file = self.file();
        let mut orders = file.prepare("SELECT order_id, item_id, quantity, status FROM held").expect("readable");
        let orders = orders.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))));
        orders.expect("readable").map(|row| row.expect("readable")).collect()
    }

    fn file(&self) -> Connection {
        assert!(self.child.is_none(), "it still runs");
        let path = self.directory.path().join("inventory.db");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the data file")
    }

    /// The books as `/stock` shows them; that they add up is checked.
    pub(crate) fn books(&self) -> Books {
        let stock = self.stock();
        let items = stock["items"].as_array().expect("items");
        let book = |item: &Value| {
            let units = |name: &str| item[name].as_i64().unwrap_or_else(|| panic!("{name} of {item}"));
            let (stock, allocated, shipped) = (units("stock"), units("allocated"), units("shipped"));
            assert_eq!(stock, allocated + shipped + units("available"), "{item}");
            (item["item_id"].as_str().expect("an id").to_owned(), (stock, allocated, shipped))
        };
        items.iter().map(book).collect()
    }
}

impl Drop for Inventory {
    fn drop(&mut self) {
        self.kill9();
    }
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "still running");
        sleep(TICK);
    }
}
