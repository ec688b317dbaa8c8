//! Types of the schema, and the parts of the envelope, as JSON Schema.
//!
//! No field of a type is required: `select` decides which ones an answer has.

use serde_json::{Map, Value as Json, json};

use crate::error::Code;
use crate::schema::model::{Argument, EnumDef, Field, Scalar, TypeOf, TypeRef};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};

/// `components`: every type, the envelope, and what operations share.
pub fn components(schema: &Schema) -> Json {
    let model = schema.model();
    let mut schemas = Map::new();
    for object in model.types.values() {
        schemas.insert(
            object.name.to_string(),
            object_schema(schema, object.description.as_deref(), object.fields.values()),
        );
    }
    for interface in model.interfaces.values() {
        let cases = schema.possible_types(&interface.name).into_iter().map(|object| &object.name);
        schemas.insert(interface.name.to_string(), one_of(interface.description.as_deref(), cases));
    }
    for union in model.unions.values() {
        schemas.insert(union.name.to_string(), one_of(union.description.as_deref(), union.members.iter()));
    }
    for def in model.enums.values() {
        schemas.insert(def.name.to_string(), enum_schema(def));
    }
    for input in model.inputs.values() {
        let mut described = input_object(schema, input.fields.values());
        describe(&mut described, input.description.as_deref());
        schemas.insert(input.name.to_string(), described);
    }
    schemas.extend(envelope());
    json!({
        "schemas": schemas,
        "parameters": {
            "Prefer": {
                "name": "Prefer", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "`count=exact` adds how many rows there are in all, as `meta.total`.",
            },
            "PreferOfWrite": {
                "name": "Prefer", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "`return=minimal` or `return=representation`; `tx=rollback` answers and changes nothing; \
                     `max-affected=N` refuses to touch more rows.",
            },
            "IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "The same request with the same key happens once, and is given the same answer.",
            },
            "IfNoneMatch": {
                "name": "If-None-Match", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "The `ETag` of an answer that the client has; 304 says that it still holds.",
            },
        },
        "headers": {
            "ETag": {"description": "Changes when the answer does.", "schema": {"type": "string"}},
            "X-Request-Id": {"description": "Names the request in the log of the server.", "schema": {"type": "string"}},
        },
        "responses": {
            "Error": {
                "description": "Why there is no answer.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    })
}

/// A type by its name: a reference to its component, or the scalar itself.
pub fn reference(schema: &Schema, name: &str) -> Json {
    match schema.kind(name) {
        Kind::Scalar(scalar) if !schema.model().inputs.contains_key(name) => scalar_schema(scalar),
        Kind::Scalar(_) | Kind::Enum(_) | Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
            json!({"$ref": format!("#/components/schemas/{name}")})
        }
    }
}

pub fn type_schema(schema: &Schema, ty: &TypeRef) -> Json {
    let bare = match &ty.of {
        TypeOf::Named(name) => reference(schema, name),
        TypeOf::List(item) => json!({"type": "array", "items": type_schema(schema, item)}),
    };
    if ty.nullable { nullable(bare) } else { bare }
}

/// How a scalar is written in JSON.
pub fn scalar_schema(scalar: Scalar) -> Json {
    match scalar {
        Scalar::Id | Scalar::String | Scalar::Text | Scalar::Time => json!({"type": "string"}),
        Scalar::Uuid => json!({"type": "string", "format": "uuid"}),
        Scalar::Int => json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX}),
        Scalar::BigInt => json!({"type": "integer", "format": "int64"}),
        Scalar::Float => json!({"type": "number", "format": "double"}),
        Scalar::Decimal => json!({"type": "number"}),
        Scalar::Boolean => json!({"type": "boolean"}),
        Scalar::DateTime => json!({"type": "string", "format": "date-time"}),
        Scalar::Date => json!({"type": "string", "format": "date"}),
        Scalar::Json => json!({}),
    }
}

/// An object that is sent.
pub fn input_object<'a>(schema: &Schema, arguments: impl Iterator<Item = &'a Argument>) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for argument in arguments {
        let mut property = type_schema(schema, &argument.ty);
        describe(&mut property, argument.description.as_deref());
        match &argument.default {
            Some(default) => property["default"] = default.clone(),
            None if !argument.ty.nullable => required.push(json!(&*argument.name)),
            None => {}
        }
        properties.insert(argument.name.to_string(), property);
    }
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = Json::Array(required);
    }
    object
}

