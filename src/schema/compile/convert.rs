//! A checked document becomes the model; nothing can go wrong any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::authoring::{self, Document, Kind, Operation};
use super::super::check::{self, Index, Known, NAMED_STRINGS};
use super::super::model::{
    Argument, ArgumentRole, ComposeDirective, DirectiveDef, Endpoint, EnumDef, EnumValue, Federation, Field, InputDef,
    InterfaceDef, Join, Key, Model, OnDeny, RelationName, RestRoute, Returns, Scalar, ScalarDef, TypeDef, TypeRef,
    UnionDef,
};
use super::super::name::{ByName, Name, camel_case, snake_case};
use super::role_of;

pub fn model(document: &Document, service: &str) -> Model {
    let index = Index::new(document);
    Model {
        service: service.to_owned(),
        types: by_name(document.types.iter().map(object_type), |ty| &ty.name),
        interfaces: by_name(document.interfaces.iter().map(interface), |interface| &interface.name),
        unions: by_name(document.unions.iter().map(union), |union| &union.name),
        enums: by_name(document.enums.iter().map(enumeration), |declared| &declared.name),
        inputs: by_name(document.inputs.iter().map(|input| self::input(input, &index)), |input| &input.name),
        scalars: by_name(scalars(document, &index).into_iter(), |scalar| &scalar.name),
        queries: by_name(document.queries.iter().flat_map(|query| queries(query, &index)), |query| &query.name),
        mutations: by_name(document.mutations.iter().map(|it| endpoint(it, &index)), |it| &it.name),
        subscriptions: by_name(document.subscriptions.iter().map(|it| endpoint(it, &index)), |it| &it.name),
        directives: by_name(document.directives.iter().map(|it| directive(it, &index)), |it| &it.name),
        federation: document.federation.as_ref().map(federation),
        inject: {
            let defaults = &document.inject_defaults;
            let all = defaults.base.iter().chain(&defaults.queries);
            all.map(|(name, inject)| (name.clone(), inject.clone())).collect()
        },
    }
}

fn by_name<T>(items: impl Iterator<Item = T>, name: impl Fn(&T) -> &Name) -> ByName<T> {
    items.map(|item| (name(&item).clone(), item)).collect()
}

fn names(texts: &[String]) -> Vec<Name> {
    texts.iter().map(|text| Name::from(text.as_str())).collect()
}

fn relation(name: &Option<String>) -> Option<RelationName> {
    name.clone().map(RelationName)
}

fn object_type(ty: &authoring::Type) -> TypeDef {
    TypeDef {
        name: Name::from(ty.name.as_str()),
        description: ty.description.clone(),
        relation: relation(&ty.sql_source),
        data_column: data_column(ty.jsonb_column.as_deref()),
        fields: by_name(ty.fields.iter().map(field), |field| &field.name),
        implements: names(&ty.implements),
        relay: ty.relay,
        is_error: ty.is_error,
        requires_role: ty.requires_role.clone(),
        plural: ty.plural.clone(),
        keys: keys(&ty.keys),
        extends: ty.extends,
        shareable: ty.shareable,
        inaccessible: ty.inaccessible,
        interface_object: ty.interface_object,
        tags: ty.tags.clone(),
        directives: ty.directives.clone(),
    }
}

fn data_column(name: Option<&str>) -> String {
    name.unwrap_or("data").to_owned()
}

fn keys(keys: &[authoring::Key]) -> Vec<Key> {
    keys.iter().map(|key| Key { fields: key.fields.clone(), resolvable: key.resolvable }).collect()
}

fn field(field: &authoring::Field) -> Field {
    Field {
        name: Name::from(field.name.as_str()),
        column: field.column.as_deref().map_or_else(|| Name::from(snake_case(&field.name)), Name::from),
        ty: field.ty.clone(),
        description: field.description.clone(),
        deprecated: field.deprecated.clone(),
        join: field.join.clone().map(|on| Join { on }),
        requires_scope: field.requires_scope.clone(),
        on_deny: if field.on_deny.as_deref() == Some("mask") { OnDeny::Mask } else { OnDeny::Reject },
        function: field.function.clone(),
        federation: field.federation.clone(),
        directives: field.directives.clone(),
    }
}

fn interface(interface: &authoring::Interface) -> InterfaceDef {
    InterfaceDef {
        name: Name::from(interface.name.as_str()),
        description: interface.description.clone(),
        relation: relation(&interface.sql_source),
        fields: by_name(interface.fields.iter().map(field), |field| &field.name),
        keys: keys(&interface.keys),
    }
}

fn union(union: &authoring::Union) -> UnionDef {
    UnionDef {
        name: Name::from(union.name.as_str()),
        description: union.description.clone(),
        members: names(&union.members),
    }
}

