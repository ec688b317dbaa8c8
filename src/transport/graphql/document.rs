//! Documents: parsed, bounded and validated once per text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use apollo_compiler::ast::{self, Definition};
use apollo_compiler::executable::Operation as OperationDef;
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Node, Schema as TypeSystem};
use lru::LruCache;

use super::forms::Root;
use super::hints::{Hints, hints};
use super::respond::{Failure, GraphqlError};
use super::rules;
use super::variables::{Variable, variables};
use crate::intent::selection::TYPENAME;

/// What a document may cost before anything is run.
#[derive(Debug, Clone, Copy)]
pub struct DocumentLimits {
    pub bytes_max: usize,
    pub depth_max: usize,
    /// Selected fields after fragments are expanded.
    pub complexity_max: usize,
    pub aliases_max: usize,
}

/// Most tokens of a document, and deepest nesting that its parser follows.
const TOKENS_MAX: usize = 100_000;
const RECURSION_MAX: usize = 200;
/// Most selection sets inside each other when fragments are expanded.
const HEIGHT_MAX: usize = 400;
/// Most fields of introspection; the usual query of tools has a few hundred.
const INTROSPECTED_MAX: usize = 10_000;
/// Most variables of an operation: wherever one stands, by us and by the library, it is looked for among all of them.
const VARIABLES_MAX: usize = 500;
/// Forms kept per operation: one for each combination of `@skip` and `@include` values.
const FORMS_MAX: usize = 32;

/// A valid document.
pub struct Document {
    pub executable: Valid<ExecutableDocument>,
    operations: HashMap<Option<String>, Arc<Operation>>,
}

/// One operation, with what its requests share.
pub struct Operation {
    pub definition: Node<OperationDef>,
    pub variables: Vec<Variable>,
    /// Positions of the variables that decide `@skip` and `@include`.
    pub conditions: Vec<usize>,
    /// The roots where no variable decides anything.
    pub always: OnceLock<Vec<Root>>,
    /// The roots by the values of the variables that decide.
    pub roots: Mutex<LruCache<u64, Arc<Vec<Root>>, ahash::RandomState>>,
}

impl Document {
    /// Parses and validates a text against the accepted type system.
    pub fn parse(text: &str, types: &Valid<TypeSystem>, limits: DocumentLimits) -> Result<Document, Failure> {
        if text.len() > limits.bytes_max {
            let message = format!(
                "the document has {} bytes; {} are allowed ([graphql] max_document_bytes)",
                text.len(),
                limits.bytes_max
            );
            return Err(Failure::of("TOO_COMPLEX", vec![GraphqlError::new(message)]));
        }
        let mut parser = Parser::new().token_limit(TOKENS_MAX).recursion_limit(RECURSION_MAX);
        let parsed = parser.parse_ast(text, "document.graphql");
        let parsed =
            parsed.map_err(|failed| Failure::of("GRAPHQL_PARSE_FAILED", diagnostics(&failed.errors, &Hints::new())))?;
        limits.check(&parsed)?;
        let executable = parsed.to_executable_validate(types).map_err(|failed| {
            let errors = diagnostics(&failed.errors, &hints(&parsed, types));
            Failure::of("GRAPHQL_VALIDATION_FAILED", errors)
        })?;
        let violations = rules::check(types, &executable);
        if !violations.is_empty() {
            let errors = violations.into_iter().map(|violation| GraphqlError {
                locations: violation.location.into_iter().collect(),
                ..GraphqlError::new(violation.message)
            });
            return Err(Failure::of("GRAPHQL_VALIDATION_FAILED", errors.collect()));
        }
        let operations = executable.operations.iter().map(|definition| {
            let variables = variables(definition);
            let conditions = conditions(definition, &executable, &variables);
            let capacity = std::num::NonZeroUsize::new(FORMS_MAX).unwrap_or(std::num::NonZeroUsize::MIN);
            let roots = Mutex::new(LruCache::with_hasher(capacity, ahash::RandomState::new()));
            let name = definition.name.as_ref().map(ToString::to_string);
            (
                name,
                Arc::new(Operation {
                    definition: definition.clone(),
                    variables,
                    conditions,
                    always: OnceLock::new(),
                    roots,
                }),
            )
        });
        Ok(Document { operations: operations.collect(), executable })
    }

