//! Binding: the compiled schema against what PostgreSQL has.
//!
//! Every mismatch is found here, at start-up or by `compile --database`, and all of them at once.

use super::call::call;
use super::catalog::{Catalog, Family, PgType};
use super::model::{Endpoint, Field, Model, RelationName, Returns, Scalar, TypeDef};
use super::{Kind, Schema, Source};
use crate::problem::Problem;

/// What the database was asked for and answered.
#[derive(Debug, Default)]
pub struct Found {
    pub catalog: Catalog,
    /// `server_encoding`.
    pub encoding: String,
    /// Everything else that is there, for "did you mean".
    pub other_relations: Vec<String>,
    pub other_functions: Vec<String>,
}

/// The relations and functions that a schema names.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub relations: Vec<RelationName>,
    /// Relations that are used when they exist.
    pub twins: Vec<RelationName>,
    pub functions: Vec<RelationName>,
}

/// The file that problems with the database are reported under.
const DATABASE: &str = "database";

/// Checks a model against a catalog.
pub fn bind(model: Model, found: Found) -> Result<Schema, Vec<Problem>> {
    let schema = Schema::new(model, found.catalog.clone());
    let mut problems = Vec::new();
    if found.encoding == "SQL_ASCII" {
        let reason = "its encoding is SQL_ASCII, which lets bytes through that are not text";
        problems.push(Problem::new(DATABASE, "", reason).hint("create it WITH ENCODING 'UTF8' TEMPLATE template0"));
    }
    let checker = Checker { schema: &schema, found: &found };
    checker.relations(&mut problems);
    checker.functions(&mut problems);
    for object in schema.model().types.values() {
        checker.object(object, &mut problems);
    }
    for endpoint in schema.model().queries.values() {
        checker.endpoint(endpoint, &mut problems);
    }
    for mutation in schema.model().mutations.values() {
        checker.call(mutation, &mut problems);
    }
    problems.dedup();
    if problems.is_empty() { Ok(schema) } else { Err(problems) }
}

struct Checker<'a> {
    schema: &'a Schema,
    found: &'a Found,
}

