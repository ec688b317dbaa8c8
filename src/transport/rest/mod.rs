//! REST over HTTP: a method and a path → an intent → bytes.
//!
//! Routes are derived from the schema when it is loaded, and a `select` becomes a form once per route
//! and text. What is left of a repeat is to read the other parameters, ask the engine, and write what
//! comes back.

mod conditions;
mod decode;
pub mod describe;
mod docs;
mod encode;
mod entities;
mod input;
mod lines;
mod links;
mod negotiate;
mod parameters;
mod respond;
mod routes;
mod select;
mod sites;
mod stream;
mod write;

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
use moka::Equivalent;
use moka::sync::Cache;
use serde_json::Value as Json;
use tracing::Instrument;

pub use self::decode::PageSizes;
use self::decode::{Answer, Decoded, Mode, Prepared, Wanted, mode_of, prepare, select_text};
use self::describe::Info;
use self::encode::encode;
use self::entities::EntityTable;
pub use self::lines::takes_lines;
use self::links::Asked;
use self::negotiate::{Media, Preferences, has_already};
use self::parameters::{Parameter, members, parameters, path_values};
use self::respond::Failure;
use self::routes::Table;
pub use self::select::SelectLimits;
use crate::auth::Caller;
use crate::engine::{Engine, Pace};
use crate::error::{Code, Error, Stage};
use crate::intent::Intent;
use crate::intent::value::Values;
use crate::recent::Recent;
use crate::schema::Schema;
use crate::schema::model::Endpoint;
use crate::schema::routes::{DOCS_PATH, OPENAPI_PATH};
use crate::transport::asset;
use crate::transport::body::{Budget, body_of, is_json, read};

/// Bytes of forms that are kept, about; those that are asked least go first.
const FORMS_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Forms that take more are not held in front of the cache as well.
const RECENT_BYTES_MAX: u32 = 16 * 1024;

/// Settings of `[rest]`, and of `[server]` where they concern this wire.
#[derive(Debug, Clone)]
pub struct Options {
    pub path: String,
    /// What the description says of the service.
    pub info: Info,
    pub docs: bool,
    pub pages: PageSizes,
    pub select: SelectLimits,
    pub etag: bool,
    pub body_bytes_max: usize,
    pub body_timeout: Duration,
    pub response_bytes_max: usize,
    /// Of one batch get, whose body may be longer for that.
    pub representations_max: usize,
    pub stream_idle_timeout: Duration,
    /// Most rows that one request writes.
    pub bulk_affected_max: u64,
    /// What is deleted is answered, instead of nothing.
    pub delete_shows_entity: bool,
    /// How long the answer under an `Idempotency-Key` is kept.
    pub idempotency_ttl: Duration,
}

/// The REST wire of one schema.
pub struct Rest {
    options: Options,
    table: Table,
    entities: EntityTable,
    forms: Recent<FormKey, Arc<Prepared>>,
    /// The description, written when it is first asked for.
    description: OnceLock<Bytes>,
}

/// What chooses a form: a route, and what `select` says of it.
#[derive(PartialEq, Eq, Hash)]
struct FormKey {
    route: usize,
    mode: Mode,
    select: Option<Box<str>>,
}

/// The same, borrowed from a request.
#[derive(Hash)]
struct FormKeyRef<'a> {
    route: usize,
    mode: Mode,
    select: Option<&'a str>,
}

impl FormKeyRef<'_> {
    fn owned(&self) -> FormKey {
        FormKey { route: self.route, mode: self.mode, select: self.select.map(Box::from) }
    }
}

impl Equivalent<FormKey> for FormKeyRef<'_> {
    fn equivalent(&self, key: &FormKey) -> bool {
        self.route == key.route && self.mode == key.mode && self.select == key.select.as_deref()
    }
}

/// One HTTP exchange: whom to ask, and for whom.
struct Exchange<'a> {
    rest: &'a Rest,
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    parts: &'a request::Parts,
    id: &'a str,
}

// === impl Rest ===

