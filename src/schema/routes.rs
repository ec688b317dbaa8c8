//! The REST route table: which method and path ask which endpoint.
//!
//! Derived from the model alone, so that the compiler, the wire and its description read the same
//! table. Every list has the path of its name. A type's *resource* is the list that is named like its
//! plural, else its first list; below it stand the type's single query and its mutations. A single
//! query without a key, and a count, have the path of their own name.

use std::collections::HashMap;

use super::model::{Argument, ArgumentRole, Endpoint, Model, Operation, Returns, Scalar, TypeDef, TypeOf};
use super::name::{Name, camel_case, pascal_case, plural, snake_case};

/// One method on one path, both as clients use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// Below `[rest] path`, as `/users/{id}`; a parameter has the name of its argument.
    pub path: String,
    /// Of a query or a mutation.
    pub endpoint: Name,
    pub is_mutation: bool,
    /// The mutation is called for each row that the filters of this list leave.
    pub bulk_over: Option<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// Paths that this server answers itself.
pub const OPENAPI_PATH: &str = "/openapi.json";
pub const DOCS_PATH: &str = "/docs";

/// Every route of a model, in the order of its queries and mutations.
pub fn routes(model: &Model) -> Vec<Route> {
    let mut routes = Vec::new();
    for query in model.queries.values() {
        let (method, path) = match &query.rest {
            Some(rest) => (Method::of_name(&rest.method), rest.path.clone()),
            None => (Method::Get, query_path(model, query)),
        };
        routes.push(Route { method, path, endpoint: query.name.clone(), is_mutation: false, bulk_over: None });
    }
    for mutation in model.mutations.values() {
        let derived = match &mutation.rest {
            Some(rest) => vec![(Method::of_name(&rest.method), rest.path.clone())],
            None => mutation_routes(model, mutation),
        };
        let route = |(method, path)| Route {
            method,
            path,
            endpoint: mutation.name.clone(),
            is_mutation: true,
            bulk_over: None,
        };
        routes.extend(derived.into_iter().map(route));
    }
    let bulk: Vec<Route> = model.mutations.values().filter_map(|mutation| bulk_route(model, mutation)).collect();
    for route in bulk {
        let is_taken = |other: &Route| other.method == route.method && shape(&other.path) == shape(&route.path);
        if !routes.iter().any(is_taken) {
            routes.push(route);
        }
    }
    routes
}

/// Where the rows of entities are found by their keys, all by POST: each path with its type.
pub fn entity_routes(model: &Model) -> Vec<(String, Name)> {
    let is_looked_up = |ty: &&TypeDef| ty.relation.is_some() && ty.keys.iter().any(|key| key.resolvable);
    let types = model.types.values().filter(is_looked_up);
    types.map(|ty| (format!("/{}/batch-get", resource(model, &ty.name)), ty.name.clone())).collect()
}

/// Routes that a request could not tell apart: (the first, the later one), as positions in the list.
/// The second is `None` where the path is one that the server answers itself.
pub fn conflicts(routes: &[Route]) -> Vec<(usize, Option<usize>)> {
    let mut known: HashMap<(Method, String), usize> = HashMap::new();
    let mut conflicts = Vec::new();
    for (position, route) in routes.iter().enumerate() {
        let is_own = [OPENAPI_PATH, DOCS_PATH].contains(&route.path.as_str());
        if route.method == Method::Get && is_own {
            conflicts.push((position, None));
            continue;
        }
        match known.get(&(route.method, shape(&route.path))) {
            Some(first) => conflicts.push((*first, Some(position))),
            None => drop(known.insert((route.method, shape(&route.path)), position)),
        }
    }
    conflicts
}

/// The parameters of a path, in order.
pub fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// A path with its parameters nameless.
fn shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn query_path(model: &Model, query: &Endpoint) -> String {
    match query.returns {
        Returns::Many | Returns::Connection | Returns::Count => format!("/{}", query.name),
        Returns::One => match key_argument(query) {
            Some(key) if is_main(model, query) => format!("/{}/{{{key}}}", resource(model, &query.item)),
            Some(key) => format!("/{}/{{{key}}}", query.name),
            None => format!("/{}", query.name),
        },
    }
}

/// Whether a query is the one that the type's resource shows a single row by.
fn is_main(model: &Model, query: &Endpoint) -> bool {
    let own = camel_case(&snake_case(&query.item));
    let of_type = || {
        let single = |other: &&Endpoint| other.returns == Returns::One && other.item == query.item;
        model.queries.values().filter(single).filter(|other| key_argument(other).is_some())
    };
    let main = of_type().find(|other| *other.name == *own).or_else(|| of_type().next());
    main.is_some_and(|main| main.name == query.name)
}

