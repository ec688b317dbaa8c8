//! What can be asked, and where it lives.
//!
//! A [`Schema`] is a compiled [`model::Model`] bound to a [`catalog::Catalog`]. It never changes:
//! a reload builds another one. Everything here is a look-up; nothing waits, logs or asks the time.

pub mod bind;
pub mod artifact;
pub mod authoring;
pub mod call;
pub mod catalog;
mod check;
pub mod compile;
mod complete;
pub mod computed;
pub mod directives;
pub mod entities;
pub mod field_set;
pub mod lock;
pub mod model;
pub mod name;
pub mod routes;

use indexmap::IndexSet;

use call::Call;
use catalog::{Catalog, Family, PgType, Relation};
use entities::{Entities, Entity};
use model::{Endpoint, EnumDef, Field, Inject, InterfaceDef, Model, RelationName, Scalar, TypeDef, UnionDef};
use name::ByName;

/// The bound schema.
#[derive(Debug)]
pub struct Schema {
    model: Model,
    catalog: Catalog,
    /// Without a catalog every relation is taken to be `id, data`.
    assumed: bool,
    grants: IndexSet<Grant>,
    entities: Entities,
    /// How each mutation calls its function, where the catalog has a function that fits.
    calls: ByName<Call>,
}

/// What the schema asks for somewhere: a role, a scope, or that a claim is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Grant {
    Role(String),
    Scope(String),
    Claim(String),
}

/// What a type name means where a value is returned.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'s> {
    Scalar(Scalar),
    Enum(&'s EnumDef),
    Object(&'s TypeDef),
    Interface(&'s InterfaceDef),
    Union(&'s UnionDef),
}

/// Where a stored field is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'s> {
    Native(&'s PgType),
    /// A key of the relation's jsonb column.
    Data,
    Missing,
}

// === impl Schema ===

impl Schema {
    /// A schema over a catalog that has been checked (see `bind`).
    pub fn new(model: Model, catalog: Catalog) -> Schema {
        let calls = model.mutations.values();
        let calls =
            calls.filter_map(|mutation| Some((mutation.name.clone(), call::call(&model, &catalog, mutation).ok()?)));
        let calls = calls.collect();
        let (grants, entities) = (grants_of(&model), entities::entities(&model));
        Schema { model, catalog, assumed: false, grants, entities, calls }
    }

    /// A schema whose relations nobody has looked at: every one is taken to hold `id` and `data`.
    pub fn assumed(model: Model) -> Schema {
        let (grants, entities) = (grants_of(&model), entities::entities(&model));
        Schema { model, catalog: Catalog::default(), assumed: true, grants, entities, calls: ByName::default() }
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub fn is_assumed(&self) -> bool {
        self.assumed
    }

    /// A part of this schema, over the same catalog.
    pub fn narrowed(&self, model: Model) -> Schema {
        let (grants, entities) = (grants_of(&model), entities::entities(&model));
        Schema {
            model,
            catalog: self.catalog.clone(),
            assumed: self.assumed,
            grants,
            entities,
            calls: self.calls.clone(),
        }
    }

    /// Every role, scope and claim that some part of the schema asks for, in a fixed order.
    pub fn grants(&self) -> &IndexSet<Grant> {
        &self.grants
    }

    /// The types that are looked up by a key, in the order of the schema.
    pub fn entities(&self) -> &Entities {
        &self.entities
    }

    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.get(name)
    }

    pub fn query(&self, name: &str) -> Option<&Endpoint> {
        self.model.queries.get(name)
    }

    pub fn mutation(&self, name: &str) -> Option<&Endpoint> {
        self.model.mutations.get(name)
    }

    /// How a mutation calls its function; `None` where nobody has looked at the database.
    pub fn call(&self, mutation: &str) -> Option<&Call> {
        self.calls.get(mutation)
    }

    pub fn object(&self, name: &str) -> Option<&TypeDef> {
        self.model.types.get(name)
    }

    /// What `name` means as a type of output. Names that nothing declares are text scalars; the
    /// compiler has refused those that are not scalars.
    pub fn kind(&self, name: &str) -> Kind<'_> {
        kind_of(&self.model, name)
    }

    /// The object types that an interface or a union stands for, in the order of the schema.
    pub fn possible_types(&self, name: &str) -> Vec<&TypeDef> {
        match self.kind(name) {
            Kind::Object(object) => vec![object],
            Kind::Interface(interface) => {
                self.model.types.values().filter(|object| object.implements.contains(&interface.name)).collect()
            }
            Kind::Union(union) => union.members.iter().filter_map(|member| self.model.types.get(member)).collect(),
            Kind::Scalar(_) | Kind::Enum(_) => Vec::new(),
        }
    }

    pub fn relation(&self, name: &RelationName) -> Option<&Relation> {
        self.catalog.relations.get(name)
    }

    /// The row-shaped twin (`vr_user`) of a view (`v_user`), when the catalog has one.
    pub fn twin(&self, name: &RelationName) -> Option<(RelationName, &Relation)> {
        let twin = name.twin()?;
        let relation = self.catalog.relations.get(&twin)?;
        Some((twin, relation))
    }

    /// Where `column` of a relation is read from; `data_column` is its jsonb column.
    pub fn source(&self, relation: &RelationName, column: &str, data_column: &str) -> Source<'_> {
        match self.relation(relation) {
            Some(found) => source_in(found, column, data_column),
            None if self.assumed => Source::Data,
            None => Source::Missing,
        }
    }

    /// The columns that order rows of a relation without ties: `pk_<entity>`, else a lone `pk_…`,
    /// else `id`. Empty when the relation exposes none of them.
    pub fn key_column(&self, relation: &RelationName) -> Option<(String, &PgType)> {
        let found = self.relation(relation)?;
        let entity = format!("pk_{}", relation.entity());
        let lone = || {
            let mut keys = found.columns.keys().filter(|column| column.starts_with("pk_"));
            keys.next().filter(|_| keys.next().is_none()).cloned()
        };
        let name = Some(entity)
            .filter(|column| found.columns.contains_key(column))
            .or_else(lone)
            .or_else(|| found.columns.contains_key("id").then(|| "id".to_owned()))?;
        let ty = &found.columns[&name];
        Some((name, ty))
    }
}

fn kind_of<'m>(model: &'m Model, name: &str) -> Kind<'m> {
    // No declared type is called like these.
    if let Some(scalar) = Scalar::of_name(name) {
        return Kind::Scalar(scalar);
    }
    if let Some(object) = model.types.get(name) {
        return Kind::Object(object);
    }
    if let Some(def) = model.enums.get(name) {
        return Kind::Enum(def);
    }
    if let Some(def) = model.interfaces.get(name) {
        return Kind::Interface(def);
    }
    if let Some(def) = model.unions.get(name) {
        return Kind::Union(def);
    }
    Kind::Scalar(Scalar::Text)
}

