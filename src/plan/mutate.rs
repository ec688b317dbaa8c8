//! A mutation → the call of its function, and the read of what it wrote where the selection needs one.
//!
//! What a function returns is read as a document, through the declared types, whichever form it has. A
//! statement does not see the rows that its own function wrote: joined objects and lists, and fields that the
//! function's row does not have, are read by the entity's id with a second one.

use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::Operator;
use crate::intent::mutation::{given, has};
use crate::intent::selection::{Selected, Selection, TYPENAME};
use crate::intent::{Arguments, Mutate, Read};
use crate::schema::call::{Call, From, Passed, Returned};
use crate::schema::catalog::Family;
use crate::schema::model::{Endpoint, Operation, Returns, Scalar, TypeDef, TypeRef};
use crate::schema::name::{Name, snake_case};
use crate::schema::{Kind, Schema, Source};

use super::columns::is_fenced;
use super::guard::Guard;
use super::predicate::{Place, Resolver};
use super::read::Planner;
use super::shape::{Document, Shape, Wire};
use super::{Cast, Limits, Output, Plan, Predicate, QualifiedName, Root};

/// One or several calls of a function.
#[derive(Debug)]
pub struct Command {
    /// The mutation, for error texts.
    pub mutation: Name,
    pub function: QualifiedName,
    /// The parameters that are given a value; the others keep their defaults.
    pub arguments: Vec<Passed>,
    /// Claims that belong to the input: (snake_case name, claim).
    pub injected: Vec<(String, String)>,
    pub returned: Returned,
    pub value: Value,
    /// The types behind an interface or a union.
    pub typed: Option<Typed>,
    /// Keys without which the function's document is not all that was asked for.
    pub keys: Vec<String>,
    /// Several calls in one statement, each with its position.
    pub is_batch: bool,
    /// A call gives any number of rows.
    pub is_set: bool,
    /// The function could return several rows where a call has one at most.
    pub is_one_of_set: bool,
    /// A value of the function is the id of an entity.
    pub is_id: bool,
    /// The answer cannot be null.
    pub is_required: bool,
    pub reads: Reads,
    pub read_back: Option<Box<Plan>>,
}

/// What of the function's row is the answer, as jsonb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A read takes its place.
    Nothing,
    /// A column; the only one of a function that returns no row has no name.
    Column(Option<String>),
    /// The column of the entity, or for a deleted one an object with its id alone.
    EntityOrId,
    /// Whether something changed.
    Changed,
    /// All columns as one object; those of a jsonb column lie below them.
    Row { data: Option<String> },
}

/// How the type of a value is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The types of what succeeded, the usual one first.
    pub entities: Vec<Name>,
    /// Those of failures, the usual one first. Without any a failure is an error.
    pub errors: Vec<Name>,
}

/// When an entity is read after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    Never,
    /// When the function's document is not there, or lacks something.
    WhenIncomplete,
    Always,
}

pub(super) fn plan(schema: &Schema, caller: &Caller, limits: Limits, mutate: &Mutate) -> Result<Plan> {
    let guard = Guard::new(schema, caller);
    let name = mutate.form.name();
    let endpoint = schema
        .mutation(name)
        .ok_or_else(|| Error::new(Stage::Plan, Code::InvalidArgument, format!("there is no mutation \"{name}\"")))?;
    guard.endpoint(endpoint)?;
    let call = schema.call(name).ok_or_else(|| {
        let message = format!("{name} calls a function, which is only known once the database has been looked at");
        Error::new(Stage::Plan, Code::Unavailable, message)
    })?;
    let read = Read { form: mutate.form.clone(), arguments: mutate.arguments.clone(), values: mutate.values.clone() };
    let planner = Planner { resolver: Resolver { schema, guard: &guard }, limits, read: &read };
    planner.command(endpoint, call, mutate, guard.injected(endpoint))
}

