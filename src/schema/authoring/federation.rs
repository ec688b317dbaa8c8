//! Reading the `federation` block.

use serde_json::Value;

use super::reader::Object;
use super::{ComposeDirective, Entity, Federation};

/// The block under either of its names.
pub fn block(object: &mut Object) -> Option<Federation> {
    let block = object.child("federation", federation);
    let alias = object.child("federation_config", federation);
    if block.is_some() && alias.is_some() {
        object.refuse("federation_config", "says what \"federation\" says already: keep one of them");
    }
    block.or(alias)
}

fn federation(object: &mut Object) -> Federation {
    if object.get("apollo_version").is_some_and(|version| version.as_u64() != Some(2)) {
        object.refuse("apollo_version", "only version 2 of Apollo Federation is spoken");
    }
    object.without_effect("circuit_breaker", "set it in fraiseql.toml, [federation.circuit_breaker]");
    let shareable_path = object.path_of("shareable_types");
    let shareable = object.texts("shareable_types").into_iter().enumerate();
    Federation {
        path: object.path.clone(),
        enabled: object.optional_flag("enabled").unwrap_or(true),
        service_name: object.text("service_name"),
        version: object.text("version"),
        schema_url: object.text("schema_url"),
        version_file: None,
        entities: object.each("entities", entity),
        shareable_types: shareable.map(|(index, name)| (format!("{shareable_path}[{index}]"), name)).collect(),
        compose_directives: object.each("compose_directives", |directive| {
            if let Some(Value::String(_)) = directive.get("import") {
                directive.accept(&["import"]);
            } else {
                directive.texts("import");
            }
            ComposeDirective {
                path: directive.path.clone(),
                name: directive.required_text("name").trim_start_matches('@').to_owned(),
                url: directive.required_text("url"),
            }
        }),
    }
}

fn entity(object: &mut Object) -> Entity {
    Entity {
        path: object.path.clone(),
        name: object.required_text("name"),
        key_fields: object.texts("key_fields"),
        extends: object.flag("extends"),
        external_fields: object.texts("external_fields"),
        shareable_fields: object.texts("shareable_fields"),
    }
}
