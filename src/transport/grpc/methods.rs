//! A method and its request → an intent. Forms are kept by method and mask.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use moka::Equivalent;
use moka::sync::Cache;
use serde_json::{Map, Value as Json};

use super::api::{Api, Method};
use super::decode::Decoder;
use super::describe::{JOINS, READ_MASK};
use super::mutations::returned_by_default;
use super::select::{ListSite, select, select_type};
use crate::error::{Code, Error, Result, Stage};
use crate::federation::wanted::Wanted;
use crate::intent::arguments::{arguments, list_arguments};
use crate::intent::selection::Selection;
use crate::intent::value::Values;
use crate::intent::{Arguments, Form, Read};
use crate::recent::Recent;
use crate::schema::entities::{Behind, Entity};
use crate::schema::lock::field_name;
use crate::schema::model::{Argument, ArgumentRole, Endpoint, Scalar, TypeRef};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};

/// What a method asks for that takes entities of any type.
pub const ANY_TYPE: &str = "";

/// Masks kept, over all methods.
const FORMS_MAX: u64 = 2_000;
/// Forms of masks with more paths are not held in front of the cache as well.
const RECENT_PATHS_MAX: usize = 64;

/// The methods of one service.
pub struct Methods {
    pub(super) decoder: Decoder,
    forms: Recent<FormKey, Arc<Prepared>>,
    entities: Cache<(Name, String), Arc<PreparedEntities>, ahash::RandomState>,
    depth_max: usize,
}

/// What chooses a form: whether it is that of a mutation, of which endpoint, and its mask.
#[derive(PartialEq, Eq, Hash)]
struct FormKey {
    is_write: bool,
    endpoint: Name,
    paths: Vec<String>,
}

/// The same, borrowed from a request.
#[derive(Hash)]
struct FormKeyRef<'a> {
    is_write: bool,
    endpoint: &'a Name,
    paths: &'a [&'a str],
}

/// A form with the places of its arguments.
#[derive(Debug)]
pub(super) struct Prepared {
    pub form: Arc<Form>,
    sites: Vec<ListSite>,
}

/// What is asked of the entities of one type, or of every one.
pub struct PreparedEntities {
    pub wanted: Wanted,
    sites: HashMap<Name, Vec<ListSite>>,
}

// === impl PreparedEntities ===

impl PreparedEntities {
    /// The arguments of the lists that are joined to entities of a type.
    pub fn arguments(
        &self,
        schema: &Schema,
        name: &Name,
        joins: Option<&Json>,
        values: &mut Values,
    ) -> Result<Vec<Arguments>> {
        let sites = self.sites.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut all = vec![Arguments::default()];
        joined_arguments(schema, sites, joins, values, &mut all)?;
        Ok(all)
    }
}

// === impl Methods ===

impl Methods {
    pub fn new(api: &Api, depth_max: usize) -> Methods {
        let forms = Cache::builder().max_capacity(FORMS_MAX).build_with_hasher(ahash::RandomState::new());
        let entities = Cache::builder().max_capacity(FORMS_MAX).build_with_hasher(ahash::RandomState::new());
        Methods { decoder: Decoder::new(api), forms: Recent::of(forms), entities, depth_max }
    }

    /// What is asked of the entities of a method, with a mask for those of one type.
    pub fn entities(&self, schema: &Schema, method: &Method, mask: Option<&Json>) -> Result<Arc<PreparedEntities>> {
        let paths: Vec<&str> = mask.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let key = (method.endpoint.clone(), paths.join(","));
        if let Some(prepared) = self.entities.get(&key) {
            return Ok(prepared);
        }
        let mut prepared = PreparedEntities { wanted: Wanted::default(), sites: HashMap::new() };
        let is_asked = |entity: &&Entity| entity.name == method.endpoint || &*method.endpoint == ANY_TYPE;
        for entity in schema.entities().values().filter(is_asked).filter(|it| it.behind == Behind::Object) {
            let (selection, sites) = select_type(schema, &entity.name, &paths, self.depth_max)?;
            if let Selection::Object(selected) = selection {
                prepared.wanted.add(schema, entity, selected);
            }
            prepared.sites.insert(entity.name.clone(), sites);
        }
        let prepared = Arc::new(prepared);
        self.entities.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// The intent in the bytes of a request.
    pub fn decode(&self, schema: &Schema, method: &Method, message: &[u8]) -> Result<Read> {
        let given = self.decoder.decode(&method.request, message)?;
        self.read(schema, method, &given)
    }

    /// The intent of decoded arguments, by the names of the schema.
    pub fn read(&self, schema: &Schema, method: &Method, given: &Map<String, Json>) -> Result<Read> {
        let query = schema.query(&method.endpoint).ok_or_else(|| {
            Error::new(Stage::Decode, Code::Unimplemented, format!("{} is not served any more", method.name))
        })?;
        let prepared = self.prepared(schema, method, query, given.get(READ_MASK))?;
        let mut values = Values::default();
        let mut all = Vec::with_capacity(1 + prepared.sites.len());
        let root = query.arguments.values().map(|argument| (argument, given.get(&*argument.name).map(Cow::Borrowed)));
        for (argument, value) in root.clone() {
            if value.is_none_or(|value| value.as_str() == Some("")) {
                required(schema, argument)?;
            }
        }
        // A number that is not sent is zero where its field has no presence.
        let zero = |argument: &Argument| zero(schema, argument).map(Cow::Owned);
        let root = root.map(|(argument, value)| (argument, value.or_else(|| zero(argument))));
        all.push(arguments(schema, &query.item, root, &mut values)?);
        prepared.below(schema, given.get(JOINS), &mut values, &mut all)?;
        Ok(Read { form: prepared.form.clone(), arguments: all, values })
    }

    pub(super) fn prepared(
        &self,
        schema: &Schema,
        method: &Method,
        endpoint: &Endpoint,
        mask: Option<&Json>,
    ) -> Result<Arc<Prepared>> {
        let paths = mask.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let by_default = if method.kind.is_write() { returned_by_default(schema, endpoint) } else { None };
        let paths: Vec<&str> = if mask.is_some() { paths.collect() } else { by_default.into_iter().collect() };
        // Lists and pages of them read the same, and so do one command and many. A query and a mutation may share
        // a name.
        let key = FormKeyRef { is_write: method.kind.is_write(), endpoint: &method.endpoint, paths: &paths };
        let is_small = paths.len() <= RECENT_PATHS_MAX;
        if let Some(prepared) = self.forms.get(&key, |key, _| is_small.then(|| key.owned())) {
            return Ok(prepared);
        }
        let (selection, sites) = select(schema, endpoint, method.kind, &paths, self.depth_max)?;
        let prepared = Arc::new(Prepared { form: Arc::new(Form::new(endpoint.name.clone(), selection)), sites });
        self.forms.insert(key.owned(), prepared.clone());
        Ok(prepared)
    }
}

// === impl FormKeyRef ===

impl FormKeyRef<'_> {
    fn owned(&self) -> FormKey {
        let paths = self.paths.iter().map(|path| (*path).to_owned());
        FormKey { is_write: self.is_write, endpoint: self.endpoint.clone(), paths: paths.collect() }
    }
}

