//! Schema → the messages, enums and methods that clients see, still without numbers. Queries, and what comes back.
//!
//! Types of the schema keep their names, inputs of filters and orders have those that GraphQL gives
//! them, and what scalars are compared with comes from `fraiseql.v1`, which all services share.

use std::collections::HashMap;

use indexmap::IndexSet;

use super::api::{Api, EnumType, EnumValue, Field, Label, Message, Method, MethodKind, PAGE_ITEMS, Reserved, Type};
use crate::intent::filter::is_ordered;
use crate::problem::Problem;
use crate::schema::entities::Behind;
use crate::schema::lock::{field_name, message_name, value_name};
use crate::schema::model::{
    Argument, ArgumentRole, Endpoint, EnumDef, Field as SchemaField, Returns, TypeDef, TypeRef,
};
use crate::schema::name::{Name, pascal_case, rpc_subject, snake_case};
use crate::schema::{Kind, Schema};

/// The argument that chooses fields, and the one that holds the arguments of joined lists.
pub const READ_MASK: &str = "readMask";
pub const JOINS: &str = "joins";

/// Names of the service where the configuration gives them.
#[derive(Debug, Clone, Default)]
pub struct ServiceNames {
    pub package: Option<String>,
    pub service: Option<String>,
}

/// Describes a schema; `file` is what problems name.
pub fn describe(schema: &Schema, names: &ServiceNames, file: &str) -> Result<Api, Vec<Problem>> {
    let mut describer = Describer {
        schema,
        messages: Vec::new(),
        enums: Vec::new(),
        known: IndexSet::new(),
        inputs: IndexSet::new(),
        taken: IndexSet::new(),
    };
    let mut methods = Vec::new();
    for query in schema.model().queries.values() {
        describer.query(query, &mut methods);
    }
    for entity in schema.entities().values().filter(|entity| entity.behind == Behind::Object) {
        describer.entity(entity, &mut methods);
    }
    for mutation in schema.model().mutations.values() {
        describer.mutation(mutation, &mut methods);
    }
    // In the order in which they are met, which is the order in which they are read.
    let Describer { mut messages, enums, known, .. } = describer;
    messages.sort_by_key(|message| known.get_index_of(&message.name));
    let project = snake_case(&schema.model().service.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    let api = Api {
        package: names.package.clone().unwrap_or_else(|| format!("{project}.v1")),
        service: names.service.clone().unwrap_or_else(|| {
            let name = pascal_case(&project);
            if name.ends_with("Service") { name } else { format!("{name}Service") }
        }),
        messages,
        enums,
        methods,
    };
    let problems = clashes(&api, file);
    if problems.is_empty() { Ok(api) } else { Err(problems) }
}

pub(super) struct Describer<'s> {
    pub(super) schema: &'s Schema,
    messages: Vec<Message>,
    enums: Vec<EnumType>,
    /// Names of what has been described, or is being.
    known: IndexSet<String>,
    /// Those of them that are input types of the schema, and those of these that something else is called too.
    inputs: IndexSet<String>,
    taken: IndexSet<String>,
}

