//! What the SDL of a subgraph will say: the version of the specification, custom directives.

use std::collections::HashSet;

use super::super::authoring::reader::Reports;
use super::super::authoring::{ComposeDirective, DirectiveDef, Document, Federation, type_ref};
use super::super::directives::{self, is_specified};
use super::super::model::{Directive, Model};
use super::{Index, fit, types};
use crate::problem::{Problem, did_you_mean};

/// Where a directive of a type system may stand.
const LOCATIONS: [&str; 11] = [
    "SCHEMA",
    "SCALAR",
    "OBJECT",
    "FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
];

/// Directives that have keys of their own in schema.json, which the server has to know.
const OWN_KEYS: [(&str, &str); 11] = [
    ("key", "\"keys\""),
    ("shareable", "\"shareable\""),
    ("external", "\"federation\": {\"external\": true} on the field"),
    ("requires", "\"federation\": {\"requires\": …} on the field"),
    ("provides", "\"federation\": {\"provides\": …} on the field"),
    ("override", "\"federation\": {\"override_from\": …} on the field"),
    ("inaccessible", "\"inaccessible\""),
    ("tag", "\"tags\""),
    ("interfaceObject", "\"interface_object\" on the type"),
    ("extends", "\"extends\" on the type"),
    ("composeDirective", "\"compose_directives\" in the federation block"),
];

pub fn check(document: &Document, index: &Index, reports: &Reports) {
    if let Some(federation) = &document.federation {
        version(federation, reports);
        federation.compose_directives.iter().for_each(|directive| composed(directive, reports));
    }
    let mut seen = HashSet::new();
    for definition in &document.directives {
        self::definition(definition, &mut seen, index, reports);
    }
    let objects = document.types.iter().map(|ty| (&ty.path, "OBJECT", &ty.directives));
    let interfaces = document.interfaces.iter().flat_map(|interface| &interface.fields);
    let fields = document.types.iter().flat_map(|ty| &ty.fields).chain(interfaces);
    let fields = fields.map(|field| (&field.path, "FIELD_DEFINITION", &field.directives));
    for (path, location, directives) in objects.chain(fields) {
        for (position, directive) in directives.iter().enumerate() {
            let path = format!("{path}.directives");
            let is_second = directives[..position].iter().any(|other| other.name == directive.name);
            application(directive, location, is_second, &path, document, index, reports);
        }
    }
}

/// The minor version that the schema asks for, by itself or by the URL that it links.
pub fn minor(federation: &Federation) -> Option<u32> {
    let of_url = |url: &String| url.rsplit('/').next().and_then(minor_of);
    federation.version.as_deref().and_then(minor_of).or(federation.schema_url.as_ref().and_then(of_url))
}

/// Whether the version that the schema asks for has what the schema uses.
pub fn needs(document: &Document, model: &Model, reports: &Reports) {
    let (Some(federation), Some(minor)) = (&document.federation, document.federation.as_ref().and_then(minor)) else {
        return;
    };
    let needs = directives::needs(model);
    if minor < needs.minor {
        let reason =
            format!("version 2.{minor} does not have {}, which came with version 2.{}", needs.because, needs.minor);
        let hint = format!("write \"v2.{}\", or \"v2\" for the lowest version that suffices", needs.minor);
        reports.refuse(Problem { reason, ..version_problem(federation, reports) }.hint(hint));
    }
}

/// `v2.3` → 3; `v2` names none.
fn minor_of(version: &str) -> Option<u32> {
    version.strip_prefix('v').unwrap_or(version).strip_prefix("2.").and_then(|minor| minor.parse().ok())
}

fn version_problem(federation: &Federation, reports: &Reports) -> Problem {
    let key = if federation.version.is_some() { "version" } else { "schema_url" };
    match &federation.version_file {
        Some(file) => Problem::new(file, format!("federation.{key}"), ""),
        None => reports.at(format!("{}.{key}", federation.path), ""),
    }
}

