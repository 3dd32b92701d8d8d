//! **Job:** reads Rust sources as a careful reader does: what is a comment, a text or a test does not count as code.
//! **Owns:** the few rules of Rust's grammar that the house rules need.
//! **Never:** judges what it reads, or understands more Rust than it must.

use std::fs;
use std::path::Path;

/// One file of the workspace.
pub(super) struct Source {
    /// From the top of the workspace, with `/`.
    pub(super) path: String,
    /// As it is written.
    pub(super) text: String,
    /// Without comments and texts: blanks stand in their place, so that lines are where they were.
    pub(super) code: String,
    /// The same without tests.
    pub(super) product: String,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = without_prose(&text);
        let product = if path.ends_with("/tests.rs") { String::new() } else { without_tests(&code) };
        Self { path, text, code, product }
    }

    /// Where the file stands in its crate: `src/gate/redis.rs` is `["gate", "redis"]`.
    pub(super) fn module(&self) -> Vec<&str> {
        let inside = self.path.split_once("src/").map_or(self.path.as_str(), |(_, inside)| inside);
        inside.trim_end_matches(".rs").split('/').filter(|&name| name != "lib").collect()
    }
}

/// All files below `folders` (or the files themselves) whose names end in one of `endings`, ordered by their paths.
pub(super) fn read(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in folders {
        visit(top, &top.join(folder), endings, &mut sources);
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn visit(top: &Path, at: &Path, endings: &[&str], found: &mut Vec<Source>) {
    if at.is_dir() {
        for entry in fs::read_dir(at).expect("a readable folder") {
            visit(top, &entry.expect("a readable entry").path(), endings, found);
        }
        return;
    }
    let path = at.strip_prefix(top).expect("below the top").to_string_lossy().replace('\\', "/");
    if endings.iter().any(|ending| path.ends_with(ending)) && at.exists() {
        found.push(Source::new(path, fs::read_to_string(at).expect("a text file")));
    }
}

/// Comments, texts and characters become blanks.
fn without_prose(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = prose_end(&letters, at);
        if end == at {
            code.push(letters[at]);
            at += 1;
        } else {
            code.extend(letters[at..end].iter().map(|&letter| if letter == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the prose that begins at `at` ends; `at` itself if none begins there.
fn prose_end(letters: &[char], at: usize) -> usize {
    let begins = |start: &str| start.chars().eq(letters[at..].iter().copied().take(start.len()));
    let is_inside_name = at > 0 && is_name(letters[at - 1]);
    if begins("//") {
        letters[at..].iter().position(|&letter| letter == '\n').map_or(letters.len(), |length| at + length)
    } else if begins("/*") {
        comment_end(letters, at)
    } else if begins("\"") {
        quote_end(letters, at + 1, '"')
    } else if begins("r\"") || begins("r#") && !is_inside_name {
        raw_end(letters, at)
    } else if begins("'") && (letters.get(at + 1) == Some(&'\\') || letters.get(at + 2) == Some(&'\'')) {
        quote_end(letters, at + 1, '\'')
    } else {
        at
    }
}

fn comment_end(letters: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0, at);
    while at < letters.len() {
        match letters[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quote_end(letters: &[char], mut at: usize, quote: char) -> usize {
    while at < letters.len() && letters[at] != quote {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    letters.len().min(at + 1)
}

/// `r"…"`, `r#"…"#` and so on; a raw name (`r#type`) is no prose.
fn raw_end(letters: &[char], start: usize) -> usize {
    let hashes = letters[start + 1..].iter().take_while(|&&letter| letter == '#').count();
    let mut at = start + 1 + hashes;
    if letters.get(at) != Some(&'"') {
        return start;
    }
    loop {
        at += 1;
        let closes = letters.get(at) == Some(&'"');
        if at >= letters.len()
            || closes && letters[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
        {
            return letters.len().min(at + 1 + hashes);
        }
    }
}

/// Every item behind `#[cfg(test)]` becomes blanks.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut product = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        product.push_str(&rest[..start]);
        let end = start + item_end(&rest[start..]);
        product.extend(rest[start..end].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    product.push_str(rest);
    product
}

/// Where the first item of `code` ends: with its body, or with a semicolon if it has none.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    let mut nested = 0_usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '(' | '[' => nested += 1,
            ')' | ']' => nested = nested.saturating_sub(1),
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (letter == '}' || letter == ';' && nested == 0) {
            return at + letter.len_utf8();
        }
    }
    code.len()
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// What a piece of code names: `crate::gate::{Gate, bucket::Bucket}` is two paths, a plain name is a path of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

impl Named {
    /// Whether the path begins with `start` (`rusqlite`, `std::env`).
    pub(super) fn begins(&self, start: &str) -> bool {
        self.path.iter().map(String::as_str).zip(start.split("::")).all(|(mine, wanted)| mine == wanted)
            && self.path.len() >= start.split("::").count()
    }

    /// Whether `part` (`Instant::now`) is somewhere in the path.
    pub(super) fn contains(&self, part: &str) -> bool {
        let part: Vec<_> = part.split("::").collect();
        self.path.windows(part.len()).any(|window| window == part)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Join,
    Other(char),
}

/// Every path that `code` names, with its line.
pub(super) fn named(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if matches!(tokens[at].1, Token::Name(_)) && (at == 0 || tokens[at - 1].1 != Token::Join) {
            at = tree(&tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = if is_name(first) {
                let length = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
                (Token::Name(&rest[..length]), length)
            } else if rest.starts_with("::") {
                (Token::Join, 2)
            } else {
                (Token::Other(first), first.len_utf8())
            };
            tokens.push((line, token));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Reads one path, or all paths of a `use` tree, from `at` on; answers where it ends.
fn tree(tokens: &[(usize, Token<'_>)], mut at: usize, stem: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = stem.to_vec();
    let line = tokens[at].0;
    while let Some(&(_, Token::Name(name))) = tokens.get(at) {
        path.push(name.to_owned());
        at += 1;
        if tokens.get(at).is_none_or(|&(_, token)| token != Token::Join) {
            break;
        }
        at += 1;
    }
    match tokens.get(at).map(|&(_, token)| token) {
        Some(Token::Other('{')) if tokens[at - 1].1 == Token::Join => return branches(tokens, at + 1, &path, found),
        Some(Token::Other('*')) if at > 0 && tokens[at - 1].1 == Token::Join => {
            path.push("*".to_owned());
            at += 1;
        }
        Some(Token::Name(_) | Token::Join | Token::Other(_)) | None => {}
    }
    found.push(Named { line, path });
    at
}

fn branches(tokens: &[(usize, Token<'_>)], mut at: usize, stem: &[String], found: &mut Vec<Named>) -> usize {
    while let Some(&(line, token)) = tokens.get(at) {
        at = match token {
            Token::Other('}') => return at + 1,
            Token::Name("as") => at + 2,
            Token::Name(_) => tree(tokens, at, stem, found),
            Token::Other('*') => {
                found.push(Named { line, path: [stem, &["*".to_owned()]].concat() });
                at + 1
            }
            Token::Join | Token::Other(_) => at + 1,
        };
    }
    at
}

/// Every function with a body: its name, the line it begins on, and how many lines it has.
pub(super) fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut functions = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let name: String = code[start + 3..].chars().take_while(|&letter| is_name(letter)).collect();
        if name.is_empty() || code[..start].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let length = code[start..start + item_end(&code[start..])].matches('\n').count() + 1;
        functions.push((name, line, length));
    }
    functions
}

mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        named(code).into_iter().map(|named| named.path.join("::")).filter(|path| path.contains("::")).collect()
    }

    #[test]
    fn comments_texts_and_characters_are_no_code() {
        let text = "a // crate::x\nb /* crate::y /* z */ */ c \"crate::\\\"q\" 'x' '\\'' r#\"d\"e\"# 'life f";
        let code = without_prose(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "'life", "f"]);
        assert_eq!(code.chars().count(), text.chars().count());
        assert_eq!(without_prose("r#type \"\\\\\" g"), "r#type      g");
        assert_eq!(without_prose("\"one\ntwo\"h"), "    \n    h");
    }

    #[test]
    fn tests_are_no_product_code() {
        let source =
            "fn a() {}\n#[cfg(test)]\n#[expect(x, reason = \"{\")]\nmod tests { fn b() { c[0]; } }\nfn d() {}\n";
        let product = Source::new("src/a.rs", source).product;
        assert_eq!(product.split_whitespace().collect::<String>(), "fna(){}fnd(){}");
        assert_eq!(product.lines().count(), source.lines().count());
        let declared = Source::new("src/a.rs", "#[cfg(test)]\nmod tests;\nmod e;\n").product;
        assert_eq!(declared.split_whitespace().collect::<String>(), "mode;");
    }

    #[test]
    fn every_path_of_a_use_tree_is_read_with_its_line() {
        let code = "use crate::{http, gate::{Gate as G, bucket::Bucket}};\nuse super::*;\nlet x = a::b::<C>(d::e);";
        let expected = ["crate::http", "crate::gate::Gate", "crate::gate::bucket::Bucket", "super::*", "a::b", "d::e"];
        assert_eq!(paths(code), expected);
        let last = named(code).pop().expect("a path");
        assert_eq!((last.line, last.path.join("::")), (3, "d::e".to_owned()));
    }

    #[test]
    fn a_path_is_matched_by_whole_names() {
        let now = Named { line: 1, path: ["std", "time", "Instant", "now"].map(str::to_owned).to_vec() };
        assert!(now.begins("std::time") && now.contains("Instant::now"));
        assert!(!now.begins("st") && !now.begins("std::time::Instant::now::x") && !now.contains("Instant::n"));
    }

    #[test]
    fn a_function_is_as_long_as_from_its_name_to_its_last_brace() {
        let code =
            "pub fn a(x: [u8; 3]) -> B\n{\n    c(|| {\n    });\n}\ntype F = fn (u8);\ntrait T { fn d(&self); }\n";
        assert_eq!(functions(code), [("a".to_owned(), 1, 5), ("d".to_owned(), 7, 1)]);
    }

    #[test]
    fn a_file_knows_where_it_stands() {
        assert_eq!(Source::new("actors/src/stock/book.rs", "").module(), ["stock", "book"]);
        assert_eq!(Source::new("src/main.rs", "").module(), ["main"]);
        assert!(Source::new("src/lib.rs", "").module().is_empty());
    }
}