impl Describer<'_> {
    fn query(&mut self, query: &Endpoint, methods: &mut Vec<Method>) {
        let subject = rpc_subject(&query.name);
        if matches!(self.schema.kind(&query.item), Kind::Scalar(_) | Kind::Enum(_)) {
            // Refused by the compiler for a query; nothing to answer with.
            return;
        }
        let mut add = |name: String, kind, request: &str, response: String| {
            methods.push(Method {
                name,
                kind,
                endpoint: query.name.clone(),
                request: request.to_owned(),
                response,
                comment: comment(&query.description, &query.deprecated),
                deprecated: query.deprecated.is_some(),
            });
        };
        let verb = if matches!(query.returns, Returns::One | Returns::Count) { "Get" } else { "List" };
        let name = format!("{verb}{subject}");
        let request = format!("{name}Request");
        match query.returns {
            Returns::One => {
                add(name.clone(), MethodKind::Get, &request, message_name(&query.item));
                self.output(&query.item);
            }
            Returns::Many => {
                let page = format!("{subject}Page");
                add(name.clone(), MethodKind::List, &request, message_name(&query.item));
                add(format!("{name}Pages"), MethodKind::Pages, &request, page.clone());
                self.output(&query.item);
                let items = plain_field(PAGE_ITEMS, Type::Message(message_name(&query.item)), Label::Repeated);
                self.add(&page, Some(format!("Some of the rows that {name}Pages sends.")), vec![items]);
            }
            Returns::Connection => {
                let item = message_name(&query.item);
                add(name.clone(), MethodKind::Connection, &request, format!("{item}Connection"));
                self.output(&query.item);
                self.connection(&item);
            }
            Returns::Count => {
                let response = format!("{name}Response");
                add(name.clone(), MethodKind::Count, &request, response.clone());
                let count = plain_field("count", Type::Int64, Label::Plain);
                self.add(&response, Some(format!("What {name} answers.")), vec![count]);
            }
        }
        self.request(query, &name, &request);
    }

    fn request(&mut self, query: &Endpoint, method: &str, request: &str) {
        let orders = is_ordered(self.schema, &query.item);
        let arguments = query.arguments.values().filter(|argument| orders || argument.role != ArgumentRole::OrderBy);
        let mut fields: Vec<Field> = arguments.map(|argument| self.argument(argument, &query.item)).collect();
        if query.returns != Returns::Count {
            let what = match query.returns {
                Returns::One | Returns::Many | Returns::Count => "every field that is not joined",
                Returns::Connection => "cursors, nodes with every field that is not joined, and page_info",
            };
            let text = format!("The fields to read, as in \"id,name\"; without it {what}.");
            fields.push(Field { comment: Some(text), ..plain_field(READ_MASK, Type::FieldMask, Label::Plain) });
            fields.extend(self.joins(&query.item));
        }
        self.add(request, Some(format!("What {method} is asked with.")), fields);
    }

    fn argument(&mut self, argument: &Argument, item: &Name) -> Field {
        let field = |ty, label| Field {
            comment: comment(&argument.description, &argument.deprecated),
            deprecated: argument.deprecated.is_some(),
            ..plain_field(&argument.name, ty, label)
        };
        match &argument.role {
            ArgumentRole::Where => field(Type::Message(self.where_input(item)), Label::Plain),
            ArgumentRole::OrderBy => field(Type::Message(self.order_input(item)), Label::Repeated),
            ArgumentRole::Limit | ArgumentRole::Offset | ArgumentRole::First | ArgumentRole::Last => {
                field(Type::Int32, Label::Optional)
            }
            ArgumentRole::After | ArgumentRole::Before => field(Type::String, Label::Optional),
            ArgumentRole::Equal(_) | ArgumentRole::Value => {
                let ty = self.leaf(argument.ty.innermost());
                let label = match &argument.ty {
                    ty if ty.is_list() => Label::Repeated,
                    TypeRef { nullable: false, .. } if argument.default.is_none() => Label::Plain,
                    _ if ty.is_message() => Label::Plain,
                    _ => Label::Optional,
                };
                field(ty, label)
            }
        }
    }

    /// A type of output with everything below it.
    pub(super) fn output(&mut self, name: &Name) {
        let schema = self.schema;
        let message = message_name(name);
        if !self.begin(&message) {
            return;
        }
        match schema.kind(name) {
            Kind::Object(object) => self.object(&message, object),
            Kind::Interface(interface) => self.variants(&message, &interface.name, &interface.description),
            Kind::Union(union) => self.variants(&message, &union.name, &union.description),
            Kind::Scalar(_) | Kind::Enum(_) => {}
        }
    }

    fn object(&mut self, message: &str, object: &TypeDef) {
        let fields = object.fields.values().map(|field| self.field(field)).collect();
        self.put(message, object.description.clone(), fields, None);
    }

    fn field(&mut self, field: &SchemaField) -> Field {
        let name = field.ty.innermost();
        let (ty, label) = match field.ty.item() {
            Some(item) if item.is_list() => (Type::ListValue, Label::Repeated),
            Some(_) => (self.leaf(name), Label::Repeated),
            None => match self.leaf(name) {
                ty if field.ty.nullable && !ty.is_message() => (ty, Label::Optional),
                ty => (ty, Label::Plain),
            },
        };
        Field {
            comment: comment(&field.description, &field.deprecated),
            deprecated: field.deprecated.is_some(),
            ..plain_field(&field.name, ty, label)
        }
    }

    /// A message that is one of several others.
    fn variants(&mut self, message: &str, name: &Name, description: &Option<String>) {
        let schema = self.schema;
        let mut fields = Vec::new();
        for object in schema.possible_types(name) {
            self.output(&object.name);
            fields.push(plain_field(&object.name, Type::Message(message_name(&object.name)), Label::Plain));
        }
        self.put(message, description.clone(), fields, Some("variant"));
    }

    /// The type of a name, which is described when it is met for the first time.
    pub(super) fn leaf(&mut self, name: &Name) -> Type {
        let schema = self.schema;
        match schema.kind(name) {
            Kind::Scalar(scalar) => Type::of(scalar),
            Kind::Enum(declared) => Type::Enum(self.enumeration(declared)),
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
                self.output(name);
                Type::Message(message_name(name))
            }
        }
    }

    pub(super) fn enumeration(&mut self, declared: &EnumDef) -> String {
        let name = message_name(&declared.name);
        if self.begin(&name) {
            let value = |value: &crate::schema::model::EnumValue| EnumValue {
                name: value_name(&name, &value.name),
                source: value.name.clone(),
                number: 0,
                comment: comment(&value.description, &value.deprecated),
                deprecated: value.deprecated.is_some(),
            };
            let values = declared.values.iter().map(value).collect();
            let reserved = Reserved::default();
            self.enums.push(EnumType { name: name.clone(), comment: declared.description.clone(), values, reserved });
        }
        name
    }

    fn connection(&mut self, item: &str) {
        let (page, edge) = (format!("{item}Connection"), format!("{item}Edge"));
        let cursor = Field {
            comment: Some("Where this edge stands in the list; for after and before.".to_owned()),
            ..plain_field("cursor", Type::String, Label::Plain)
        };
        let node = plain_field("node", Type::Message(item.to_owned()), Label::Plain);
        self.add(&edge, Some(format!("One {item} of a page.")), vec![cursor, node]);
        let total = Field {
            comment: Some("How many there are in all; read only when read_mask names it.".to_owned()),
            ..plain_field("totalCount", Type::Int64, Label::Optional)
        };
        let fields = vec![
            plain_field("edges", Type::Message(edge), Label::Repeated),
            plain_field("pageInfo", Type::PageInfo, Label::Plain),
            total,
        ];
        self.add(&page, Some(format!("One page of a list of {item}, with its edges.")), fields);
    }

    /// Whether this is the first time that a name is met, as anything but an input type: both are put then, and
    /// found to be a clash.
    pub(super) fn begin(&mut self, name: &str) -> bool {
        self.known.insert(name.to_owned()) || (self.inputs.contains(name) && self.taken.insert(name.to_owned()))
    }

    /// The same for an input type.
    pub(super) fn begin_input(&mut self, name: &str) -> bool {
        self.known.insert(name.to_owned());
        self.inputs.insert(name.to_owned())
    }

    pub(super) fn put(&mut self, name: &str, comment: Option<String>, fields: Vec<Field>, oneof: Option<&'static str>) {
        let reserved = Reserved::default();
        self.messages.push(Message { name: name.to_owned(), comment, fields, oneof, reserved });
    }

    /// A message of its own; described twice, it would be a clash of names.
    pub(super) fn add(&mut self, name: &str, comment: Option<String>, fields: Vec<Field>) {
        let again = !self.begin(name);
        let same = again && self.messages.iter().any(|known| known.name == name && known.fields == fields);
        if !same {
            self.put(name, comment, fields, None);
        }
    }
}

