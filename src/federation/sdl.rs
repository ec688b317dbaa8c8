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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::sdl;
    use crate::schema::compile::{Project, ProjectFederation, Source, compile};

    const SPECIFICATION: &str = "https://specs.apollo.dev/federation/";

    /// What a type `A` with the key `id` becomes, with more of it, of its field `x`, and of the federation block.
    fn printed(of_type: Value, of_field: Value, of_block: Value) -> String {
        let merge = |mut whole: Value, part: Value| {
            for (key, value) in part.as_object().unwrap() {
                whole[key] = value.clone();
            }
            whole
        };
        let x = merge(json!({"name": "x", "type": "Int"}), of_field);
        let a = json!({"name": "A", "sql_source": "v_a", "key_fields": ["id"], "fields": [{"name": "id", "type": "ID"}, x]});
        let schema = json!({"types": [merge(a, of_type)], "federation": merge(json!({"enabled": true}), of_block)});
        let project = Project { service: "a".to_owned(), federation: None };
        let compiled = compile(&Source { file: "schema.json", text: &schema.to_string() }, &project);
        sdl(&compiled.unwrap_or_else(|problems| panic!("{problems:#?}")).model)
    }

    fn link_of(text: &str) -> &str {
        text.lines().nth(1).unwrap().trim()
    }

    #[test]
    fn the_link_names_the_lowest_version_that_has_the_imports() {
        let directive = |name: &str| json!({"directives": [{"name": name}]});
        let federation = |block: Value| json!({"federation": block});
        let none = || json!({});
        let composed = json!({"compose_directives": [{"name": "@c", "url": "https://specs.example.com/c/v1.0"}]});
        for (of_type, of_field, of_block, version, imports) in [
            (none(), none(), none(), "v2.0", vec!["@key"]),
            (none(), none(), json!({"version": "v2"}), "v2.0", vec!["@key"]),
            (none(), none(), json!({"version": "v2.5"}), "v2.5", vec!["@key"]),
            (none(), none(), composed, "v2.1", vec!["@key", "@composeDirective"]),
            (json!({"shareable": true}), none(), none(), "v2.0", vec!["@key", "@shareable"]),
            (json!({"interface_object": true}), none(), none(), "v2.3", vec!["@key", "@interfaceObject"]),
            (none(), federation(json!({"override_from": "b"})), none(), "v2.0", vec!["@key", "@override"]),
            (
                none(),
                federation(json!({"override_from": "b", "override_label": "percent(1)"})),
                none(),
                "v2.7",
                vec!["@key", "@override"],
            ),
            (
                none(),
                federation(json!({"inaccessible": true, "tags": ["t"]})),
                none(),
                "v2.0",
                vec!["@key", "@inaccessible", "@tag"],
            ),
            (directive("authenticated"), none(), none(), "v2.5", vec!["@key", "@authenticated"]),
            (none(), directive("cost"), none(), "v2.9", vec!["@key", "@cost"]),
        ] {
            let imports: Vec<String> = imports.iter().map(|name| format!("\"{name}\"")).collect();
            let expected = format!("@link(url: \"{SPECIFICATION}{version}\", import: [{}])", imports.join(", "));
            assert_eq!(link_of(&printed(of_type, of_field, of_block)), expected);
        }
        let elsewhere = json!({"schema_url": "https://specs.example.com/federation/v2.4"});
        let text = printed(none(), none(), elsewhere);
        assert_eq!(link_of(&text), "@link(url: \"https://specs.example.com/federation/v2.4\", import: [\"@key\"])");
    }

    #[test]
    fn a_schema_that_is_no_subgraph_has_no_mark() {
        let schema = json!({"federation": {"enabled": false},
            "types": [{"name": "A", "sql_source": "v_a", "key_fields": ["id"], "tags": ["t"], "extends": true,
                       "fields": [{"name": "id", "type": "ID"}]}],
            "queries": [{"name": "a", "return_type": "A", "returns_list": false, "nullable": true, "arguments": []}]});
        let project = Project { service: "a".to_owned(), federation: None };
        let compiled = compile(&Source { file: "schema.json", text: &schema.to_string() }, &project);
        let text = sdl(&compiled.unwrap_or_else(|problems| panic!("{problems:#?}")).model);
        assert_eq!(text, "type Query {\n  a: A\n}\n\ntype A {\n  id: ID\n}\n\n");
    }

    #[test]
    fn fraiseql_toml_is_named_where_it_asks_for_too_little() {
        let schema = json!({"types": [{"name": "A", "interface_object": true, "key_fields": ["id"],
            "fields": [{"name": "id", "type": "ID"}]}], "federation": {"enabled": true, "version": "v2.9"}});
        let federation = ProjectFederation {
            version: Some("v2.2".to_owned()),
            file: "fraiseql.toml".to_owned(),
            ..ProjectFederation::default()
        };
        let project = Project { service: "a".to_owned(), federation: Some(federation) };
        let problems = compile(&Source { file: "schema.json", text: &schema.to_string() }, &project).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = "fraiseql.toml: federation.version: version 2.2 does not have @interfaceObject on A, which came \
                        with version 2.3\n  hint: write \"v2.3\", or \"v2\" for the lowest version that suffices";
        assert_eq!(said, [expected]);
    }
}
