//! **Job:** the rules of this tree that a reader of the sources can check and the compiler cannot.
//! **Owns:** who may know whom, which word lives where, and how long a thing may be.
//! **Never:** runs the product, or holds a rule that a lint can hold (`[workspace.lints]` and `.clippy.toml` do).

use std::collections::BTreeSet;

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/plan.rs"]
mod plan;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/translation.rs"]
mod translation;

use documents::{dead_links, exists, missing_paths, missing_tests};
use plan::{SALE, SERVER};
use planted::{misnumbered, unfit};
use rules::{
    allowed, backward, circles, dependencies, forbidden, is_in, long_functions, machine_paths, missing_duties, room,
    strays, unfinished, unwraps, wide_lines,
};
use source::{Source, read};

/// Words that live in their places only: the word, where, and what to do elsewhere.
const PLACES: &[(&str, &[&str], &str)] = &[
    (
        "^actix_web",
        &["src/http", "src/api", "src/auth", "src/ops", "src/server", "src/inventory", "src/commands"],
        "answer with a value; http makes a response of it",
    ),
    ("^actix", &["actors/src"], "send it through a `SaleHandle`"),
    (
        "^redis",
        &["src/redis_client", "src/gate/redis", "src/feed/redis", "src/inventory/redis_source"],
        "ask a `RedisLink`",
    ),
    (
        "^rusqlite",
        &[
            "actors/src/ledger",
            "actors/src/data_file",
            "src/export",
            "src/feed/reader",
            "src/feed/records",
            "src/inventory",
            "src/webhook",
            "src/commands",
        ],
        "ask the `Ledger`",
    ),
    ("^rusqlite_migration", &["actors/src/ledger"], "ask the `Ledger`"),
    ("^clap", &["src/commands", "src/main"], "take what you need as an argument"),
    ("^ratatui", &["src/commands/top"], "print text"),
    ("^crossterm", &["src/commands/top"], "print text"),
    ("^toml", &["src/config", "src/catalogue"], "take a finished `Config`"),
    (
        "^utoipa",
        &["src/http", "src/api", "src/ops", "src/catalogue", "src/feed/wire", "src/feed/cloud_events"],
        "what goes over the wire is described where it is written",
    ),
    ("web::resource", &["src/http/route", "src/inventory/ops"], "add a row to the table, so that it is described, too"),
    ("^rust_embed", &["src/http/assets"], "ask a `Site` for a file"),
    ("StatusCode", &["src/http/problem"], "say a `Reason`; one file knows its status"),
    ("std::env", &["src/commands"], "the environment becomes configuration in one place"),
    ("env::var", &["src/commands"], "the environment becomes configuration in one place"),
    (
        "crate::server",
        &["src/commands/serve", "src/commands/doctor", "src/commands/failure"],
        "a command knows the wire and the file",
    ),
    ("process::exit", &["actors/src/stop"], "return an `ExitCode`, or call `stop::storage_failed`"),
    ("process::abort", &["actors/src/stop"], "let `AbortOnPanic` decide"),
    ("thread::spawn", &["src/server"], "threads are named and started by the composition root"),
    (
        "thread::Builder",
        &[
            "src/background",
            "src/server",
            "src/export",
            "src/feed",
            "src/inventory",
            "src/webhook",
            "src/commands/bench",
            "src/commands/history",
            "src/commands/top",
            "src/logs",
        ],
        "threads are started by the composition root",
    ),
];

/// The pure core: what it is told is all it knows, so that the same entries always make the same state.
const PURE: &[&str] = &["stock", "batch", "entry", "ids", "item", "money"];

/// What only a shell may name: clocks, chance, threads, messages, files.
const WORLD: &[&str] = &[
    "Instant",
    "SystemTime",
    "Clock",
    "^actix",
    "^tokio",
    "^rand",
    "^rusqlite",
    "^parking_lot",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
];

/// Crates that the sale must not even be able to name.
const UNKNOWN_TO_THE_SALE: &[&str] = &["actix-web", "redis", "clap", "toml"];

/// Files without the three lines, and why.
const WITHOUT_DUTIES: &[(&str, &str)] =
    &[("src/lib.rs", "a code map"), ("actors/src/lib.rs", "a code map"), ("src/config/section.rs", "one macro")];

/// Columns of an editor beside another one.
const MAX_COLUMNS: usize = 120;