/// The path segment under which a type's rows are found.
pub fn resource(model: &Model, type_name: &str) -> String {
    let lists = |returns: Returns| {
        model.queries.values().filter(move |query| query.returns == returns && *query.item == *type_name)
    };
    let declared = model.types.get(type_name);
    let many = declared.and_then(|ty| ty.plural.clone()).unwrap_or_else(|| plural(type_name));
    let many = camel_case(&snake_case(&many));
    let named = lists(Returns::Many).find(|query| *query.name == *many);
    let list = named.or_else(|| lists(Returns::Many).next()).or_else(|| lists(Returns::Connection).next());
    if let Some(list) = list {
        return list.name.to_string();
    }
    match declared.and_then(|ty| ty.relation.as_ref()) {
        Some(relation) => plural(relation.entity()),
        None => plural(&snake_case(type_name)),
    }
}

/// The argument that names one row: `id`, else one for a `pk_…` column.
fn key_argument(endpoint: &Endpoint) -> Option<Name> {
    let is_key_type = |argument: &Argument| {
        matches!(&argument.ty.of, TypeOf::Named(name)
            if matches!(Scalar::of_name(name), Some(Scalar::Id | Scalar::Uuid | Scalar::Int | Scalar::BigInt | Scalar::String)))
    };
    let column = |argument: &Argument| match argument.role.equal() {
        Some(column) => column.to_string(),
        None => snake_case(&argument.name),
    };
    let keys = || endpoint.arguments.values().filter(|argument| is_key_type(argument));
    let found = keys().find(|argument| column(argument) == "id");
    found.or_else(|| keys().find(|argument| column(argument).starts_with("pk_"))).map(|key| key.name.clone())
}

fn mutation_routes(model: &Model, mutation: &Endpoint) -> Vec<(Method, String)> {
    let Some(type_name) = subject(model, mutation) else {
        return vec![(Method::Post, format!("/{}", kebab_case(&mutation.name)))];
    };
    let resource = resource(model, &type_name);
    let action = action(model, mutation, &type_name);
    let operation = mutation.operation.unwrap_or(Operation::Custom);
    let is_main = is_main_mutation(model, mutation, &type_name);
    let Some(key) = key_argument(mutation).or_else(|| input_key(model, mutation)) else {
        return match operation {
            Operation::Create if is_main => vec![(Method::Post, format!("/{resource}"))],
            Operation::Create | Operation::Update | Operation::Delete | Operation::Custom => {
                vec![(Method::Post, format!("/{resource}/{action}"))]
            }
        };
    };
    let one = format!("/{resource}/{{{key}}}");
    match operation {
        Operation::Create if is_main => vec![(Method::Post, format!("/{resource}"))],
        Operation::Create => vec![(Method::Post, format!("/{resource}/{action}"))],
        Operation::Update if is_main && is_whole(model, mutation, &type_name) => {
            vec![(Method::Put, one.clone()), (Method::Patch, one)]
        }
        Operation::Update if is_main => vec![(Method::Patch, one.clone()), (Method::Patch, format!("{one}/{action}"))],
        Operation::Update => vec![(Method::Patch, format!("{one}/{action}"))],
        Operation::Delete if is_main => vec![(Method::Delete, one)],
        Operation::Delete => vec![(Method::Delete, format!("{one}/{action}"))],
        Operation::Custom => vec![(Method::Post, format!("{one}/{action}"))],
    }
}

/// A list's own path changes or deletes the rows that its filters leave, where one row can be.
fn bulk_route(model: &Model, mutation: &Endpoint) -> Option<Route> {
    let type_name = subject(model, mutation)?;
    let method = match mutation.operation {
        Some(Operation::Update) => Method::Patch,
        Some(Operation::Delete) => Method::Delete,
        Some(Operation::Create | Operation::Custom) | None => return None,
    };
    let key = key_argument(mutation).or_else(|| input_key(model, mutation))?;
    let is_plain = mutation.rest.is_none() && mutation.returns == Returns::One && &*key == "id";
    if !is_plain
        || !is_main_mutation(model, mutation, &type_name)
        || !model.types.get(&type_name)?.fields.contains_key("id")
    {
        return None;
    }
    let path = format!("/{}", resource(model, &type_name));
    let list = model.queries.values().find(|query| {
        query.returns == Returns::Many
            && query.item == type_name
            && format!("/{}", query.name) == path
            && query.rest.is_none()
    });
    let list = list.filter(|list| list.argument_with(&ArgumentRole::Where).is_some())?;
    Some(Route { method, path, endpoint: mutation.name.clone(), is_mutation: true, bulk_over: Some(list.name.clone()) })
}

