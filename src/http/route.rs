//! **Job:** the table of a listener's routes, from which both its resources and their description are made.
//! **Owns:** which methods a path has, what the others are answered, and what the OpenAPI document says of a route.
//! **Never:** lets a route be served that is not described. The one exception, [`Table::file`], is drawn here.

use std::any::type_name;
use std::future::ready;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, Route};
use doorbuster_actors::request::Reason;
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::Path;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, RefOr, Server};

use super::error_responses;
use super::problem::{PARAMETERS, Problem};
use super::query::Query;

/// Who may use the routes behind it.
#[derive(Clone, Copy)]
pub struct Access {
    /// The security schemes of the document; any one of them opens it. None: it is open.
    pub keys: &'static [&'static str],
    /// Asked before anybody hears which methods a path has.
    pub check: fn(&HttpRequest) -> Result<(), Problem>,
    /// Asked before anybody hears what is wrong with a query: who is unknown hears only that.
    pub identify: fn(&HttpRequest) -> Result<(), Problem>,
}

/// Opens for everybody.
pub const OPEN: Access = Access { keys: &[], check: anybody, identify: anybody };

/// For routes that do not hide: their handlers look at the key, and anybody hears which methods they have.
pub fn anybody(_request: &HttpRequest) -> Result<(), Problem> {
    Ok(())
}

/// What a `GET` route answers on this listener: with `HEAD`, the same without the body (RFC 9110, section 9.3.2).
pub const GET_AND_HEAD: &[Method] = &[Method::GET, Method::HEAD];

/// The routes of a listener.
pub struct Table {
    reading: &'static [Method],
    /// What any request may be refused with.
    any: &'static [Reason],
    access: Access,
    resources: Vec<Resource>,
}

struct Resource {
    path: String,
    access: Access,
    rows: Vec<Row>,
}

struct Row {
    methods: Vec<Method>,
    query: Query,
    route: Route,
    /// None: a file.
    description: Option<Description>,
}

struct Description {
    methods: Vec<HttpMethod>,
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Table {
    /// An empty table. A route described with `GET` answers the methods in `reading`; any request at all may be refused
    /// with `any`.
    #[must_use]
    pub fn new(reading: &'static [Method], any: &'static [Reason]) -> Self {
        Self { reading, any, access: OPEN, resources: Vec::new() }
    }

    /// The rows from here on are behind `access`.
    #[must_use]
    pub fn behind(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// A route: `handler` answers as `description` (made of it by `#[utoipa::path]`) says, or refuses with one of
    /// `codes`.
    #[must_use]
    pub fn on<P, F, Args>(self, _description: P, handler: F, codes: &[&[Reason]]) -> Self
    where
        P: Path + SchemaReferences + Tags<'static>,
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        let (described, answers) = (type_name::<P>().replace("__path_", ""), type_name::<F>());
        assert_eq!(described, answers, "a handler stands beside its own description");
        let mut operation = P::operation();
        let codes = [&codes.concat(), self.any, PARAMETERS].concat();
        operation.responses.responses.extend(error_responses::responses(&codes, self.access.keys));
        let keys = self.access.keys.iter().map(|key| SecurityRequirement::new(*key, [""; 0]));
        operation.security = Some(keys.collect());
        operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        let methods = P::methods().iter().flat_map(|method| self.served(method)).collect();
        let query = Query::described(&operation);
        let description = Description { methods: P::methods(), operation, schemas };
        self.row(P::path(), (methods, query), handler, Some(description))
    }

    /// A static file, `GET` and `HEAD`. It is for browsers, no part of the interface, and not in the document. Links to
    /// it may have any query: newsletters and advertisements add parameters of their own.
    #[must_use]
    pub fn file<F, Args>(self, path: &str, handler: F) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        self.row(path.to_owned(), (GET_AND_HEAD.to_vec(), Query::Any), handler, None)
    }