    /// The operation to run: the named one, or the only one.
    pub fn operation(&self, name: Option<&str>) -> Result<&Arc<Operation>, Failure> {
        let refuse = |message: String| Failure::of("OPERATION_RESOLUTION_FAILURE", vec![GraphqlError::new(message)]);
        match name {
            Some(name) => self
                .operations
                .get(&Some(name.to_owned()))
                .ok_or_else(|| refuse(format!("Unknown operation named \"{name}\"."))),
            None if self.operations.len() == 1 => {
                self.operations.values().next().ok_or_else(|| refuse("The document has no operation.".to_owned()))
            }
            None if self.operations.is_empty() => Err(refuse("The document has no operation.".to_owned())),
            None => Err(refuse("Must provide operation name if query contains multiple operations.".to_owned())),
        }
    }
}

/// What the library calls names that nobody declared.
const UNKNOWN: [&str; 4] = ["UndefinedField", "UndefinedArgument", "UndefinedInputValue", "UndefinedEnumValue"];

/// The library takes a field that is wrong out of its selection set, and then misses the set: only the first is told.
fn diagnostics(list: &DiagnosticList, hints: &Hints) -> Vec<GraphqlError> {
    const TAKEN_OUT: [&str; 3] = ["UndefinedField", "SubselectionOnScalarType", "SubselectionOnEnumType"];
    let has_lost_fields =
        list.iter().any(|found| found.error.unstable_error_name().is_some_and(|name| TAKEN_OUT.contains(&name)));
    list.iter()
        .filter(|found| !has_lost_fields || found.error.unstable_error_name() != Some("MissingSubselection"))
        .map(|diagnostic| {
            let error = diagnostic.to_json();
            let locations: Vec<_> = error.locations.iter().map(|found| (found.line, found.column)).collect();
            let is_unknown = diagnostic.error.unstable_error_name().is_some_and(|name| UNKNOWN.contains(&name));
            let hint = locations.first().filter(|_| is_unknown).and_then(|place| hints.get(place));
            let message = match hint {
                Some(hint) => format!("{}; {hint}", error.message),
                None => error.message,
            };
            GraphqlError { locations, ..GraphqlError::new(message) }
        })
        .collect()
}

