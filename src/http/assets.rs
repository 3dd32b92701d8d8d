//! **Job:** the files a browser gets, built into the binary.
//! **Owns:** under which URL a file is found, and its entity tag: assets live below the hash of their site.
//! **Never:** knows a listener, a request or who is asking.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_embed::EmbeddedFile;
use sha2::{Digest as _, Sha256};

#[derive(rust_embed::Embed)]
#[folder = "data/web/"]
struct Embedded;

/// Bytes of a hash that stand in a URL or an entity tag: enough to tell any two builds of a page apart.
const HASH_BYTES: usize = 8;

/// What a template has where the URL of its site's assets belongs.
const ASSETS: &str = "{{assets}}";

/// What it has where the way from the page to the root belongs: no link is absolute, so that a proxy may put any path
/// in front.
const ROOT: &str = "{{root}}";

/// How long a browser may use a file without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// For ever: another content has another URL.
    Immutable,
    /// Not at all: its URL stays the same.
    Revalidated,
}

/// A file as a browser gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The content.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type, with the character set of texts.
    pub media_type: &'static str,
    /// A strong entity tag, without quotes: equal only for equal contents.
    pub entity_tag: String,
    /// How long it may be used without asking.
    pub freshness: Freshness,
    /// The tag of its language (RFC 5646), if the same URL has it in others, too.
    pub language: Option<&'static str>,
}

/// Pages and what they are made of: some folders of `data/web/`.
#[derive(Debug)]
pub struct Site {
    version: String,
    assets: BTreeMap<String, File>,
}

impl Site {
    /// A site of these folders. Everything in them but HTML is an asset at `/assets/<version>/<folder>/<file>`; as all
    /// share one version, they may refer to each other by relative URLs.
    #[must_use]
    pub fn new(folders: &[&str]) -> Self {
        let is_asset = |path: &str| {
            let folder = path.split_once('/').map(|(folder, _)| folder);
            folder.is_some_and(|folder| folders.contains(&folder)) && media_type(path) != HTML
        };
        let paths = Embedded::iter().filter(|path| is_asset(path));
        let assets: BTreeMap<_, _> =
            paths.filter_map(|path| Some((path.to_string(), asset(Embedded::get(&path)?, &path)))).collect();
        let mut hash = Sha256::new();
        for (path, file) in &assets {
            hash.update(format!("{path} {}\n", file.entity_tag));
        }
        Self { version: short_hex(&hash.finalize()), assets }
    }

    /// The asset at `path`, a folder and a file, if it is asked for by the present version.
    #[must_use]
    pub fn asset(&self, version: &str, path: &str) -> Option<&File> {
        self.assets.get(path).filter(|_| version == self.version)
    }

    /// The HTML file at `path`, with the URLs of its assets and `words` filled in: `("mode", "demo")` replaces
    /// `{{mode}}`. `root` is the way from where the page is served to the root: `./` or `../`. The words stand in the
    /// page as they are: whoever has some that are not HTML escapes them.
    ///
    /// # Panics
    /// If there is no such file: its name is written in this program, as it is in the folder.
    #[must_use]
    pub fn page(&self, path: &str, root: &str, words: &[(&str, &str)]) -> File {
        let template = Embedded::get(path).expect("pages are built in");
        let template = std::str::from_utf8(&template.data).expect("pages are UTF-8").to_owned();
        let mut html = template.replace(ASSETS, &format!("{root}assets/{}", self.version)).replace(ROOT, root);
        for (name, word) in words {
            html = html.replace(&format!("{{{{{name}}}}}"), word);
        }
        let bytes = html.into_bytes();
        let entity_tag = short_hex(&Sha256::digest(&bytes));
        File { bytes: bytes.into(), media_type: HTML, entity_tag, freshness: Freshness::Revalidated, language: None }
    }
}

/// The file at `path` in `data/web/`, to be served at a URL of its own.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    Some(File { freshness: Freshness::Revalidated, ..asset(Embedded::get(path)?, path) })
}

