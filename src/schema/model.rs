//! The compiled schema: what can be asked and where it lives.
//!
//! These types are what the compiler writes into the artifact and what every later stage reads.
//! They hold names, never PostgreSQL types: those come from the catalog when the schema is bound.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::name::{ByName, Name};

/// Everything that one service exposes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// `[project] name`; names the gRPC package and the subgraph.
    pub service: String,
    pub types: ByName<TypeDef>,
    pub interfaces: ByName<InterfaceDef>,
    pub unions: ByName<UnionDef>,
    pub enums: ByName<EnumDef>,
    pub inputs: ByName<InputDef>,
    pub scalars: ByName<ScalarDef>,
    pub queries: ByName<Endpoint>,
    pub mutations: ByName<Endpoint>,
    pub subscriptions: ByName<Endpoint>,
    /// Custom directives, those that are only used included.
    pub directives: ByName<DirectiveDef>,
    pub federation: Option<Federation>,
    /// What every query injects unless it says otherwise; it guards entities that no query returns.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inject: IndexMap<String, Inject>,
}

/// A relation as the schema names it: `v_user` or `crm.v_user`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelationName(pub String);

/// A GraphQL type reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeRef {
    pub of: TypeOf,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TypeOf {
    Named(Name),
    List(Box<TypeRef>),
}

