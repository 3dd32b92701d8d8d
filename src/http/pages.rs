//! **Job:** hands a built-in file to a browser, on either listener.
//! **Owns:** what a page may do in the browser (its Content Security Policy), and when a copy is still good.
//! **Never:** chooses the file.

use std::borrow::Cow;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, EntityTag, Header as _, IfNoneMatch,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::assets::{File, Freshness};

/// Scripts and styles only from files of ours, nothing inline, nobody's frame: what a title could smuggle in has no way
/// to run and nowhere to send anything.
macro_rules! policy {
    ($pictures:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:",
            $pictures,
            "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    };
}

/// Whose pictures a page may show. A picture runs nothing and reads nothing; its host learns that somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// Our own only.
    Own,
    /// Those of any host that encrypts.
    Secure,
    /// Those of any host: where there is no TLS at all.
    Any,
}

impl Pictures {
    fn policy(self) -> &'static str {
        match self {
            Self::Own => policy!(""),
            Self::Secure => policy!(" https:"),
            Self::Any => policy!(" https: http:"),
        }
    }
}

/// The file, or `304` for who has it already.
pub(crate) fn respond(request: &HttpRequest, file: &File) -> HttpResponse {
    respond_with(request, file, Pictures::Own)
}

/// The same, for a page with pictures.
pub(crate) fn respond_with(request: &HttpRequest, file: &File, pictures: Pictures) -> HttpResponse {
    let entity_tag = EntityTag::new_strong(file.entity_tag.clone());
    let is_known = has(request, &entity_tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, entity_tag.to_string()))
        .insert_header((CACHE_CONTROL, caching(file.freshness)))
        .insert_header((CONTENT_SECURITY_POLICY, pictures.policy()))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if file.language.is_some() {
        response.insert_header((VARY, "Accept-Language"));
    }
    if is_known {
        return response.finish();
    }
    if let Some(language) = file.language {
        response.insert_header((CONTENT_LANGUAGE, language));
    }
    let bytes = match &file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::copy_from_slice(bytes),
    };
    response.insert_header((CONTENT_TYPE, file.media_type)).body(bytes)
}

fn caching(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Immutable => "public, max-age=31536000, immutable",
        Freshness::Revalidated => "no-cache",
    }
}

/// Whether `If-None-Match` has the tag (RFC 9110, section 13.1.2).
fn has(request: &HttpRequest, entity_tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(entity_tag)),
        Err(_unreadable) => false,
    }
}
