//! The schema in the GraphQL type system, as SDL.
//!
//! Clients see the published form. Documents are validated against the accepted form, which also has
//! the other spellings of filter operators (`_eq`, `is_null`), so that clients written for other
//! servers work without every list of operators being printed several times. A subgraph is the
//! published form with marks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use indexmap::{IndexMap, IndexSet};

use crate::intent::arguments::list_arguments;
use crate::intent::filter::{DIRECTIONS, Operators, Word, is_filterable, is_ordered, is_sortable};
use crate::schema::model::{Argument, ArgumentRole, Endpoint, Field, Returns, Scalar, TypeRef};
use crate::schema::name::{ByName, Name};
use crate::schema::{Kind, Schema};

/// Which spellings of filter operators are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    Published,
    Accepted,
}

/// Directives on the parts of a type system, as text that begins with a space.
#[derive(Debug, Default)]
pub struct Marks {
    /// What stands before every definition.
    pub head: String,
    /// Types that another service defines, written as `extend type`.
    pub extended: HashSet<Name>,
    /// By the name of an object type or interface.
    pub types: HashMap<Name, String>,
    /// By type and field.
    pub fields: HashMap<(Name, Name), String>,
    /// On the inputs that filter and order by a field, by type and field.
    pub inputs: HashMap<(Name, Name), String>,
    /// On the types of a page of a connection.
    pub pages: String,
}

impl Marks {
    fn input(&self, owner: &Name, field: &Field) -> &str {
        self.inputs.get(&(owner.clone(), field.name.clone())).map_or("", String::as_str)
    }
}

/// The type system definition of a schema.
pub fn sdl(schema: &Schema, spelling: Spelling, marks: &Marks) -> String {
    let mut writer = SdlWriter {
        schema,
        spelling,
        marks,
        out: marks.head.clone(),
        filters: IndexSet::new(),
        wheres: IndexSet::new(),
        orders: IndexSet::new(),
    };
    writer.outputs();
    writer.inputs();
    writer.filters();
    writer.scalars();
    writer.out
}

/// A named filter input: `StringFilter`, `StringListFilter`, `OrderStatusFilter`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FilterType {
    name: String,
    item: Name,
    operators: Operators,
}

struct SdlWriter<'s> {
    schema: &'s Schema,
    spelling: Spelling,
    marks: &'s Marks,
    out: String,
    filters: IndexSet<FilterType>,
    /// Types that are filtered and ordered somewhere; they grow while they are written.
    wheres: IndexSet<Name>,
    orders: IndexSet<Name>,
}

