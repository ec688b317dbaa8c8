//! Batch gets of entities.

use serde_json::{Map, Value as Json, json};

use super::super::entities::{IDS, KEYS, SELECT};
use super::schemas::{reference, type_schema};
use super::{Writer, present, refusal, text_parameter};
use crate::error::Code;
use crate::schema::entities::EntityKey;
use crate::schema::name::{Name, pascal_case, plural};

impl Writer<'_> {
    pub(super) fn batch_get(&self, name: &Name) -> Json {
        let entity = self.schema.entity(name);
        let keys: Vec<&EntityKey> =
            entity.into_iter().flat_map(|entity| &entity.keys).filter(|key| key.is_resolvable).collect();
        let declared = self.schema.object(name);
        let many = declared.and_then(|object| object.plural.clone()).unwrap_or_else(|| plural(&pascal_case(name)));
        let mut properties = Map::new();
        let single = keys.iter().find(|key| key.parts.len() == 1 && key.parts[0].path.len() == 1);
        if let Some(key) = single {
            let item = present(type_schema(self.schema, &key.parts[0].ty));
            properties.insert(IDS.to_owned(), json!({"type": "array", "items": item}));
        }
        let shapes: Vec<Json> = keys.iter().map(|key| self.key(key)).collect();
        properties.insert(KEYS.to_owned(), json!({"type": "array", "items": {"anyOf": shapes}}));
        properties.insert(SELECT.to_owned(), json!({"type": "string"}));
        let one_of: Vec<Json> = [IDS, KEYS]
            .iter()
            .filter(|member| properties.contains_key(**member))
            .map(|member| json!({"required": [member]}))
            .collect();
        let body = json!({"type": "object", "properties": properties, "additionalProperties": false, "oneOf": one_of});
        let error = json!({
            "type": "object",
            "required": ["index", "code", "message"],
            "properties": {"index": {"type": "integer"}, "code": {"type": "string"}, "message": {"type": "string"},
                           "details": {"type": "object"}},
        });
        let answer = json!({
            "type": "object",
            "required": ["data"],
            "properties": {
                "data": {"type": "array", "items": {"anyOf": [reference(self.schema, name), {"type": "null"}]}},
                "errors": {"type": "array", "items": error},
            },
        });
        let mut responses = Map::new();
        let content = json!({"application/json": {"schema": answer}});
        let description =
            "The rows in the order of the keys, null where there is none; and what is wrong with single keys.";
        responses.insert("200".to_owned(), json!({"description": description, "content": content}));
        let codes = [
            Code::InvalidArgument,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::NotAcceptable,
            Code::Internal,
            Code::Unavailable,
            Code::Timeout,
        ];
        responses.extend(codes.map(|code| (code.http_status().to_string(), refusal(code))));
        responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Error"}));
        json!({
            "operationId": format!("batchGet{}", pascal_case(&many)),
            "tags": [&**name],
            "summary": format!("{name} by their keys, in the order of the keys."),
            "parameters": [text_parameter(SELECT, "The fields to show, as for other rows; it may stand in the body as well.", "")],
            "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
            "responses": responses,
        })
    }

    /// One key as an object, nested as its fields are.
    fn key(&self, key: &EntityKey) -> Json {
        let mut shape = json!({"type": "object", "properties": {}, "required": []});
        for part in &key.parts {
            let mut here = &mut shape;
            for (depth, name) in part.path.iter().enumerate() {
                let is_value = depth + 1 == part.path.len();
                let required = json!(&**name);
                if let Some(list) = here["required"].as_array_mut().filter(|list| !list.contains(&required)) {
                    list.push(required);
                }
                let properties = &mut here["properties"];
                if properties.get(&**name).is_none() {
                    properties[&**name] = match is_value {
                        true => present(type_schema(self.schema, &part.ty)),
                        false => json!({"type": "object", "properties": {}, "required": []}),
                    };
                }
                here = &mut properties[&**name];
            }
        }
        shape
    }
}
