//! **Job:** serves the storefront, and in development mode makes up a buyer for who looks at it.
//! **Owns:** how the page learns whose token it may use.
//! **Never:** knows what is for sale: the page asks the API like everybody else.

mod words;

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::ItemId;
use serde::Serialize;
use utoipa::ToSchema;

use self::words::{LANGUAGES, Words};
use super::AtApi;
use crate::auth::Mint;
use crate::config::{Auth, AuthMode, Mode};
use crate::http::assets::{File, Site};
use crate::http::json::respond;
use crate::http::pages::Pictures;
use crate::http::problem::Problem;
use crate::http::{pages, schemas};

/// How long a guest's token is valid: a working day of trying things out.
const GUEST_LIFE: Duration = Duration::from_hours(12);

/// A buyer that was made up.
#[derive(Serialize, ToSchema)]
struct Guest {
    #[schema(value_type = schemas::UserId)]
    user_id: String,
    /// What they send as `Authorization: Bearer …`.
    token: String,
}

/// The pages of the shop.
pub struct Storefront {
    site: Site,
    /// A page of each kind in every language.
    list: [File; LANGUAGES],
    item: [File; LANGUAGES],
    /// What signs the tokens of guests; only in development mode.
    guests: Option<Auth>,
    /// Whose pictures of items are shown: plain http is for trying things out, where there is no TLS.
    pictures: Pictures,
}

impl Storefront {
    /// The shop of a server with these settings.
    #[must_use]
    pub fn new(auth: &Auth, mode: Mode) -> Self {
        let guests = (mode == Mode::Development && Mint::new(auth).is_ok()).then(|| auth.clone());
        let site = Site::new(&["shared", "store"]);
        // In the page and not behind a URL: a browser logs each request that is answered with 404 as an error.
        let buyer = match (&guests, auth.mode) {
            (Some(_), _) => "guest",
            (None, AuthMode::Jwt) => "token",
            (None, AuthMode::Header) => "proxy",
        };
        let all = Words::all();
        let pages = |root| all.each_ref().map(|words| page(&site, root, buyer, words, &all));
        let pictures = match mode {
            Mode::Development => Pictures::Any,
            Mode::Production => Pictures::Secure,
        };
        Self { pictures, list: pages("./"), item: pages("../"), site, guests }
    }

    fn page(&self, request: &HttpRequest, languages: &[File; LANGUAGES]) -> HttpResponse {
        pages::respond_with(request, &languages[words::chosen(request)], self.pictures)
    }

    fn guest(&self) -> Option<HttpResponse> {
        let mint = Mint::new(self.guests.as_ref()?).ok()?;
        let user = format!("guest-{:016x}", rand::random::<u64>());
        let token = mint.token(&user, GUEST_LIFE);
        Some(respond(&mut HttpResponse::Created(), &Guest { user_id: user, token }))
    }
}

fn page(site: &Site, root: &str, buyer: &str, words: &Words, all: &[Words]) -> File {
    let in_page = words.in_page(all);
    let mut filled: Vec<_> = in_page.iter().map(|(name, text)| (*name, text.as_str())).collect();
    filled.push(("buyer", buyer));
    File { language: Some(words.tag), ..site.page("store/index.html", root, &filled) }
}

/// `GET /`: what is for sale.
pub(super) async fn list(state: AtApi, request: HttpRequest) -> HttpResponse {
    state.storefront.page(&request, &state.storefront.list)
}

/// `GET /items/{item_id}`: one item. Whether it exists is for the page to find out; what cannot be an id is not found.
pub(super) async fn item(state: AtApi, request: HttpRequest) -> HttpResponse {
    let id = request.match_info().get("item_id").map(str::parse::<ItemId>);
    match id {
        Some(Ok(_id)) => state.storefront.page(&request, &state.storefront.item),
        Some(Err(_)) | None => Problem::not_found().respond(),
    }
}

/// `GET /assets/{version}/{path}`: what the pages are made of.
pub(super) async fn asset(state: AtApi, request: HttpRequest, named: web::Path<(String, String)>) -> HttpResponse {
    let (version, path) = named.into_inner();
    let asset = state.storefront.site.asset(&version, &path);
    asset.map_or_else(|| Problem::not_found().respond(), |asset| pages::respond(&request, asset))
}

/// Makes up a buyer. Only in development mode is there such a route.
#[utoipa::path(post, path = "/dev/buyer", operation_id = "make_buyer", tag = "orders",
    responses((status = 201, description = "A fresh buyer, for twelve hours.", body = Guest)))]
pub(super) async fn guest(state: AtApi) -> HttpResponse {
    state.storefront.guest().unwrap_or_else(|| Problem::not_found().respond())
}