/// Lines of a function: one screen. The aim is 40.
const MAX_FUNCTION: usize = 50;

/// Files with a longer function, and why.
const LONG_FUNCTIONS: &[(&str, usize, &str)] = &[("src/server/build.rs", 60, "where the parts meet: a list of them")];

/// Lines of a file. The aim is 300.
const MAX_FILE: usize = 400;

/// Files that are longer, with how long they may be and why.
const LONG_FILES: &[(&str, usize, &str)] = &[
    ("tests/it/bad_inputs.rs", 550, "one table of inputs"),
    ("actors/tests/it/sale.rs", 500, "what a sale without HTTP holds, one test each"),
    ("tests/it/sale.rs", 500, "the promises of one sale, one test each"),
];

/// Documents that speak of a file by the path that it will have. The list only gets shorter.
const AHEAD: &[&str] = &[];

/// What lies beside the rooms, but for dot-files.
const TOP_LEVEL: &str = "\
    Cargo.toml Cargo.lock rust-toolchain.toml Makefile README.md README.zh-CN.md ARCHITECTURE.md CHANGELOG.md \
    CONTRIBUTING.md SECURITY.md TESTING.md LICENSE-APACHE LICENSE-MIT src actors data tests benches deploy target";

/// What is written for people.
fn documents() -> Vec<Source> {
    let pages = ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "TESTING.md", "SECURITY.md"];
    let folders = ["CHANGELOG.md", "data/README.md", "deploy/README.md", "benches/README.md", "benches/RESULTS.md"];
    read(&[&pages[..], &folders[..]].concat(), &[".md"])
}

fn product() -> Vec<Source> {
    read(&["src", "actors/src"], &[".rs"])
}

fn everything() -> Vec<Source> {
    read(&["src", "actors", "tests", "benches"], &[".rs"])
}

fn each(sources: &[Source], rule: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources.iter().flat_map(rule).collect()
}

/// The limit of a file that has one of its own.
fn excused(list: &[(&str, usize, &str)], path: &str) -> Option<usize> {
    list.iter().find(|(excused, ..)| *excused == path).map(|(_, limit, _)| *limit)
}

fn assert_none(violations: &[String], advice: &str) {
    assert!(violations.is_empty(), "{advice}\n  {}\n", violations.join("\n  "));
}

#[test]
fn a_room_names_only_the_rooms_it_may_know() {
    let violations = forbidden(&product(), &allowed(SERVER, SALE));
    let advice =
        "Move the word to a room below both, or hand the thing in from a room above both (see SERVER and SALE):";
    assert_none(&violations, advice);
}

#[test]
fn every_room_is_on_the_plan() {
    let plan = SERVER.iter().map(|(room, _)| (*room).to_owned());
    let plan: BTreeSet<_> = plan.chain(SALE.iter().map(|(room, _)| format!("actors::{room}"))).collect();
    let rooms: BTreeSet<_> = product().iter().filter_map(room).collect();
    let difference: Vec<_> = plan.symmetric_difference(&rooms).cloned().collect();
    assert_none(&difference, "Make SERVER and SALE say what the sources say; these are in one of the two only:");
}

#[test]
fn the_plan_has_no_way_back() {
    let both = [backward(SERVER), backward(SALE)].concat();
    assert_none(&both, "A room may know only rooms above it in its table: messages go forward.");
}

#[test]
fn no_file_leads_back_to_itself() {
    let advice = "Move what both need to a file below both, or hand it in from a file above both:";
    assert_none(&circles(&product()), advice);
}

#[test]
fn a_word_lives_in_its_place_only() {
    let sources = product();
    let violations = PLACES.iter().flat_map(|(word, places, advice)| strays(&sources, word, places, advice));
    assert_none(&violations.collect::<Vec<_>>(), "Each of these words has its places (see PLACES):");
}

#[test]
fn the_core_is_pure() {
    let is_pure = |source: &Source| PURE.iter().any(|room| is_in(&source.path, &format!("actors/src/{room}")));
    let sources: Vec<_> = product().into_iter().filter(is_pure).collect();
    let violations = WORLD.iter().flat_map(|word| strays(&sources, word, &[], "not in the core"));
    let advice = "Time, chance and the world are arguments: let the actor ask, and hand the answer in:";
    assert_none(&violations.collect::<Vec<_>>(), advice);
}

