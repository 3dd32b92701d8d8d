//! **Job:** finds what breaks a house rule: one function a rule.
//! **Owns:** how a rule is checked; each is tried on sources with a planted violation.
//! **Never:** knows the plan of this house: tables and limits are arguments.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Named, Source, functions, named};

/// Who names whom, by room.
pub(super) type Arrow = (String, String);

/// The name of a file's room; the rooms of the sale have `actors::` in front of theirs.
pub(super) fn room(source: &Source) -> Option<String> {
    let module = source.module();
    Some(prefixed(is_sale(source), module.first()?))
}

fn is_sale(source: &Source) -> bool {
    source.path.starts_with("actors/")
}

fn prefixed(is_sale: bool, room: &str) -> String {
    if is_sale { format!("actors::{room}") } else { room.to_owned() }
}

/// The room that `path` leads to, if it leads into one of ours.
fn destination(source: &Source, path: &[String]) -> Option<String> {
    let home = source.module();
    let ups = path.iter().take_while(|&step| step == "super").count();
    let above = home.len().saturating_sub(ups);
    match path[0].as_str() {
        "crate" | "doorbuster" => Some(prefixed(is_sale(source), path.get(1)?)),
        // What stands at the root of the sale's crate is its door.
        "doorbuster_actors" if path.get(1)?.starts_with(char::is_uppercase) => Some(prefixed(true, "sale")),
        "doorbuster_actors" => Some(prefixed(true, path.get(1)?)),
        "super" if above > 0 => room(source),
        "super" => Some(prefixed(is_sale(source), path.get(ups)?)),
        _ => None,
    }
}

/// Every arrow between two rooms, with the places that draw it.
pub(super) fn arrows(sources: &[Source]) -> BTreeMap<Arrow, Vec<String>> {
    let mut arrows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for source in sources {
        let Some(from) = room(source) else { continue };
        for named in named(&source.product) {
            if let Some(to) = destination(source, &named.path).filter(|to| *to != from) {
                arrows.entry((from.clone(), to)).or_default().push(format!("{}:{}", source.path, named.line));
            }
        }
    }
    arrows
}

/// The files of a workspace by their modules, the crate in front.
type Files<'s> = BTreeMap<Vec<&'s str>, &'s str>;

fn module_in_crate(source: &Source) -> Vec<&str> {
    let name = if is_sale(source) { "actors" } else { "server" };
    std::iter::once(name).chain(source.module()).collect()
}

/// The file that `path` leads to: that of the longest module in it.
fn file_named<'s>(files: &Files<'s>, source: &'s Source, path: &'s [String]) -> Option<&'s str> {
    let home = module_in_crate(source);
    let ups = path.iter().take_while(|&step| step == "super").count();
    let (above, rest) = match path[0].as_str() {
        "crate" | "doorbuster" => (&home[..1], &path[1..]),
        "doorbuster_actors" => (&["actors"][..], &path[1..]),
        "super" => (&home[..home.len().checked_sub(ups)?], &path[ups..]),
        _ => return None,
    };
    let mut module: Vec<_> = above.iter().copied().chain(rest.iter().map(String::as_str)).collect();
    while module.len() > 1 {
        if let Some(file) = files.get(&module) {
            return Some(file);
        }
        module.pop();
    }
    None
}

/// A folder and the file of its name are one room, seen from outside and from inside.
fn is_family(one: &str, other: &str) -> bool {
    is_in(other, one.trim_end_matches(".rs")) || is_in(one, other.trim_end_matches(".rs"))
}

/// Who names whom, by file.
fn file_arrows(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let files: Files<'_> = sources.iter().map(|source| (module_in_crate(source), source.path.as_str())).collect();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        for named in named(&source.product) {
            let to = file_named(&files, source, &named.path).and_then(|to| files.values().find(|file| **file == to));
            if let Some(to) = to.filter(|to| !is_family(&source.path, to)) {
                arrows.entry(&source.path).or_default().insert(to);
            }
        }
    }
    arrows
}

/// Files that name each other, straight or through others.
pub(super) fn circles(sources: &[Source]) -> Vec<String> {
    let arrows = file_arrows(sources);
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                next.extend(arrows.get(at).into_iter().flatten());
            }
        }
        false
    };
    let all = arrows.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)));
    all.filter(|(from, to)| reaches(to, from))
        .map(|(from, to)| format!("{from} names {to}, which leads back"))
        .collect()
}

