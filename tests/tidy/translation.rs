//! **Job:** keeps a document and its translation in step.
//! **Owns:** what both must have: headings of the same levels, commands, code, links, and the figures of tables.
//! **Never:** reads the language of either.

use super::source::{Source, read};

/// Documents with a translation.
const PAIRS: [(&str, &str); 1] = [("README.md", "README.zh-CN.md")];

/// Languages of blocks in which a comment begins with `#`: comments are translated, too.
const COMMENTED: [&str; 2] = ["sh", "toml"];

/// What both have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Heading(usize),
    Code(String),
    /// A row of a table, by the number of its cells and the figures in them.
    Row(usize, Vec<String>),
    Link(String),
    Quoted(String),
}

/// A mark, and where it stands.
#[derive(Debug, Clone)]
struct Found<'a> {
    mark: Mark,
    line: usize,
    heading: &'a str,
}

/// What only one of the two has: what the translation lacks, then what it has alone.
fn differences(original: &Source, translation: &Source) -> Vec<String> {
    let names = [original.path.as_str(), translation.path.as_str()];
    let (there, here) = (marks(&original.text, names), marks(&translation.text, names));
    let (of_original, of_translation): (Vec<_>, Vec<_>) = in_common(&there, &here).into_iter().unzip();
    let [original, translation] = names;
    let lacking = lonely(&there, &of_original).map(|found| lack(translation, original, found));
    lacking.chain(lonely(&here, &of_translation).map(|found| lack(original, translation, found))).collect()
}

fn lonely<'a>(all: &'a [Found<'a>], common: &[usize]) -> impl Iterator<Item = &'a Found<'a>> {
    all.iter().enumerate().filter(|(place, _)| !common.contains(place)).map(|(_, found)| found)
}

fn lack(without: &str, with: &str, found: &Found<'_>) -> String {
    let Found { line, heading, .. } = found;
    format!("{without} lacks {} (as in {with}, line {line}, under \"{heading}\")", words(found))
}

fn words(Found { mark, heading, .. }: &Found<'_>) -> String {
    match mark {
        Mark::Heading(level) => format!("the heading {} {heading}", "#".repeat(*level)),
        Mark::Code(line) => format!("the line of code {line:?}"),
        Mark::Row(cells, figures) => format!("a row of {cells} cells with the figures {figures:?}"),
        Mark::Link(target) => format!("the link to {target}"),
        Mark::Quoted(text) => format!("`{text}`"),
    }
}

/// All marks of a document. Those of one paragraph that its sentences may have in any order are sorted.
fn marks<'a>(text: &'a str, names: [&str; 2]) -> Vec<Found<'a>> {
    let (mut all, mut loose) = (Vec::new(), Vec::new());
    let (mut heading, mut block) = ("", None);
    for (place, line) in text.lines().enumerate() {
        let found = |mark, heading| Found { mark, line: place + 1, heading };
        if line.is_empty() || line.starts_with(['#', '|', '`']) {
            sort_into(&mut all, &mut loose);
        }
        if let Some(language) = line.strip_prefix("```") {
            block = if block.is_some() { None } else { Some(language) };
            all.push(found(Mark::Code(line.to_owned()), heading));
        } else if let Some(language) = block {
            let code = if COMMENTED.contains(&language) { without_comment(line) } else { line };
            all.extend((!code.is_empty()).then(|| found(Mark::Code(code.to_owned()), heading)));
        } else if line.starts_with('#') {
            let (level, title) = line.split_at(line.chars().take_while(|letter| *letter == '#').count());
            heading = title.trim();
            all.push(found(Mark::Heading(level.len()), heading));
        } else {
            all.extend(row(line).map(|mark| found(mark, heading)));
            loose.extend(links(line, names).chain(quoted(line)).map(|mark| found(mark, heading)));
        }
    }
    sort_into(&mut all, &mut loose);
    all
}

fn sort_into<'a>(all: &mut Vec<Found<'a>>, loose: &mut Vec<Found<'a>>) {
    loose.sort_by(|one, other| one.mark.cmp(&other.mark));
    all.append(loose);
}

fn without_comment(line: &str) -> &str {
    let begin = line.match_indices('#').map(|(begin, _)| begin);
    let mut comments = begin.filter(|begin| line[..*begin].chars().next_back().is_none_or(char::is_whitespace));
    comments.next().map_or(line, |begin| &line[..begin]).trim_end()
}

fn row(line: &str) -> Option<Mark> {
    let cells = line.strip_prefix('|')?.matches('|').count();
    let parts = line.split(|letter: char| !(letter.is_ascii_digit() || ",.".contains(letter)));
    let figures = parts.map(|part| part.trim_matches([',', '.'])).filter(|part| !part.is_empty());
    let mut figures: Vec<_> = figures.map(str::to_owned).collect();
    figures.sort();
    Some(Mark::Row(cells, figures))
}