#[test]
fn the_sale_knows_no_http_redis_command_line_or_configuration_file() {
    let manifest = &read(&["actors/Cargo.toml"], &["Cargo.toml"])[0];
    let known = dependencies(&manifest.text);
    let violations = UNKNOWN_TO_THE_SALE.iter().filter(|name| known.contains(*name)).map(|name| (*name).to_owned());
    assert_none(
        &violations.collect::<Vec<_>>(),
        "What needs these belongs to the server; remove from actors/Cargo.toml:",
    );
}

#[test]
fn every_file_says_its_job_what_it_owns_and_what_it_never_does() {
    let is_exempt = |path: &str| WITHOUT_DUTIES.iter().any(|(exempt, _)| *exempt == path);
    let violations =
        each(&product(), |source| if is_exempt(&source.path) { Vec::new() } else { missing_duties(source) });
    let advice = "Begin with the lines Job, Owns, Never. If they are hard to write, the file is two rooms, or none:";
    assert_none(&violations, advice);
}

#[test]
fn no_line_is_wider_than_the_page() {
    let violations = each(&everything(), |source| wide_lines(source, MAX_COLUMNS));
    assert_none(&violations, "Break these lines after at most 120 characters:");
}

#[test]
fn a_function_fits_on_a_screen() {
    let limit = |path: &str| excused(LONG_FUNCTIONS, path).unwrap_or(MAX_FUNCTION);
    let violations = each(&everything(), |source| long_functions(source, limit(&source.path)));
    assert_none(&violations, "Give a name to a part of each: at most 50 lines, better 40:");
}

#[test]
fn a_file_is_one_sitting() {
    let limit = |path: &str| excused(LONG_FILES, path).unwrap_or(MAX_FILE);
    let lengths = everything().into_iter().map(|source| (source.text.lines().count(), source.path));
    let long = lengths.filter(|(length, path)| *length > limit(path));
    let violations: Vec<_> = long.map(|(length, path)| format!("{path}: {length} lines")).collect();
    assert_none(&violations, "Two rooms live in one file: part them, or give the reason in LONG_FILES:");
}

#[test]
fn nothing_is_left_for_later() {
    assert_none(&each(&everything(), unfinished), "Do it, or delete it. A test that is passed over is no test:");
}

#[test]
fn product_code_says_why_it_cannot_fail() {
    assert_none(&each(&product(), unwraps), "Return a typed error, or `expect(\"why it cannot\")`:");
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let folders = ["src", "actors", "tests", "benches", "data", "deploy", "Cargo.toml", ".clippy.toml", "Makefile"];
    let mut sources = read(&folders, &[".rs", ".toml", ".md", ".sql", ".lua", ".sh", "Makefile"]);
    sources.extend(documents());
    let advice = "Use a path from the top of the workspace, or a temporary directory:";
    assert_none(&each(&sources, machine_paths), advice);
}

#[test]
fn nothing_lies_about_beside_the_rooms() {
    let listed = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the project is here");
    let names = listed.map(|entry| entry.expect("can be read").file_name().to_string_lossy().into_owned());
    let strays: Vec<_> = names
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.split_whitespace().any(|known| known == name))
        .collect();
    assert_none(&strays, "The top level is the block diagram (see TOP_LEVEL); move these, or remove them:");
}

#[test]
fn a_document_leads_to_files_that_are_there() {
    let dead = each(&documents(), |document| dead_links(document, exists));
    assert_none(&dead, "Correct these links:");
    let settled: Vec<_> = documents().into_iter().filter(|it| !AHEAD.contains(&it.path.as_str())).collect();
    assert_none(&each(&settled, |document| missing_paths(document, exists)), "Correct these paths:");
}

#[test]
fn a_test_that_a_document_names_is_there() {
    let tests = read(&["src", "actors", "tests"], &[".rs"]);
    let missing = each(&documents(), |document| missing_tests(document, &tests));
    assert_none(&missing, "A promise without its test is none; these documents name tests that are not there:");
}

#[test]
fn every_planted_bug_can_be_planted_and_names_the_test_that_finds_it() {
    let (patches, sources) = (read(&["tests/planted"], &[".patch"]), everything());
    let wrong = [misnumbered(&patches), each(&patches, |patch| unfit(patch, &sources))].concat();
    assert_none(&wrong, "Make the patches fit what they change (see tests/planted-bugs.sh):");
}
