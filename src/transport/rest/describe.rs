//! The OpenAPI 3.1 description of what the route table serves.
//!
//! Made from the table itself and from the readers' own lists of parameters, so that an operation which
//! is served is described, and the other way round.

mod entities;
mod operators;
mod schemas;
mod writes;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use self::operators::{field_parameters, list_parameter};
use self::schemas::{components, reference, type_schema};
use super::Options;
use super::decode::{FILTER_PARAMETERS, can_count};
use super::negotiate::Media;
use super::select::fields_of;
use crate::error::Code;
use crate::intent::filter::{is_ordered, is_sortable};
use crate::schema::model::{Argument, ArgumentRole, Endpoint, Model, Returns};
use crate::schema::routes::{Method, OPENAPI_PATH, Route, entity_routes, parameters, routes};
use crate::schema::{Kind, Schema};

/// What the description says of the service as a whole.
#[derive(Debug, Clone)]
pub struct Info {
    pub title: String,
    pub version: String,
    pub description: Option<String>,
}

/// The whole description.
pub fn openapi(schema: &Schema, options: &Options) -> Json {
    let writer = Writer { schema, options };
    let table = routes(schema.model());
    let mut paths: IndexMap<&str, Map<String, Json>> = IndexMap::new();
    for route in &table {
        let Some(endpoint) = route.endpoint(schema.model()) else { continue };
        let operation = writer.operation(route, endpoint, &operation_id(&table, route));
        paths.entry(&route.path).or_default().insert(route.method.name().to_lowercase(), operation);
    }
    let batches = entity_routes(schema.model());
    for (path, name) in &batches {
        paths.entry(path).or_default().insert("post".to_owned(), writer.batch_get(name));
    }
    paths.entry(OPENAPI_PATH).or_default().insert("get".to_owned(), own_description());
    let mut tags: Vec<&str> = table.iter().filter_map(|route| Some(&*route.endpoint(schema.model())?.item)).collect();
    tags.sort_unstable();
    tags.dedup();
    let tags: Vec<Json> = tags.iter().map(|name| tag(schema.model(), name)).collect();
    let mut info = json!({"title": options.info.title, "version": options.info.version});
    if let Some(description) = &options.info.description {
        info["description"] = json!(description);
    }
    json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": options.path}],
        "tags": tags,
        "paths": paths,
        "components": components(schema),
    })
}

struct Writer<'s> {
    schema: &'s Schema,
    options: &'s Options,
}

/// Unique: an endpoint with several routes has its method behind its name, and then its place.
fn operation_id(table: &[Route], route: &Route) -> String {
    let same =
        || table.iter().filter(|other| other.endpoint == route.endpoint && other.is_mutation == route.is_mutation);
    if same().count() == 1 {
        return route.endpoint.to_string();
    }
    let name = format!("{}_{}", route.endpoint, route.method.name().to_lowercase());
    let mut alike = same().filter(|other| other.method == route.method);
    match alike.position(|other| other.path == route.path) {
        Some(0) | None => name,
        Some(place) => format!("{name}_{}", place + 1),
    }
}

fn tag(model: &Model, name: &str) -> Json {
    let description = model.types.get(name).and_then(|ty| ty.description.as_ref());
    match description {
        Some(description) => json!({"name": name, "description": description}),
        None => json!({"name": name}),
    }
}