/// The arrows that the tables of the server and of the sale allow.
pub(super) fn allowed(server: &[(&str, &str)], sale: &[(&str, &str)]) -> BTreeSet<Arrow> {
    let table = |table: &[(&str, &str)], is_sale: bool| -> Vec<Arrow> {
        let arrows = table.iter().flat_map(|(from, to)| to.split_whitespace().map(move |to| (from, to)));
        arrows.map(|(from, to)| (prefixed(is_sale, from), prefixed(is_sale, to))).collect()
    };
    [table(server, false), table(sale, true)].concat().into_iter().collect()
}

/// Arrows that are not allowed.
pub(super) fn forbidden(sources: &[Source], allowed: &BTreeSet<Arrow>) -> Vec<String> {
    arrows(sources)
        .into_iter()
        .filter(|(arrow, _)| !allowed.contains(arrow))
        .map(|((from, to), places)| format!("{from} names {to}: {}", places.join(", ")))
        .collect()
}

/// What a table allows against its own order: a room may know only rooms above it. The other crate is always above.
pub(super) fn backward(table: &[(&str, &str)]) -> Vec<String> {
    let position = |room: &str| table.iter().position(|(name, _)| *name == room);
    let may_know = |at: usize, to: &str| to.starts_with("actors::") || position(to).is_some_and(|above| above < at);
    let arrows = (0..).zip(table).flat_map(|(at, (from, to))| to.split_whitespace().map(move |to| (at, from, to)));
    arrows.filter(|(at, _, to)| !may_know(*at, to)).map(|(_, from, to)| format!("{from} may know {to}")).collect()
}

/// Whether a path has the word: `^redis` is the crate of that name, `Instant::now` may stand anywhere in it.
fn has_word(source: &Source, named: &Named, word: &str) -> bool {
    let Some(name) = word.strip_prefix('^') else { return named.contains(word) };
    // A module of the file's own hides the crate of the same name.
    named.begins(name) && named.path.len() > 1 && !source.code.contains(&format!("mod {name};"))
}

/// Whether the file is the one called `place` or in the folder called so.
pub(super) fn is_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Where `word` stands outside its `places`.
pub(super) fn strays(sources: &[Source], word: &str, places: &[&str], advice: &str) -> Vec<String> {
    let outside = sources.iter().filter(|source| !places.iter().any(|place| is_in(&source.path, place)));
    let stray = |source: &Source| -> Vec<String> {
        let named = named(&source.product).into_iter().filter(|named| has_word(source, named, word));
        let name = word.trim_start_matches('^');
        named.map(|named| format!("{}:{}: {name} ({advice})", source.path, named.line)).collect()
    };
    outside.flat_map(stray).collect()
}

/// The crates in all sections of a manifest whose names end in `dependencies`.
pub(super) fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let is_wanted = |section: &&str| {
        section.lines().next().is_some_and(|name| name.trim().trim_end_matches(']').ends_with("dependencies"))
    };
    let lines = manifest.split("\n[").filter(is_wanted).flat_map(|section| section.lines().skip(1));
    lines.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty()).collect()
}

/// What is missing of the three lines at the top of a file.
pub(super) fn missing_duties(source: &Source) -> Vec<String> {
    let top: Vec<_> = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let duties = ["//! **Job:** ", "//! **Owns:** ", "//! **Never:** "];
    let places = duties.map(|duty| top.iter().position(|line| line.starts_with(duty)));
    let missing = duties.iter().zip(places).filter(|(_, place)| place.is_none()).map(|(duty, _)| duty.trim());
    let missing: Vec<_> = missing.map(|duty| format!("{}: no {duty}", source.path)).collect();
    if missing.is_empty() && (places[0] != Some(0) || !places.is_sorted()) {
        return vec![format!("{}: not in this order from the first line", source.path)];
    }
    missing
}

/// Lines with more than `most` characters.
pub(super) fn wide_lines(source: &Source, most: usize) -> Vec<String> {
    let wide = (1..).zip(source.text.lines()).filter(|(_, line)| line.chars().count() > most);
    wide.map(|(number, _)| format!("{}:{number}", source.path)).collect()
}

/// Functions of more than `most` lines.
pub(super) fn long_functions(source: &Source, most: usize) -> Vec<String> {
    let long = functions(&source.code).into_iter().filter(|(.., length)| *length > most);
    long.map(|(name, line, length)| format!("{}:{line}: {name} has {length} lines", source.path)).collect()
}

