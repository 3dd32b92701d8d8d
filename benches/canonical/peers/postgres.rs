//! **Job:** the usual database reservation: one hot row, an order with a unique buyer, in one transaction.
//! **Owns:** a cluster of its own with the defaults of the package, which sync the log before each answer.
//! **Never:** runs as the superuser of the machine (it refuses to), or counts an order that is not in its table.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::{CONNECTIONS, ask, free_port, wait_until};
use crate::machine::said;

const TABLES: &str = "
CREATE TABLE items (id int PRIMARY KEY, remaining bigint NOT NULL CHECK (remaining >= 0));
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item int NOT NULL, buyer bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(), UNIQUE (item, buyer));
INSERT INTO items VALUES (1, 1000000000);";

const CLEAN: &str = "TRUNCATE orders; UPDATE items SET remaining = 1000000000; VACUUM items; CHECKPOINT;";

const SOLD_BUT_NOT_THERE: &str =
    "SELECT 1000000000 - remaining - (SELECT count(*) FROM orders) FROM items WHERE id = 1;";

const TWO_STATEMENTS: &str = "\\set buyer random(1, 4000000000000000000)
BEGIN;
UPDATE items SET remaining = remaining - 1 WHERE id = 1 AND remaining > 0;
INSERT INTO orders (item, buyer) VALUES (1, :buyer);
COMMIT;
";

const ONE_STATEMENT: &str = "\\set buyer random(1, 4000000000000000000)
WITH taken AS (UPDATE items SET remaining = remaining - 1 WHERE id = 1 AND remaining > 0 RETURNING id)
INSERT INTO orders (item, buyer) SELECT id, :buyer FROM taken;
";

/// How the reservation is said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// UPDATE and INSERT in a transaction: what most people write.
    TwoStatements,
    /// Both in one statement: what an expert writes.
    OneStatement,
}

/// Where the package keeps its programs; the ones on the path are wrappers that start slowly.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("no PostgreSQL is installed")?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let complete = folders.filter(|folder| folder.join("initdb").exists());
    complete.max().context("no PostgreSQL server is installed")
}

pub(crate) fn version() -> String {
    let program = programs().map(|folder| folder.join("postgres").to_string_lossy().into_owned());
    program.map_or_else(|error| error.to_string(), |program| said(&program, &["--version"]))
}

pub(crate) struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: String,
    /// User and group that it runs as, if that is not who we are.
    owner: Option<(u32, u32)>,
}

impl Postgres {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let owner = if fs::metadata("/proc/self")?.uid() == 0 { Some(package_user()?) } else { None };
        let postgres = Self { programs: programs()?, folder: tempfile::tempdir()?, port: free_port()?, owner };
        if let Some((user, group)) = owner {
            chown(postgres.folder.path(), Some(user), Some(group))?;
        }
        ask(postgres.program("initdb").args(["--auth=trust", "--username=sale", "-D", "data"]))?;
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=on -c synchronous_commit=on",
            postgres.port
        );
        let mut start = postgres.program("pg_ctl");
        start.args(["start", "-D", "data", "-l", "log", "-o", &options]);
        // Its pipes would stay open with the server: nobody reads them.
        let status = start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "{}", fs::read_to_string(postgres.folder.path().join("log")).unwrap_or_default());
        wait_until(|| postgres.sql("SELECT 1").is_ok())?;
        let synced = postgres.sql("SELECT current_setting('fsync') || current_setting('synchronous_commit')")?;
        ensure!(synced == "onon", "its log is not synced before it answers: {synced}");
        postgres.sql(TABLES)?;
        Ok(postgres)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn client(&self, name: &str) -> Command {
        let mut command = self.program(name);
        command.args(["-h", "127.0.0.1", "-p", &self.port, "-U", "sale"]);
        command
    }

    /// Each statement by itself: some must not stand in a transaction.
    fn sql(&self, statements: &str) -> anyhow::Result<String> {
        let mut command = self.client("psql");
        command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]);
        for statement in statements.split_inclusive(';').filter(|statement| !statement.trim().is_empty()) {
            command.args(["-c", statement]);
        }
        ask(&mut command)
    }

    /// Orders per second, each in the log before its answer.
    pub(crate) fn run(&self, form: Form, duration: Duration) -> anyhow::Result<f64> {
        self.sql(CLEAN)?;
        let script = self.folder.path().join("reserve.sql");
        let text = match form {
            Form::TwoStatements => TWO_STATEMENTS,
            Form::OneStatement => ONE_STATEMENT,
        };
        fs::write(&script, text)?;
        let mut command = self.client("pgbench");
        command.args(["-n", "-M", "prepared", "-c", CONNECTIONS, "-T", &duration.as_secs().to_string(), "-f"]);
        let said = ask(command.arg(&script).arg("postgres"))?;
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let rate = rate.with_context(|| format!("pgbench says no rate: {said}"))?;
        let difference = self.sql(SOLD_BUT_NOT_THERE)?;
        ensure!(difference == "0", "{difference} units gone without an order");
        Ok(rate)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.program("pg_ctl");
        let _ended = ask(stop.args(["stop", "-D", "data", "-m", "immediate", "-w"]));
    }
}

/// User and group of the package, for somebody whom the server does not start for.
fn package_user() -> anyhow::Result<(u32, u32)> {
    let id = |what: &str| ask(Command::new("id").args([what, "postgres"]));
    Ok((id("-u")?.parse()?, id("-g")?.parse()?))
}