fn own_description() -> Json {
    json!({
        "operationId": "openapi",
        "summary": "This description.",
        "responses": {"200": {"description": "An OpenAPI document.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    })
}

// === impl Writer ===

impl Writer<'_> {
    fn operation(&self, route: &Route, endpoint: &Endpoint, id: &str) -> Json {
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), json!(id));
        operation.insert("tags".to_owned(), json!([&*endpoint.item]));
        if let Some(description) = &endpoint.description {
            let summary = description.lines().next().unwrap_or_default();
            operation.insert("summary".to_owned(), json!(summary));
            if summary != description {
                operation.insert("description".to_owned(), json!(description));
            }
        }
        if endpoint.deprecated.is_some() {
            operation.insert("deprecated".to_owned(), json!(true));
        }
        let mut given: Vec<Json> = parameters(&route.path).map(|name| self.path_parameter(endpoint, name)).collect();
        if route.is_mutation {
            given.extend(self.write_parameters(route, endpoint));
            if let Some(body) = self.body(route, endpoint) {
                operation.insert("requestBody".to_owned(), body);
            }
        } else {
            given.extend(self.query_parameters(endpoint, &route.path));
            given.extend(self.header_parameters(endpoint));
            if route.method == Method::Post {
                let description = "The parameters as members of an object; they may stand in the URL as well.";
                let content = json!({"application/json": {"schema": {"type": "object"}}});
                let body = json!({"required": false, "description": description, "content": content});
                operation.insert("requestBody".to_owned(), body);
            }
        }
        if !given.is_empty() {
            operation.insert("parameters".to_owned(), Json::Array(given));
        }
        operation.insert("responses".to_owned(), self.responses(route, endpoint));
        Json::Object(operation)
    }

    fn path_parameter(&self, endpoint: &Endpoint, name: &str) -> Json {
        let argument = endpoint.arguments.get(name);
        let schema =
            argument.map_or_else(|| json!({"type": "string"}), |argument| type_schema(self.schema, &argument.ty));
        let mut parameter = json!({"name": name, "in": "path", "required": true, "schema": present(schema)});
        if let Some(description) = argument.and_then(|argument| argument.description.as_ref()) {
            parameter["description"] = json!(description);
        }
        parameter
    }

    fn query_parameters(&self, endpoint: &Endpoint, path: &str) -> Vec<Json> {
        let mut list = Vec::new();
        let in_path: Vec<&str> = parameters(path).collect();
        for argument in endpoint.arguments.values() {
            if argument.role.equal().is_some() && !in_path.contains(&&*argument.name) {
                list.push(self.argument_parameter(argument));
            }
        }
        if endpoint.returns != Returns::Count {
            let example = self.example_fields(endpoint);
            let description = "The fields to show, with those of objects and lists in parentheses: \
                 `id,name,posts(id,title)`; `other:name` renames, `*` is every field that is shown without `select`.";
            list.push(text_parameter("select", description, &example));
        }
        match endpoint.returns {
            Returns::Many => list.extend(self.offset_parameters(endpoint)),
            Returns::Connection => list.extend(self.cursor_parameters()),
            Returns::One | Returns::Count => {}
        }
        let is_list = matches!(endpoint.returns, Returns::Many | Returns::Connection);
        let is_sorted = endpoint.argument_with(&ArgumentRole::OrderBy).is_some();
        if is_list && is_sorted && is_ordered(self.schema, &endpoint.item) {
            let description = "Fields to sort by, a minus before those that descend; \
                 `.nullsfirst` or `.nullslast` may follow one.";
            list.push(text_parameter("sort", description, &self.example_sort(endpoint)));
        }
        if endpoint.argument_with(&ArgumentRole::Where).is_some() {
            list.extend(FILTER_PARAMETERS.iter().map(|name| filter_parameter(name)));
            list.extend(field_parameters(self.schema, &endpoint.item, &in_path));
        }
        if is_list || endpoint.returns == Returns::One {
            list.extend(self.joined_parameters(endpoint));
        }
        list
    }

    fn argument_parameter(&self, argument: &Argument) -> Json {
        let mut schema = present(type_schema(self.schema, &argument.ty));
        if let Some(default) = &argument.default {
            schema["default"] = default.clone();
        }
        let required = !argument.ty.nullable && argument.default.is_none();
        let mut parameter = json!({"name": &*argument.name, "in": "query", "required": required, "schema": schema});
        if argument.ty.is_list() {
            parameter["style"] = json!("form");
            parameter["explode"] = json!(false);
        }
        if let Some(description) = &argument.description {
            parameter["description"] = json!(description);
        }
        parameter
    }

    fn offset_parameters(&self, endpoint: &Endpoint) -> Vec<Json> {
        let declared = |role: ArgumentRole| endpoint.argument_with(&role).and_then(|found| found.default.clone());
        let sizes = self.options.pages;
        let default = declared(ArgumentRole::Limit).unwrap_or(json!(sizes.default));
        let description = format!(
            "How many rows to show: at most {} in a JSON page; without it NDJSON and CSV hold all of them.",
            sizes.max
        );
        vec![
            list_parameter("limit", &description, json!({"type": "integer", "minimum": 0, "default": default})),
            list_parameter(
                "offset",
                "How many rows to leave out before the first.",
                json!({"type": "integer", "minimum": 0, "default": declared(ArgumentRole::Offset).unwrap_or(json!(0))}),
            ),
        ]
    }

    fn cursor_parameters(&self) -> Vec<Json> {
        let size = json!({"type": "integer", "minimum": 0, "maximum": self.options.pages.max});
        let text = || json!({"type": "string"});
        vec![
            list_parameter("first", "How many rows to show from the start, or after `after`.", size.clone()),
            list_parameter("after", "The `endCursor` of a page, to show what follows it.", text()),
            list_parameter("last", "How many rows to show up to the end, or up to `before`.", size),
            list_parameter("before", "The `startCursor` of a page, to show what precedes it.", text()),
        ]
    }

    /// The arguments of joined lists, which are for requests that select them.
    fn joined_parameters(&self, endpoint: &Endpoint) -> Vec<Json> {
        let fields = fields_of(self.schema, &endpoint.item).into_iter().flat_map(|fields| fields.values());
        let joined = fields.filter(|field| field.join.is_some() && field.ty.is_list());
        let of_field = |name: &str| {
            let when = format!("With `select={name}(…)`: ");
            let count = || json!({"type": "integer", "minimum": 0});
            [
                list_parameter(&format!("{name}.limit"), &format!("{when}how many of them to show."), count()),
                list_parameter(
                    &format!("{name}.offset"),
                    &format!("{when}how many of them to leave out first."),
                    count(),
                ),
                list_parameter(&format!("{name}.sort"), &format!("{when}how to sort them."), json!({"type": "string"})),
                list_parameter(
                    &format!("{name}.filter"),
                    &format!("{when}which of them to show, as JSON. `{name}.field[operator]=value` does the same."),
                    json!({"type": "string"}),
                ),
            ]
        };
        joined.flat_map(|field| of_field(&field.name)).collect()
    }

    fn header_parameters(&self, endpoint: &Endpoint) -> Vec<Json> {
        let mut list = Vec::new();
        if can_count(self.schema, endpoint) {
            list.push(json!({"$ref": "#/components/parameters/Prefer"}));
        }
        if self.options.etag {
            list.push(json!({"$ref": "#/components/parameters/IfNoneMatch"}));
        }
        list
    }

    fn responses(&self, route: &Route, endpoint: &Endpoint) -> Json {
        if route.is_mutation {
            return self.write_responses(route, endpoint);
        }
        let mut responses = Map::new();
        responses.insert("200".to_owned(), self.answer(endpoint, Media::of_endpoint(self.schema, endpoint)));
        if self.options.etag {
            responses.insert("304".to_owned(), json!({"description": "The client has this answer already."}));
        }
        let mut codes = vec![Code::InvalidArgument];
        if endpoint.returns == Returns::One {
            codes.push(Code::NotFound);
        }
        if route.method == Method::Post {
            codes.extend([Code::PayloadTooLarge, Code::UnsupportedMediaType]);
        }
        codes.extend([Code::NotAcceptable, Code::Internal, Code::Unavailable, Code::Timeout]);
        for code in codes {
            responses.insert(code.http_status().to_string(), refusal(code));
        }
        responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Error"}));
        Json::Object(responses)
    }

    fn answer(&self, endpoint: &Endpoint, media: &[Media]) -> Json {
        let item = match endpoint.returns {
            Returns::Count => json!({"type": "integer", "format": "int64", "minimum": 0}),
            Returns::One | Returns::Many | Returns::Connection => reference(self.schema, &endpoint.item),
        };
        let whole = match endpoint.returns {
            Returns::One | Returns::Count => {
                json!({"type": "object", "required": ["data"], "properties": {"data": item}})
            }
            Returns::Many | Returns::Connection => {
                let meta = if endpoint.returns == Returns::Many { "PageMeta" } else { "CursorMeta" };
                json!({
                    "type": "object",
                    "required": ["data", "meta", "links"],
                    "properties": {
                        "data": {"type": "array", "items": item},
                        "meta": {"$ref": format!("#/components/schemas/{meta}")},
                        "links": {"$ref": "#/components/schemas/PageLinks"},
                    },
                })
            }
        };
        let content = media.iter().map(|media| {
            let schema = match media {
                Media::Json => whole.clone(),
                Media::Ndjson | Media::Csv => json!({"type": "string"}),
            };
            (media.name().to_owned(), json!({"schema": schema}))
        });
        let description = match endpoint.returns {
            Returns::One => "The row.",
            Returns::Count => "The number of rows.",
            Returns::Many | Returns::Connection => "The rows: a page as JSON, all of them as NDJSON or CSV.",
        };
        let mut headers = Map::new();
        headers.insert("X-Request-Id".to_owned(), json!({"$ref": "#/components/headers/X-Request-Id"}));
        if self.options.etag {
            headers.insert("ETag".to_owned(), json!({"$ref": "#/components/headers/ETag"}));
        }
        json!({"description": description, "headers": headers, "content": content.collect::<Map<_, _>>()})
    }

    /// The first fields of the type.
    fn example_fields(&self, endpoint: &Endpoint) -> String {
        let names: Vec<&str> = match self.schema.kind(&endpoint.item) {
            Kind::Object(object) => {
                let leaf = |name: &str| matches!(self.schema.kind(name), Kind::Scalar(_) | Kind::Enum(_));
                let fields = object.fields.values().filter(|field| leaf(field.ty.innermost()));
                fields.take(2).map(|field| &*field.name).collect()
            }
            Kind::Interface(_) | Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => vec!["__typename"],
        };
        names.join(",")
    }

    fn example_sort(&self, endpoint: &Endpoint) -> String {
        let fields = fields_of(self.schema, &endpoint.item).into_iter().flat_map(|fields| fields.values());
        let sortable = fields.filter(|field| field.join.is_none() && is_sortable(self.schema, field));
        sortable.skip(1).take(1).map(|field| format!("-{}", field.name)).collect()
    }
}

/// A parameter is there or it is not; it is never null.
fn present(mut schema: Json) -> Json {
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [single] = types.as_slice() {
            schema["type"] = single.clone();
        }
    }
    let not_null = |case: &Json| case.get("type") != Some(&json!("null"));
    match schema
        .get("anyOf")
        .and_then(Json::as_array)
        .map(|cases| cases.iter().filter(|case| not_null(case)).collect::<Vec<_>>())
    {
        Some(cases) if cases.len() == 1 => cases[0].clone(),
        Some(_) | None => schema,
    }
}