/// Words that say a thing is not done yet; notes to oneself count in comments and texts, too.
pub(super) fn unfinished(source: &Source) -> Vec<String> {
    let code = ["todo!", "unimplemented!", "dbg!", "#[ignore"].map(|word| (word, source.code.as_str()));
    let notes = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
    find(source, &[code.as_slice(), &notes.map(|word| (word, source.text.as_str()))].concat())
}

/// Calls that panic without a reason.
pub(super) fn unwraps(source: &Source) -> Vec<String> {
    find(source, &[(".unwrap()", source.product.as_str())])
}

/// Absolute paths that only one machine has.
pub(super) fn machine_paths(source: &Source) -> Vec<String> {
    let homes = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    find(source, &homes.map(|home| (home, source.text.as_str())))
}

/// Where each word is in its text.
fn find(source: &Source, words: &[(&str, &str)]) -> Vec<String> {
    let places = |(word, text): &(&str, &str)| -> Vec<String> {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains(word));
        lines.map(|(number, _)| format!("{}:{number}: {word}", source.path)).collect()
    };
    words.iter().flat_map(places).collect()
}

mod tests {
    use super::*;

    const PLAN: &[(&str, &str)] = &[("low", ""), ("high", "low actors::ids")];
    const SALE: &[(&str, &str)] = &[("ids", ""), ("stock", "ids")];

    fn violations(path: &str, text: &str) -> Vec<String> {
        forbidden(&[Source::new(path, text)], &allowed(PLAN, SALE))
    }

    #[test]
    fn an_arrow_that_is_not_on_the_plan_is_found_however_it_is_written() {
        for text in [
            "use crate::high::Thing;",
            "use crate::{low::Own, high};",
            "fn f() { crate::high::g() }",
            "pub use doorbuster::high;",
            "use super::high;",
        ] {
            assert_eq!(violations("src/low.rs", text), ["low names high: src/low.rs:1"], "{text}");
        }
        assert_eq!(
            violations("src/low/deep.rs", "\nuse super::super::high::X;"),
            ["low names high: src/low/deep.rs:2"]
        );
        assert_eq!(violations("src/low.rs", "use doorbuster_actors::ids::X;").len(), 1);
        assert_eq!(violations("actors/src/ids.rs", "use crate::stock::X;").len(), 1);
        assert_eq!(violations("src/high.rs", "use crate::*;").len(), 1, "a glob names everybody");
    }

    #[test]
    fn an_arrow_on_the_plan_or_in_prose_or_in_a_test_is_none() {
        assert!(violations("src/high.rs", "use crate::low::X; use doorbuster_actors::ids::Y;").is_empty());
        assert!(violations("src/low/deep.rs", "use super::sibling::X; use super::super::low::Y;").is_empty());
        let prose = "//! [`crate::high`]\n/* crate::high */ const X: &str = \"crate::high\"; // crate::high";
        assert!(violations("src/low.rs", prose).is_empty());
        assert!(violations("src/low.rs", "#[cfg(test)]\nmod tests { use crate::high::X; }").is_empty());
        assert!(violations("src/lib.rs", "pub use crate::high;").is_empty(), "the map of the crate has no room");
    }

    #[test]
    fn a_table_that_goes_back_is_found() {
        assert!(backward(PLAN).is_empty());
        assert_eq!(backward(&[("a", "b"), ("b", "b c")]), ["a may know b", "b may know b", "b may know c"]);
    }

    #[test]
    fn a_file_that_leads_back_to_itself_is_found_and_a_family_is_not() {
        let file = |path: &str, text: &str| Source::new(path, text);
        let forward = [file("src/a.rs", "use crate::b::X;"), file("src/b.rs", ""), file("actors/src/b.rs", "")];
        assert!(circles(&forward).is_empty());
        let planted = [file("src/a.rs", "use crate::b::X;"), file("src/b.rs", "fn f() { crate::c::g() }"), {
            file("src/c.rs", "use super::a::Y;")
        }];
        assert_eq!(circles(&planted).len(), 3, "{:?}", circles(&planted));
        let siblings = [file("src/f/a.rs", "use super::b::X;"), file("src/f/b.rs", "use crate::f::a::{Y, Z};")];
        let found = ["src/f/a.rs names src/f/b.rs, which leads back", "src/f/b.rs names src/f/a.rs, which leads back"];
        assert_eq!(circles(&siblings), found);
        let family = [file("src/f.rs", "mod a;\npub use a::X;"), file("src/f/a.rs", "use super::Y;")];
        assert!(circles(&family).is_empty(), "a folder and the file of its name are one room");
        let tests =
            [file("src/a.rs", "use crate::b::X;"), file("src/b.rs", "#[cfg(test)]\nmod tests { use crate::a::Y; }")];
        assert!(circles(&tests).is_empty(), "tests may look at everything");
    }