impl Planner<'_> {
    fn command(
        &self,
        endpoint: &Endpoint,
        call: &Call,
        mutate: &Mutate,
        injected: Vec<(String, String)>,
    ) -> Result<Plan> {
        let selection = &mutate.form.selection;
        let is_batch = mutate.is_batch;
        let many = endpoint.returns == Returns::Many;
        let is_set = many && call.returns_set;
        if is_batch && is_set {
            return Err(Error::invalid(format!("{} returns a list and cannot be called in a batch", endpoint.name)));
        }
        let typed = self.typed(endpoint);
        let entity = match self.schema().kind(&endpoint.item) {
            Kind::Object(object) => Some(object),
            Kind::Interface(_) | Kind::Union(_) => {
                typed.as_ref().and_then(|typed| self.schema().object(typed.entities.first()?))
            }
            Kind::Scalar(_) | Kind::Enum(_) => None,
        };
        let selected = entity.and_then(|entity| selected_of(selection, entity));
        let (entity, selected) = (entity.filter(|_| selected.is_some()), selected.unwrap_or_default());
        let must_read = entity.is_some_and(|entity| self.must_read(call, entity, selected));
        let read_back = match entity {
            Some(entity) if !many || is_set => self.read_back(entity, selected, many)?,
            Some(_) | None => None,
        };
        let reads = match (&read_back, must_read) {
            (Some(_), true) => Reads::Always,
            (Some(_), false) => match call.returned {
                Returned::Response(_) | Returned::Document(_) => Reads::WhenIncomplete,
                Returned::Row(_) | Returned::Value(_) | Returned::Id(_) => Reads::Never,
            },
            (None, true) => {
                let message = format!(
                    "{} cannot return all that was asked of {}: its function does not, and there is no relation with an id to read it from",
                    endpoint.name, endpoint.item
                );
                return Err(Error::invalid(message));
            }
            (None, false) => Reads::Never,
        };
        let document = self.answer(endpoint, selection, typed.as_ref(), reads, many && !is_set)?;
        let keys = match (&document, reads) {
            (Document::Object(_), Reads::WhenIncomplete) => {
                entity.map(|entity| stored_keys(entity, selected)).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let given = mutate.calls.first().map(|input| given(call, input)).unwrap_or_default();
        let arguments = call.arguments.iter().enumerate();
        let is_claim = |passed: &Passed| match &passed.from {
            From::Value(path) => injected.iter().any(|(name, _)| path.as_slice() == [snake_case(name)]),
            From::Object { .. } => false,
        };
        let arguments = arguments.filter(|(i, passed)| !passed.has_default || has(given, *i) || is_claim(passed));
        let arguments: Vec<Passed> = arguments.map(|(_, passed)| passed.clone()).collect();
        let (schema, function) = call.function.clone();
        let command = Command {
            mutation: endpoint.name.clone(),
            function: QualifiedName { schema: Some(schema), name: function },
            arguments,
            injected,
            returned: call.returned.clone(),
            value: value_of(endpoint, call, self.schema(), reads),
            typed,
            keys,
            is_batch,
            is_set,
            is_one_of_set: call.returns_set && !is_set,
            is_id: matches!(self.schema().kind(&endpoint.item), Kind::Scalar(Scalar::Id | Scalar::Uuid)),
            is_required: !many && !endpoint.nullable,
            reads,
            read_back: read_back.map(Box::new),
        };
        let shape = if is_set { Shape::Documents(document) } else { Shape::Document(document) };
        Ok(Plan { root: Root::Call(Box::new(command)), shape, claims: Vec::new(), lookup: None })
    }

    /// The types behind an interface or a union.
    fn typed(&self, endpoint: &Endpoint) -> Option<Typed> {
        match self.schema().kind(&endpoint.item) {
            Kind::Interface(_) | Kind::Union(_) => {
                let possible = self.schema().possible_types(&endpoint.item);
                let names = |errors: bool| {
                    possible.iter().filter(move |object| object.is_error == errors).map(|object| object.name.clone())
                };
                Some(Typed { entities: names(false).collect(), errors: names(true).collect() })
            }
            Kind::Object(_) | Kind::Scalar(_) | Kind::Enum(_) => None,
        }
    }

    /// Whether the function's row can never hold all that was asked for.
    fn must_read(&self, call: &Call, entity: &TypeDef, selected: &[Selected]) -> bool {
        let fields = || selected.iter().filter_map(|selected| entity.fields.get(&selected.field));
        if matches!(call.returned, Returned::Id(_)) || fields().any(|field| field.join.is_some()) {
            return true;
        }
        match &call.returned {
            Returned::Row(_) if call.returned.column(&entity.data_column).is_none() => {
                fields().any(|field| call.returned.column(&field.column).is_none())
            }
            Returned::Row(_) | Returned::Response(_) | Returned::Document(_) | Returned::Value(_) | Returned::Id(_) => {
                false
            }
        }
    }

    /// The shape of the function's own answer.
    fn answer(
        &self,
        endpoint: &Endpoint,
        selection: &Selection,
        typed: Option<&Typed>,
        reads: Reads,
        is_list: bool,
    ) -> Result<Document> {
        let item = TypeRef::named(endpoint.item.clone(), false);
        match (selection, typed, reads) {
            // What is read is no document; what is left of a union is its errors.
            (Selection::Object(_), _, Reads::Always) => self.document(&item, &Selection::Object(Vec::new())),
            (Selection::Abstract(cases), Some(typed), Reads::Always) => {
                let of_errors = cases.iter().filter(|(name, _)| typed.errors.contains(name)).cloned();
                self.document(&item, &Selection::Abstract(of_errors.collect()))
            }
            (Selection::Connection(_), _, _) => Err(Error::invalid(format!("{} is no list", endpoint.name))),
            (selection, _, _) if is_list => self.document(&TypeRef::list(item, false), selection),
            (selection, _, _) => self.document(&item, selection),
        }
    }

    /// The read of entities by their ids, whose values follow those of the intent as one list. The last column
    /// is the id as text.
    fn read_back(&self, entity: &TypeDef, selected: &[Selected], many: bool) -> Result<Option<Plan>> {
        let Some(relation) = entity.relation.as_ref().filter(|relation| self.schema().relation(relation).is_some())
        else {
            return Ok(None);
        };
        if self.schema().source(relation, "id", &entity.data_column) == Source::Missing {
            return Ok(None);
        }
        let nothing = Arguments::default();
        let data_column = &entity.data_column;
        let scope = self.scope(entity, relation, data_column, selected, &nothing, &["id".to_owned()]);
        let Place::Relation { relation, .. } = &scope.place else { return Ok(None) };
        let id = self.unguarded(relation, data_column, "id")?;
        let slot = self.read.values.len() as u32;
        let among = Predicate::Compare { left: id.clone(), operator: Operator::In, slot };
        let mut block = self.block(&scope, &nothing, true, &[among])?;
        (block.limit, block.order) = (None, Vec::new());
        let mut object = self.fill(&mut block, &scope, entity, selected)?;
        block.outputs.push(Output::Value { expr: id, cast: Cast::To("text".to_owned()) });
        object.columns.push(Wire::Value(Family::Text));
        block.fenced = is_fenced(&block.outputs, &block);
        let shape = if many { Shape::Many(object) } else { Shape::One(object) };
        Ok(Some(Plan { root: Root::Rows(block), shape, claims: Vec::new(), lookup: None }))
    }
}

/// What is asked of the entity.
fn selected_of<'s>(selection: &'s Selection, entity: &TypeDef) -> Option<&'s [Selected]> {
    match selection {
        Selection::Object(selected) => Some(selected),
        Selection::Abstract(cases) => {
            cases.iter().find(|(name, _)| *name == entity.name).map(|(_, selected)| selected.as_slice())
        }
        Selection::Leaf | Selection::Connection(_) => None,
    }
}

