//! A write: its body and its path → calls of a mutation → what is said of them.

use std::pin::pin;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value as Json, json};
use tracing::Instrument;

use super::decode::{Mode, PageSizes, Request, Wanted, select_text};
use super::encode::written;
use super::input::{Sent, absent, input, sent};
use super::negotiate::{Media, Preferences, is_ndjson};
use super::parameters::{Parameter, PathValue, parameters, path_values};
use super::respond::{self, Failure};
use super::{Exchange, Rest};
use crate::codec::{self, Trail};
use crate::engine::{KeptAnswer, Outcome, Pace};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::mutation::Input;
use crate::intent::value::Values;
use crate::intent::{Intent, Mutate, Read};
use crate::schema::model::{Endpoint, Operation, Returns};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};
use crate::transport::body::{Budget, Chunks, body_of};
use crate::transport::once::{self, Under};

/// What a write asks for, before anything is known of its rows.
pub(super) struct Asked<'e> {
    pub endpoint: &'e Endpoint,
    pub preferences: Preferences,
    /// No body is answered.
    pub minimal: bool,
    /// Several rows are written.
    many: bool,
    /// Where a created row will stand, with its key between braces.
    location: Option<&'e str>,
}

/// An answer while it can still be kept.
pub(super) struct Answer {
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
        let query = self.parts.uri.query().unwrap_or_default();
        let given = parameters(query)?;
        let path = path_values(self.rest.table.names(route), values)?;
        let known = self.rest.table.route(route);
        let asked = Asked { endpoint, preferences, minimal, many: true, location: self.rest.table.location(route) };
        let what = || format!("{} {}", self.parts.method, self.parts.uri.path());
        let under = Under::of(headers, what, self.caller, options.idempotency_ttl)?;
        // What is kept under a key or only tried out is one transaction, and has to be there as a whole.
        let is_one = under.is_some() || preferences.rollback || known.bulk_over.is_some() || !path.is_empty();
        let is_lines = is_ndjson(headers);
        if is_lines && !is_one && endpoint.operation == Some(Operation::Create) {
            return Box::pin(self.write_lines(body, route, schema, &given, &asked)).await;
        }
        let bytes = self.bytes(body, options.body_bytes_max).await?;
        let _admitted = self.engine.admission().admit().await?;
        let (inputs, own) = match &known.bulk_over {
            Some(list) => {
                let Sent::One(members) = sent(headers, &bytes)? else {
                    return Err(Error::invalid("one object is needed: it is applied to every row").into());
                };
                let (select, filters): (Vec<_>, Vec<_>) = given.into_iter().partition(|one| one.name == "select");
                let keys = Box::pin(self.keys(schema, list, &filters, preferences)).await?;
                let one = |key: String| input(schema, endpoint, &[("id".into(), key.into())], members.clone());
                (keys.into_iter().map(one).collect::<Result<Vec<_>>>()?, select)
            }
            None => (self.inputs(schema, endpoint, &path, sent(headers, &bytes)?)?, given),
        };
        let is_array = is_lines || bytes.trim_ascii_start().starts_with(b"[");
        let many = known.bulk_over.is_some() || inputs.len() != 1 || is_array;
        let asked = Asked { many, ..asked };
        if inputs.is_empty() {
            return Ok(asked.empty().respond(false));
        }
        let mut mutate = self.rest.mutate(schema, endpoint, route, inputs, &own, minimal)?;
        mutate.dry_run = preferences.rollback;
        mutate.once = under.as_ref().map(|under| {
            let preferences_text = format!("{preferences:?}");
            let asked = [query.as_bytes(), preferences_text.as_bytes(), &*bytes];
            under.once(vec![under.key(under.name.clone(), asked)])
        });
        let mut outcome = self.engine.answer(self.caller, &Intent::Mutate(mutate), Pace::Answer).await?;
        if let Some(kept) = outcome.replayed() {
            return Ok(Answer::from_kept(kept).respond(true));
        }
        let pending = outcome.pending.take();
        let told = {
            let telling = pin!(self.told(&asked, outcome));
            telling.instrument(tracing::debug_span!("encode")).await
        };
        let answer = match told.inspect_err(|failure| self.caller.observer().failed(failure.error.code)) {
            Ok(answer) => answer,
            Err(failure) if pending.is_some() => Answer::of_failure(&failure, self.id),
            Err(failure) => return Err(failure),
        };
        if let (Some(pending), Some(under)) = (pending, under) {
            Box::pin(pending.keep(vec![(under.name, answer.to_kept())])).await?;
        }
        Ok(answer.respond(false))
    }

    /// The inputs of a body: one, or one for each item.
    fn inputs(
        &self,
        schema: &Schema,
        endpoint: &Endpoint,
        path: &[PathValue<'_>],
        sent: Sent,
    ) -> Result<Vec<Input>, Failure> {
        let _timed = (self.caller.observer().time(Stage::Decode), tracing::debug_span!("decode").entered());
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

    /// What is said of calls that have been made.
    async fn told(&self, asked: &Asked<'_>, outcome: Outcome) -> Result<Answer, Failure> {
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
        let mut answer = asked.empty();
        if asked.many {
            answer.headers.push(("x-rows-affected", affected.to_string()));
        }
        if let (Some(pattern), [change], false) = (asked.location, changes.as_slice(), asked.many) {
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
                written(outcome, listed, asked.many.then_some(affected), &budget).await?
            }
        };
        Ok(answer)
    }
}

