//! A write: its body and its path → calls of a mutation → what is said of them.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value as Json, json};

use super::decode::{Mode, PageSizes, Request, Wanted, select_text};
use super::input::{Sent, absent, input, sent};
use super::negotiate::{Media, Preferences};
use super::parameters::{Parameter, parameters, path_values};
use super::respond::{self, Failure};
use super::{Exchange, Rest};
use crate::codec::{self, Shape, Stop, Trail};
use crate::engine::{Outcome, Pace};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::mutation::Input;
use crate::intent::value::Values;
use crate::intent::{Intent, Mutate, Once, Read};
use crate::schema::model::{Endpoint, Operation, Returns};
use crate::schema::name::Name;
use crate::schema::routes::location;
use crate::schema::{Kind, Schema};
use crate::transport::body::{Budget, body_of};

/// Longest `Idempotency-Key`.
const KEY_LENGTH_MAX: usize = 255;

/// What a write asks for, before anything is known of its rows.
struct Asked {
    endpoint: Endpoint,
    preferences: Preferences,
    /// No body is answered.
    minimal: bool,
    /// Several rows are written.
    many: bool,
    /// Where a created row will stand, with its key between braces.
    location: Option<String>,
}

/// An answer while it can still be kept.
struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Vec<Bytes>,
}

// === impl Rest ===

impl Rest {
    /// The calls of a mutation; the selection is the smallest there is where no body is answered.
    pub(super) fn mutate(
        &self,
        schema: &Schema,
        endpoint: &Endpoint,
        route: usize,
        calls: Vec<Input>,
        given: &[Parameter<'_>],
        minimal: bool,
    ) -> Result<Mutate> {
        let is_leaf = matches!(schema.kind(&endpoint.item), Kind::Scalar(_) | Kind::Enum(_));
        let asked = select_text(given, endpoint)?;
        if is_leaf && asked.is_some() {
            return Err(Error::invalid(format!("{} has nothing to select", endpoint.item)).at("select"));
        }
        let text = if minimal && !is_leaf { Some("__typename") } else { asked };
        let prepared = self.prepared(schema, endpoint, route, Mode::Rows, text)?;
        let sizes = PageSizes { default: u64::MAX, max: u64::MAX };
        let wanted = Wanted { stream: false, counted: false };
        let request = Request { schema, endpoint, prepared: &prepared, mode: Mode::Rows, wanted, sizes };
        let Read { form, mut arguments, values } = request.decode(Values::default(), std::iter::empty(), given)?.read;
        arguments.iter_mut().take(1).for_each(|root| *root = Default::default());
        Ok(Mutate {
            form,
            is_batch: calls.len() != 1,
            calls,
            arguments,
            values,
            atomic: true,
            dry_run: false,
            once: None,
        })
    }
}

// === impl Exchange ===

impl Exchange<'_> {
    pub(super) async fn write(
        &self,
        body: Body,
        route: usize,
        values: &[&str],
        schema: &Schema,
        endpoint: &Endpoint,
    ) -> Result<Response<Body>, Failure> {
        let headers = &self.parts.headers;
        Media::of(headers, &[Media::Json])?;
        let preferences = Preferences::of(headers);
        let options = &self.rest.options;
        let is_delete = endpoint.operation == Some(Operation::Delete);
        let minimal = preferences.minimal.unwrap_or(is_delete && !options.delete_shows_entity);
        let bytes = self.bytes(body, options.body_bytes_max).await?;
        let query = self.parts.uri.query().unwrap_or_default();
        let given = parameters(query)?;
        let path = path_values(self.rest.table.names(route), values)?;
        let known = self.rest.table.route(route);
        let (inputs, own) = match &known.bulk_over {
            Some(list) => {
                let Sent::One(members) = sent(headers, &bytes)? else {
                    return Err(Error::invalid("one object is needed: it is applied to every row").into());
                };
                let (select, filters): (Vec<_>, Vec<_>) = given.into_iter().partition(|one| one.name == "select");
                let keys = self.keys(schema, list, &filters, preferences).await?;
                let one = |key: String| input(schema, endpoint, &[("id".into(), key)], members.clone());
                (keys.into_iter().map(one).collect::<Result<Vec<_>>>()?, select)
            }
            None => (self.inputs(schema, endpoint, &path, sent(headers, &bytes)?)?, given),
        };
        let many = known.bulk_over.is_some() || inputs.len() != 1 || is_array(&bytes, headers);
        let asked = Asked {
            endpoint: endpoint.clone(),
            preferences,
            minimal,
            many,
            location: location(schema.model(), endpoint).filter(|_| endpoint.operation == Some(Operation::Create)),
        };
        if inputs.is_empty() {
            return Ok(self.empty(&asked).respond(false));
        }
        let mut mutate = self.rest.mutate(schema, endpoint, route, inputs, &own, minimal)?;
        mutate.dry_run = preferences.rollback;
        mutate.once = self.once(&bytes)?;
        let mut outcome = self.engine.answer(self.caller, &Intent::Mutate(mutate), Pace::Answer).await?;
        if let Some(kept) = outcome.kept.take() {
            return Ok(Answer::from_kept(kept.status, &kept.headers, kept.body).respond(true));
        }
        let pending = outcome.pending.take();
        let told = self.told(&asked, outcome).await;
        let answer = match told.inspect_err(|failure| self.caller.observer().failed(failure.error.code)) {
            Ok(answer) => answer,
            Err(failure) if pending.is_some() => Answer::of_failure(&failure, self.id),
            Err(failure) => return Err(failure),
        };
        if let Some(pending) = pending {
            pending.keep(answer.status.as_u16(), answer.headers_text(), answer.text()).await?;
        }
        Ok(answer.respond(false))
    }