    fn row<F, Args>(
        mut self,
        path: String,
        (methods, query): (Vec<Method>, Query),
        handler: F,
        description: Option<Description>,
    ) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        let (answered, readable) = (methods.clone(), query.clone());
        let guard = actix_web::guard::fn_guard(move |context| {
            let head = context.head();
            answered.contains(&head.method) && readable.takes(head.uri.query())
        });
        let row = Row { methods, query, route: web::route().guard(guard).to(handler), description };
        match self.resources.iter_mut().find(|resource| resource.path == path) {
            Some(resource) => resource.rows.push(row),
            None => self.resources.push(Resource { path, access: self.access, rows: vec![row] }),
        }
        self
    }

    fn served(&self, method: &HttpMethod) -> Vec<Method> {
        match method {
            HttpMethod::Get => self.reading.to_vec(),
            HttpMethod::Post => vec![Method::POST],
            HttpMethod::Put => vec![Method::PUT],
            HttpMethod::Delete => vec![Method::DELETE],
            HttpMethod::Options => vec![Method::OPTIONS],
            HttpMethod::Head => vec![Method::HEAD],
            HttpMethod::Patch => vec![Method::PATCH],
            HttpMethod::Trace => vec![Method::TRACE],
        }
    }

    /// Serves the routes. Other methods are refused with those there are, other paths are left to the caller.
    pub fn serve(self, config: &mut ServiceConfig) {
        for Resource { path, access, rows } in self.resources {
            let allow = rows.iter().flat_map(|row| &row.methods).map(Method::as_str).collect::<Vec<_>>().join(", ");
            let known: Vec<_> = rows.iter().map(|row| (row.methods.clone(), row.query.clone())).collect();
            let other = move |request: HttpRequest| {
                let of_method = known.iter().find(|(methods, _)| methods.contains(request.method()));
                ready(refusal(&request, access, of_method.map(|(_, query)| query), &allow))
            };
            let resource = web::resource(path).default_service(web::to(other));
            config.service(rows.into_iter().fold(resource, |resource, row| resource.route(row.route)));
        }
    }

    /// Writes the routes into the document, as served by `server`.
    pub fn describe(self, document: &mut OpenApi, server: &Server) {
        let components = document.components.get_or_insert_default();
        for Resource { path, rows, .. } in self.resources {
            for Description { methods, mut operation, schemas } in rows.into_iter().filter_map(|row| row.description) {
                operation.servers = Some(vec![server.clone()]);
                document.paths.add_path_operation(&path, methods, operation);
                components.schemas.extend(schemas);
            }
        }
    }
}

/// What a request is answered that no row takes: it has another method, or a query that its row does not take.
fn refusal(request: &HttpRequest, access: Access, query: Option<&Query>, allow: &str) -> HttpResponse {
    if let Err(refusal) = (access.check)(request) {
        return refusal.respond();
    }
    match query {
        Some(query) => {
            let identified = (access.identify)(request);
            identified.err().unwrap_or_else(|| query.problem(request.query_string())).respond()
        }
        // Monitors and browsers ask what there is (RFC 9110, section 9.3.7).
        None if request.method() == Method::OPTIONS => options(allow),
        None => Problem::method_not_allowed(allow.to_owned()).respond(),
    }
}

fn options(allow: &str) -> HttpResponse {
    HttpResponse::NoContent().insert_header((ALLOW, format!("{allow}, OPTIONS"))).finish()
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    /// Reads.
    #[utoipa::path(get, path = "/thing", responses((status = 200, description = "It.")))]
    async fn read() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    /// Writes.
    #[utoipa::path(put, path = "/thing", responses((status = 204, description = "Done.")))]
    async fn write() -> HttpResponse {
        HttpResponse::NoContent().finish()
    }

    fn table() -> Table {
        Table::new(GET_AND_HEAD, &[]).on(__path_read, read, &[]).on(__path_write, write, &[]).file("/page", read)
    }

    #[tokio::test]
    async fn a_path_may_have_several_methods_and_names_them_all_to_the_others() {
        let app = init_service(App::new().configure(|config| table().serve(config))).await;
        for (method, status, allowed) in [
            (Method::GET, 200, None),
            (Method::HEAD, 200, None),
            (Method::PUT, 204, None),
            (Method::POST, 405, Some("GET, HEAD, PUT")),
            (Method::OPTIONS, 204, Some("GET, HEAD, PUT, OPTIONS")),
        ] {
            let request = TestRequest::default().uri("/thing").method(method.clone()).to_request();
            let answer = call_service(&app, request).await;
            assert_eq!(answer.status(), StatusCode::from_u16(status).expect("a status"), "{method}");
            let allow = answer.headers().get(ALLOW).and_then(|allow| allow.to_str().ok());
            assert_eq!(allow, allowed, "{method}");
        }
    }

    #[tokio::test]
    async fn a_query_that_is_not_described_is_refused_and_files_take_any() {
        let app = init_service(App::new().configure(|config| table().serve(config))).await;
        for (uri, status) in [("/thing?", 200), ("/thing?x=1", 422), ("/page?utm_source=mail&utm_source=x", 200)] {
            let answer = call_service(&app, TestRequest::default().uri(uri).to_request()).await;
            assert_eq!(answer.status(), StatusCode::from_u16(status).expect("a status"), "{uri}");
        }
    }

    #[test]
    fn all_routes_but_files_are_described() {
        let mut document = OpenApi::default();
        table().describe(&mut document, &Server::new("/"));
        let (paths, thing) = (&document.paths.paths, document.paths.get_path_item("/thing").expect("described"));
        assert_eq!((paths.len(), thing.get.is_some(), thing.put.is_some()), (1, true, true));
    }

    #[test]
    #[should_panic(expected = "a handler stands beside its own description")]
    fn a_handler_beside_the_description_of_another_does_not_start() {
        let _table = Table::new(GET_AND_HEAD, &[]).on(__path_read, write, &[]);
    }
}