// === impl Asked ===

impl Asked<'_> {
    /// An answer without a body yet.
    fn empty(&self) -> Answer {
        let created = self.endpoint.operation == Some(Operation::Create);
        let status = match (created, self.minimal) {
            (true, _) => StatusCode::CREATED,
            (false, true) => StatusCode::NO_CONTENT,
            (false, false) => StatusCode::OK,
        };
        let applied: Vec<&str> = [
            self.preferences.minimal.map(|minimal| if minimal { "return=minimal" } else { "return=representation" }),
            self.preferences.rollback.then_some("tx=rollback"),
            self.preferences.affected_max.filter(|_| self.many).map(|_| "max-affected"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut headers = Vec::new();
        if !applied.is_empty() {
            headers.push(("preference-applied", applied.join(", ")));
        }
        let is_shown = self.many && !self.minimal;
        let body =
            if is_shown { vec![Bytes::from_static(b"{\"data\":[],\"meta\":{\"affected\":0}}")] } else { Vec::new() };
        Answer { status, headers, body }
    }

    /// The answer to lines that were all written.
    pub(super) fn lines(&self, affected: u64, rows: Chunks) -> Answer {
        let mut answer = self.empty();
        answer.headers.push(("x-rows-affected", affected.to_string()));
        if !self.minimal {
            let mut body = Chunks::default();
            body.push(b"{\"data\":[");
            body.append(rows);
            body.push(format!("],\"meta\":{{\"affected\":{affected}}}}}").as_bytes());
            answer.body = body.into_bytes();
        }
        answer
    }
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

    fn from_kept(kept: KeptAnswer) -> Answer {
        const NAMES: [&str; 3] = ["location", "preference-applied", "x-rows-affected"];
        let known: Map<String, Json> = serde_json::from_str(&kept.headers).unwrap_or_default();
        let headers = NAMES.iter().filter_map(|name| Some((*name, known.get(*name)?.as_str()?.to_owned())));
        let body = if kept.body.is_empty() { Vec::new() } else { vec![Bytes::from(kept.body)] };
        let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer { status, headers: headers.collect(), body }
    }

    fn to_kept(&self) -> KeptAnswer {
        let headers = self.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        KeptAnswer {
            status: self.status.as_u16(),
            headers: Json::Object(headers.collect()).to_string(),
            // JSON is text.
            body: String::from_utf8_lossy(&self.body.concat()).into_owned(),
        }
    }

    pub fn respond(self, replayed: bool) -> Response<Body> {
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
            headers.insert(once::KEY, once::REPLAYED);
        }
        response
    }
}