    /// The inputs of a body: one, or one for each item.
    fn inputs(
        &self,
        schema: &Schema,
        endpoint: &Endpoint,
        path: &[(Name, String)],
        sent: Sent,
    ) -> Result<Vec<Input>, Failure> {
        let _timed = self.caller.observer().time(Stage::Decode);
        match sent {
            Sent::One(members) => {
                let lacking = match self.parts.method {
                    Method::PUT => absent(schema, endpoint, path, &members),
                    _ => Vec::new(),
                };
                if !lacking.is_empty() {
                    let names: Vec<&str> = lacking.iter().map(|name| &***name).collect();
                    let message = format!("PUT replaces the whole: {} missing; PATCH changes a part", names.join(", "));
                    let details = Map::from_iter([("missing".to_owned(), json!(names))]);
                    return Err(Failure { details, ..Failure::new(Code::ValidationFailed, message) });
                }
                Ok(vec![input(schema, endpoint, path, members)?])
            }
            Sent::Many(_) if endpoint.operation != Some(Operation::Create) || !path.is_empty() => {
                Err(Error::invalid("only a row that is created may be one of several").into())
            }
            Sent::Many(items) => {
                self.within(items.len() as u64, None)?;
                let items = items.into_iter().enumerate();
                let one = |(i, members)| {
                    input(schema, endpoint, path, members)
                        .map_err(|error: Error| Error { message: format!("[{i}]: {}", error.message), ..error })
                };
                Ok(items.map(one).collect::<Result<_>>()?)
            }
        }
    }

