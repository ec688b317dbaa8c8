//! Writes: what they are sent, and what they answer.

use serde_json::{Map, Value as Json, json};

use super::operators::field_parameters;
use super::schemas::{input_object, type_schema};
use super::{Writer, filter_parameter, present, refusal, text_parameter};
use crate::error::Code;
use crate::schema::model::{Argument, Endpoint, Operation, Returns, TypeRef};
use crate::schema::routes::{Route, parameters};
use crate::transport::rest::decode::FILTER_PARAMETERS;
use crate::transport::rest::select::fields_of;

impl Writer<'_> {
    pub(super) fn write_parameters(&self, route: &Route, endpoint: &Endpoint) -> Vec<Json> {
        let mut list = Vec::new();
        if fields_of(self.schema, &endpoint.item).is_some() {
            let description = "The fields of the answer, as in a read.";
            list.push(text_parameter("select", description, &self.example_fields(endpoint)));
        }
        if let Some(query) = route.bulk_over.as_ref().and_then(|list| self.schema.query(list)) {
            list.extend(FILTER_PARAMETERS.iter().map(|name| filter_parameter(name)));
            list.extend(field_parameters(self.schema, &query.item, &[]));
        }
        list.push(json!({"$ref": "#/components/parameters/PreferOfWrite"}));
        list.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
        list
    }

    /// What a mutation is sent: its arguments, less those of the path.
    pub(super) fn body(&self, route: &Route, endpoint: &Endpoint) -> Option<Json> {
        let mut in_path: Vec<&str> = parameters(&route.path).collect();
        in_path.extend(route.bulk_over.as_ref().map(|_| "id"));
        let unsaid = |argument: &&Argument| !in_path.contains(&&*argument.name);
        let sent: Vec<&Argument> = endpoint.arguments.values().filter(unsaid).collect();
        let schema = match sent.as_slice() {
            [] => return None,
            [only] => match self.schema.model().inputs.get(only.ty.innermost()) {
                Some(input) if input.fields.values().all(|field| unsaid(&field)) => type_schema(self.schema, &only.ty),
                Some(input) => input_object(self.schema, input.fields.values().filter(unsaid)),
                None => input_object(self.schema, sent.iter().copied()),
            },
            sent => input_object(self.schema, sent.iter().copied()),
        };
        let schema = present(schema);
        let mut content = json!({"application/json": {"schema": schema}});
        if endpoint.operation == Some(Operation::Create) && in_path.is_empty() {
            let many = json!({"type": "array", "items": schema});
            content = json!({
                "application/json": {"schema": {"oneOf": [schema, many]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            });
        }
        Some(json!({"required": true, "content": content}))
    }

    pub(super) fn write_responses(&self, route: &Route, endpoint: &Endpoint) -> Json {
        let mut responses = Map::new();
        let created = endpoint.operation == Some(Operation::Create);
        let listed = route.bulk_over.is_some();
        let status = if created { "201" } else { "200" };
        responses.insert(status.to_owned(), self.written(endpoint, created, listed));
        if !created {
            responses.insert("204".to_owned(), json!({"description": "Done, and no body was asked for."}));
        }
        let codes = [
            Code::InvalidArgument,
            Code::NotFound,
            Code::NotAcceptable,
            Code::Conflict,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::ValidationFailed,
            Code::Internal,
            Code::Unavailable,
            Code::Timeout,
        ];
        for code in codes {
            responses.insert(code.http_status().to_string(), refusal(code));
        }
        responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Error"}));
        Json::Object(responses)
    }

    /// The answer of a write.
    fn written(&self, endpoint: &Endpoint, created: bool, listed: bool) -> Json {
        let item = type_schema(self.schema, &TypeRef::named(endpoint.item.clone(), endpoint.nullable));
        let list = json!({"type": "array", "items": item});
        let data = match (created, listed || endpoint.returns == Returns::Many) {
            (true, false) => json!({"oneOf": [item, list]}),
            (true | false, true) => list,
            (false, false) => item,
        };
        let whole = json!({"type": "object", "required": ["data"], "properties": {"data": data}});
        let mut headers = Map::new();
        headers.insert("X-Request-Id".to_owned(), json!({"$ref": "#/components/headers/X-Request-Id"}));
        headers.insert("Preference-Applied".to_owned(), json!({"schema": {"type": "string"}}));
        if created {
            headers.insert("Location".to_owned(), json!({"schema": {"type": "string"}}));
        }
        if created || listed {
            headers.insert("X-Rows-Affected".to_owned(), json!({"schema": {"type": "integer"}}));
        }
        json!({
            "description": if created { "What was created." } else { "What was written." },
            "headers": headers,
            "content": {"application/json": {"schema": whole}},
        })
    }
}
