//! Query parameters of fields: an object in brackets for each, a member for each operator.

use serde_json::{Map, Value as Json, json};

use super::schemas::scalar_schema;
use crate::intent::filter::{OperatorName, Operators, Word, is_filterable};
use crate::schema::model::Field;
use crate::schema::{Kind, Schema};
use crate::transport::rest::select::fields_of;

/// The parameters by which a list is filtered: `age[gte]=18` is the member `gte` of `age`.
pub fn field_parameters(schema: &Schema, type_name: &str, in_path: &[&str]) -> Vec<Json> {
    let fields = fields_of(schema, type_name).into_iter().flat_map(|fields| fields.values());
    let filtered = fields.filter(|field| !in_path.contains(&&*field.name));
    filtered.flat_map(|field| parameters_of(schema, field, &field.name, true)).collect()
}

pub fn list_parameter(name: &str, description: &str, schema: Json) -> Json {
    json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
}

/// A field's own parameter, or those of the fields of an embedded object, one level deep.
fn parameters_of(schema: &Schema, field: &Field, name: &str, outermost: bool) -> Vec<Json> {
    if !is_filterable(schema, field) {
        return Vec::new();
    }
    match (Operators::of_field(schema, field), schema.kind(field.ty.innermost())) {
        (Some(operators), _) => vec![parameter(schema, field, name, operators)],
        (None, Kind::Object(object)) if outermost && !(field.join.is_some() && field.ty.is_list()) => {
            let inner = |inner: &Field| parameters_of(schema, inner, &format!("{name}.{}", inner.name), false);
            object.fields.values().flat_map(inner).collect()
        }
        (None, _) => Vec::new(),
    }
}

fn parameter(schema: &Schema, field: &Field, name: &str, operators: Operators) -> Json {
    let members: Map<String, Json> =
        operators.table().map(|row| (row.name.to_owned(), member(schema, field, row))).collect();
    let description = match operators.find("eq") {
        Some(_) => format!("Compares {name}: `{name}[eq]=…`, or `{name}=…` for short."),
        None => format!("Compares {name}."),
    };
    json!({
        "name": name,
        "in": "query",
        "required": false,
        "description": description,
        "style": "deepObject",
        "explode": true,
        // Pages fill in a request from examples; without this one they would compare with everything.
        "example": {},
        "schema": {"type": "object", "properties": members, "additionalProperties": false},
    })
}

fn member(schema: &Schema, field: &Field, row: &OperatorName) -> Json {
    let item = field.ty.innermost();
    let value = || match schema.kind(item) {
        Kind::Enum(_) => json!({"$ref": format!("#/components/schemas/{item}")}),
        Kind::Scalar(scalar) => scalar_schema(scalar),
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => json!({}),
    };
    match row.word {
        Word::Item(_) => value(),
        Word::Items(_) => json!({"type": "string", "description": "Several, with commas between them."}),
        Word::Length(_) => json!({"type": "integer", "format": "int32"}),
        Word::Text(_) | Word::Pattern(..) => json!({"type": "string"}),
        Word::Null { .. } => json!({"type": "boolean"}),
    }
}