impl Equivalent<FormKey> for FormKeyRef<'_> {
    fn equivalent(&self, key: &FormKey) -> bool {
        self.is_write == key.is_write && *self.endpoint == key.endpoint && *self.paths == *key.paths
    }
}

// === impl Prepared ===

impl Prepared {
    /// The arguments of the joined lists, behind those of the root.
    pub fn below(
        &self,
        schema: &Schema,
        joins: Option<&Json>,
        values: &mut Values,
        all: &mut Vec<Arguments>,
    ) -> Result<()> {
        joined_arguments(schema, &self.sites, joins, values, all)
    }
}

/// The arguments of joined lists, behind those that are there.
fn joined_arguments(
    schema: &Schema,
    sites: &[ListSite],
    joins: Option<&Json>,
    values: &mut Values,
    all: &mut Vec<Arguments>,
) -> Result<()> {
    if let Some(joins) = joins {
        used(joins, sites, &mut Vec::new())?;
    }
    for site in sites {
        let found = joins.and_then(|joins| at(joins, &site.path));
        let declared = list_arguments(&site.item);
        let written = declared
            .iter()
            .map(|argument| (argument, found.and_then(|found| found.get(&*argument.name)).map(Cow::Borrowed)));
        all.push(arguments(schema, &site.item, written, values)?);
    }
    Ok(())
}

/// Refuses a request without an argument that it has to have. Nothing tells an empty text from none, so
/// that only texts which mean something when empty may be left out.
fn required(schema: &Schema, argument: &Argument) -> Result<()> {
    let TypeRef { nullable: false, .. } = argument.ty else { return Ok(()) };
    if argument.default.is_some() || zero(schema, argument).is_some() {
        return Ok(());
    }
    let name = field_name(&argument.name);
    Err(Error::invalid(format!("{name} is required")).at(name))
}

/// What a required argument is when it is not sent: zero, for a field without presence.
fn zero(schema: &Schema, argument: &Argument) -> Option<Json> {
    let is_plain = !argument.ty.nullable && argument.default.is_none() && !argument.ty.is_list();
    let is_value = matches!(argument.role, ArgumentRole::Equal(_) | ArgumentRole::Value);
    if !is_plain || !is_value {
        return None;
    }
    match schema.kind(argument.ty.innermost()) {
        Kind::Scalar(Scalar::Int | Scalar::BigInt) => Some(Json::from(0)),
        Kind::Scalar(Scalar::Float) => Some(Json::from(0.0)),
        Kind::Scalar(Scalar::Boolean) => Some(Json::Bool(false)),
        Kind::Scalar(Scalar::String | Scalar::Text) => Some(Json::from("")),
        Kind::Scalar(
            Scalar::Id | Scalar::Uuid | Scalar::Decimal | Scalar::DateTime | Scalar::Date | Scalar::Time | Scalar::Json,
        )
        | Kind::Enum(_)
        | Kind::Object(_)
        | Kind::Interface(_)
        | Kind::Union(_) => None,
    }
}

/// The arguments of a joined list: below the joined fields that lead to it, each list of which has its
/// own `joins`.
fn at<'j>(joins: &'j Json, path: &[Name]) -> Option<&'j Json> {
    let (first, rest) = path.split_first()?;
    let found = joins.get(&**first)?;
    if rest.is_empty() { Some(found) } else { at(found.get(JOINS).unwrap_or(found), rest) }
}

/// Refuses arguments of a list that is not read: they would do nothing.
fn used(joins: &Json, sites: &[ListSite], above: &mut Vec<Name>) -> Result<()> {
    for (name, below) in joins.as_object().into_iter().flatten() {
        above.push(name.as_str().into());
        if !sites.iter().any(|site| site.path.starts_with(above)) {
            let names: Vec<String> = above.iter().map(|name| field_name(name)).collect();
            let named = names.join(".");
            let message = format!("{JOINS}.{named} is given, but read_mask does not ask for {named}");
            return Err(Error::invalid(message).at(format!("{JOINS}.{named}")));
        }
        let is_list = sites.iter().any(|site| site.path == *above);
        let inner = if is_list { below.get(JOINS) } else { Some(below) };
        if let Some(inner) = inner {
            used(inner, sites, above)?;
        }
        above.pop();
    }
    Ok(())
}