impl Checker<'_> {
    fn relations(&self, problems: &mut Vec<Problem>) {
        for relation in self.schema.wanted().relations {
            if self.schema.relation(&relation).is_none() {
                let known = self.found.other_relations.iter().map(String::as_str);
                let problem = Problem::new(DATABASE, relation.0.clone(), "there is no such view or table");
                problems.push(problem.nearest(&relation.0, known));
            }
        }
    }

    fn functions(&self, problems: &mut Vec<Problem>) {
        for function in self.schema.wanted().functions {
            if !self.schema.catalog().functions.contains_key(&function) {
                let known = self.found.other_functions.iter().map(String::as_str);
                let problem = Problem::new(DATABASE, function.0.clone(), "there is no such function");
                problems.push(problem.nearest(&function.0, known));
            }
        }
    }

    /// A mutation against the function that it calls.
    fn call(&self, mutation: &Endpoint, problems: &mut Vec<Problem>) {
        let Err(reasons) = call(self.schema.model(), self.schema.catalog(), mutation) else { return };
        let source = mutation.source.as_ref().map(|source| source.0.clone()).unwrap_or_default();
        for reason in reasons {
            problems.push(Problem::new(DATABASE, source.clone(), format!("mutation {}: {reason}", mutation.name)));
        }
    }

    /// A type's fields, in the relation that its rows are read from, and what computes them.
    fn object(&self, object: &TypeDef, problems: &mut Vec<Problem>) {
        for field in object.fields.values() {
            if let (Some(Err(reason)), Some(function)) = (self.schema.computed(field), &field.function) {
                let reason = format!("{}.{} is computed by it: {reason}", object.name, field.name);
                problems.push(Problem::new(DATABASE, function.clone(), reason));
            }
        }
        self.entity(object, problems);
        if let Some(relation) = &object.relation {
            self.fields(object, relation, &object.data_column, problems);
            self.twin(object, relation, problems);
        }
    }

    /// The columns that the row-shaped twin of a view has; it need not have all.
    fn twin(&self, object: &TypeDef, relation: &RelationName, problems: &mut Vec<Problem>) {
        let Some((twin, found)) = self.schema.twin(relation) else { return };
        for field in object.fields.values().filter(|field| field.join.is_none()) {
            if let Some(ty) = found.columns.get(&*field.column) {
                self.native(field, &twin, ty, &format!("{}.{}", object.name, field.name), problems);
            }
        }
    }

    /// The columns that an entity is looked up by, and those of the claims that guard it.
    fn entity(&self, object: &TypeDef, problems: &mut Vec<Problem>) {
        let (Some(entity), Some(relation)) = (self.schema.entity(&object.name), &object.relation) else { return };
        for part in entity.keys.iter().filter(|key| key.is_resolvable).flat_map(|key| &key.parts) {
            let path = format!("the key of {}", object.name);
            self.column(relation, &part.column, &object.data_column, &path, problems);
        }
        let model = self.schema.model();
        if !model.queries.values().any(|query| query.item == object.name) {
            for column in model.inject.keys() {
                let path = format!("{}, as an entity of which no query is asked,", object.name);
                self.column(relation, column, &object.data_column, &path, problems);
            }
        }
    }

    fn endpoint(&self, endpoint: &Endpoint, problems: &mut Vec<Problem>) {
        let Kind::Object(object) = self.schema.kind(&endpoint.item) else {
            return self.abstract_endpoint(endpoint, problems);
        };
        let Some(relation) = endpoint.source.as_ref().or(object.relation.as_ref()) else { return };
        if object.relation.as_ref() != Some(relation) {
            self.fields(object, relation, &endpoint.data_column, problems);
            self.twin(object, relation, problems);
        }
        let columns = endpoint.arguments.values().filter_map(|argument| match &argument.role {
            super::model::ArgumentRole::Equal(column) => Some(column.to_string()),
            super::model::ArgumentRole::Where
            | super::model::ArgumentRole::OrderBy
            | super::model::ArgumentRole::Limit
            | super::model::ArgumentRole::Offset
            | super::model::ArgumentRole::First
            | super::model::ArgumentRole::After
            | super::model::ArgumentRole::Last
            | super::model::ArgumentRole::Before
            | super::model::ArgumentRole::Value => None,
        });
        for column in columns.chain(endpoint.inject.keys().cloned()) {
            self.column(relation, &column, &endpoint.data_column, &format!("{}({column})", endpoint.name), problems);
        }
        if endpoint.returns == Returns::Connection && self.schema.key_column(relation).is_none() {
            let reason =
                format!("{} is paged by cursor, but {relation} has neither a pk_ column nor id", endpoint.name);
            problems.push(Problem::new(DATABASE, relation.0.clone(), reason).hint("add the column to the view"));
        }
    }

    fn abstract_endpoint(&self, endpoint: &Endpoint, problems: &mut Vec<Problem>) {
        let Some(relation) = &endpoint.source else { return };
        let Some(found) = self.schema.relation(relation) else { return };
        let data = found.columns.get(&endpoint.data_column);
        if !data.is_some_and(|ty| !ty.array && matches!(ty.family, Family::Json | Family::Jsonb)) {
            let reason = format!(
                "{} returns {}, which is read from a jsonb column {} with a \"__typename\" key; there is none",
                endpoint.name, endpoint.item, endpoint.data_column
            );
            problems.push(Problem::new(DATABASE, relation.0.clone(), reason));
        }
    }

    fn fields(&self, object: &TypeDef, relation: &RelationName, data_column: &str, problems: &mut Vec<Problem>) {
        if self.schema.relation(relation).is_none() {
            return;
        }
        for field in object.fields.values() {
            let path = format!("{}.{}", object.name, field.name);
            match &field.join {
                Some(join) => self.join(field, relation, &join.on, &path, problems),
                None if field.function.is_some() => {}
                None if field.federation.external
                    && self.schema.source(relation, &field.column, data_column) == Source::Missing => {}
                None => self.stored(field, relation, data_column, &path, problems),
            }
        }
    }

    fn join(
        &self,
        field: &Field,
        relation: &RelationName,
        on: &[(String, String)],
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        let other = self.schema.object(field.ty.innermost()).and_then(|object| object.relation.clone());
        for (outer, inner) in on {
            self.joined(relation, outer, path, problems);
            if let Some(other) = &other {
                self.joined(other, inner, path, problems);
                self.comparable((relation, outer), (other, inner), path, problems);
            }
        }
    }

    /// The two columns of a join, of the relations and of their twins.
    fn comparable(
        &self,
        left: (&RelationName, &str),
        right: (&RelationName, &str),
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        let columns = |(relation, column): (&RelationName, &str)| {
            let twin = self.schema.twin(relation).map(|(twin, _)| twin);
            let relations = std::iter::once(relation.clone()).chain(twin);
            let found = relations.filter_map(|relation| {
                let ty = self.schema.relation(&relation)?.columns.get(column)?;
                Some((format!("{relation}.{column}"), ty))
            });
            found.collect::<Vec<_>>()
        };
        let right = columns(right);
        for (left, left_type) in columns(left) {
            if let Some((right, right_type)) = right.iter().find(|(_, ty)| !left_type.joins(ty)) {
                let reason = format!(
                    "{path} joins {left}, which is {}, to {right}, which is {}: PostgreSQL cannot compare them",
                    left_type.shown(),
                    right_type.shown()
                );
                problems.push(Problem::new(DATABASE, path, reason).hint("cast one of the columns in its view"));
            }
        }
    }

    /// A join compares columns, so that an index can serve it.
    fn joined(&self, relation: &RelationName, column: &str, path: &str, problems: &mut Vec<Problem>) {
        let Some(found) = self.schema.relation(relation) else { return };
        if !found.columns.contains_key(column) {
            let reason = format!("{path} joins by {relation}.{column}, which is not a column");
            let known = found.columns.keys().map(String::as_str);
            problems.push(Problem::new(DATABASE, relation.0.clone(), reason).nearest(column, known));
        }
    }

    fn column(
        &self,
        relation: &RelationName,
        column: &str,
        data_column: &str,
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        let Some(found) = self.schema.relation(relation) else { return };
        if self.schema.source(relation, column, data_column) == Source::Missing {
            let reason = format!("{path} needs a column {column}, or a jsonb column {data_column} that holds it");
            let known = found.columns.keys().map(String::as_str);
            problems.push(Problem::new(DATABASE, relation.0.clone(), reason).nearest(column, known));
        }
    }

    fn stored(
        &self,
        field: &Field,
        relation: &RelationName,
        data_column: &str,
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        match self.schema.source(relation, &field.column, data_column) {
            Source::Data => {}
            Source::Missing => self.column(relation, &field.column, data_column, path, problems),
            Source::Native(ty) => self.native(field, relation, ty, path, problems),
        }
    }

    fn native(&self, field: &Field, relation: &RelationName, ty: &PgType, path: &str, problems: &mut Vec<Problem>) {
        if let Err(reason) = fits(self.schema, field, ty) {
            let reason = format!("{path} is {}, but {relation}.{} is {}: {reason}", field.ty, field.column, ty.shown());
            problems.push(Problem::new(DATABASE, relation.0.clone(), reason));
        }
    }
}

