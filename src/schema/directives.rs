//! The directives of Apollo Federation 2: which of them a part of the schema carries, and since which
//! version of the specification each exists.

use indexmap::IndexMap;
use serde_json::Value;

use super::model::{Directive, Federation, Field, InterfaceDef, Key, Model, Returns, TypeDef};

/// Directive → the minor version of the specification that has it first, in the order of imports.
const SPECIFICATION: [(&str, u32); 15] = [
    ("key", 0),
    ("shareable", 0),
    ("external", 0),
    ("requires", 0),
    ("provides", 0),
    ("override", 0),
    ("inaccessible", 0),
    ("tag", 0),
    ("composeDirective", 1),
    ("interfaceObject", 3),
    ("authenticated", 5),
    ("requiresScopes", 5),
    ("policy", 6),
    ("cost", 9),
    ("listSize", 9),
];

/// Keys of interfaces, and progressive `@override`, are younger than their directives.
const KEY_OF_INTERFACE: u32 = 3;
const OVERRIDE_LABEL: u32 = 7;

/// What a schema takes from the specification.
#[derive(Debug, Default)]
pub struct Needs {
    pub imports: Vec<&'static str>,
    /// The lowest minor version that has all of it.
    pub minor: u32,
    /// What asks for that version: `@interfaceObject on Inventory`.
    pub because: String,
}

/// Whether the specification defines a directive of this name.
pub fn is_specified(name: &str) -> bool {
    SPECIFICATION.iter().any(|(known, _)| *known == name)
}

/// The directives of an object type, keys first.
pub fn of_type(object: &TypeDef) -> Vec<Directive> {
    let mut found = of_keys(&object.keys);
    flag(&mut found, "interfaceObject", object.interface_object);
    flag(&mut found, "shareable", object.shareable);
    flag(&mut found, "inaccessible", object.inaccessible);
    found.extend(object.tags.iter().map(|tag| text("tag", "name", tag)));
    found.extend(object.directives.iter().cloned());
    found
}

pub fn of_interface(interface: &InterfaceDef) -> Vec<Directive> {
    of_keys(&interface.keys)
}

pub fn of_field(field: &Field) -> Vec<Directive> {
    let federation = &field.federation;
    let mut found = Vec::new();
    flag(&mut found, "external", federation.external);
    found.extend(federation.requires.as_ref().map(|fields| text("requires", "fields", fields)));
    found.extend(federation.provides.as_ref().map(|fields| text("provides", "fields", fields)));
    flag(&mut found, "shareable", federation.shareable);
    found.extend(federation.override_from.as_ref().map(|from| {
        let mut directive = text("override", "from", from);
        let label = federation.override_label.as_ref();
        directive.arguments.extend(label.map(|label| ("label".to_owned(), Value::from(label.as_str()))));
        directive
    }));
    flag(&mut found, "inaccessible", federation.inaccessible);
    found.extend(federation.tags.iter().map(|tag| text("tag", "name", tag)));
    found.extend(field.directives.iter().cloned());
    found
}

/// Of the types that a page of a connection consists of: other subgraphs have them too.
pub fn of_pages() -> Directive {
    Directive { name: "shareable".to_owned(), arguments: IndexMap::new() }
}

/// Of the schema itself, besides its links.
pub fn of_schema(federation: &Federation) -> Vec<Directive> {
    let composed = federation.compose_directives.iter();
    composed.map(|composed| text("composeDirective", "name", &format!("@{}", composed.name))).collect()
}

/// Everything that the schema takes from the specification.
pub fn needs(model: &Model) -> Needs {
    let mut needs = Needs::default();
    for object in model.types.values() {
        of_type(object).iter().for_each(|directive| needs.add(directive, 0, &object.name));
        for field in object.fields.values() {
            let place = || format!("{}.{}", object.name, field.name);
            of_field(field).iter().for_each(|directive| needs.add(directive, 0, &place()));
        }
    }
    for interface in model.interfaces.values() {
        of_interface(interface).iter().for_each(|directive| needs.add(directive, KEY_OF_INTERFACE, &interface.name));
        for field in interface.fields.values() {
            let place = || format!("{}.{}", interface.name, field.name);
            of_field(field).iter().for_each(|directive| needs.add(directive, 0, &place()));
        }
    }
    if model.queries.values().any(|query| query.returns == Returns::Connection) {
        needs.add(&of_pages(), 0, "PageInfo");
    }
    for directive in model.federation.iter().flat_map(of_schema) {
        needs.add(&directive, 0, "the schema");
    }
    needs.imports.sort_by_key(|name| SPECIFICATION.iter().position(|(known, _)| known == name));
    needs
}

fn of_keys(keys: &[Key]) -> Vec<Directive> {
    let directives = keys.iter().map(|key| {
        let mut directive = text("key", "fields", &key.fields);
        if !key.resolvable {
            directive.arguments.insert("resolvable".to_owned(), Value::Bool(false));
        }
        directive
    });
    directives.collect()
}

fn text(name: &str, argument: &str, value: &str) -> Directive {
    let arguments = [(argument.to_owned(), Value::from(value))];
    Directive { name: name.to_owned(), arguments: arguments.into() }
}

fn flag(found: &mut Vec<Directive>, name: &str, is_set: bool) {
    if is_set {
        found.push(Directive { name: name.to_owned(), arguments: IndexMap::new() });
    }
}

// === impl Needs ===

impl Needs {
    /// `least` is what the place asks for by itself.
    fn add(&mut self, directive: &Directive, least: u32, place: &str) {
        let Some((name, since)) = SPECIFICATION.iter().find(|(name, _)| *name == directive.name) else { return };
        let labelled = if directive.arguments.contains_key("label") { OVERRIDE_LABEL } else { 0 };
        let minor = since.max(&least).max(&labelled);
        if *minor > self.minor {
            self.minor = *minor;
            self.because = format!("@{name} on {place}");
        }
        if !self.imports.contains(name) {
            self.imports.push(name);
        }
    }
}