/// The path of one row of the type that a mutation is about, with the key between braces.
pub fn location(model: &Model, mutation: &Endpoint) -> Option<String> {
    let type_name = subject(model, mutation)?;
    let single = |query: &&Endpoint| {
        query.returns == Returns::One
            && query.item == type_name
            && is_main(model, query)
            && key_argument(query).is_some()
    };
    let query = model.queries.values().find(single)?;
    let path = match &query.rest {
        Some(rest) => rest.path.clone(),
        None => query_path(model, query),
    };
    (parameters(&path).count() == 1).then_some(path)
}

/// The type that a mutation is about: the one it returns, the first of a union that is not an error,
/// or the one that it is named after.
fn subject(model: &Model, mutation: &Endpoint) -> Option<Name> {
    let is_entity = |name: &Name| model.types.get(name).is_some_and(|ty| !ty.is_error);
    if is_entity(&mutation.item) {
        return Some(mutation.item.clone());
    }
    if let Some(union) = model.unions.get(&mutation.item) {
        return union.members.iter().find(|member| is_entity(member)).cloned();
    }
    let own = pascal_case(&mutation.name);
    let named = model.types.keys().filter(|name| is_entity(name) && own.ends_with(&pascal_case(name)));
    named.max_by_key(|name| name.len()).cloned()
}

/// Whether a mutation is the one that its operation on the resource means: the one with the plain
/// name, else the first that has no route of its own.
fn is_main_mutation(model: &Model, mutation: &Endpoint, type_name: &Name) -> bool {
    let verb = match mutation.operation {
        Some(Operation::Create) => "create",
        Some(Operation::Update) => "update",
        Some(Operation::Delete) => "delete",
        Some(Operation::Custom) | None => return false,
    };
    let plain = format!("{verb}{}", pascal_case(type_name));
    let alike = || {
        model.mutations.values().filter(|other| {
            other.operation == mutation.operation
                && other.rest.is_none()
                && subject(model, other).as_ref() == Some(type_name)
        })
    };
    let main = alike().find(|other| *other.name == *plain).or_else(|| alike().next());
    main.is_some_and(|main| main.name == mutation.name)
}

/// A key among the fields of an input object.
fn input_key(model: &Model, mutation: &Endpoint) -> Option<Name> {
    let inputs = mutation.arguments.values().filter_map(|argument| model.inputs.get(argument.ty.innermost()));
    let mut fields = inputs.flat_map(|input| input.fields.values());
    fields.find(|field| &*field.name == "id").map(|field| field.name.clone())
}

/// Whether flat arguments carry every field of the type that can be written.
fn is_whole(model: &Model, mutation: &Endpoint, type_name: &Name) -> bool {
    let Some(declared) = model.types.get(type_name) else { return false };
    let mut writable = declared.fields.values().filter(|field| {
        let is_generated = matches!(&*field.column, "id" | "created_at" | "updated_at");
        field.join.is_none() && field.function.is_none() && !is_generated && !field.column.starts_with("pk_")
    });
    writable.all(|field| mutation.arguments.contains_key(&field.name))
}

/// A mutation's name without the type's, as a path segment: `publishPost` → `publish`.
fn action(model: &Model, mutation: &Endpoint, type_name: &Name) -> String {
    let own = pascal_case(&mutation.name);
    let declared = model.types.get(type_name).and_then(|ty| ty.plural.clone());
    let one = pascal_case(type_name);
    let many = declared.map_or_else(|| plural(&one), |many| pascal_case(&many));
    let rest = [many, one].iter().find_map(|name| {
        let at = own.find(name.as_str())?;
        let (before, after) = (&own[..at], &own[at + name.len()..]);
        // `Poster` is not about a post.
        (!after.starts_with(|c: char| c.is_ascii_lowercase())).then(|| format!("{before}{after}"))
    });
    kebab_case(rest.as_deref().filter(|rest| !rest.is_empty()).unwrap_or(&own))
}

fn kebab_case(name: &str) -> String {
    let first = name.chars().next().map(|c| c.to_ascii_lowercase());
    let rest = name.chars().skip(1);
    snake_case(&first.into_iter().chain(rest).collect::<String>()).replace('_', "-")
}

// === impl Method ===

impl Method {
    pub const ALL: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// The compiler has refused every other name.
    fn of_name(name: &str) -> Method {
        Method::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name)).unwrap_or(Method::Get)
    }
}

// === impl Route ===

impl Route {
    /// The endpoint that is asked.
    pub fn endpoint<'m>(&self, model: &'m Model) -> Option<&'m Endpoint> {
        let endpoints = if self.is_mutation { &model.mutations } else { &model.queries };
        endpoints.get(&self.endpoint)
    }
}

#[cfg(test)]
mod tests;