    #[test]
    fn a_word_outside_its_place_is_found() {
        let stray = |word: &str, path: &str, text: &str| strays(&[Source::new(path, text)], word, &["src/house"], "go");
        assert_eq!(stray("^redis", "src/gate.rs", "use redis::Client;"), ["src/gate.rs:1: redis (go)"]);
        assert_eq!(stray("std::env", "src/gate.rs", "use std::{env, fs};").len(), 1);
        assert_eq!(stray("Instant::now", "src/gate.rs", "let x = std::time::Instant::now();").len(), 1);
        assert_eq!(stray("StatusCode", "src/gate.rs", "fn f(x: StatusCode) {}").len(), 1);
        assert!(stray("^redis", "src/house/deep.rs", "use redis::Client;").is_empty());
        assert!(stray("^redis", "src/house.rs", "use redis::Client;").is_empty());
        assert_eq!(stray("^redis", "src/households.rs", "use redis::Client;").len(), 1);
        for text in ["use super::redis::Link;", "mod redis;\nuse redis::Link;", "let redis = 1;", "// redis::Client"] {
            assert!(stray("^redis", "src/gate.rs", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_crate_is_found_in_any_dependencies() {
        let manifest =
            "[package]\nname = \"x\"\n\n[dependencies]\nserde.workspace = true\n\n[dev-dependencies]\nredis = \"1\"";
        assert_eq!(dependencies(manifest), BTreeSet::from(["serde", "redis"]));
    }

    #[test]
    fn a_file_without_its_three_lines_is_found() {
        let missing = |text: &str| missing_duties(&Source::new("src/a.rs", text));
        assert!(missing("//! **Job:** a\n//! b\n//! **Owns:** c\n//! **Never:** d\nuse e;").is_empty());
        assert_eq!(missing("//! **Job:** a\n//! **Owns:** c\n"), ["src/a.rs: no //! **Never:**"]);
        assert_eq!(missing("//! **Job:** a\n\n//! **Owns:** c\n//! **Never:** d").len(), 2);
        assert_eq!(missing("//! **Owns:** c\n//! **Job:** a\n//! **Never:** d").len(), 1);
        assert_eq!(missing("//! A file.\n//! **Job:** a\n//! **Owns:** c\n//! **Never:** d").len(), 1);
    }

    #[test]
    fn what_is_too_wide_or_too_long_is_found() {
        let source = Source::new("src/a.rs", "fn a() {\n    b();\n}\nfn ccccc() {}\n");
        assert_eq!(wide_lines(&source, 12), ["src/a.rs:4"]);
        assert!(wide_lines(&Source::new("src/a.rs", "// ééé"), 6).is_empty(), "characters count, not bytes");
        assert_eq!(long_functions(&source, 2), ["src/a.rs:1: a has 3 lines"]);
        assert!(long_functions(&source, 3).is_empty());
    }

    #[test]
    fn what_is_left_for_later_or_knows_the_machine_is_found() {
        let later = ["todo!()", "dbg!(x)", "unimplemented!()", "#[ignore = \"slow\"]", concat!("// FIX", "ME: x")];
        for text in later {
            assert_eq!(unfinished(&Source::new("src/a.rs", text)).len(), 1, "{text}");
        }
        assert!(unfinished(&Source::new("src/a.rs", "const X: &str = \"todo!\";")).is_empty());
        let home = concat!("const X: &str = \"/ho", "me/ann/x\";");
        assert_eq!(machine_paths(&Source::new("src/a.rs", home)).len(), 1);
        let unwrap = |text: &str| unwraps(&Source::new("src/a.rs", text)).len();
        assert_eq!(unwrap("a.unwrap();\n#[cfg(test)]\nmod tests { fn b() { c.unwrap(); } }"), 1);
        assert_eq!(unwrap("a.unwrap_or(1); // .unwrap()"), 0);
    }
}