impl SdlWriter<'_> {
    fn outputs(&mut self) {
        let model = self.schema.model();
        for (root, endpoints) in
            [("Query", &model.queries), ("Mutation", &model.mutations), ("Subscription", &model.subscriptions)]
        {
            if endpoints.is_empty() {
                continue;
            }
            let _ = writeln!(self.out, "type {root} {{");
            for endpoint in endpoints.values() {
                self.endpoint(endpoint);
            }
            self.out.push_str("}\n\n");
        }
        let mut connections: IndexMap<Name, ()> = IndexMap::new();
        for query in model.queries.values().filter(|query| query.returns == Returns::Connection) {
            connections.insert(query.item.clone(), ());
        }
        for object in model.types.values() {
            if self.marks.extended.contains(&object.name) {
                // The grammar has no place for a description here.
                self.out.push_str("extend ");
            } else {
                self.describe(object.description.as_deref(), "");
            }
            let _ = write!(self.out, "type {}", object.name);
            if !object.implements.is_empty() {
                let names: Vec<&str> = object.implements.iter().map(|name| &**name).collect();
                let _ = write!(self.out, " implements {}", names.join(" & "));
            }
            self.fields(&object.name, object.fields.values());
        }
        for interface in model.interfaces.values() {
            self.describe(interface.description.as_deref(), "");
            let _ = write!(self.out, "interface {}", interface.name);
            self.fields(&interface.name, interface.fields.values());
        }
        for union in model.unions.values() {
            self.describe(union.description.as_deref(), "");
            let members: Vec<&str> = union.members.iter().map(|name| &**name).collect();
            let _ = writeln!(self.out, "union {} = {}\n", union.name, members.join(" | "));
        }
        for def in model.enums.values() {
            self.describe(def.description.as_deref(), "");
            let _ = writeln!(self.out, "enum {} {{", def.name);
            for value in &def.values {
                self.describe(value.description.as_deref(), "  ");
                let _ = write!(self.out, "  {}", value.name);
                self.deprecated(value.deprecated.as_deref());
                self.out.push('\n');
            }
            self.out.push_str("}\n\n");
        }
        self.connections(connections.keys());
    }

    fn connections<'n>(&mut self, names: impl Iterator<Item = &'n Name>) {
        let (marks, mut any) = (&self.marks.pages, false);
        for name in names {
            any = true;
            let _ = write!(
                self.out,
                "\"One page of a list of {name}, with its edges.\"\ntype {name}Connection{marks} {{\n  edges: [{name}Edge!]!\n  \
                 pageInfo: PageInfo!\n  \"How many there are in all.\"\n  totalCount: Int!\n}}\n\n\
                 type {name}Edge{marks} {{\n  \"Where this edge stands in the list; for `after` and `before`.\"\n  cursor: String!\n  \
                 node: {name}\n}}\n\n"
            );
        }
        if any {
            let _ = write!(
                self.out,
                "type PageInfo{marks} {{\n  hasNextPage: Boolean!\n  hasPreviousPage: Boolean!\n  startCursor: String\n  \
                 endCursor: String\n}}\n\n",
            );
        }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        self.describe(endpoint.description.as_deref(), "  ");
        let _ = write!(self.out, "  {}", endpoint.name);
        self.arguments(endpoint.arguments.values(), &endpoint.item);
        let _ = write!(self.out, ": {}", endpoint_type(endpoint));
        self.deprecated(endpoint.deprecated.as_deref());
        self.out.push('\n');
    }

    fn arguments<'a>(&mut self, arguments: impl Iterator<Item = &'a Argument>, item: &Name) {
        let mut open = false;
        // An input without fields is none.
        let orders = is_ordered(self.schema, item);
        for argument in arguments.filter(|argument| orders || argument.role != ArgumentRole::OrderBy) {
            self.out.push_str(if open { ", " } else { "(" });
            open = true;
            if let Some(description) = &argument.description {
                let _ = write!(self.out, "{} ", quoted(description));
            }
            let _ = write!(self.out, "{}: {}", argument.name, argument.ty);
            if let Some(default) = &argument.default {
                let _ = write!(self.out, " = {}", literal(self.schema, &argument.ty, default));
            }
            self.deprecated(argument.deprecated.as_deref());
            match argument.role {
                ArgumentRole::Where => {
                    self.wheres.insert(item.clone());
                }
                ArgumentRole::OrderBy => {
                    self.orders.insert(item.clone());
                }
                ArgumentRole::Limit
                | ArgumentRole::Offset
                | ArgumentRole::First
                | ArgumentRole::After
                | ArgumentRole::Last
                | ArgumentRole::Before
                | ArgumentRole::Equal(_)
                | ArgumentRole::Value => {}
            }
        }
        self.out.push_str(if open { ")" } else { "" });
    }

    fn fields<'f>(&mut self, owner: &Name, fields: impl Iterator<Item = &'f Field>) {
        self.out.extend(self.marks.types.get(owner).map(String::as_str));
        self.out.push_str(" {\n");
        for field in fields {
            self.describe(field.description.as_deref(), "  ");
            let _ = write!(self.out, "  {}", field.name);
            if field.join.is_some() && field.ty.is_list() {
                let arguments = list_arguments(field.ty.innermost());
                self.arguments(arguments.iter(), field.ty.innermost());
            }
            let _ = write!(self.out, ": {}", field.ty);
            let place = (owner.clone(), field.name.clone());
            self.out.extend(self.marks.fields.get(&place).map(String::as_str));
            self.deprecated(field.deprecated.as_deref());
            self.out.push('\n');
        }
        self.out.push_str("}\n\n");
    }

    fn inputs(&mut self) {
        for input in self.schema.model().inputs.values() {
            self.describe(input.description.as_deref(), "");
            let _ = writeln!(self.out, "input {} {{", input.name);
            for field in input.fields.values() {
                self.describe(field.description.as_deref(), "  ");
                let _ = write!(self.out, "  {}: {}", field.name, field.ty);
                if let Some(default) = &field.default {
                    let _ = write!(self.out, " = {}", literal(self.schema, &field.ty, default));
                }
                self.deprecated(field.deprecated.as_deref());
                self.out.push('\n');
            }
            self.out.push_str("}\n\n");
        }
    }

    fn filters(&mut self) {
        // Each `where` type may bring others in through its objects.
        let mut next = 0;
        while let Some(name) = self.wheres.get_index(next).cloned() {
            self.where_input(&name);
            next += 1;
        }
        for name in self.orders.clone() {
            self.order_input(&name);
        }
        if !self.orders.is_empty() {
            self.out.push_str("\"The direction of an order; nulls come last going up and first going down unless said otherwise.\"\nenum OrderDirection {\n");
            for (direction, _, _) in DIRECTIONS {
                let _ = writeln!(self.out, "  {direction}");
            }
            self.out.push_str("}\n\n");
        }
        for filter in std::mem::take(&mut self.filters) {
            self.filter_input(&filter);
        }
    }

    fn where_input(&mut self, name: &Name) {
        let fields = output_fields(self.schema, name);
        let _ = writeln!(self.out, "\"What a list of {name} is filtered by.\"\ninput {name}WhereInput {{");
        for field in fields.values().filter(|field| is_filterable(self.schema, field)) {
            let (ty, mark) = (self.filter_type(field), self.marks.input(name, field));
            let _ = writeln!(self.out, "  {}: {ty}{mark}", field.name);
        }
        for word in ["and", "or", "not"].into_iter().filter(|word| !fields.contains_key(*word)) {
            let ty = if word == "not" { format!("{name}WhereInput") } else { format!("[{name}WhereInput!]") };
            let _ = writeln!(self.out, "  {word}: {ty}");
            if self.spelling == Spelling::Accepted && !fields.contains_key(format!("_{word}").as_str()) {
                let _ = writeln!(self.out, "  _{word}: {ty}");
            }
        }
        self.out.push_str("}\n\n");
    }

    fn filter_type(&mut self, field: &Field) -> String {
        let item = field.ty.innermost();
        let Some(operators) = Operators::of_field(self.schema, field) else {
            self.wheres.insert(item.clone());
            return format!("{item}WhereInput");
        };
        let name = format!("{item}{}Filter", if operators == Operators::List { "List" } else { "" });
        self.filters.insert(FilterType { name: name.clone(), item: item.clone(), operators });
        name
    }

    fn order_input(&mut self, name: &Name) {
        let fields = output_fields(self.schema, name);
        let _ = writeln!(self.out, "\"One step of an order of {name}.\"\ninput {name}OrderByInput {{");
        for field in fields.values().filter(|field| field.join.is_none() && is_sortable(self.schema, field)) {
            let _ = writeln!(self.out, "  {}: OrderDirection{}", field.name, self.marks.input(name, field));
        }
        self.out.push_str("}\n\n");
    }

    fn filter_input(&mut self, filter: &FilterType) {
        let _ = writeln!(self.out, "input {} {{", filter.name);
        for row in filter.operators.table() {
            let ty = match row.word {
                Word::Item(_) => filter.item.to_string(),
                Word::Items(_) => format!("[{}!]", filter.item),
                Word::Length(_) => "Int".to_owned(),
                Word::Text(_) | Word::Pattern(..) => "String".to_owned(),
                Word::Null { .. } => "Boolean".to_owned(),
            };
            let _ = writeln!(self.out, "  {}: {ty}", row.name);
            if self.spelling == Spelling::Accepted {
                for alias in std::iter::once(&row.name).chain(row.aliases) {
                    let plain = if *alias == row.name { "" } else { alias };
                    for spelled in [plain.to_owned(), format!("_{alias}")].iter().filter(|text| !text.is_empty()) {
                        let _ = writeln!(self.out, "  {spelled}: {ty}");
                    }
                }
            }
        }
        self.out.push_str("}\n\n");
    }

    /// Every scalar that something above names.
    fn scalars(&mut self) {
        let model = self.schema.model();
        let mut used: BTreeMap<Name, Option<&str>> = BTreeMap::new();
        let mut mention = |name: &Name| {
            if matches!(self.schema.kind(name), Kind::Scalar(_))
                && !Scalar::is_builtin(name)
                && !model.inputs.contains_key(name)
            {
                used.entry(name.clone()).or_insert(None);
            }
        };
        let objects = model.types.values().flat_map(|object| object.fields.values());
        let interfaces = model.interfaces.values().flat_map(|interface| interface.fields.values());
        objects.chain(interfaces).for_each(|field| mention(field.ty.innermost()));
        let endpoints = || model.queries.values().chain(model.mutations.values()).chain(model.subscriptions.values());
        endpoints().for_each(|endpoint| mention(&endpoint.item));
        let arguments = endpoints().flat_map(|endpoint| endpoint.arguments.values());
        let of_directives = model.directives.values().flat_map(|directive| directive.arguments.values());
        let inputs = model.inputs.values().flat_map(|input| input.fields.values());
        arguments
            .chain(inputs)
            .chain(of_directives)
            .filter(|argument| !is_generated(&argument.role))
            .for_each(|argument| mention(argument.ty.innermost()));
        for name in used.keys() {
            let declared = model.scalars.get(name);
            self.describe(declared.and_then(|def| def.description.as_deref()).or(scalar_description(name)), "");
            let _ = write!(self.out, "scalar {name}");
            if let Some(url) = declared.and_then(|def| def.specified_by_url.as_deref()) {
                let _ = write!(self.out, " @specifiedBy(url: {})", quoted(url));
            }
            self.out.push_str("\n\n");
        }
    }

    fn describe(&mut self, description: Option<&str>, indent: &str) {
        if let Some(description) = description.filter(|text| !text.trim().is_empty()) {
            let _ = writeln!(self.out, "{indent}{}", quoted(description));
        }
    }

    fn deprecated(&mut self, reason: Option<&str>) {
        if let Some(reason) = reason {
            let _ = write!(self.out, " @deprecated(reason: {})", quoted(reason));
        }
    }
}

