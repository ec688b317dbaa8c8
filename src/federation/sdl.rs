//! The SDL of a subgraph: the published type system with links, definitions of custom directives, and
//! directives where they stand.

use std::fmt::Write;

use indexmap::IndexMap;

use crate::schema::Schema;
use crate::schema::directives::{needs, of_field, of_interface, of_pages, of_schema, of_type};
use crate::schema::model::{Directive, DirectiveDef, Federation, Model, TypeRef};
use crate::type_system::{self, Marks, Spelling, literal, quoted};

/// What `_service { sdl }` answers; of a schema that is no subgraph, its type system.
pub fn sdl(model: &Model) -> String {
    let schema = Schema::assumed(model.clone());
    let marks = model.federation.as_ref().map(|federation| marks(&schema, federation)).unwrap_or_default();
    type_system::sdl(&schema, Spelling::Published, &marks)
}

fn marks(schema: &Schema, federation: &Federation) -> Marks {
    let model = schema.model();
    let printed = |directives: Vec<Directive>| {
        let texts = directives.iter().map(|directive| format!(" {}", application(schema, directive)));
        texts.collect::<String>()
    };
    let mut marks = Marks { head: head(schema, federation), pages: printed(vec![of_pages()]), ..Marks::default() };
    let types = model.types.values().map(|object| (&object.name, of_type(object), &object.fields));
    let interfaces = model.interfaces.values().map(|it| (&it.name, of_interface(it), &it.fields));
    for (name, directives, fields) in types.chain(interfaces) {
        marks.types.insert(name.clone(), printed(directives));
        for field in fields.values() {
            let place = (name.clone(), field.name.clone());
            // Who may not see a field may not look for its values either.
            let hides = |directive: &Directive| ["inaccessible", "tag"].contains(&directive.name.as_str());
            let (directives, hiding) = (of_field(field), of_field(field).into_iter().filter(hides).collect());
            marks.inputs.insert(place.clone(), printed(hiding));
            marks.fields.insert(place, printed(directives));
        }
    }
    marks.extended = model.types.values().filter(|object| object.extends).map(|object| object.name.clone()).collect();
    marks
}

/// The links and the definitions of custom directives.
fn head(schema: &Schema, federation: &Federation) -> String {
    let needs = needs(schema.model());
    let mut out = "extend schema".to_owned();
    let mut link = |url: &str, imports: &[&str]| {
        let _ = write!(out, "\n  @link(url: {}", quoted(url));
        if !imports.is_empty() {
            let names: Vec<String> = imports.iter().map(|name| quoted(&format!("@{name}"))).collect();
            let _ = write!(out, ", import: [{}]", names.join(", "));
        }
        out.push(')');
    };
    link(&federation.specification(needs.minor), &needs.imports);
    let mut composed: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for directive in &federation.compose_directives {
        composed.entry(&directive.url).or_default().push(&directive.name);
    }
    composed.iter().for_each(|(url, names)| link(url, names));
    for directive in of_schema(federation) {
        let _ = write!(out, "\n  {}", application(schema, &directive));
    }
    out.push_str("\n\n");
    for definition in schema.model().directives.values() {
        define(schema, definition, &mut out);
    }
    out
}

fn define(schema: &Schema, definition: &DirectiveDef, out: &mut String) {
    if let Some(description) = &definition.description {
        let _ = writeln!(out, "{}", quoted(description));
    }
    let arguments: Vec<String> = definition
        .arguments
        .values()
        .map(|argument| {
            let default = argument.default.as_ref().map(|json| format!(" = {}", literal(schema, &argument.ty, json)));
            format!("{}: {}{}", argument.name, argument.ty, default.unwrap_or_default())
        })
        .collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    let repeatable = if definition.repeatable { " repeatable" } else { "" };
    let locations = definition.locations.join(" | ");
    let _ = writeln!(out, "directive @{}{arguments}{repeatable} on {locations}\n", definition.name);
}

/// `@key(fields: "id", resolvable: false)`
fn application(schema: &Schema, directive: &Directive) -> String {
    let definition = schema.model().directives.get(directive.name.as_str());
    let arguments: Vec<String> = directive
        .arguments
        .iter()
        .map(|(name, json)| {
            let declared = definition.and_then(|definition| definition.arguments.get(name.as_str()));
            let text = TypeRef::named("String", true);
            format!("{name}: {}", literal(schema, declared.map_or(&text, |argument| &argument.ty), json))
        })
        .collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    format!("@{}{arguments}", directive.name)
}