/// Each of the two leads to the other.
fn links<'a>(line: &'a str, names: [&'a str; 2]) -> impl Iterator<Item = Mark> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let pages = line.split("<http").skip(1).filter_map(|rest| rest.split_once('>')).map(|(rest, _)| rest);
    let other =
        move |target: &str| if names.contains(&target) { "the other language".to_owned() } else { target.to_owned() };
    targets.map(other).chain(pages.map(|rest| format!("http{rest}"))).map(Mark::Link)
}

fn quoted(line: &str) -> impl Iterator<Item = Mark> {
    line.split('`').skip(1).step_by(2).map(|text| Mark::Quoted(text.to_owned()))
}

/// Places of the longest sequence of marks that both have.
fn in_common(there: &[Found<'_>], here: &[Found<'_>]) -> Vec<(usize, usize)> {
    let mut longest = vec![vec![0_u32; here.len() + 1]; there.len() + 1];
    for one in (0..there.len()).rev() {
        for other in (0..here.len()).rev() {
            longest[one][other] = if there[one].mark == here[other].mark {
                longest[one + 1][other + 1] + 1
            } else {
                longest[one + 1][other].max(longest[one][other + 1])
            };
        }
    }
    let (mut one, mut other, mut common) = (0, 0, Vec::new());
    while one < there.len() && other < here.len() {
        if there[one].mark == here[other].mark {
            common.push((one, other));
            (one, other) = (one + 1, other + 1);
        } else if longest[one + 1][other] >= longest[one][other + 1] {
            one += 1;
        } else {
            other += 1;
        }
    }
    common
}

#[test]
fn a_translation_says_what_its_original_says() {
    for (original, translation) in PAIRS {
        let document = |path| read(&[path], &[".md"]).pop().unwrap_or_else(|| panic!("{path} is not there"));
        let differences = differences(&document(original), &document(translation));
        let advice = format!("Bring {translation} up to what {original} says, or the other way round:");
        super::assert_none(&differences, &advice);
    }
}

mod tests {
    use super::*;

    const ORIGINAL: &str = "# A\n[zh](B.md)\nRun `one`, then `two`: [c](c.md), <http://x/>.\n\n\
        ```sh\nmake it    # why\n# only why\n```\n\
        ## How fast\n| what | figure |\n|---|---|\n| start | 1,000 in 2.5 s |\n\n\
        ```\nout # put\n```\n";

    const TRANSLATION: &str = "# 甲\n[en](A.md)\n<http://x/>，[丙](c.md)：先 `two` 后 `one`。\n\n\
        ```sh\nmake it # 因为\n```\n\
        ## 多快\n| 项目 | 数值 |\n|---|---|\n| 启动 | 2.5 秒 1,000 个 |\n\n\
        ```\nout # put\n```\n";

    fn found(original: &str, translation: &str) -> Vec<String> {
        differences(&Source::new("A.md", original), &Source::new("B.md", translation))
    }

    #[test]
    fn a_translation_may_order_a_sentence_otherwise_and_has_comments_of_its_own() {
        assert_eq!(found(ORIGINAL, TRANSLATION), [""; 0]);
    }

    #[test]
    fn whatever_one_of_both_lacks_is_named_with_its_place() {
        let lacks = |what: &str, line: usize, under: &str| {
            vec![format!("B.md lacks {what} (as in A.md, line {line}, under \"{under}\")")]
        };
        for (gone, expected) in [
            ("`one`", lacks("`one`", 3, "A")),
            ("[丙](c.md)", lacks("the link to c.md", 3, "A")),
            ("<http://x/>", lacks("the link to http://x/", 3, "A")),
            ("[en](A.md)", lacks("the link to the other language", 2, "A")),
            ("make it # 因为\n", lacks("the line of code \"make it\"", 6, "A")),
            ("## 多快\n", lacks("the heading ## How fast", 9, "How fast")),
            (
                "| 启动 | 2.5 秒 1,000 个 |\n",
                lacks("a row of 2 cells with the figures [\"1,000\", \"2.5\"]", 12, "How fast"),
            ),
        ] {
            assert_eq!(found(ORIGINAL, &TRANSLATION.replace(gone, "")), expected, "without {gone:?}");
        }
        let changed = found(ORIGINAL, &TRANSLATION.replace("out # put", "out # get"));
        assert_eq!(changed.len(), 2, "{changed:?}");
        assert!(
            changed[1].starts_with("A.md lacks the line of code \"out # get\" (as in B.md, line 14"),
            "{changed:?}"
        );
        let deeper = found(ORIGINAL, &TRANSLATION.replace("## 多快", "### 多快"));
        assert_eq!(deeper.len(), 2, "{deeper:?}");
    }
}