    /// The ids of the rows that filters leave.
    async fn keys(
        &self,
        schema: &Schema,
        list: &Name,
        filters: &[Parameter<'_>],
        preferences: Preferences,
    ) -> Result<Vec<String>, Failure> {
        let Some(query) = schema.query(list) else {
            return Err(Error::new(Stage::Decode, Code::Internal, "the list is not there").into());
        };
        if filters.is_empty() {
            let message = format!("{} changes every row that its filters leave; give one", self.parts.uri.path());
            return Err(Error::invalid(message).into());
        }
        let position = self.rest.table.position(list).unwrap_or_default();
        let wanted = Wanted { stream: true, counted: false };
        let prepared = self.rest.prepared(schema, query, position, Mode::Rows, Some("id"))?;
        let sizes = self.rest.options.pages;
        let request = Request { schema, endpoint: query, prepared: &prepared, mode: Mode::Rows, wanted, sizes };
        let mut read = request.decode(Values::default(), std::iter::empty(), filters)?.read;
        let max = self.most(preferences.affected_max);
        if let Some(root) = read.arguments.first_mut() {
            root.page.limit = Some(root.page.limit.unwrap_or(u64::MAX).min(max.saturating_add(1)));
        }
        // What is about to be changed, and not what a replica remembers of it.
        self.caller.read_primary();
        let (statement, mut rows) =
            self.engine.answer(self.caller, &Intent::Read(read), Pace::Answer).await?.into_parts();
        let mut keys = Vec::new();
        while let Some(row) = rows.next().await.transpose()? {
            let (mut text, mut trail) = (Vec::new(), Trail::default());
            if codec::json::row(statement.shape(), &codec::columns(&row), &mut text, &mut trail).is_err() {
                return Err(Failure::mismatch(trail.mismatches()));
            }
            let row: Json = serde_json::from_slice(&text).unwrap_or_default();
            keys.extend(row["id"].as_str().map(str::to_owned));
        }
        self.within(keys.len() as u64, preferences.affected_max)?;
        Ok(keys)
    }

    fn most(&self, asked: Option<u64>) -> u64 {
        let max = self.rest.options.bulk_affected_max;
        asked.map_or(max, |asked| asked.min(max))
    }

    /// Refuses to touch more rows than the client or the configuration allows.
    fn within(&self, count: u64, asked: Option<u64>) -> Result<(), Failure> {
        let max = self.most(asked);
        if count <= max {
            return Ok(());
        }
        let by = match asked {
            Some(asked) if asked <= max => "Prefer: max-affected",
            Some(_) | None => "[rest] max_bulk_affected",
        };
        let message = format!("more than {max} rows would be touched ({by}); nothing was changed");
        Err(Failure::new(Code::TooComplex, message))
    }

    /// The key that the client sent, with what its answer depends on.
    fn once(&self, body: &[u8]) -> Result<Option<Once>> {
        let Some(value) = self.parts.headers.get("idempotency-key") else { return Ok(None) };
        let key = value.to_str().unwrap_or_default().trim();
        if key.is_empty() || key.len() > KEY_LENGTH_MAX {
            let message = format!("a key has 1 to {KEY_LENGTH_MAX} visible ASCII characters");
            return Err(Error::invalid(message).at("Idempotency-Key"));
        }
        let preferences = format!("{:?}", Preferences::of(&self.parts.headers));
        let asked = [self.parts.uri.query().unwrap_or_default().as_bytes(), preferences.as_bytes(), body].join(&b'\n');
        let who = self.caller.claim("sub").unwrap_or_default();
        Ok(Some(Once {
            scope: format!("{} {}\n{who}", self.parts.method, self.parts.uri.path()),
            key: key.to_owned(),
            digest: format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&asked)),
            ttl_secs: self.rest.options.idempotency_ttl.as_secs(),
        }))
    }

    /// What is said of calls that have been made.
    async fn told(&self, asked: &Asked, outcome: Outcome) -> Result<Answer, Failure> {
        let _timed = self.caller.observer().time(Stage::Encode);
        let mut outcome = outcome;
        let mut changes = std::mem::take(&mut outcome.changes);
        if let Some(position) = changes.iter().position(Result::is_err) {
            let error = changes.swap_remove(position).err();
            return Err(error.unwrap_or_else(|| Error::invalid("a call failed")).into());
        }
        let changes: Vec<_> = changes.into_iter().flatten().collect();
        // A typed error has the status of any other.
        if let Some((code, message)) = changes.iter().find_map(|change| change.failure.clone()) {
            return Err(Failure::new(code, message));
        }
        let affected = changes.iter().filter(|change| change.changed || change.rows > 0).count();
        let is_one_row = asked.endpoint.returns == Returns::One;
        let addresses_row = matches!(asked.endpoint.operation, Some(Operation::Update | Operation::Delete));
        if let [change] = changes.as_slice()
            && !asked.many
            && is_one_row
            && addresses_row
            && change.rows == 0
            && !change.changed
            && asked.endpoint.operation != Some(Operation::Delete)
        {
            return Err(Failure::new(Code::NotFound, "there is no such row"));
        }
        let mut answer = self.empty(asked);
        if asked.many {
            answer.headers.push(("x-rows-affected", affected.to_string()));
        }
        if let (Some(pattern), [change], false) = (&asked.location, changes.as_slice(), asked.many) {
            let id = change.id.as_ref().map(|id| {
                percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
                    .replace("%2D", "-")
            });
            let start = pattern.find('{').unwrap_or(pattern.len());
            let end = pattern.find('}').map_or(pattern.len(), |end| end + 1);
            answer.headers.extend(id.map(|id| {
                let place = format!("{}{}{id}{}", self.rest.options.path, &pattern[..start], &pattern[end..]);
                ("location", place)
            }));
        }
        let is_null = !asked.many && is_one_row && changes.iter().all(|change| change.rows == 0);
        answer.body = match asked.minimal {
            true => Vec::new(),
            false if is_null => vec![Bytes::from_static(b"{\"data\":null}")],
            false => {
                let budget = Budget::new(self.rest.options.response_bytes_max);
                let listed = asked.many || !is_one_row;
                encoded(outcome, listed, asked.many.then_some(affected), &budget).await?
            }
        };
        Ok(answer)
    }

    /// An answer without a body yet.
    fn empty(&self, asked: &Asked) -> Answer {
        let created = asked.endpoint.operation == Some(Operation::Create);
        let status = match (created, asked.minimal) {
            (true, _) => StatusCode::CREATED,
            (false, true) => StatusCode::NO_CONTENT,
            (false, false) => StatusCode::OK,
        };
        let applied: Vec<&str> = [
            asked.preferences.minimal.map(|minimal| if minimal { "return=minimal" } else { "return=representation" }),
            asked.preferences.rollback.then_some("tx=rollback"),
            asked.preferences.affected_max.filter(|_| asked.many).map(|_| "max-affected"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut headers = Vec::new();
        if !applied.is_empty() {
            headers.push(("preference-applied", applied.join(", ")));
        }
        let is_shown = asked.many && !asked.minimal;
        let body =
            if is_shown { vec![Bytes::from_static(b"{\"data\":[],\"meta\":{\"affected\":0}}")] } else { Vec::new() };
        Answer { status, headers, body }
    }
}

/// `{"data": …}`, of one row or a list.
async fn encoded(
    outcome: Outcome,
    listed: bool,
    affected: Option<usize>,
    budget: &Budget,
) -> Result<Vec<Bytes>, Failure> {
    let (statement, mut rows) = outcome.into_parts();
    let shape = statement.shape();
    // A function may return the whole list as one value.
    let brackets = listed && (affected.is_some() || matches!(shape, Shape::Many(_) | Shape::Documents(_)));
    let mut body = crate::transport::body::Chunks::default();
    let mut trail = Trail::default();
    body.push(if brackets { b"{\"data\":[" } else { b"{\"data\":" });
    let mut index = 0;
    while let Some(row) = rows.next().await.transpose()? {
        body.push(if index > 0 { b"," } else { b"" });
        trail.at_row(brackets.then_some(index));
        match codec::json::row(shape, &codec::columns(&row), body.buffer(), &mut trail) {
            Ok(()) => {}
            Err(Stop::Null) => return Err(Failure::mismatch(trail.mismatches())),
            Err(Stop::Stale) => {
                let error = Error::new(Stage::Encode, Code::Internal, "what was written cannot be shown");
                return Err(error.because("rows came with other types than the statement was planned for").into());
            }
        }
        index += 1;
        body.rotate(budget)?;
    }
    if !trail.is_empty() {
        return Err(Failure::mismatch(trail.mismatches()));
    }
    body.push(if brackets { b"]" } else { b"" });
    if let Some(affected) = affected {
        body.push(format!(",\"meta\":{{\"affected\":{affected}}}").as_bytes());
    }
    body.push(b"}");
    budget.spend(body.current_bytes())?;
    Ok(body.into_bytes())
}

fn is_array(bytes: &[u8], headers: &HeaderMap) -> bool {
    super::negotiate::is_ndjson(headers) || bytes.trim_ascii_start().starts_with(b"[")
}

// === impl Answer ===

impl Answer {
    fn of_failure(failure: &Failure, request_id: &str) -> Answer {
        failure.log(request_id);
        let status =
            StatusCode::from_u16(failure.error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({"error": failure.to_json(request_id)}).to_string();
        Answer { status, headers: Vec::new(), body: vec![Bytes::from(body)] }
    }

    fn from_kept(status: u16, headers: &str, body: String) -> Answer {
        const NAMES: [&str; 3] = ["location", "preference-applied", "x-rows-affected"];
        let kept: Map<String, Json> = serde_json::from_str(headers).unwrap_or_default();
        let headers = NAMES.iter().filter_map(|name| Some((*name, kept.get(*name)?.as_str()?.to_owned())));
        let body = if body.is_empty() { Vec::new() } else { vec![Bytes::from(body)] };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer { status, headers: headers.collect(), body }
    }

    fn headers_text(&self) -> String {
        let members = self.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        Json::Object(members.collect()).to_string()
    }

    /// JSON is text.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.concat()).into_owned()
    }

    fn respond(self, replayed: bool) -> Response<Body> {
        let is_empty = self.body.is_empty();
        let (body, length) = body_of(self.body);
        let mut response = respond::data(body, Media::Json.content_type());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if is_empty {
            headers.remove(header::CONTENT_TYPE);
        }
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if replayed {
            headers.insert("idempotency-key", HeaderValue::from_static("replayed=true"));
        }
        response
    }
}
