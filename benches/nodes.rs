//! What several nodes on one box make of a crowd: three items behind the deployed nginx, on one node and on three, in
//! interleaved rounds. All of it shares the cores of this machine, so that three nodes cannot sell more than one: what
//! they cost here is what they cost, and a box each is what they are for.
//!
//! `cargo bench --bench nodes` needs nginx. `ROUNDS` and `RUN_SECONDS` make it longer.

#![expect(clippy::print_stdout, reason = "a bench reports to who runs it")]
#![expect(clippy::disallowed_methods, reason = "reads its settings from the environment, and waits for nginx")]

#[path = "canonical/shop.rs"]
#[allow(dead_code, reason = "each bench compiles this module for itself and uses its own part of it")]
mod shop;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use doorbuster::commands::bench::spawned_server::SpawnedServer;
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_doorbuster");

/// Three items of each node, by the documented function.
const ITEMS: [&str; 9] = ["sku-2", "sku-3", "sku-4", "sku-5", "sku-7", "sku-11", "sku-6", "sku-10", "sku-13"];
const NODES: [&str; 3] = ["a", "b", "c"];

const CONNECTIONS: &str = "64";

fn main() -> anyhow::Result<()> {
    let setting = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (rounds, seconds) = (setting("ROUNDS", 5_u64), setting("RUN_SECONDS", 8_u64));
    println!("{rounds} rounds of {seconds} s, {CONNECTIONS} connections, nginx and generator on the same cores");
    let mut figures = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            figures[which].push(run([1, 3][which], seconds)?);
        }
    }
    println!("{:<12} {:>10} {:>22} {:>22}", "nodes", "orders/s", "nodes, µs of CPU each", "nginx, µs of CPU each");
    for (name, rounds) in ["one", "three"].iter().zip(&figures) {
        let median = |of: fn(&Figures) -> f64| {
            let mut values: Vec<_> = rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (rate, nodes, nginx) = (median(|f| f.rate), median(|f| f.nodes_us), median(|f| f.nginx_us));
        println!("{name:<12} {rate:>10.0} {nodes:>22.1} {nginx:>22.1}");
    }
    Ok(())
}

struct Figures {
    rate: f64,
    nodes_us: f64,
    nginx_us: f64,
}

fn run(count: usize, seconds: u64) -> anyhow::Result<Figures> {
    let nodes = open(count)?;
    let nginx = Nginx::in_front_of(&nodes)?;
    let cpu = || nodes.iter().map(|node| shop::Metrics::of(node)?.sum("process_cpu_seconds_total")).sum();
    let (before, nginx_before): (anyhow::Result<f64>, f64) = (cpu(), nginx.cpu_s()?);
    let mut bench = Command::new(BINARY);
    bench.arg("bench").args(shop::secrets()).args(["--url", &nginx.url(), "--item", &ITEMS.join(","), "--zipf", "0"]);
    bench.args(["--connections", CONNECTIONS, "--duration", &format!("{seconds}s"), "--users", "200000", "--json"]);
    let output = bench.stderr(Stdio::inherit()).output()?;
    let after: anyhow::Result<f64> = cpu();
    let nginx_s = nginx.cpu_s()? - nginx_before;
    let report: Value = serde_json::from_slice(&output.stdout).context("the report")?;
    let outcomes = report["outcomes"].as_array().context("outcomes")?;
    let confirmed = outcomes.iter().find(|one| one["name"] == "confirmed").context("nothing was sold")?;
    let confirmed = confirmed["total"].as_f64().context("a number")?;
    let sold = nodes.iter().map(orders).sum::<anyhow::Result<f64>>()?;
    anyhow::ensure!((sold - confirmed).abs() < 0.5, "{confirmed} were told, {sold} are in the ledgers");
    let us = |cpu_s: f64| cpu_s * 1e6 / confirmed;
    let rate = report["goodput_per_s"].as_f64().context("a number")?;
    Ok(Figures { rate, nodes_us: us(after? - before?), nginx_us: us(nginx_s) })
}

