//! Which types are entities, by which keys, and what the fields say about other subgraphs.
//!
//! Keys come from the type itself, else from the `federation` block; those of fraiseql.toml are
//! added to them. The published SDKs list types in the block that cannot be entities (no such field,
//! no relation); these are left out with a warning, since their authors never wrote them.

use super::super::authoring::reader::Reports;
use super::super::authoring::{Document, Entity, Federation, Field, Key};
use super::super::compile::{Project, ProjectFederation};
use super::super::field_set::{self, Lists, Mistake, Selected, Shapes};
use super::super::name::camel_case;
use crate::problem::Problem;

pub fn settle(document: &mut Document, project: &Project, reports: &Reports) {
    let block = document.federation.take();
    let in_toml = project.federation.as_ref();
    let declared = in_toml.and_then(|federation| federation.enabled).or(block.as_ref().map(|block| block.enabled));
    let shapes = shapes(document);
    settle_declared(document, &shapes, reports);
    if declared == Some(true) {
        let block = block.unwrap_or_else(empty);
        add_block(document, &block, &shapes, reports);
        if let Some(federation) = in_toml {
            add_toml(document, federation, &shapes, reports);
        }
        let given =
            |of: fn(&ProjectFederation) -> &Option<String>| in_toml.and_then(|federation| of(federation).clone());
        document.federation = Some(Federation {
            service_name: given(|federation| &federation.service_name)
                .or(block.service_name)
                .or_else(|| Some(project.service.clone())),
            version_file: in_toml
                .filter(|federation| federation.version.is_some() || federation.schema_url.is_some())
                .map(|federation| federation.file.clone()),
            version: given(|federation| &federation.version).or(block.version),
            schema_url: given(|federation| &federation.schema_url).or(block.schema_url),
            ..block
        });
    }
}

fn empty() -> Federation {
    Federation {
        path: "federation".to_owned(),
        enabled: true,
        service_name: None,
        version: None,
        schema_url: None,
        version_file: None,
        entities: Vec::new(),
        shareable_types: Vec::new(),
        compose_directives: Vec::new(),
    }
}

/// The fields of everything that a field set can select from.
fn shapes(document: &Document) -> Shapes {
    let types = document.types.iter().map(|ty| (&ty.name, &ty.fields));
    let interfaces = document.interfaces.iter().map(|interface| (&interface.name, &interface.fields));
    let all = types.chain(interfaces).map(|(name, fields)| {
        (name.clone(), fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect())
    });
    Shapes(all.collect())
}

/// Keys, `requires` and `provides` that types and interfaces declare themselves.
fn settle_declared(document: &mut Document, shapes: &Shapes, reports: &Reports) {
    let refuse = |path: &str, said: String, Mistake { reason, hint }: Mistake| {
        reports.refuse(Problem { hint, ..reports.at(path, format!("{said}: {reason}")) });
    };
    let keys = |type_name: &str, keys: &mut Vec<Key>| {
        for key in keys {
            match settled(&key.fields, type_name, shapes, Lists::Refused) {
                Ok(fields) => key.fields = field_set::print(&fields),
                Err(mistake) => refuse(&key.path, format!("the key \"{}\" of {type_name}", key.fields), mistake),
            }
        }
    };
    let fields = |type_name: &str, fields: &mut [Field]| {
        for field in fields {
            let target = field.ty.innermost().clone();
            let sets = [
                ("requires", type_name, &mut field.federation.requires),
                ("provides", &*target, &mut field.federation.provides),
            ];
            for (key, selects_from, set) in sets {
                let Some(text) = set else { continue };
                match settled(text, selects_from, shapes, Lists::Allowed) {
                    Ok(fields) => *set = Some(field_set::print(&fields)),
                    Err(mistake) => {
                        let said = format!("{type_name}.{} {key} \"{text}\"", field.name);
                        refuse(&format!("{}.federation.{key}", field.path), said, mistake);
                    }
                }
            }
        }
    };
    for ty in &mut document.types {
        keys(&ty.name, &mut ty.keys);
        fields(&ty.name, &mut ty.fields);
        let is_nowhere = ty.embedded && !ty.lives_elsewhere();
        if let Some(key) = ty.keys.iter().find(|key| key.resolvable && is_nowhere) {
            let reason = format!("{} is embedded: there is no relation to look the key up in", ty.name);
            reports.refuse(
                reports.at(&key.path, reason).hint("give the type a sql_source, or the key \"resolvable\": false"),
            );
        }
    }
    for interface in &mut document.interfaces {
        keys(&interface.name, &mut interface.keys);
        fields(&interface.name, &mut interface.fields);
    }
}

