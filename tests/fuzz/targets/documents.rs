//! **Job:** documents that buyers and owners write: bodies, catalogues, configurations.
//! **Owns:** that each is taken or refused in words, and that two readers agree about what was taken.
//! **Never:** knows a web server.

use std::cell::LazyCell;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use doorbuster_actors::ids::{ItemId, ItemNumber};
use doorbuster_actors::item::{ItemDefinition, MAX_QUANTITY};
use doorbuster_actors::ledger::Row;
use doorbuster_actors::request::Reason;
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::Timestamp;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;

use crate::catalogue::{self as items, FIELDS, ItemFields};
use crate::config::{self as settings, Purpose, Requested, Sources};
use crate::http::body;
use crate::http::problem::Problem;

/// A body as a library would read it that knows no JSON Schema and no words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    quantity: u32,
}

fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
}

/// A refusal is a document that can be read, and one of those that a body can have.
fn judge(problem: &Problem) {
    assert!(matches!(problem.reason(), Reason::Malformed | Reason::Validation), "{:?}", problem.reason());
    let bytes = problem.to_bytes(None);
    let start = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    let document: serde_json::Value = serde_json::from_slice(&bytes[start..]).expect("a problem document is JSON");
    assert!(document["code"].is_string() && document["status"].is_u64(), "{document}");
}

/// An order is taken exactly if its body is `{"quantity": n}`.
///
/// # Panics
/// It does not hold.
pub fn order_body(input: &[u8]) {
    let strict = serde_json::from_slice::<OrderBody>(input).ok().filter(|_| is_object(input));
    let strict = strict.map(|order| order.quantity).filter(|quantity| (1..=MAX_QUANTITY).contains(quantity));
    match body::quantity(input) {
        Ok(quantity) => assert_eq!(strict, Some(quantity)),
        Err(problem) => {
            assert_eq!(strict, None, "{}", problem.detail());
            judge(&problem);
        }
    }
}

/// An item of an owner is taken if each of its members is what it must be, and then it can be sold and written down.
///
/// # Panics
/// It does not hold.
pub fn item_body(input: &[u8]) {
    let strict = serde_json::from_slice::<ItemFields>(input).ok().filter(|_| is_object(input));
    match body::object::<ItemFields>(input, FIELDS) {
        Ok(fields) => {
            assert_eq!(strict, Some(fields.clone()));
            let id: ItemId = "sku-1".parse().expect("an id");
            if let Ok(item) = fields.into_definition(id) {
                recordable(item);
            }
        }
        Err(problem) => judge(&problem),
    }
}

/// What can be sold comes back from the ledger as it was.
fn recordable(item: ItemDefinition) {
    let entry = Stock::creation(ItemNumber(1), item, Timestamp::from_millis(1_764_000_000_000));
    assert_eq!(Row::of(1, &entry).to_entry().as_ref(), Ok(&entry));
}

/// A catalogue is a list of items that can be sold, each under a name of its own, or is refused in words.
///
/// # Panics
/// It does not hold.
pub fn catalogue(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match items::parse(text) {
        Ok(items) => {
            let ids: std::collections::HashSet<_> = items.iter().map(|item| item.id.clone()).collect();
            assert_eq!(ids.len(), items.len(), "an id stands there once");
            for item in items {
                assert_eq!(item.validate(), Ok(()));
                recordable(item);
            }
        }
        Err(error) => assert!(error.to_string().len() > 10, "{error}"),
    }
}

thread_local! {
    /// A file without a place on a disk, and the path that leads to it.
    static FILE: LazyCell<(File, PathBuf)> = LazyCell::new(|| {
        let file = File::from(memfd_create("configuration", MemfdFlags::CLOEXEC).expect("memory"));
        let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
        (file, path)
    });
}

/// A secret that must not be seen anywhere.
const CANARY: &str = "canary-canary-canary-canary-canary-canary";

/// Parts of an input that says all three: the file, lines of the environment, lines of `--set`.
const BETWEEN: &str = "\n---\n";

/// A configuration is taken or refused in words that name a key, shows what was taken, and never shows a secret.
///
/// # Panics
/// It does not hold.
pub fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // The secret is not one where it is the name of something: a fuzzer that reads our memory finds it.
    if text.contains(CANARY) {
        return;
    }
    let mut parts = text.split(BETWEEN);
    let mut part = || parts.next().unwrap_or_default();
    let (file, environment, flags) = (part(), part(), part());
    let sources = Sources {
        file: (!file.is_empty()).then(|| written(file)),
        environment: assignments(environment).map(|(name, value)| (format!("DOORBUSTER_{name}"), value)).collect(),
        flags: assignments(flags).chain([("feed.token".to_owned(), CANARY.to_owned())]).collect(),
        requested: if parts.next().is_some() { Requested::Development } else { Requested::None },
        wanted: None,
    };
    match settings::load(sources.clone()) {
        Ok(loaded) => {
            let shown = settings::show(&loaded, text.len().is_multiple_of(2));
            let said = format!("{shown}{loaded:?}");
            assert!(!said.contains(CANARY), "a secret is shown");
            shown.parse::<toml::Table>().expect("what is shown is a configuration file");
            assert!(settings::changed_keys(&loaded, &loaded).is_empty());
            for purpose in [Purpose::Serve, Purpose::Sign, Purpose::Operate, Purpose::Pull] {
                if let Err(error) = settings::demand(&loaded, purpose) {
                    assert!(!error.to_string().contains(CANARY), "a secret is shown");
                }
            }
            let again = settings::load(sources).expect("it was taken before");
            assert!(settings::changed_keys(&loaded, &again).is_empty(), "the same words mean the same");
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() > 5 && !said.contains(CANARY), "{said}");
        }
    }
}

fn written(text: &str) -> PathBuf {
    FILE.with(|made| {
        let (file, path) = &**made;
        file.set_len(0).and_then(|()| file.write_all_at(text.as_bytes(), 0)).expect("memory");
        path.clone()
    })
}

fn assignments(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()))
}
