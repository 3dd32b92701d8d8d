//! **Job:** makes everything ready before the clock starts: items, buyers, tokens, parts of requests.
//! **Owns:** the names of a run: buyers of one run are never those of another.
//! **Never:** takes time from the run.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::SystemTime;

use hyper::Uri;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::options::{Bench, Profile};
use super::orders::Orders;
use super::server_facts::Item;
use super::workload::Workload;
use super::{BenchError, Keys, Pacing, fixed_answer, named};

/// The items to buy: those that are named, or the open one with most units.
pub(super) fn items(bench: &Bench, on_sale: Vec<Item>) -> Result<Vec<Item>, BenchError> {
    if bench.item.is_empty() {
        let open = on_sale.into_iter().filter(|item| item.state == "open" && item.remaining > 0);
        return Ok(vec![open.max_by_key(|item| item.remaining).ok_or(BenchError::NothingToBuy)?]);
    }
    let find = |name: &str| named(&on_sale, name).ok_or_else(|| BenchError::UnknownItem(name.to_owned()));
    bench.item.iter().map(|item| find(item.as_str())).collect()
}

/// A name that no other run has: the time, in milliseconds.
pub(in crate::commands) fn run_name() -> String {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", since_epoch.as_millis())
}

/// Everything the generator threads need.
pub(super) fn orders(
    bench: &Bench,
    url: &str,
    items: &[Item],
    keys: &Keys<'_>,
    pace: &Pacing,
) -> Result<Orders, BenchError> {
    let run = run_name();
    let users = match &bench.tokens {
        Some(path) => from_file(path, bench.users)?,
        None => minted(&run, bench.users, keys),
    };
    let workload = Workload {
        run,
        users: users.len() as u64,
        clicks: bench.clicks.into(),
        items: items.len(),
        zipf: bench.zipf,
        seed: bench.seed,
    };
    let (address, host, base_path) = resolve(url)?;
    Ok(Orders {
        address,
        host,
        users,
        items: items.iter().map(|item| (item.id.as_str().into(), path(base_path, &item.id))).collect(),
        body: body(bench.quantity),
        quantity: bench.quantity,
        workload,
        retries: bench.retries,
        mix: bench.mix,
        patience: bench.timeout,
        warmup: bench.warmup,
        last_call: pace.last_call,
    })
}

/// As [`orders`], for the responder of the self-test: one buyer, so that every answer fits.
pub(super) fn fixed(bench: &Bench, address: SocketAddr, pace: &Pacing) -> Orders {
    // As long as a real one.
    let token = HeaderValue::from_str(&format!("Bearer {}", "x".repeat(200))).expect("letters");
    Orders {
        address,
        host: HeaderValue::from_str(&address.to_string()).expect("an address is visible ASCII"),
        users: vec![(fixed_answer::USER.into(), token)],
        items: vec![(fixed_answer::ITEM.into(), path("", fixed_answer::ITEM))],
        body: body(1),
        quantity: 1,
        workload: Workload { run: run_name(), users: 1, clicks: 1, items: 1, zipf: 0.0, seed: bench.seed },
        retries: 0,
        mix: 0.0,
        patience: bench.timeout,
        warmup: bench.warmup,
        last_call: pace.last_call,
    }
}

/// Where purchases of an item go, in a shop below that path.
pub(in crate::commands) fn path(base_path: &str, item: &str) -> Uri {
    format!("{base_path}/v1/items/{item}/orders").parse().expect("both have only characters of a path")
}

pub(in crate::commands) fn body(quantity: u32) -> Bytes {
    format!("{{\"quantity\":{quantity}}}").into()
}

/// The buyers of a run, with their papers.
pub(in crate::commands) fn minted(run: &str, users: u32, keys: &Keys<'_>) -> Vec<(Box<str>, HeaderValue)> {
    let user = |number: u32| {
        let name = format!("b{run}-{number}");
        let authorization = bearer(&(keys.mint)(&name)).expect("a token is of letters, digits and dots");
        (name.into(), authorization)
    };
    (1..=users).map(user).collect()
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| token.is_ascii())?;
    value.set_sensitive(true);
    Some(value)
}

fn from_file(path: &Path, most: u32) -> Result<Vec<(Box<str>, HeaderValue)>, BenchError> {
    let failed = |reason: String| BenchError::Tokens { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let read = |(number, line): (usize, &str)| {
        let pair = line.split_once(' ').and_then(|(user, token)| Some((user.into(), bearer(token.trim())?)));
        pair.ok_or_else(|| failed(format!("line {number} is not `user token`")))
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let users: Vec<_> = (1..).zip(text.lines()).take(most).map(read).collect::<Result<_, _>>()?;
    if users.is_empty() { Err(failed("has no line".to_owned())) } else { Ok(users) }
}

/// Where a URL leads, what its `Host` is, and its path without a slash at the end.
pub(in crate::commands) fn resolve(url: &str) -> Result<(SocketAddr, HeaderValue, &str), BenchError> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let with_port = if host.rsplit(']').next().is_some_and(|rest| rest.contains(':')) { "" } else { ":80" };
    let mut found =
        format!("{host}{with_port}").to_socket_addrs().map_err(|error| BenchError::unreachable(url, &error))?;
    let address = found.next().ok_or_else(|| BenchError::unreachable(url, &"the name has no address"))?;
    let host = HeaderValue::from_str(host).map_err(|error| BenchError::unreachable(url, &error))?;
    Ok((address, host, path))
}

/// What was asked, for the report and for comparisons.
pub(super) fn asked(bench: &Bench, connections: u32) -> Value {
    let kind = match (bench.profile, bench.rate) {
        (Profile::Spike, _) => "spike",
        (Profile::Steady, Some(_)) => "open",
        (Profile::Steady, None) => "closed",
    };
    let seconds = |duration: std::time::Duration| humantime::format_duration(duration).to_string();
    json!({
        "loop": kind,
        "rate": bench.rate,
        "arrival": bench.rate.map(|_| format!("{:?}", bench.arrival).to_lowercase()),
        "connections": connections,
        "threads": bench.threads,
        "users": bench.users,
        "clicks": bench.clicks,
        "items": bench.item.len().max(1),
        "zipf": (bench.item.len() > 1).then_some(bench.zipf),
        "quantity": bench.quantity,
        "requests": bench.requests,
        "duration": bench.duration.map(seconds),
        "warmup": seconds(bench.warmup),
        "retries": bench.retries,
        "mix": (bench.mix > 0.0).then_some(bench.mix),
        "timeout": seconds(bench.timeout),
        "seed": bench.seed,
    })
}