/// Bytes from elsewhere in the binary, served like a file of ours.
#[must_use]
pub fn foreign(bytes: Cow<'static, [u8]>, name: &str) -> File {
    let entity_tag = short_hex(&Sha256::digest(&bytes));
    File { bytes, media_type: media_type(name), entity_tag, freshness: Freshness::Revalidated, language: None }
}

fn asset(embedded: EmbeddedFile, path: &str) -> File {
    let bytes = if media_type(path) == SCRIPT { without_comments(embedded.data) } else { embedded.data };
    let entity_tag = short_hex(&Sha256::digest(&bytes));
    File { bytes, media_type: media_type(path), entity_tag, freshness: Freshness::Immutable, language: None }
}

/// A script without the lines that are for those who read its source: an eighth of what a buyer's phone would load. The
/// lines stay, empty, so that what a console says about one of them is true of the source.
fn without_comments(script: Cow<'static, [u8]>) -> Cow<'static, [u8]> {
    let Ok(text) = std::str::from_utf8(&script) else { return script };
    let mut is_in_block = false;
    let kept = |line: &str| {
        let words = line.trim();
        let is_comment = is_in_block || words.starts_with("//") || words.starts_with("/**");
        is_in_block = (is_in_block || words.starts_with("/**")) && !words.ends_with("*/");
        if is_comment { "\n".to_owned() } else { line.to_owned() }
    };
    Cow::Owned(text.split_inclusive('\n').map(kept).collect::<String>().into_bytes())
}

fn short_hex(hash: &[u8]) -> String {
    hex::encode(&hash[..HASH_BYTES.min(hash.len())])
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The media types of what lies in `data/web/`.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => HTML,
        "js" => SCRIPT,
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "txt" | "md" => "text/plain; charset=utf-8",
        "json" => "application/json",
        _unknown => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &File) -> &str {
        std::str::from_utf8(&file.bytes).expect("UTF-8")
    }

    #[test]
    fn every_asset_that_a_page_names_is_there_and_kept_for_ever() {
        let site = Site::new(&["shared", "store"]);
        let page = site.page("store/index.html", "../", &[("buyer", "token")]);
        let prefix = format!("\"../assets/{}/", site.version);
        let named: Vec<_> = text(&page).split(prefix.as_str()).skip(1).collect();
        assert!(named.len() > 2, "{}", text(&page));
        for rest in named {
            let path = rest.split('"').next().expect("a URL stands in quotes");
            let asset = site.asset(&site.version, path).unwrap_or_else(|| panic!("{path} is not there"));
            assert_eq!(asset.freshness, Freshness::Immutable);
        }
        assert!(!text(&page).contains("=\"/"), "no link is absolute: {}", text(&page));
    }

    #[test]
    fn another_version_and_another_site_have_nothing_here() {
        let site = Site::new(&["store"]);
        assert!(site.asset(&site.version, "store/store.css").is_some());
        assert_eq!(site.asset("0123456789abcdef", "store/store.css"), None);
        assert_eq!(site.asset(&site.version, "store/index.html"), None);
        assert_eq!(site.asset(&site.version, "../schema/0001_ledger.sql"), None);
        assert_eq!(Site::new(&["nobody"]).assets.len(), 0);
    }

    #[test]
    fn scripts_come_without_their_comments_and_with_all_their_lines() {
        let source = "// why\nlet a = 1; // so\n/** What. */\n/** This\n * and that. */\nlet url = 'http://a';\n";
        let served = without_comments(Cow::Borrowed(source.as_bytes()));
        assert_eq!(served, Cow::Borrowed(&b"\nlet a = 1; // so\n\n\n\nlet url = 'http://a';\n"[..]));
    }

    #[test]
    fn pages_that_differ_have_different_tags() {
        let site = Site::new(&["store"]);
        let page = |word| site.page("store/index.html", "./", &[("buyer", word)]);
        assert_eq!(page("token"), page("token"));
        assert_ne!(page("token").entity_tag, page("guest").entity_tag);
        assert_eq!(page("token").freshness, Freshness::Revalidated);
    }
}
