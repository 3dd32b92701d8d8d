//! **Job:** a server of the same framework that reads the same request and gives a fixed answer: the ceiling.
//! **Owns:** the answers that the generator wants besides, so that both servers are measured by the same program.
//! **Never:** checks a token, decides anything or writes anything: what it costs is the price of HTTP.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::http::header::{CACHE_CONTROL, ContentType, LOCATION, X_CONTENT_TYPE_OPTIONS};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context as _, bail};
use serde::Deserialize;

/// With this, the bench is that server.
pub(crate) const ARGUMENT: &str = "--fixed-answer";

/// The buyer of every order: a name as long as those of the generator's.
pub(crate) const USER: &str = "b1a2046eeed3-123456";

/// The answer that `POST /v1/items/hot/orders` gets from us, byte for byte but for the fixed names and times.
const ORDER: &str = concat!(
    r#"{"order_id":"1-1-12345","item_id":"hot","user_id":"b1a2046eeed3-123456","quantity":1,"unit_price":1990,"#,
    r#""total_price":1990,"currency":"CNY","status":"pending","created_at":"2026-01-01T00:00:00.000Z","#,
    r#""pay_by":"2026-01-01T00:15:00.000Z","durability":"none"}"#
);

const ITEMS: &str = r#"{"items":[{"item_id":"hot","remaining":1,"per_user_limit":1,"state":"open"}],"next":null}"#;

const SNAPSHOT: &str = concat!(
    r#"data: {"version":"fixed answer","durability":"none","cores":[1,2],"writer":{"last_seq":0},"layers":[]}"#,
    "\n\n"
);

/// As many as our server has here.
const WORKERS: usize = 2;

/// Longest start.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read of a purchase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Purchase {
    quantity: u32,
}

async fn place(_item: web::Path<String>, purchase: web::Json<Purchase>) -> HttpResponse {
    if purchase.quantity == 0 {
        return HttpResponse::UnprocessableEntity().finish();
    }
    let mut answer = HttpResponse::Created();
    answer.insert_header((LOCATION, "/v1/orders/1-1-12345")).insert_header((CACHE_CONTROL, "no-store"));
    answer.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff")).insert_header(ContentType::json()).body(ORDER)
}

fn fixed(answer: &'static str) -> actix_web::Route {
    web::get().to(move || std::future::ready(HttpResponse::Ok().body(answer)))
}

/// As our operations listener counts it.
async fn metrics() -> HttpResponse {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat()).expect("Linux");
    #[expect(clippy::cast_precision_loss, reason = "ticks, far below 2^53")]
    let cpu_s = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    HttpResponse::Ok().body(format!("process_cpu_seconds_total {cpu_s}\n"))
}

/// Serves until it is killed; the port goes into the file.
pub(crate) fn serve(port_file: &Path) -> anyhow::Result<()> {
    actix::System::new().block_on(async {
        let app = || {
            App::new()
                .route("/v1/items/{item_id}/orders", web::post().to(place))
                .route("/v1/items", fixed(ITEMS))
                .route("/v1/orders/{order_id}", fixed(ORDER))
                .route("/funnel", fixed(r#"{"layers":[]}"#))
                .route("/events", fixed(SNAPSHOT))
                .route("/invariants", fixed(r#"{"items":[]}"#))
                .route("/v1/feed", fixed(""))
                .route("/metrics", web::get().to(metrics))
        };
        let server = HttpServer::new(app).workers(WORKERS).bind(("127.0.0.1", 0))?;
        let unfinished = port_file.with_extension("new");
        std::fs::write(&unfinished, server.addrs()[0].to_string())?;
        std::fs::rename(unfinished, port_file)?;
        Ok(server.run().await?)
    })
}

/// A running server of fixed answers.
pub(crate) struct FixedAnswer {
    child: Child,
    pub(crate) url: String,
}

impl FixedAnswer {
    /// Starts this program again as that server, so that its CPU time is its own.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port_file = folder.path().join("port");
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.arg(ARGUMENT).arg(&port_file).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut fixed_answer = Self { child, url: String::new() };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(address) = std::fs::read_to_string(&port_file) {
                fixed_answer.url = format!("http://{address}");
                return Ok(fixed_answer);
            }
            if let Some(status) = fixed_answer.child.try_wait()? {
                bail!("the fixed-answer server ended: {status}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the fixed-answer server did not come up within {PATIENCE:?}")
    }
}

impl Drop for FixedAnswer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Tokens as our buyers have, each for the one name that the fixed answer knows.
pub(crate) fn write_tokens(path: &Path, count: u32) -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(["token", "--user", "b1a2046eeed3", "--count", &count.to_string()]).args(super::shop::secrets());
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    let named = text.lines().filter_map(|line| Some(format!("{USER} {}\n", line.split_once(' ')?.1)));
    std::fs::write(path, named.collect::<String>()).context("cannot write the tokens")
}