fn enumeration(declared: &authoring::Enum) -> EnumDef {
    let values = declared.values.iter().map(|value| EnumValue {
        name: Name::from(value.name.as_str()),
        stored: Name::from(value.stored.as_deref().unwrap_or(&value.name)),
        description: value.description.clone(),
        deprecated: value.deprecated.clone(),
    });
    EnumDef {
        name: Name::from(declared.name.as_str()),
        description: declared.description.clone(),
        values: values.collect(),
    }
}

fn input(input: &authoring::Input, index: &Index) -> InputDef {
    InputDef {
        name: Name::from(input.name.as_str()),
        description: input.description.clone(),
        fields: by_name(input.fields.iter().map(|it| argument(it, ArgumentRole::Value, index)), |it| &it.name),
    }
}

/// A default of null is none: it means that the argument may be left out, which filters nothing,
/// while a null that is sent asks for what is null.
fn argument(argument: &authoring::Argument, role: ArgumentRole, index: &Index) -> Argument {
    let default = argument.default.as_ref().filter(|default| !default.is_null());
    Argument {
        name: Name::from(argument.name.as_str()),
        ty: argument.ty.clone(),
        default: default.map(|default| check::fit(default, &argument.ty, index).unwrap_or_else(|_| default.clone())),
        description: argument.description.clone(),
        deprecated: argument.deprecated.clone(),
        role,
    }
}

/// Declared scalars, and the named strings that are used without a declaration.
fn scalars(document: &Document, index: &Index) -> Vec<ScalarDef> {
    let declared = document.scalars.iter().filter(|scalar| Scalar::of_name(&scalar.name).is_none());
    let mut scalars: Vec<_> = declared
        .map(|scalar| ScalarDef {
            name: Name::from(scalar.name.as_str()),
            description: scalar.description.clone(),
            specified_by_url: scalar.specified_by_url.clone(),
        })
        .collect();
    let fields = document.types.iter().flat_map(|ty| &ty.fields);
    let fields = fields.chain(document.interfaces.iter().flat_map(|ty| &ty.fields)).map(|field| &field.ty);
    let inputs = document.inputs.iter().flat_map(|input| &input.fields);
    let operations = || document.queries.iter().chain(&document.mutations).chain(&document.subscriptions);
    let arguments = inputs.chain(operations().flat_map(|operation| &operation.arguments)).map(|argument| &argument.ty);
    let used = fields.chain(arguments).map(|ty| &**ty.innermost());
    let used: BTreeSet<&str> = used.chain(operations().map(|operation| operation.item.as_str())).collect();
    for name in used.into_iter().filter(|name| NAMED_STRINGS.contains(name)) {
        let is_declared = scalars.iter().any(|scalar| *scalar.name == *name);
        if matches!(index.get(name), Some(Known::Scalar)) && !is_declared {
            scalars.push(ScalarDef { name: Name::from(name), description: None, specified_by_url: None });
        }
    }
    scalars
}

/// A query, and behind it its count where it asks for one.
fn queries(query: &Operation, index: &Index) -> Vec<Endpoint> {
    let endpoint = endpoint(query, index);
    if !query.count {
        return vec![endpoint];
    }
    let filter = endpoint.argument_with(&ArgumentRole::Where).cloned().unwrap_or_else(|| filter(&query.item));
    let count = Endpoint {
        name: Name::from(format!("{}Count", query.name)),
        description: Some(format!("How many there are in {}.", query.name)),
        returns: Returns::Count,
        nullable: false,
        arguments: by_name([filter].into_iter(), |argument| &argument.name),
        rest: None,
        rest_stream: false,
        ..endpoint.clone()
    };
    vec![endpoint, count]
}

fn endpoint(operation: &Operation, index: &Index) -> Endpoint {
    let (own_relation, own_data_column) = match index.get(&operation.item) {
        Some(Known::Type(ty)) => (relation(&ty.sql_source), ty.jsonb_column.as_deref()),
        Some(Known::Interface(interface)) => (relation(&interface.sql_source), None),
        Some(Known::Union(_) | Known::Enum(_) | Known::Input(_) | Known::Scalar) | None => (None, None),
    };
    let source = match operation.kind {
        Kind::Query => relation(&operation.sql_source).or(own_relation),
        Kind::Mutation => relation(&operation.sql_source),
        Kind::Subscription => None,
    };
    Endpoint {
        name: Name::from(operation.name.as_str()),
        description: operation.description.clone(),
        deprecated: operation.deprecated.clone(),
        item: Name::from(operation.item.as_str()),
        returns: match (operation.returns_list, operation.relay) {
            (true, true) => Returns::Connection,
            (true, false) => Returns::Many,
            (false, _) => Returns::One,
        },
        nullable: operation.nullable,
        source,
        data_column: data_column(operation.jsonb_column.as_deref().or(own_data_column)),
        arguments: arguments(operation, index),
        inject: operation.inject.clone(),
        requires_role: operation.requires_role.clone(),
        rest: operation.rest.as_ref().map(|rest| route(rest, operation)),
        rest_stream: operation.rest_stream,
        operation: match operation.kind {
            Kind::Query => None,
            Kind::Mutation => Some(operation.verb.unwrap_or(super::super::model::Operation::Custom)),
            Kind::Subscription => operation.verb,
        },
        input_as_json: operation.input_as_json,
        topic: operation.topic.clone(),
    }
}