/// The scalars that have a meaning of their own on some wire; any other is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scalar {
    Id,
    Uuid,
    String,
    Int,
    BigInt,
    Float,
    Decimal,
    Boolean,
    DateTime,
    Date,
    Time,
    Json,
    /// A named string scalar of the schema (`Email`, `Url`, …).
    Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypeDef {
    pub name: Name,
    pub description: Option<String>,
    /// Where rows come from; `None` for a type that only lives inside `data`.
    pub relation: Option<RelationName>,
    /// The jsonb column of the relation, usually `data`.
    pub data_column: String,
    pub fields: ByName<Field>,
    pub implements: Vec<Name>,
    pub relay: bool,
    pub is_error: bool,
    pub requires_role: Option<String>,
    /// The plural of the type's name where the rule is wrong.
    pub plural: Option<String>,
    /// Entity keys: each a selection of fields, the first is the main one.
    pub keys: Vec<Key>,
    pub extends: bool,
    pub shareable: bool,
    pub inaccessible: bool,
    pub interface_object: bool,
    pub tags: Vec<String>,
    pub directives: Vec<Directive>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// `id`, `sku package`, `study { caseNumber }`.
    pub fields: String,
    pub resolvable: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Directive {
    pub name: String,
    pub arguments: IndexMap<String, serde_json::Value>,
}

/// A custom directive: `directive @name(arguments) repeatable on locations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectiveDef {
    pub name: Name,
    pub description: Option<String>,
    pub arguments: ByName<Argument>,
    pub repeatable: bool,
    /// `OBJECT`, `FIELD_DEFINITION`, …
    pub locations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: Name,
    /// The snake_case name: a native column, or a key of `data`.
    pub column: Name,
    pub ty: TypeRef,
    pub description: Option<String>,
    pub deprecated: Option<String>,
    /// How another relation is reached; `None` for a column or an embedded value.
    pub join: Option<Join>,
    pub requires_scope: Option<String>,
    pub on_deny: OnDeny,
    /// The SQL function that computes the field from a representation.
    pub function: Option<String>,
    pub federation: FieldFederation,
    pub directives: Vec<Directive>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnDeny {
    #[default]
    Reject,
    Mask,
}

/// Pairs of (column of this type's relation, column of the other type's relation), all equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    pub on: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FieldFederation {
    pub external: bool,
    pub shareable: bool,
    pub inaccessible: bool,
    pub requires: Option<String>,
    pub provides: Option<String>,
    pub override_from: Option<String>,
    pub override_label: Option<String>,
    pub tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceDef {
    pub name: Name,
    pub description: Option<String>,
    pub relation: Option<RelationName>,
    pub fields: ByName<Field>,
    pub keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnionDef {
    pub name: Name,
    pub description: Option<String>,
    pub members: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnumDef {
    pub name: Name,
    pub description: Option<String>,
    pub values: Vec<EnumValue>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnumValue {
    /// What the API says.
    pub name: Name,
    /// What PostgreSQL stores.
    pub stored: Name,
    pub description: Option<String>,
    pub deprecated: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalarDef {
    pub name: Name,
    pub description: Option<String>,
    pub specified_by_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputDef {
    pub name: Name,
    pub description: Option<String>,
    pub fields: ByName<Argument>,
}

/// One root field, which is also one route and one RPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    pub name: Name,
    pub description: Option<String>,
    pub deprecated: Option<String>,
    /// The type of one item: an object, interface, union, enum or scalar name.
    pub item: Name,
    pub returns: Returns,
    /// Of the value itself: a list that may be null, an object that may be absent.
    pub nullable: bool,
    /// The relation (reads) or the function (mutations).
    pub source: Option<RelationName>,
    pub data_column: String,
    /// Every argument of the API, those of `auto_params` and relay paging included.
    pub arguments: ByName<Argument>,
    /// Arguments that come from the caller's claims, never from the request.
    pub inject: IndexMap<String, Inject>,
    pub requires_role: Option<String>,
    pub rest: Option<RestRoute>,
    pub rest_stream: bool,
    /// Of a mutation; of a subscription, what it reports.
    pub operation: Option<Operation>,
    /// A mutation whose input goes to the function as one jsonb value.
    pub input_as_json: bool,
    /// Subscriptions only.
    pub topic: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Returns {
    One,
    Many,
    /// A relay connection: edges, pageInfo, totalCount.
    Connection,
    /// The number of rows that `where` leaves.
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Custom,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    pub name: Name,
    pub ty: TypeRef,
    pub default: Option<serde_json::Value>,
    pub description: Option<String>,
    pub deprecated: Option<String>,
    pub role: ArgumentRole,
}

/// What an argument does to a read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArgumentRole {
    Where,
    OrderBy,
    Limit,
    Offset,
    First,
    After,
    Last,
    Before,
    /// Equality on the field or column of this snake_case name.
    Equal(Name),
    /// A value for a function, or a field of an input object.
    Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestRoute {
    pub path: String,
    pub method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inject {
    /// A claim of the caller's token.
    Claim(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Federation {
    pub service_name: String,
    /// The minor version that the author asks for; `None` takes the lowest that suffices.
    pub minor: Option<u32>,
    /// Links the specification from elsewhere.
    pub schema_url: Option<String>,
    pub compose_directives: Vec<ComposeDirective>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComposeDirective {
    /// Without the `@`.
    pub name: String,
    /// Of its specification.
    pub url: String,
}

// === impl TypeRef ===

impl TypeRef {
    pub fn named(name: impl Into<Name>, nullable: bool) -> Self {
        TypeRef { of: TypeOf::Named(name.into()), nullable }
    }

    pub fn list(item: TypeRef, nullable: bool) -> Self {
        TypeRef { of: TypeOf::List(Box::new(item)), nullable }
    }

    /// The name inside all lists.
    pub fn innermost(&self) -> &Name {
        match &self.of {
            TypeOf::Named(name) => name,
            TypeOf::List(item) => item.innermost(),
        }
    }

    pub fn item(&self) -> Option<&TypeRef> {
        match &self.of {
            TypeOf::Named(_) => None,
            TypeOf::List(item) => Some(item),
        }
    }

    pub fn is_list(&self) -> bool {
        self.item().is_some()
    }
}

impl std::fmt::Display for TypeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.of {
            TypeOf::Named(name) => f.write_str(name)?,
            TypeOf::List(item) => write!(f, "[{item}]")?,
        }
        if self.nullable { Ok(()) } else { f.write_str("!") }
    }
}

// === impl Federation ===

impl Federation {
    /// The URL to link, where the schema needs at least this minor version.
    pub fn specification(&self, needed: u32) -> String {
        let minor = self.minor.unwrap_or(needed);
        self.schema_url.clone().unwrap_or_else(|| format!("https://specs.apollo.dev/federation/v2.{minor}"))
    }
}

// === impl Field ===

impl Field {
    /// Whether the relation of its type is what it is read from; others belong to other services, or are
    /// computed from what those say.
    pub fn is_stored_here(&self) -> bool {
        !self.federation.external && self.function.is_none()
    }
}

// === impl Scalar ===

impl Scalar {
    /// The scalar that a name of the schema means, if it is one that needs no declaration.
    pub fn of_name(name: &str) -> Option<Scalar> {
        Some(match name {
            "ID" => Scalar::Id,
            "UUID" => Scalar::Uuid,
            "String" => Scalar::String,
            "Int" => Scalar::Int,
            "BigInt" => Scalar::BigInt,
            "Float" => Scalar::Float,
            "Decimal" => Scalar::Decimal,
            "Boolean" => Scalar::Boolean,
            "DateTime" => Scalar::DateTime,
            "Date" => Scalar::Date,
            "Time" => Scalar::Time,
            "Json" | "JSON" => Scalar::Json,
            _ => return None,
        })
    }

    /// The five scalars that GraphQL itself defines.
    pub fn is_builtin(name: &str) -> bool {
        matches!(name, "ID" | "String" | "Int" | "Float" | "Boolean")
    }
}

impl Endpoint {
    /// The type that a GraphQL client sees for the whole root field.
    pub fn argument_with(&self, role: &ArgumentRole) -> Option<&Argument> {
        self.arguments.values().find(|argument| argument.role == *role)
    }
}

// === impl ArgumentRole ===

impl ArgumentRole {
    /// The field or column that the argument's value has to equal.
    pub fn equal(&self) -> Option<&Name> {
        match self {
            ArgumentRole::Equal(column) => Some(column),
            ArgumentRole::Where
            | ArgumentRole::OrderBy
            | ArgumentRole::Limit
            | ArgumentRole::Offset
            | ArgumentRole::First
            | ArgumentRole::After
            | ArgumentRole::Last
            | ArgumentRole::Before
            | ArgumentRole::Value => None,
        }
    }
}
