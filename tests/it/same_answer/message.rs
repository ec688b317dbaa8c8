//! A protobuf message in the form that GraphQL gives the same answer.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use serde_json::{Map, Value as Json, json};

/// `like` is GraphQL's answer: it tells which fields were asked for, and how a value is written where protobuf has
/// only one way to say what JSON says in two (a null list, the digits of a decimal, the offset of a moment).
pub fn in_graphql_form(message: &DynamicMessage, like: &Json) -> Json {
    let descriptor = message.descriptor();
    if let Some(choice) = descriptor.oneofs().find(|oneof| !oneof.is_synthetic()) {
        let chosen = choice.fields().find(|field| message.has_field(field));
        let chosen = chosen.unwrap_or_else(|| panic!("{} is empty", descriptor.name()));
        let inner = message.get_field(&chosen);
        let mut inner = in_graphql_form(inner.as_message().unwrap(), like);
        if like.get("__typename").is_some() {
            let Kind::Message(of) = chosen.kind() else { panic!("{chosen:?}") };
            inner["__typename"] = of.name().into();
        }
        return inner;
    }
    let mut object = Map::new();
    for field in descriptor.fields() {
        let name = field.json_name();
        let like = like.get(name);
        let is_there = message.has_field(&field);
        let found = match like {
            // Not asked for: there is nothing to say, and nothing is said.
            None if !is_there => continue,
            Some(_) if !is_there && field.supports_presence() => Json::Null,
            Some(Json::Null) if !is_there && field.is_list() => Json::Null,
            like => value(&field, &message.get_field(&field), like.unwrap_or(&Json::Null)),
        };
        object.insert(name.to_owned(), found);
    }
    Json::Object(object)
}

fn value(field: &FieldDescriptor, found: &Value, like: &Json) -> Json {
    match found {
        Value::List(items) => {
            let like = |at: usize| like.get(at).unwrap_or(&Json::Null);
            items.iter().enumerate().map(|(at, item)| value(field, item, like(at))).collect()
        }
        Value::Message(message) if message.descriptor().full_name() == "google.protobuf.Timestamp" => {
            let text = serde_json::to_value(message).unwrap();
            let moment = |json: &Json| json.as_str()?.parse::<jiff::Timestamp>().ok();
            if moment(&text).is_some() && moment(&text) == moment(like) { like.clone() } else { text }
        }
        Value::Message(message) if message.descriptor().package_name() == "google.protobuf" => {
            serde_json::to_value(message).unwrap()
        }
        Value::Message(message) => in_graphql_form(message, like),
        Value::EnumNumber(number) => {
            let Kind::Enum(of) = field.kind() else { panic!("{field:?}") };
            let name = of.get_value(*number).unwrap().name().to_owned();
            let prefix = format!("{}_", of.name().to_uppercase());
            name.strip_prefix(&prefix).unwrap().into()
        }
        Value::String(text) if like.is_number() => {
            serde_json::from_str(text).unwrap_or_else(|_| panic!("{text} is no number"))
        }
        Value::String(text) => json!(text),
        Value::Bool(flag) => json!(flag),
        Value::I32(number) => json!(number),
        Value::I64(number) => json!(number),
        Value::F64(number) => json!(number),
        other => panic!("{other:?} is of no type that answers have"),
    }
}