fn object_schema<'a>(schema: &Schema, description: Option<&str>, fields: impl Iterator<Item = &'a Field>) -> Json {
    let mut properties = Map::new();
    for field in fields {
        let mut property = type_schema(schema, &field.ty);
        describe(&mut property, field.description.as_deref());
        if field.deprecated.is_some() {
            property["deprecated"] = json!(true);
        }
        properties.insert(field.name.to_string(), property);
    }
    let mut object = json!({"type": "object", "properties": properties});
    describe(&mut object, description);
    object
}

/// An interface or a union; an answer names the type of each value.
fn one_of<'a>(description: Option<&str>, cases: impl Iterator<Item = &'a Name>) -> Json {
    let cases = cases.map(|name| {
        json!({
            "allOf": [{"$ref": format!("#/components/schemas/{name}")}],
            "properties": {"__typename": {"const": &**name}},
        })
    });
    let mut schema = json!({"anyOf": cases.collect::<Vec<_>>()});
    describe(&mut schema, description);
    schema
}

fn enum_schema(def: &EnumDef) -> Json {
    let names: Vec<&str> = def.values.iter().map(|value| &*value.name).collect();
    let mut schema = json!({"type": "string", "enum": names});
    let told =
        def.values.iter().filter_map(|value| Some(format!("- `{}`: {}", value.name, value.description.as_ref()?)));
    let told: Vec<String> = def.description.iter().cloned().chain(told).collect();
    if !told.is_empty() {
        schema["description"] = json!(told.join("\n"));
    }
    schema
}

fn nullable(schema: Json) -> Json {
    match schema.get("type") {
        Some(Json::String(name)) => {
            let mut schema = schema.clone();
            schema["type"] = json!([name, "null"]);
            schema
        }
        Some(_) => schema,
        None if schema.get("$ref").is_some() => json!({"anyOf": [schema, {"type": "null"}]}),
        None => schema,
    }
}

fn describe(schema: &mut Json, description: Option<&str>) {
    if let Some(description) = description.filter(|text| !text.trim().is_empty()) {
        schema["description"] = json!(description);
    }
}

/// What stands around the data. A type of the schema with one of these names wins: none is lost, since
/// operations that return it refer to it by that name.
fn envelope() -> Map<String, Json> {
    let link = || json!({"type": ["string", "null"]});
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let parts = json!({
        "PageMeta": {
            "type": "object",
            "required": ["limit", "offset"],
            "properties": {
                "limit": {"type": "integer", "minimum": 0},
                "offset": {"type": "integer", "minimum": 0},
                "total": {"type": "integer", "minimum": 0, "description": "Only with `Prefer: count=exact`."},
            },
        },
        "CursorMeta": {
            "type": "object",
            "required": ["limit", "hasNextPage", "hasPreviousPage", "startCursor", "endCursor"],
            "properties": {
                "limit": {"type": "integer", "minimum": 0},
                "hasNextPage": {"type": "boolean"},
                "hasPreviousPage": {"type": "boolean"},
                "total": {"type": "integer", "minimum": 0, "description": "Only with `Prefer: count=exact`."},
                "startCursor": {"type": ["string", "null"]},
                "endCursor": {"type": ["string", "null"]},
            },
        },
        "PageLinks": {
            "type": "object",
            "required": ["self", "next", "prev", "first"],
            "properties": {
                "self": {"type": "string"}, "next": link(), "prev": link(), "first": link(),
                "last": {"type": "string", "description": "Only with `Prefer: count=exact`."},
            },
        },
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": {"type": "string", "enum": codes},
                        "message": {"type": "string"},
                        "details": {
                            "type": "object",
                            "properties": {
                                "argument": {"type": "string", "description": "The parameter that was wrong."},
                                "requestId": {"type": "string"},
                            },
                        },
                    },
                },
            },
            "examples": [{"error": {
                "code": "INVALID_ARGUMENT",
                "message": "limit takes a whole number of at least 0, not \"x\"",
                "details": {"argument": "limit"},
            }}],
        },
    });
    match parts {
        Json::Object(parts) => parts,
        _ => Map::new(),
    }
}