impl Rest {
    pub fn new(schema: &Schema, options: Options) -> Rest {
        Rest {
            table: Table::new(schema.model()),
            entities: EntityTable::new(schema.model()),
            forms: Recent::of(
                Cache::builder()
                    .max_capacity(FORMS_BYTES_MAX)
                    .weigher(|_, prepared: &Arc<Prepared>| prepared.weight())
                    .build_with_hasher(ahash::RandomState::new()),
            ),
            options,
            description: OnceLock::new(),
        }
    }

    /// The OpenAPI description of what is served.
    pub fn openapi(&self, schema: &Schema) -> Json {
        describe::openapi(schema, &self.options)
    }

    /// Answers one HTTP request.
    pub async fn serve(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        parts: &request::Parts,
        body: Body,
        id: &str,
    ) -> Response<Body> {
        let exchange = Exchange { rest: self, engine, caller, parts, id };
        let mut response = match exchange.run(body).await {
            Ok(response) => response,
            Err(failure) => failure.respond(id),
        };
        if parts.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }

    /// Answers a request that is not heard.
    pub fn refuse(&self, error: Error, id: &str) -> Response<Body> {
        Failure::from(error).respond(id)
    }

    /// The intent behind `GET /rest/users?limit=3`, or a write with this body; for `explain`.
    pub fn intent(&self, schema: &Schema, method: &Method, target: &str, body: Json) -> Result<Intent, Error> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let below = path.strip_prefix(self.options.path.as_str()).unwrap_or(path);
        let (route, values) = self.route(method, below, path).map_err(|failure| *failure.error)?;
        let endpoint = self.endpoint(schema, route).map_err(|failure| *failure.error)?;
        let given = parameters(query)?;
        if self.table.route(route).is_mutation {
            let members = body.as_object().cloned().unwrap_or_default();
            let path = path_values(self.table.names(route), &values)?;
            let input = input::input(schema, endpoint, &path, members)?;
            return Ok(Intent::Mutate(self.mutate(schema, endpoint, route, vec![input], &given, false)?));
        }
        let wanted = Wanted { stream: false, counted: false };
        Ok(Intent::Read(self.decode(schema, endpoint, route, &values, given, wanted)?.read))
    }

    /// The route of a path, with the values of its parameters.
    fn route<'p>(&self, method: &Method, below: &'p str, path: &str) -> Result<(usize, Vec<&'p str>), Failure> {
        let Some(found) = self.table.find(below) else {
            let hint = match self.table.nearest(below) {
                Some(nearest) => format!("; did you mean {}{nearest}?", self.options.path),
                None => {
                    format!("; what there is stands at {}{}", self.options.path, OPENAPI_PATH)
                }
            };
            return Err(Failure::new(Code::NotFound, format!("there is nothing at {path}{hint}")));
        };
        match found.route(method) {
            Some(route) => Ok((route, found.values)),
            None => {
                let allow = found.allow();
                let failure = Failure::new(Code::MethodNotAllowed, format!("{path} takes {allow}, not {method}"));
                Err(Failure { allow: Some(allow), ..failure })
            }
        }
    }

    fn endpoint<'s>(&self, schema: &'s Schema, route: usize) -> Result<&'s Endpoint, Failure> {
        self.table.endpoint(route, schema.model()).ok_or_else(|| {
            // What a caller may not see is not there.
            Failure::new(Code::NotFound, format!("there is nothing at {}", self.table.route(route).path))
        })
    }

    fn decode(
        &self,
        schema: &Schema,
        endpoint: &Endpoint,
        route: usize,
        values: &[&str],
        parameters: Vec<Parameter<'_>>,
        wanted: Wanted,
    ) -> Result<Decoded, Error> {
        let mode = mode_of(schema, endpoint, wanted);
        let prepared = self.prepared(schema, endpoint, route, mode, select_text(&parameters, endpoint)?)?;
        let path = path_values(self.table.names(route), values)?;
        let request =
            decode::Request { schema, endpoint, prepared: &prepared, mode, wanted, sizes: self.options.pages };
        request.decode(Values::default(), path.into_iter(), &parameters)
    }

    /// The form for a text of `select`: known, or built and kept.
    fn prepared(
        &self,
        schema: &Schema,
        endpoint: &Endpoint,
        route: usize,
        mode: Mode,
        select: Option<&str>,
    ) -> Result<Arc<Prepared>, Error> {
        let is_small = |prepared: &Prepared| prepared.weight() <= RECENT_BYTES_MAX;
        let key = FormKeyRef { route, mode, select };
        if let Some(prepared) = self.forms.get(&key, |key, prepared| is_small(prepared).then(|| key.owned())) {
            return Ok(prepared);
        }
        let prepared = Arc::new(prepare(schema, endpoint, mode, select, self.options.select)?);
        self.forms.insert(key.owned(), prepared.clone());
        Ok(prepared)
    }
}

