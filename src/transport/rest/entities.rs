//! `POST /users/batch-get`: rows by their keys, in the order of the keys.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderValue, Method, Response, header};
use indexmap::IndexMap;
use moka::sync::Cache;
use serde_json::{Map, Value as Json, json};

use super::decode::{Mode, Prepared, Request, Wanted as Headers, prepare};
use super::negotiate::Media;
use super::parameters::{Parameter, parameters};
use super::respond::{Failure, data, options};
use super::{Exchange, SelectLimits};
use crate::codec::Mismatch;
use crate::error::{Code, Error, Result, Stage};
use crate::federation::batch::{EntityBatch, JsonRows, REPRESENTATION_BYTES};
use crate::federation::collected::Collected;
use crate::federation::wanted::Wanted;
use crate::intent::selection::{Selection, TYPENAME};
use crate::intent::value::{Values, shown};
use crate::observe::ENTITIES;
use crate::problem::did_you_mean;
use crate::schema::Schema;
use crate::schema::model::{Endpoint, Model, Returns};
use crate::schema::name::{ByName, Name};
use crate::schema::routes::entity_routes;
use crate::transport::body::{Budget, Chunks, body_of};
use crate::transport::entities::list;

/// Texts of `select` that are kept, over all entities.
const FORMS_MAX: u64 = 1_000;
/// What the body holds: one of the first two, and the fields to show.
pub(super) const IDS: &str = "ids";
pub(super) const KEYS: &str = "keys";
pub(super) const SELECT: &str = "select";
const ALLOW: &str = "POST, OPTIONS";

/// Paths of entities.
pub struct EntityTable {
    by_path: HashMap<String, Name, ahash::RandomState>,
    forms: Cache<(Name, Option<Box<str>>), Arc<Form>, ahash::RandomState>,
}

/// What one text of `select` says of a type.
struct Form {
    /// As if one row were asked for: there is nothing to filter or to order by.
    endpoint: Endpoint,
    prepared: Prepared,
    wanted: Wanted,
}

// === impl EntityTable ===

impl EntityTable {
    pub fn new(model: &Model) -> EntityTable {
        let forms = Cache::builder().max_capacity(FORMS_MAX).build_with_hasher(ahash::RandomState::new());
        EntityTable { by_path: entity_routes(model).into_iter().collect(), forms }
    }

    /// The type whose rows are found at a path.
    pub fn find(&self, path: &str) -> Option<&Name> {
        self.by_path.get(path)
    }

    fn form(&self, schema: &Schema, name: &Name, select: Option<&str>, limits: SelectLimits) -> Result<Arc<Form>> {
        let key = (name.clone(), select.map(Box::from));
        if let Some(form) = self.forms.get(&key) {
            return Ok(form);
        }
        let endpoint = endpoint(name);
        let prepared = prepare(schema, &endpoint, Mode::Rows, select, limits)?;
        let mut wanted = Wanted::default();
        if let (Some(entity), Selection::Object(selected)) = (schema.entity(name), &prepared.form.selection) {
            wanted.add(schema, entity, selected.clone());
        }
        let form = Arc::new(Form { endpoint, prepared, wanted });
        self.forms.insert(key, form.clone());
        Ok(form)
    }
}

fn endpoint(name: &Name) -> Endpoint {
    Endpoint {
        name: name.clone(),
        description: None,
        deprecated: None,
        item: name.clone(),
        returns: Returns::One,
        nullable: true,
        source: None,
        data_column: String::new(),
        arguments: ByName::default(),
        inject: IndexMap::new(),
        requires_role: None,
        rest: None,
        rest_stream: false,
        operation: None,
        input_as_json: false,
        topic: None,
    }
}

// === impl Exchange ===

impl Exchange<'_> {
    pub(super) async fn batch_get(&self, name: &Name, body: Body) -> Result<Response<Body>, Failure> {
        match self.parts.method {
            Method::POST => self.caller.observer().asks(ENTITIES),
            Method::OPTIONS => return Ok(options(ALLOW)),
            _ => {
                let message = format!("{} takes {ALLOW}, not {}", self.parts.uri.path(), self.parts.method);
                let failure = Failure::new(Code::MethodNotAllowed, message);
                return Err(Failure { allow: Some(ALLOW.to_owned()), ..failure });
            }
        }
        Media::of(&self.parts.headers, &[Media::Json])?;
        let settings = &self.rest.options;
        let extra = settings.representations_max.saturating_mul(REPRESENTATION_BYTES);
        let bytes = self.bytes(body, settings.body_bytes_max.saturating_add(extra)).await?;
        self.check_json()?;
        let _admitted = self.engine.admission().admit().await?;
        let schema = self.engine.schema_for(self.caller);
        let decode = (self.caller.observer().time(Stage::Decode), tracing::debug_span!("decode").entered());
        let asked = Asked::read(&schema, name, &bytes)?;
        drop(decode);
        if asked.representations.len() > settings.representations_max {
            let max = settings.representations_max;
            let message =
                format!("{} keys are more than {max} ([federation] max_representations)", asked.representations.len());
            return Err(Failure::new(Code::TooComplex, message));
        }
        let given = parameters(self.parts.uri.query().unwrap_or_default())?;
        let select = asked.select(&given)?;
        let form = self.rest.entities.form(&schema, name, select, settings.select)?;
        let arguments = |_: &Name, values: &mut Values| {
            let wanted = Headers { stream: false, counted: false };
            let request = Request {
                schema: &schema,
                endpoint: &form.endpoint,
                prepared: &form.prepared,
                mode: Mode::Rows,
                wanted,
                sizes: settings.pages,
            };
            let decoded = request.decode(std::mem::take(values), std::iter::empty(), &given)?;
            *values = decoded.read.values;
            Ok(decoded.read.arguments)
        };
        // What is wrong with the parameters is told even where no key can be asked.
        arguments(name, &mut Values::default())?;
        let batch = EntityBatch {
            engine: self.engine,
            caller: self.caller,
            arguments: &arguments,
            encoding: &JsonRows,
            bytes_max: settings.response_bytes_max,
        };
        let collected = Collected::of(&schema, &form.wanted, &asked.representations);
        let answered = batch.answer(collected).await.into_failure()?;
        for error in answered.failures().filter(|error| error.code.is_logged()) {
            tracing::error!(request_id = self.id, "{error}");
        }
        let (list, refused) = list(&answered, &Budget::new(settings.response_bytes_max))?;
        let mut errors: Vec<Json> = Vec::new();
        for (index, error) in refused {
            self.caller.observer().failed(error.code);
            errors.push(json!({"index": index, "code": error.code.name(), "message": error.message}));
        }
        errors.extend(answered.mismatches().chunk_by(|one, next| one.path.first() == next.path.first()).map(mismatch));
        let mut body = Chunks::default();
        body.push(b"{\"data\":");
        body.append(list);
        if !errors.is_empty() {
            body.push(b",\"errors\":");
            body.push(Json::Array(errors).to_string().as_bytes());
        }
        body.push(b"}");
        let (body, length) = body_of(body.into_bytes());
        let mut response = data(body, Media::Json.content_type());
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Ok(response)
    }
}