/// A path parameter may be written as in Python; the route names the argument.
fn route(rest: &RestRoute, operation: &Operation) -> RestRoute {
    let is_argument = |name: &str| operation.arguments.iter().any(|argument| argument.name == name);
    let segments =
        rest.path.split('/').map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(parameter) if !is_argument(parameter) => format!("{{{}}}", camel_case(parameter)),
            Some(_) | None => segment.to_owned(),
        });
    RestRoute { path: segments.collect::<Vec<_>>().join("/"), method: rest.method.clone() }
}

/// The declared arguments, then those that `auto_params` and paging add.
fn arguments(operation: &Operation, index: &Index) -> ByName<Argument> {
    let is_page = |role: &ArgumentRole| matches!(role, ArgumentRole::Limit | ArgumentRole::Offset);
    let mut arguments: Vec<Argument> = Vec::new();
    for declared in &operation.arguments {
        let role = match role_of(operation, &declared.name) {
            ArgumentRole::Equal(column) => {
                ArgumentRole::Equal(column_of(operation, &declared.name, index).unwrap_or(column))
            }
            role => role,
        };
        if !(operation.relay && is_page(&role)) {
            arguments.push(argument(declared, role, index));
        }
    }
    let mut add = |wanted: bool, added: Argument| {
        if wanted && arguments.iter().all(|argument| argument.role != added.role) {
            arguments.push(added);
        }
    };
    if operation.kind == Kind::Query && operation.returns_list {
        let (auto, relay) = (operation.auto, operation.relay);
        let has_fields = !matches!(index.get(&operation.item), Some(Known::Union(_)));
        let scalar = |name: &str| TypeRef::named(Name::from(name), true);
        add(auto.filter && has_fields, filter(&operation.item));
        add(auto.order && has_fields, order(&operation.item));
        add(auto.limit && !relay, added("limit", scalar("Int"), ArgumentRole::Limit));
        add(auto.offset && !relay, added("offset", scalar("Int"), ArgumentRole::Offset));
        add(relay, added("first", scalar("Int"), ArgumentRole::First));
        add(relay, added("after", scalar("String"), ArgumentRole::After));
        add(relay, added("last", scalar("Int"), ArgumentRole::Last));
        add(relay, added("before", scalar("String"), ArgumentRole::Before));
    }
    by_name(arguments.into_iter(), |argument| &argument.name)
}

/// The column of the field that an equality argument is named after, when there is one.
fn column_of(operation: &Operation, argument: &str, index: &Index) -> Option<Name> {
    let fields = match index.get(&operation.item)? {
        Known::Type(ty) => &ty.fields,
        Known::Interface(interface) => &interface.fields,
        _ => return None,
    };
    let field = fields.iter().find(|field| field.name == argument)?;
    field.column.as_deref().map(Name::from)
}

fn filter(item: &str) -> Argument {
    added("where", TypeRef::named(format!("{item}WhereInput"), true), ArgumentRole::Where)
}

fn order(item: &str) -> Argument {
    let one = TypeRef::named(format!("{item}OrderByInput"), false);
    added("orderBy", TypeRef::list(one, true), ArgumentRole::OrderBy)
}

fn added(name: &str, ty: TypeRef, role: ArgumentRole) -> Argument {
    Argument { name: Arc::from(name), ty, default: None, description: None, deprecated: None, role }
}

fn directive(declared: &authoring::DirectiveDef, index: &Index) -> DirectiveDef {
    DirectiveDef {
        name: Name::from(declared.name.as_str()),
        description: declared.description.clone(),
        arguments: by_name(declared.arguments.iter().map(|it| argument(it, ArgumentRole::Value, index)), |it| &it.name),
        repeatable: declared.repeatable,
        locations: declared.locations.clone(),
    }
}

fn federation(block: &authoring::Federation) -> Federation {
    let compose = block.compose_directives.iter();
    Federation {
        service_name: block.service_name.clone().unwrap_or_default(),
        minor: check::minor(block),
        schema_url: block.schema_url.clone(),
        compose_directives: compose.map(|it| ComposeDirective { name: it.name.clone(), url: it.url.clone() }).collect(),
    }
}