/// The type of a root field.
pub fn endpoint_type(endpoint: &Endpoint) -> TypeRef {
    let item = || TypeRef::named(endpoint.item.clone(), false);
    match endpoint.returns {
        Returns::One => TypeRef { nullable: endpoint.nullable, ..item() },
        Returns::Many => TypeRef::list(item(), endpoint.nullable),
        Returns::Connection => TypeRef::named(format!("{}Connection", endpoint.item), endpoint.nullable),
        Returns::Count => TypeRef::named("Int", false),
    }
}

/// The fields of an object or interface; a union has none of its own.
pub fn output_fields<'s>(schema: &'s Schema, name: &str) -> &'s ByName<Field> {
    static NONE: std::sync::LazyLock<ByName<Field>> = std::sync::LazyLock::new(ByName::default);
    match schema.kind(name) {
        Kind::Object(object) => &object.fields,
        Kind::Interface(interface) => &interface.fields,
        Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => &NONE,
    }
}

fn is_generated(role: &ArgumentRole) -> bool {
    match role {
        ArgumentRole::Where | ArgumentRole::OrderBy => true,
        ArgumentRole::Limit
        | ArgumentRole::Offset
        | ArgumentRole::First
        | ArgumentRole::After
        | ArgumentRole::Last
        | ArgumentRole::Before
        | ArgumentRole::Equal(_)
        | ArgumentRole::Value => false,
    }
}