/// Whether a column's type may stand behind a field's.
pub(super) fn fits(schema: &Schema, field: &Field, ty: &PgType) -> Result<(), String> {
    let is_json = !ty.array && matches!(ty.family, Family::Json | Family::Jsonb);
    let scalar = match schema.kind(field.ty.innermost()) {
        Kind::Scalar(scalar) => scalar,
        Kind::Enum(_) => Scalar::String,
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) if is_json => return Ok(()),
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
            return Err("an embedded object needs a json or jsonb column, or a join".to_owned());
        }
    };
    if scalar == Scalar::Json || is_json {
        return Ok(());
    }
    if ty.array != field.ty.is_list() {
        let what =
            if ty.array { "an array stands behind a single value" } else { "a single value stands behind a list" };
        return Err(what.to_owned());
    }
    if ty.family.serves(scalar) {
        return Ok(());
    }
    let better = [Scalar::BigInt, Scalar::Decimal, Scalar::Float, Scalar::String, Scalar::DateTime, Scalar::Json];
    let better = better.into_iter().find(|scalar| ty.family.serves(*scalar));
    Err(match better {
        Some(better) => format!("declare the field as {better:?}, or cast the column in the view"),
        None => "cast the column in the view".to_owned(),
    })
}

// === impl Schema ===

impl Schema {
    /// What has to be in the database.
    pub fn wanted(&self) -> Wanted {
        let model = self.model();
        let mut relations: Vec<RelationName> = Vec::new();
        let mut add = |relation: &Option<RelationName>| relations.extend(relation.clone());
        model.types.values().filter(|object| is_read(model, object)).for_each(|object| add(&object.relation));
        model.interfaces.values().for_each(|interface| add(&interface.relation));
        model.queries.values().for_each(|query| add(&query.source));
        relations.sort();
        relations.dedup();
        let mut functions: Vec<RelationName> = model.mutations.values().filter_map(|m| m.source.clone()).collect();
        let fields = model.types.values().flat_map(|object| object.fields.values());
        functions.extend(fields.filter_map(|field| field.function.clone()).map(RelationName::new));
        functions.sort();
        functions.dedup();
        let written = model.types.values().filter(|object| is_written(model, object));
        let mut twins: Vec<RelationName> = written.filter_map(|object| object.relation.clone()).collect();
        twins.retain(|relation| !relations.contains(relation));
        twins.extend(relations.iter().chain(&twins.clone()).filter_map(RelationName::twin));
        twins.sort();
        twins.dedup();
        Wanted { relations, twins, functions }
    }
}

/// Whether rows of a type can be asked for: by a query, through a join, or as an entity.
fn is_read(model: &Model, object: &TypeDef) -> bool {
    let joined = |other: &TypeDef| {
        other.fields.values().any(|field| field.join.is_some() && *field.ty.innermost() == object.name)
    };
    model.queries.values().any(|query| query.item == object.name && query.source.is_none())
        || model.types.values().any(joined)
        || !object.keys.is_empty()
}

/// Whether mutations return a type, whose rows may have to be read after they were written.
fn is_written(model: &Model, object: &TypeDef) -> bool {
    let is_member = |union: &str| model.unions.get(union).is_some_and(|union| union.members.contains(&object.name));
    model.mutations.values().any(|mutation| mutation.item == object.name || is_member(&mutation.item))
}