fn settled(text: &str, type_name: &str, shapes: &Shapes, lists: Lists) -> Result<Vec<Selected>, Mistake> {
    let mut fields = field_set::parse(text)?;
    field_set::settle(&mut fields, type_name, shapes, lists)?;
    Ok(fields)
}

fn add_block(document: &mut Document, block: &Federation, shapes: &Shapes, reports: &Reports) {
    for entity in &block.entities {
        add_entity(document, entity, shapes, reports);
    }
    for (path, name) in &block.shareable_types {
        match document.types.iter_mut().find(|ty| ty.name == *name) {
            Some(ty) => ty.shareable = true,
            None => reports.refuse(unknown_type(document, reports.at(path, ""), name)),
        }
    }
}

fn add_entity(document: &mut Document, entity: &Entity, shapes: &Shapes, reports: &Reports) {
    let key = key_text(&entity.key_fields);
    let path = format!("{}.key_fields", entity.path);
    let leave_out = |reason: &str| {
        let reason = format!("{} is left out of the entities: {reason}", entity.name);
        reports.warn(reports.at(&path, reason).hint("declare \"key_fields\" on the type to make it one"));
    };
    if let Some(ty) = document.types.iter_mut().find(|ty| ty.name == entity.name) {
        ty.extends |= entity.extends;
        for field in &mut ty.fields {
            let listed =
                |names: &[String]| names.iter().any(|name| *name == field.name || camel_case(name) == field.name);
            field.federation.external |= listed(&entity.external_fields);
            field.federation.shareable |= listed(&entity.shareable_fields);
        }
        match settled(&key, &ty.name, shapes, Lists::Refused) {
            _ if !ty.keys.is_empty() => {}
            Ok(_) if ty.embedded => leave_out("it is embedded, so it has no relation to be looked up in"),
            Ok(fields) => ty.keys.push(Key { path, fields: field_set::print(&fields), resolvable: true }),
            Err(mistake) => leave_out(&mistake.reason),
        }
    } else if let Some(interface) = document.interfaces.iter_mut().find(|interface| interface.name == entity.name) {
        match settled(&key, &interface.name, shapes, Lists::Refused) {
            _ if !interface.keys.is_empty() => {}
            Ok(fields) => interface.keys.push(Key { path, fields: field_set::print(&fields), resolvable: true }),
            Err(mistake) => leave_out(&mistake.reason),
        }
    } else if !entity.name.is_empty() {
        let problem = reports.at(format!("{}.name", entity.path), "");
        reports.refuse(unknown_type(document, problem, &entity.name));
    }
}

/// What a person wrote by hand in fraiseql.toml is refused where it is wrong, not left out.
fn add_toml(document: &mut Document, federation: &ProjectFederation, shapes: &Shapes, reports: &Reports) {
    for (index, entity) in federation.entities.iter().enumerate() {
        let at = |key: &str| Problem {
            position: entity.position,
            ..Problem::new(&federation.file, format!("federation.entities[{index}].{key}"), "")
        };
        let ty = document.types.iter_mut().find(|ty| ty.name == entity.name);
        let embedded = ty.as_ref().is_some_and(|ty| ty.embedded);
        let interface = document.interfaces.iter_mut().find(|interface| interface.name == entity.name);
        let Some(keys) = ty.map(|ty| &mut ty.keys).or(interface.map(|interface| &mut interface.keys)) else {
            reports.refuse(unknown_type(document, at("name"), &entity.name));
            continue;
        };
        match settled(&key_text(&entity.key_fields), &entity.name, shapes, Lists::Refused) {
            Ok(_) if embedded => {
                let reason = format!("{} is embedded: there is no relation to look the key up in", entity.name);
                reports.refuse(Problem { reason, ..at("name") }.hint("give the type a sql_source"));
            }
            Ok(fields) => {
                let fields = field_set::print(&fields);
                if keys.iter().all(|key| key.fields != fields) {
                    keys.push(Key { path: String::new(), fields, resolvable: true });
                }
            }
            Err(Mistake { reason, hint }) => {
                let reason = format!("the key \"{}\" of {}: {reason}", key_text(&entity.key_fields), entity.name);
                reports.refuse(Problem { reason, hint, ..at("key_fields") });
            }
        }
    }
}

/// The SDKs' default where an entity names no key.
fn key_text(key_fields: &[String]) -> String {
    if key_fields.is_empty() { "id".to_owned() } else { key_fields.join(" ") }
}

fn unknown_type(document: &Document, problem: Problem, name: &str) -> Problem {
    let known = document.types.iter().map(|ty| ty.name.as_str());
    let known = known.chain(document.interfaces.iter().map(|interface| interface.name.as_str()));
    Problem { reason: format!("there is no type \"{name}\""), ..problem }.nearest(name, known)
}