fn open(count: usize) -> anyhow::Result<Vec<SpawnedServer>> {
    let catalogue = shop::catalogue(&ITEMS.map(str::to_owned), shop::AMPLE / 10);
    let common = ["gate.throttle.window=0s", "server.trusted_proxies=127.0.0.1/32", "payment.pay_within=0s"];
    let keys = |place: usize| {
        let mut keys = common.map(str::to_owned).to_vec();
        if count > 1 {
            // Nodes do not talk to each other: only their names matter here, and nginx is told where they are.
            let list = NODES[..count].iter().map(|name| format!("{name}=http://127.0.0.1:1"));
            let list: Vec<_> = list.collect();
            keys.extend([format!("cluster.node={}", NODES[place]), format!("cluster.nodes={}", list.join(","))]);
        }
        keys
    };
    (0..count).map(|place| shop::open(&catalogue, &keys(place))).collect()
}

/// What a node's data file holds, if its audit is clean.
fn orders(node: &SpawnedServer) -> anyhow::Result<f64> {
    let output = Command::new(BINARY).args(["verify", "--json", "--db"]).arg(node.data_file()).output()?;
    anyhow::ensure!(output.status.success(), "the audit: {}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    report["orders"].as_f64().context("a number")
}

/// The deployed nginx without TLS, in one process; everybody comes from one address here, so that it limits none.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    fn in_front_of(nodes: &[SpawnedServer]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().display().to_string();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx/doorbuster.conf");
        let conf = std::fs::read_to_string(deployed)?
            .replace("listen 443 ssl http2;", &format!("listen {address};"))
            .lines()
            .filter(|line| !line.trim_start().starts_with("ssl_"))
            .collect::<Vec<_>>()
            .join("\n")
            .replace("/etc/nginx/doorbuster", &dir)
            .replace("/var/lib/nginx/doorbuster", &format!("{dir}/cache"))
            .replace("rate=20r/s", "rate=1000000r/s")
            .replace("burst=40", "burst=1000000");
        std::fs::write(folder.path().join("map.conf"), map(nodes)?)?;
        let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {dir}/{of};"));
        let text = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log {dir}/error.log;\n\
             events {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\n{}\n{conf}\n}}\n",
            own.join("\n")
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, text)?;
        let child = Command::new("nginx").arg("-p").arg(folder.path()).arg("-c").arg(&file).spawn();
        let nginx = Self { child: child.context("nginx is needed")?, address, _folder: folder };
        for _ in 0..1_000 {
            if TcpStream::connect(address).is_ok() {
                return Ok(nginx);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        anyhow::bail!("nginx does not listen")
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn cpu_s(&self) -> anyhow::Result<f64> {
        let stat = procfs::process::Process::new(i32::try_from(self.child.id())?)?.stat()?;
        let ticks = u32::try_from(stat.utime + stat.stime)?;
        Ok(f64::from(ticks) / f64::from(u32::try_from(procfs::ticks_per_second())?))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What nginx is told of these nodes.
fn map(nodes: &[SpawnedServer]) -> anyhow::Result<Vec<u8>> {
    let address = |node: &SpawnedServer| node.url().trim_end_matches('/').to_owned();
    let place = match nodes {
        [only] => format!("server.listen={}", address(only).trim_start_matches("http://")),
        several => {
            let list = NODES.iter().zip(several).map(|(name, node)| format!("{name}={}", address(node)));
            format!("cluster.nodes={}", list.collect::<Vec<_>>().join(","))
        }
    };
    let folder = tempfile::tempdir()?;
    let catalogue = folder.path().join("catalogue.toml");
    std::fs::write(&catalogue, shop::catalogue(&ITEMS.map(str::to_owned), 1))?;
    let catalogue = format!("catalogue.path={}", catalogue.display());
    let output = Command::new(BINARY)
        .args(["cluster", "map", "--format", "nginx", "--set", &place, "--set", &catalogue])
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