// === impl Exchange ===

impl Exchange<'_> {
    async fn run(&self, body: Body) -> Result<Response<Body>, Failure> {
        let path = self.parts.uri.path();
        let below = path.strip_prefix(self.rest.options.path.as_str()).unwrap_or(path);
        if let Some(entity) = self.rest.entities.find(below) {
            return Box::pin(self.batch_get(entity, body)).await;
        }
        if self.parts.method == Method::OPTIONS
            && let Some(found) = self.rest.table.find(below)
        {
            return Ok(respond::options(&found.allow()));
        }
        if let Some(response) = self.own(below)? {
            return Ok(response);
        }
        let (route, values) = self.rest.route(&self.parts.method, below, path)?;
        let observer = self.caller.observer();
        self.rest.table.tell(observer, route, &self.parts.method, &self.rest.options.path);
        let schema = self.engine.schema_for(self.caller);
        let endpoint = self.rest.endpoint(&schema, route)?;
        if self.rest.table.route(route).is_mutation {
            return Box::pin(self.write(body, route, &values, &schema, endpoint)).await;
        }
        let media = Media::of(&self.parts.headers, Media::of_endpoint(&schema, endpoint))?;
        let preferences = Preferences::of(&self.parts.headers);
        let wanted = Wanted { stream: media != Media::Json, counted: preferences.count };
        let query = self.parts.uri.query().unwrap_or_default();
        let mut given = parameters(query)?;
        if self.parts.method == Method::POST {
            given.extend(self.members(body).await?);
        }
        let decode = (observer.time(Stage::Decode), tracing::debug_span!("decode").entered());
        let decoded = self.rest.decode(&schema, endpoint, route, &values, given, wanted)?;
        let is_counted = mode_of(&schema, endpoint, wanted) == Mode::Counted;
        drop(decode);
        drop(schema);
        match decoded.answer {
            Answer::Stream => Box::pin(self.stream(Intent::Read(decoded.read), media)).await,
            answer => {
                let mut response = self.json(Intent::Read(decoded.read), answer, Asked { path, query }).await?;
                if is_counted {
                    response.headers_mut().insert("preference-applied", HeaderValue::from_static("count=exact"));
                }
                Ok(response)
            }
        }
    }

    /// The parameters in the body of a query that is sent by POST.
    async fn members(&self, body: Body) -> Result<Vec<Parameter<'static>>, Failure> {
        let bytes = self.bytes(body, self.rest.options.body_bytes_max).await?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        self.check_json()?;
        Ok(members(&bytes)?)
    }

    /// A whole body of so many bytes at most.
    async fn bytes(&self, body: Body, max: usize) -> Result<Bytes, Failure> {
        Ok(read(body, max, self.rest.options.body_timeout).await?)
    }

    fn check_json(&self) -> Result<(), Failure> {
        match is_json(&self.parts.headers) {
            true => Ok(()),
            false => Err(Failure::new(Code::UnsupportedMediaType, "send the body as application/json in UTF-8")),
        }
    }

    /// What the server answers by itself: the description and the page over it.
    fn own(&self, below: &str) -> Result<Option<Response<Body>>, Failure> {
        let options = &self.rest.options;
        let file = below.strip_prefix(DOCS_PATH).filter(|_| options.docs);
        if below != OPENAPI_PATH && file.is_none_or(|file| !file.is_empty() && !file.starts_with('/')) {
            return Ok(None);
        }
        const ALLOW: &str = "GET, HEAD, OPTIONS";
        match self.parts.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(Some(respond::options(ALLOW))),
            _ => {
                let message = format!("{} takes {ALLOW}, not {}", self.parts.uri.path(), self.parts.method);
                let failure = Failure::new(Code::MethodNotAllowed, message);
                return Err(Failure { allow: Some(ALLOW.to_owned()), ..failure });
            }
        }
        let Some(file) = file else { return self.openapi().map(Some) };
        match file.strip_prefix('/') {
            None | Some("") => {
                let page = docs::index(&options.info.title, &options.path);
                Ok(Some(asset::page(page, docs::CONTENT_SECURITY_POLICY)))
            }
            Some(name) => match docs::asset(name) {
                Some(asset) => Ok(Some(asset.respond())),
                None => Err(Failure::new(Code::NotFound, format!("there is nothing at {}", self.parts.uri.path()))),
            },
        }
    }

    fn openapi(&self) -> Result<Response<Body>, Failure> {
        Media::of(&self.parts.headers, &[Media::Json])?;
        let write = || Bytes::from(self.rest.openapi(&self.engine.schema_for(self.caller)).to_string());
        let text = self.rest.description.get_or_init(write).clone();
        self.tagged(vec![text])
    }

    /// Asks the engine and writes the rows; once more when they are of another shape than planned.
    async fn json(&self, intent: Intent, answer: Answer, asked: Asked<'_>) -> Result<Response<Body>, Failure> {
        let _admitted = self.engine.admission().admit().await?;
        let budget = Budget::new(self.rest.options.response_bytes_max);
        let seen = self.engine.generation();
        let outcome = self.engine.answer(self.caller, &intent, Pace::Answer).await?;
        let _timed = self.caller.observer().time(Stage::Encode);
        let encoded = {
            let encoding = pin!(encode(outcome, answer, asked, &budget));
            encoding.instrument(tracing::debug_span!("encode")).await
        };
        let body = match encoded {
            Err(failure) if failure.error.can_be_asked_again() => {
                let again = async {
                    self.engine.recover(self.caller, seen, &failure.error).await?;
                    encode(self.engine.answer(self.caller, &intent, Pace::Answer).await?, answer, asked, &budget).await
                };
                Box::pin(again).await?
            }
            result => result?,
        };
        self.tagged(body.into_bytes())
    }

    /// A JSON body with its tag, or only the tag when the client has the body already.
    fn tagged(&self, chunks: Vec<Bytes>) -> Result<Response<Body>, Failure> {
        let tag = self.rest.options.etag.then(|| respond::tag(&chunks));
        if let Some(tag) = tag.as_deref().filter(|tag| has_already(&self.parts.headers, tag)) {
            let mut response = respond::data(Body::empty(), Media::Json.content_type());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            respond::tag_response(&mut response, tag);
            return Ok(response);
        }
        let (body, length) = body_of(chunks);
        let mut response = respond::data(body, Media::Json.content_type());
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(tag) = &tag {
            respond::tag_response(&mut response, tag);
        }
        Ok(response)
    }

    async fn stream(&self, intent: Intent, media: Media) -> Result<Response<Body>, Failure> {
        if self.parts.method == Method::HEAD {
            return Ok(respond::data(Body::empty(), media.content_type()));
        }
        // Until the first row: how many streams are read is bounded by itself.
        let _admitted = self.engine.admission().admit().await?;
        let seen = self.engine.generation();
        let outcome = self.engine.answer(self.caller, &intent, Pace::Stream).await?;
        let opened =
            match stream::open(outcome, media, self.caller.observer()).instrument(tracing::debug_span!("encode")).await
            {
                Err(failure) if failure.error.can_be_asked_again() => {
                    self.engine.recover(self.caller, seen, &failure.error).await?;
                    let outcome = self.engine.answer(self.caller, &intent, Pace::Stream).await?;
                    stream::open(outcome, media, self.caller.observer()).await?
                }
                result => result?,
            };
        Ok(respond::data(opened.into_body(self.rest.options.stream_idle_timeout), media.content_type()))
    }
}

#[cfg(test)]
mod tests;