fn scalar_description(name: &str) -> Option<&'static str> {
    Some(match name {
        "UUID" => "A UUID, as in \"6f7c1a52-2f0e-4f0e-9d55-0d9be5f7a001\".",
        "BigInt" => "A whole number within 64 bits.",
        "Decimal" => "A decimal number of any size and scale.",
        "DateTime" => "A date and time by ISO 8601, as in \"2024-05-01T12:00:00+00:00\".",
        "Date" => "A date by ISO 8601, as in \"2024-05-01\".",
        "Time" => "A time of day by ISO 8601, as in \"12:30:00\".",
        "Json" | "JSON" => "Any JSON value.",
        _ => return None,
    })
}

/// A GraphQL string: JSON's escapes are the same.
pub fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A default value as GraphQL writes it: object keys bare, enum values bare.
pub fn literal(schema: &Schema, ty: &TypeRef, json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    let name = ty.innermost();
    match json {
        Json::String(text) if matches!(schema.kind(name), Kind::Enum(_)) => text.clone(),
        Json::Array(items) => {
            let item = ty.item().unwrap_or(ty);
            format!("[{}]", items.iter().map(|json| literal(schema, item, json)).collect::<Vec<_>>().join(", "))
        }
        Json::Object(map) => {
            let field = |(key, json): (&String, &Json)| {
                let declared = schema.model().inputs.get(name).and_then(|input| input.fields.get(key.as_str()));
                let ty = declared.map_or(ty, |argument| &argument.ty);
                format!("{key}: {}", literal(schema, ty, json))
            };
            format!("{{{}}}", map.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.to_string(),
    }
}