fn filter_parameter(name: &str) -> Json {
    let description = match name {
        "filter" => {
            "Conditions as JSON, nested through objects and lists, joined ones too: `{\"field\": {\"eq\": \"value\"}}`."
        }
        "and" => "Conditions that all hold; `and`, `or` and `not` nest.",
        "or" => "Conditions of which one holds, as in `(a[eq]=1,b[gt]=2)`.",
        _ => "Conditions that do not all hold.",
    };
    list_parameter(name, description, json!({"type": "string"}))
}

fn text_parameter(name: &str, description: &str, example: &str) -> Json {
    // In words and not as `example`, which pages would send unasked.
    let such = if example.is_empty() { String::new() } else { format!(" For example `{example}`.") };
    list_parameter(name, &format!("{description}{such}"), json!({"type": "string"}))
}

fn refusal(code: Code) -> Json {
    let description = match code {
        Code::InvalidArgument => "Something in the request cannot mean anything, or asks for too much.",
        Code::NotFound => "There is no such row.",
        Code::PayloadTooLarge => "The body is too large.",
        Code::UnsupportedMediaType => "The body is not JSON.",
        Code::Conflict => "It contradicts what is there.",
        Code::ValidationFailed => "It was understood and refused.",
        Code::NotAcceptable => "No media type that the client accepts can be served.",
        Code::Unavailable => "The database cannot be reached, or has no connection free.",
        Code::Timeout => "The answer took too long.",
        Code::Unimplemented => "Declared, and not served by this build.",
        Code::Internal
        | Code::DataMismatch
        | Code::Unauthenticated
        | Code::Forbidden
        | Code::TooComplex
        | Code::RateLimited
        | Code::CircuitBreakerOpen
        | Code::Cancelled
        | Code::MethodNotAllowed => "The server failed, or a stored value does not fit its declared type.",
    };
    json!({"description": description, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}})
}