pub(super) fn plain_field(source: &str, ty: Type, label: Label) -> Field {
    Field { name: field_name(source), source: source.into(), number: 0, ty, label, comment: None, deprecated: false }
}

pub(super) fn comment(description: &Option<String>, deprecated: &Option<String>) -> Option<String> {
    let deprecated = deprecated.as_ref().map(|reason| format!("Deprecated: {reason}"));
    let parts: Vec<String> =
        description.iter().cloned().chain(deprecated).filter(|text| !text.trim().is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

/// Names that mean two things in protobuf though they do not in GraphQL.
fn clashes(api: &Api, file: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut clash = |path: String, reason: String| {
        let hint = "rename one of them, or switch gRPC off with [grpc] enabled = false";
        problems.push(Problem::new(file, path, reason).hint(hint));
    };
    let mut names: HashMap<&str, ()> = HashMap::new();
    for name in api.messages.iter().map(|message| &message.name).chain(api.enums.iter().map(|it| &it.name)) {
        if names.insert(name, ()).is_some() || *name == api.service {
            clash(name.clone(), format!("two things are called {name} in the gRPC service"));
        }
    }
    for message in &api.messages {
        let mut fields: HashMap<&str, &str> = message.oneof.iter().map(|name| (*name, "the choice itself")).collect();
        for field in &message.fields {
            if let Some(other) = fields.insert(&field.name, &field.source) {
                let reason = format!("{other} and {} are both {} in protobuf", field.source, field.name);
                clash(message.name.clone(), reason);
            }
        }
    }
    for declared in &api.enums {
        let mut values: HashMap<&str, &str> = HashMap::new();
        for value in &declared.values {
            let other = values.insert(&value.name, &value.source);
            if let Some(other) = other.or(value.name.ends_with("_UNSPECIFIED").then_some("no value")) {
                let reason = format!("{other} and {} are both {} in protobuf", value.source, value.name);
                clash(declared.name.clone(), reason);
            }
        }
    }
    problems
}