/// What does not fit in one row.
fn mismatch(mismatches: &[Mismatch]) -> Json {
    let index = mismatches.first().and_then(|mismatch| mismatch.path.first());
    let index = index.map(super::respond::segment).unwrap_or(Json::Null);
    let failure = Failure::mismatch(mismatches);
    json!({"index": index, "code": failure.error.code.name(), "message": failure.error.message, "details": failure.details})
}

/// The body of a request.
struct Asked {
    representations: Vec<Json>,
    select: Option<String>,
}

// === impl Asked ===

impl Asked {
    fn read(schema: &Schema, name: &Name, bytes: &[u8]) -> Result<Asked> {
        let bad = |what: String| Error::invalid(format!("the body is an object with \"{IDS}\" or \"{KEYS}\": {what}"));
        let json: Json = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        let Json::Object(mut body) = json else { return Err(bad(format!("it is {}", shown(&json)))) };
        let representations = match (body.shift_remove(IDS), body.shift_remove(KEYS)) {
            (Some(Json::Array(ids)), None) => {
                let part = single_part(schema, name)?;
                let keyed = |id| Json::Object(Map::from_iter([(part.to_string(), id)]));
                ids.into_iter().map(keyed).map(|key| represented(name, key)).collect()
            }
            (None, Some(Json::Array(keys))) => keys.into_iter().map(|key| represented(name, key)).collect(),
            (None, None) => return Err(bad("neither is there".to_owned())),
            (Some(_), Some(_)) => return Err(bad("both are there".to_owned())),
            (Some(_), None) => return Err(Error::invalid(format!("{IDS} is not a list")).at(IDS)),
            (None, Some(_)) => return Err(Error::invalid(format!("{KEYS} is not a list")).at(KEYS)),
        };
        let select = match body.shift_remove(SELECT) {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text),
            Some(other) => return Err(Error::invalid(format!("{SELECT} is a text, not {}", shown(&other))).at(SELECT)),
        };
        match body.keys().next() {
            None => Ok(Asked { representations, select }),
            Some(unknown) => {
                let hint = did_you_mean(unknown, [IDS, KEYS, SELECT]).unwrap_or_default();
                let message = format!("a batch get knows no \"{unknown}\"; {hint}");
                Err(Error::invalid(message.trim_end_matches("; ")).at(unknown))
            }
        }
    }

    /// What stands in the body, or in the URL.
    fn select<'s>(&'s self, given: &'s [Parameter<'_>]) -> Result<Option<&'s str>> {
        let in_url = given.iter().filter(|parameter| parameter.name == SELECT).map(|parameter| &*parameter.value);
        let mut all = self.select.as_deref().into_iter().chain(in_url);
        match (all.next(), all.next()) {
            (found, None) => Ok(found),
            (_, Some(_)) => Err(Error::invalid("select is given twice").at(SELECT)),
        }
    }
}

/// The field that `ids` are values of.
fn single_part<'s>(schema: &'s Schema, name: &Name) -> Result<&'s Name> {
    let keys = schema.entity(name).into_iter().flat_map(|entity| &entity.keys);
    let single = keys.filter(|key| key.is_resolvable).find_map(|key| match key.parts.as_slice() {
        [part] if part.path.len() == 1 => part.path.first(),
        _ => None,
    });
    single.ok_or_else(|| {
        let message = format!("{name} has no key of one field; send \"{KEYS}\", each with the fields of a key");
        Error::new(Stage::Decode, Code::InvalidArgument, message).at(IDS)
    })
}

/// A key of a type as a representation; what is no object is left for the check of each.
fn represented(name: &Name, key: Json) -> Json {
    match key {
        Json::Object(mut key) => {
            key.insert(TYPENAME.to_owned(), Json::String(name.to_string()));
            Json::Object(key)
        }
        other => other,
    }
}