fn stored_keys(entity: &TypeDef, selected: &[Selected]) -> Vec<String> {
    let stored = selected.iter().filter(|selected| &*selected.field != TYPENAME);
    let mut keys: Vec<String> =
        stored.filter_map(|selected| Some(entity.fields.get(&selected.field)?.column.to_string())).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn value_of(endpoint: &Endpoint, call: &Call, schema: &Schema, reads: Reads) -> Value {
    if reads == Reads::Always {
        return Value::Nothing;
    }
    let is_entity = match schema.kind(&endpoint.item) {
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => true,
        Kind::Scalar(_) | Kind::Enum(_) => false,
    };
    let scalar = match schema.kind(&endpoint.item) {
        Kind::Scalar(scalar) => Some(scalar),
        Kind::Enum(_) | Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => None,
    };
    let entity = || call.returned.column("entity").map(|_| "entity".to_owned());
    match &call.returned {
        Returned::Response(_) if scalar == Some(Scalar::Boolean) => Value::Changed,
        Returned::Response(_) if matches!(scalar, Some(Scalar::Id | Scalar::Uuid)) => {
            let id = call.returned.column("entity_id").map(|_| "entity_id".to_owned()).or_else(entity);
            id.map_or(Value::Nothing, |id| Value::Column(Some(id)))
        }
        Returned::Response(_)
            if is_entity
                && endpoint.operation == Some(Operation::Delete)
                && call.returned.column("entity_id").is_some() =>
        {
            Value::EntityOrId
        }
        Returned::Response(_) => entity().map_or(Value::Nothing, |entity| Value::Column(Some(entity))),
        Returned::Row(_) => {
            let data = match schema.kind(&endpoint.item) {
                Kind::Object(object) => Some(object.data_column.clone()),
                Kind::Interface(_) | Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => {
                    Some(endpoint.data_column.clone())
                }
            };
            let is_json = |name: &String| {
                call.returned.column(name).is_some_and(|ty| matches!(ty.family, Family::Json | Family::Jsonb))
            };
            Value::Row { data: data.filter(is_json) }
        }
        Returned::Document(_) | Returned::Value(_) => Value::Column(None),
        Returned::Id(_) => Value::Nothing,
    }
}