/// The variables that `@skip` and `@include` read anywhere in an operation's reach.
fn conditions(definition: &OperationDef, document: &ExecutableDocument, variables: &[Variable]) -> Vec<usize> {
    let mut found = Vec::new();
    for field in definition.all_fields(document) {
        mention(&field.directives, variables, &mut found);
    }
    // Fragments carry conditions of their own, which `all_fields` does not show.
    let mut sets = vec![&definition.selection_set];
    let mut fragments: Vec<&str> = Vec::new();
    while let Some(set) = sets.pop() {
        for selection in &set.selections {
            mention(selection.directives(), variables, &mut found);
            match selection {
                apollo_compiler::executable::Selection::Field(field) => sets.push(&field.selection_set),
                apollo_compiler::executable::Selection::InlineFragment(inline) => sets.push(&inline.selection_set),
                apollo_compiler::executable::Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    if !fragments.contains(&name) {
                        fragments.push(name);
                        sets.extend(document.fragments.get(name).map(|fragment| &fragment.selection_set));
                    }
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn mention(directives: &ast::DirectiveList, variables: &[Variable], found: &mut Vec<usize>) {
    for directive in directives.iter().filter(|directive| matches!(directive.name.as_str(), "skip" | "include")) {
        let name = directive.specified_argument_by_name("if").and_then(|value| value.as_variable());
        found.extend(name.and_then(|name| variables.iter().position(|variable| *variable.name == **name)));
    }
}

/// What a selection costs when its fragments are expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    depth: usize,
    /// Selection sets inside each other, those of fragments included: what the stack has to hold.
    height: usize,
    fields: usize,
    aliases: usize,
    /// Fields below `__schema` and `__type`, which count apart.
    introspected: usize,
}

impl DocumentLimits {
    /// Bounds a document before validation, whose own cost grows with the expanded size. Each
    /// fragment is measured once, so a document of nested fragments is measured in its own length.
    fn check(self, document: &ast::Document) -> Result<(), Failure> {
        let fragments: HashMap<&str, &ast::FragmentDefinition> = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::FragmentDefinition(fragment) => Some((fragment.name.as_str(), &**fragment)),
                _ => None,
            })
            .collect();
        let mut measured: HashMap<&str, Option<Cost>> = HashMap::new();
        for definition in &document.definitions {
            let Definition::OperationDefinition(operation) = definition else { continue };
            let cost = measure(&operation.selection_set, &fragments, &mut measured, 0);
            let checks = [
                (cost.depth, self.depth_max, "nested", "levels", " ([graphql] max_depth)"),
                (cost.fields, self.complexity_max, "selecting", "fields", " ([graphql] max_complexity)"),
                (cost.aliases, self.aliases_max, "using", "aliases", " ([graphql] max_aliases)"),
                (cost.height, HEIGHT_MAX, "nesting", "selection sets and fragments", ""),
                (cost.introspected, INTROSPECTED_MAX, "introspecting", "fields", ""),
                (operation.variables.len(), VARIABLES_MAX, "declaring", "variables", ""),
            ];
            for (found, max, verb, unit, key) in checks {
                if found > max {
                    let message = format!("The operation is {verb} {found} {unit}; at most {max} are allowed{key}.");
                    return Err(Failure::of("TOO_COMPLEX", vec![GraphqlError::new(message)]));
                }
            }
        }
        Ok(())
    }
}

/// `above` counts the selection sets around these; nothing below [`HEIGHT_MAX`] of them is looked at.
fn measure<'a>(
    selections: &'a [ast::Selection],
    fragments: &HashMap<&'a str, &'a ast::FragmentDefinition>,
    measured: &mut HashMap<&'a str, Option<Cost>>,
    above: usize,
) -> Cost {
    let mut total = Cost::default();
    if above > HEIGHT_MAX {
        return Cost { height: above, ..total };
    }
    for selection in selections {
        let cost = match selection {
            ast::Selection::Field(field) => {
                let inner = measure(&field.selection_set, fragments, measured, above + 1);
                let alias = usize::from(field.alias.is_some());
                // Introspection reads nothing, and tools ask more of it than anybody asks of data.
                if matches!(field.name.as_str(), "__schema" | "__type") {
                    let introspected = inner.introspected.saturating_add(inner.fields);
                    Cost { introspected, aliases: alias, height: inner.height, ..Cost::default() }
                } else {
                    Cost {
                        depth: inner.depth + usize::from(field.name != TYPENAME),
                        fields: inner.fields.saturating_add(1),
                        aliases: inner.aliases.saturating_add(alias),
                        ..inner
                    }
                }
            }
            ast::Selection::InlineFragment(inline) => measure(&inline.selection_set, fragments, measured, above + 1),
            ast::Selection::FragmentSpread(spread) => {
                fragment_cost(&spread.fragment_name, fragments, measured, above + 1)
            }
        };
        total.depth = total.depth.max(cost.depth);
        total.height = total.height.max(cost.height + 1);
        total.fields = total.fields.saturating_add(cost.fields);
        total.aliases = total.aliases.saturating_add(cost.aliases);
        total.introspected = total.introspected.saturating_add(cost.introspected);
    }
    total
}

fn fragment_cost<'a>(
    name: &str,
    fragments: &HashMap<&'a str, &'a ast::FragmentDefinition>,
    measured: &mut HashMap<&'a str, Option<Cost>>,
    above: usize,
) -> Cost {
    let Some((name, fragment)) = fragments.get_key_value(name) else { return Cost::default() };
    match measured.get(name) {
        // `None` marks a fragment that is being measured: a cycle, which validation will refuse.
        Some(known) => known.unwrap_or_default(),
        None => {
            measured.insert(name, None);
            let cost = measure(&fragment.selection_set, fragments, measured, above);
            measured.insert(name, Some(cost));
            cost
        }
    }
}
