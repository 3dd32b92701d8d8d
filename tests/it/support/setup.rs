//! **Job:** describes a server before it starts: its keys and its catalogue.
//! **Owns:** the directory with both files, and the defaults of the tests.
//! **Never:** runs anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::server::{Launch, Server, Stopped};
use super::service_manager::PassedSocket;
use super::{ADMIN_TOKEN, JWT_SECRET, WEBHOOK_SECRET};

/// One item of the catalogue.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) unit_price: i64,
    pub(crate) stock: u32,
    pub(crate) per_user_limit: u32,
    pub(crate) opens_at: Option<String>,
    pub(crate) closes_at: Option<String>,
}

impl Item {
    /// An open item of `stock` units at 19.90 CNY, one unit a user.
    pub(crate) fn new(id: &str, stock: u32) -> Self {
        Self { id: id.to_owned(), unit_price: 1990, stock, per_user_limit: 1, opens_at: None, closes_at: None }
    }

    pub(crate) fn limit(mut self, per_user_limit: u32) -> Self {
        self.per_user_limit = per_user_limit;
        self
    }

    /// Price of a unit in minor units.
    pub(crate) fn price(mut self, unit_price: i64) -> Self {
        self.unit_price = unit_price;
        self
    }

    pub(crate) fn opens_at(mut self, rfc3339: &str) -> Self {
        self.opens_at = Some(rfc3339.to_owned());
        self
    }

    pub(crate) fn closes_at(mut self, rfc3339: &str) -> Self {
        self.closes_at = Some(rfc3339.to_owned());
        self
    }

    /// A catalogue file of these.
    pub(crate) fn catalogue(items: &[Self]) -> String {
        let mut catalogue = String::new();
        for item in items {
            item.write_to(&mut catalogue);
        }
        catalogue
    }

    fn write_to(&self, catalogue: &mut String) {
        let Self { id, unit_price, stock, per_user_limit, opens_at, closes_at } = self;
        write!(
            catalogue,
            "[[item]]\nid = {id:?}\ntitle = \"Item {id}\"\nunit_price = {unit_price}\ncurrency = \"CNY\"\n\
             stock = {stock}\nper_user_limit = {per_user_limit}\n"
        )
        .expect("a string takes everything");
        for (key, time) in [("opens_at", opens_at), ("closes_at", closes_at)] {
            if let Some(time) = time {
                writeln!(catalogue, "{key} = {time:?}").expect("a string takes everything");
            }
        }
    }
}

/// A server to be started. Ports are picked by the system, the data file and all else lies in a directory of its own.
pub(crate) struct Setup {
    directory: TempDir,
    keys: BTreeMap<String, String>,
    items: Vec<Item>,
    launch: Launch,
}

impl Setup {
    /// The defaults of the tests: those of the server, but strong secrets and no per-user throttle.
    pub(crate) fn new(items: impl IntoIterator<Item = Item>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| quoted(&directory.path().join(name));
        let keys = BTreeMap::from([
            ("server.listen".to_owned(), "\"127.0.0.1:0\"".to_owned()),
            ("server.ops_listen".to_owned(), "\"127.0.0.1:0\"".to_owned()),
            ("server.port_file".to_owned(), path(Server::PORT_FILE)),
            ("storage.path".to_owned(), path(Server::DATA_FILE)),
            ("catalogue.path".to_owned(), path("catalogue.toml")),
            ("auth.jwt_secret".to_owned(), format!("{JWT_SECRET:?}")),
            ("auth.admin_token".to_owned(), format!("{ADMIN_TOKEN:?}")),
            ("payment.webhook_secret".to_owned(), format!("{WEBHOOK_SECRET:?}")),
            ("gate.throttle.window".to_owned(), "\"0s\"".to_owned()),
        ]);
        Self { directory, keys, items: items.into_iter().collect(), launch: Launch::default() }
    }

    /// Sets `section.key` to a raw TOML value, for example `.set("gate.throttle.window", "\"5s\"")`.
    pub(crate) fn set(mut self, key: &str, raw_toml: &str) -> Self {
        self.keys.insert(key.to_owned(), raw_toml.to_owned());
        self
    }

    /// Leaves a key to the server's own default.
    pub(crate) fn unset(mut self, key: &str) -> Self {
        self.keys.remove(key);
        self
    }

    /// A drill: the actor of an item is slow, for example `.slow_item("sku=5ms")`.
    pub(crate) fn slow_item(mut self, drill: &str) -> Self {
        self.launch.arguments = vec!["--slow-item".to_owned(), drill.to_owned()];
        self
    }

    /// An argument after `serve`.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.launch.arguments.push(argument.to_owned());
        self
    }

    /// Sets the filter of the server's log.
    pub(crate) fn log(mut self, filter: &str) -> Self {
        self.launch.rust_log = Some(filter.to_owned());
        self
    }

    /// Starts the server by a program that becomes it, for example `.under(&["prlimit", "--fsize=65536"])`.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.launch.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Sets a variable of the server's environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.launch.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Passes a socket on to the server, as systemd does; at most two.
    pub(crate) fn passing(mut self, socket: PassedSocket) -> Self {
        self.launch.passed.push(socket);
        self
    }

    /// Where the files of the server will lie.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the server.
    ///
    /// # Panics
    /// If it does not become ready; with what it wrote to stderr.
    pub(crate) fn start(self) -> Server {
        self.try_start().unwrap_or_else(|stopped| panic!("the server did not start: {stopped}"))
    }

    /// Starts the server, or says how it ended instead of becoming ready.
    pub(crate) fn try_start(self) -> Result<Server, Stopped> {
        let catalogue = Item::catalogue(&self.items);
        let write = |name: &str, text: String| std::fs::write(self.directory.path().join(name), text);
        write("catalogue.toml", catalogue).expect("the temporary directory takes files");
        write(Server::CONFIG_FILE, self.rendered_keys()).expect("the temporary directory takes files");
        // It contains secrets: as an operator keeps it.
        let own = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.directory.path().join(Server::CONFIG_FILE), own).expect("an own file");
        Server::start_in(self.directory, self.items.into_iter().map(|item| item.id).collect(), self.launch)
    }

    fn rendered_keys(&self) -> String {
        let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (path, value) in &self.keys {
            let (section, key) = path.rsplit_once('.').expect("a key has a section");
            sections.entry(section).or_default().push(format!("{key} = {value}\n"));
        }
        sections.iter().map(|(section, lines)| format!("[{section}]\n{}\n", lines.concat())).collect()
    }
}

/// A path as a TOML string.
pub(super) fn quoted(path: &Path) -> String {
    toml::Value::String(path.to_str().expect("temporary paths are text").to_owned()).to_string()
}
