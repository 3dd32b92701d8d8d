//! **Job:** our server, started for a run in a temporary directory, as an operator would start it.
//! **Owns:** its keys, and what it has for sale. JWT and throttle are on, in every run.
//! **Never:** outlives its value.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use doorbuster::commands::bench::spawned_server::{LaunchSpec, SpawnedServer, TempDir};

/// HS256 secret of every run.
const JWT_SECRET: &str = "auth.jwt_secret=kV7q2Zp9xT4mB8wR1nY6cD3fG5hJ0sLa";
/// Of the operations listener.
const ADMIN_TOKEN: &str = "auth.admin_token=Qw8eRt5yUi2oPa9sDf6gHj3kLz0xCv7b";

/// Units of an item that does not sell out.
pub(crate) const AMPLE: u32 = 1_000_000_000;

/// The item that everybody wants.
pub(crate) const HOT: &str = "hot";

/// What the server and the crowd must both be told.
pub(crate) fn secrets() -> [&'static str; 4] {
    ["--set", JWT_SECRET, "--set", ADMIN_TOKEN]
}

/// Starts a server that sells these items, with these keys (`section.key=value`) besides.
pub(crate) fn open(catalogue: &str, keys: &[String]) -> anyhow::Result<SpawnedServer> {
    open_in(TempDir::new(&std::env::temp_dir())?, catalogue, keys)
}

/// The same in a place that may hold a data file already.
pub(crate) fn open_in(place: TempDir, catalogue: &str, keys: &[String]) -> anyhow::Result<SpawnedServer> {
    let mut arguments: Vec<String> = vec!["serve".to_owned(), "--log-format".to_owned(), "text".to_owned()];
    arguments.extend(secrets().map(str::to_owned));
    let own = place.keys(catalogue)?.into_iter().map(|(key, value)| format!("{key}={value}"));
    let own = own.chain(["ops.public_metrics=true".to_owned()]).chain(keys.iter().cloned());
    arguments.extend(own.flat_map(|pair| ["--set".to_owned(), pair]));
    let program = Path::new(env!("CARGO_BIN_EXE_doorbuster")).to_owned();
    Ok(SpawnedServer::start(LaunchSpec { program, arguments, place }, &AtomicBool::new(false))?)
}

/// A catalogue of items with so many units each.
pub(crate) fn catalogue(names: &[String], stock: u32) -> String {
    let item = |name: &String| {
        format!(
            "[[item]]\nid = \"{name}\"\ntitle = \"{name}\"\nunit_price = 1990\ncurrency = \"CNY\"\nstock = {stock}\n\
             per_user_limit = 1000000\n"
        )
    };
    names.iter().map(item).collect()
}

/// What the metrics of a server say.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) fn of(house: &SpawnedServer) -> anyhow::Result<Self> {
        let mut answer = ureq::get(format!("{}/metrics", house.ops_url())).call()?;
        Ok(Self(answer.body_mut().read_to_string()?))
    }

    /// The sum of all lines that begin so.
    pub(crate) fn sum(&self, name: &str) -> anyhow::Result<f64> {
        let lines = self.0.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap_or_default().parse::<f64>().context(line.to_owned())).sum()
    }
}
