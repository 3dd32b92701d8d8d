//! **Job:** puts the page of a problem below the base path.
//! **Owns:** where in a document the path of its page stands.
//! **Never:** costs a server anything that lives at the root.

use actix_web::web::Bytes;

/// How the document of a problem begins: its first member is the path of its page.
const BEFORE_TYPE: &[u8] = b"{\"type\":\"";

/// The document of a problem whose page is below `base_path`.
pub(crate) fn below(base_path: &str, document: Bytes) -> Bytes {
    match document.strip_prefix(BEFORE_TYPE) {
        Some(rest) if !base_path.is_empty() => [BEFORE_TYPE, base_path.as_bytes(), rest].concat().into(),
        Some(_) | None => document,
    }
}