/// Where `column` is read from in one relation.
pub fn source_in<'r>(relation: &'r Relation, column: &str, data_column: &str) -> Source<'r> {
    if let Some(ty) = relation.columns.get(column) {
        return Source::Native(ty);
    }
    match relation.columns.get(data_column) {
        Some(ty) if !ty.array && matches!(ty.family, Family::Jsonb | Family::Json) => Source::Data,
        Some(_) | None => Source::Missing,
    }
}

fn grants_of(model: &Model) -> IndexSet<Grant> {
    let mut grants = IndexSet::new();
    let mut role = |role: &Option<String>| {
        if let Some(role) = role {
            grants.insert(Grant::Role(role.clone()));
        }
    };
    for endpoint in model.queries.values().chain(model.mutations.values()).chain(model.subscriptions.values()) {
        role(&endpoint.requires_role);
    }
    for object in model.types.values() {
        role(&object.requires_role);
    }
    for endpoint in model.queries.values().chain(model.mutations.values()).chain(model.subscriptions.values()) {
        grants.extend(endpoint.inject.values().map(|Inject::Claim(claim)| Grant::Claim(claim.clone())));
    }
    let fields = model.types.values().flat_map(|object| object.fields.values());
    let fields = fields.chain(model.interfaces.values().flat_map(|interface| interface.fields.values()));
    for scope in fields.filter_map(|field: &Field| field.requires_scope.clone()) {
        grants.insert(Grant::Scope(scope));
    }
    grants
}

// === impl RelationName ===

impl RelationName {
    pub fn new(name: impl Into<String>) -> RelationName {
        RelationName(name.into())
    }

    /// The schema part, when the name has one.
    pub fn schema(&self) -> Option<&str> {
        self.0.split_once('.').map(|(schema, _)| schema)
    }

    /// The name without its schema.
    pub fn local(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(_, local)| local)
    }

    /// The entity behind a relation: `crm.tv_user` → `user`.
    pub fn entity(&self) -> &str {
        let local = self.local();
        ["v_", "tv_", "vr_", "tb_"].iter().find_map(|prefix| local.strip_prefix(prefix)).unwrap_or(local)
    }

    /// `v_user` → `vr_user`.
    pub fn twin(&self) -> Option<RelationName> {
        let entity = self.local().strip_prefix("v_")?;
        Some(RelationName(match self.schema() {
            Some(schema) => format!("{schema}.vr_{entity}"),
            None => format!("vr_{entity}"),
        }))
    }
}

impl std::fmt::Display for RelationName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