fn version(federation: &Federation, reports: &Reports) {
    let Some(version) = &federation.version else { return };
    let is_major = ["v2", "2"].contains(&version.as_str());
    if !is_major && minor_of(version).is_none() {
        let problem = version_problem(federation, reports);
        let reason = format!("\"{version}\" is not a version of Apollo Federation 2");
        reports.refuse(Problem { reason, ..problem }.hint("write \"v2\" or \"v2.3\""));
    }
}

fn composed(directive: &ComposeDirective, reports: &Reports) {
    if is_specified(&directive.name) {
        let reason = format!("@{} is federation's own: it is composed already", directive.name);
        reports.refuse(reports.at(format!("{}.name", directive.path), reason));
    }
    let version = directive.url.rsplit('/').next().and_then(|last| last.strip_prefix('v'));
    let is_version = version.and_then(|version| version.split_once('.')).is_some_and(|(major, minor)| {
        [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if !is_version {
        let problem =
            reports.at(format!("{}.url", directive.path), format!("\"{}\" ends in no version", directive.url));
        reports.refuse(problem.hint("write the URL of a specification, \"https://myspecs.dev/custom/v1.0\""));
    }
}

fn definition<'d>(definition: &'d DirectiveDef, seen: &mut HashSet<&'d str>, index: &Index, reports: &Reports) {
    let name = definition.name.as_str();
    let at = |key: &str, reason: String| reports.at(format!("{}.{key}", definition.path), reason);
    if !type_ref::is_name(name) {
        reports.refuse(at("name", format!("\"{name}\" is not a GraphQL name")));
    } else if is_specified(name) || ["deprecated", "specifiedBy", "skip", "include", "link"].contains(&name) {
        reports.refuse(at("name", format!("@{name} is defined already")).hint("use it without defining it"));
    } else if !seen.insert(name) {
        reports.refuse(at("name", format!("@{name} is defined twice")));
    }
    for (position, location) in definition.locations.iter().enumerate() {
        if !LOCATIONS.contains(&location.as_str()) {
            let problem = at(&format!("locations[{position}]"), format!("\"{location}\" is not a place in a schema"));
            reports.refuse(problem.nearest(location, LOCATIONS));
        }
    }
    definition.arguments.iter().for_each(|argument| types::argument(argument, index, reports));
}

fn application(
    directive: &Directive,
    location: &str,
    is_second: bool,
    path: &str,
    document: &Document,
    index: &Index,
    reports: &Reports,
) {
    let name = &directive.name;
    if let Some((_, instead)) = OWN_KEYS.iter().find(|(own, _)| own == name) {
        let problem = reports.at(path, format!("@{name} is more than a mark: the server has to know it"));
        return reports.refuse(problem.hint(format!("write {instead}")));
    }
    let Some(definition) = document.directives.iter().find(|definition| definition.name == *name) else { return };
    let refuse = |reason: String, hint: Option<String>| reports.refuse(Problem { hint, ..reports.at(path, reason) });
    if !definition.locations.iter().any(|known| known == location) {
        let known = definition.locations.join(", ");
        refuse(format!("@{name} may not stand on {location}"), Some(format!("it is defined for {known}")));
    }
    if is_second && !definition.repeatable {
        refuse(format!("@{name} stands here twice"), Some("define it as \"repeatable\"".to_owned()));
    }
    for (given, value) in &directive.arguments {
        match definition.arguments.iter().find(|argument| argument.name == *given) {
            Some(argument) => {
                if let Err(reason) = fit(value, &argument.ty, index) {
                    refuse(format!("@{name}({given}:) {reason}"), None);
                }
            }
            None => {
                let known = definition.arguments.iter().map(|argument| argument.name.as_str());
                let define = || "define the directive in \"directives\", with the type of its argument".to_owned();
                let hint = did_you_mean(given, known).or_else(|| Some(define()));
                refuse(format!("@{name} has no argument \"{given}\""), hint);
            }
        }
    }
    let is_missing = |name: &str| !directive.arguments.contains_key(name);
    let mut required =
        definition.arguments.iter().filter(|argument| !argument.ty.nullable && argument.default.is_none());
    if let Some(missing) = required.find(|argument| is_missing(&argument.name)) {
        refuse(format!("@{name} lacks its argument \"{}: {}\"", missing.name, missing.ty), None);
    }
}
