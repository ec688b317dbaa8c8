//! Validation rules that the document library leaves out, or applies only to the surface of values.
//!
//! GraphQL specification, October 2021: 5.6.3 (input object field uniqueness) and 5.8.5 (all variable
//! usages are allowed), both at any depth inside lists and input objects.

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, Type, Value};
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::schema::{Component, ExtendedType, InputValueDefinition};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};

/// A broken rule: what, and where in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub message: String,
    pub location: Option<(usize, usize)>,
}

/// Checks every operation of a document that the library has accepted.
pub fn check(schema: &Schema, document: &ExecutableDocument) -> Vec<Violation> {
    let mut violations = Vec::new();
    for operation in document.operations.iter() {
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                unique_fields(default, document, &mut violations);
            }
        }
        let mut walk = Walk { schema, document, operation, seen: HashSet::new(), violations: &mut violations };
        walk.directives(operation.directives.iter());
        walk.selections(&operation.selection_set);
    }
    let mut seen = HashSet::new();
    violations.retain(|violation| seen.insert((violation.message.clone(), violation.location)));
    violations
}

struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    seen: HashSet<&'a Name>,
    violations: &'a mut Vec<Violation>,
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    self.directives(field.directives.iter());
                    for argument in &field.arguments {
                        self.argument(argument, field.definition.argument_by_name(&argument.name));
                    }
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(fragment.directives.iter());
                    self.selections(&fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(spread.directives.iter());
                    if self.seen.insert(&spread.fragment_name)
                        && let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                    {
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: impl Iterator<Item = &'a Node<apollo_compiler::ast::Directive>>) {
        for directive in directives {
            let definition = self.schema.directive_definitions.get(&directive.name);
            for argument in &directive.arguments {
                let declared = definition.and_then(|definition| definition.argument_by_name(&argument.name));
                self.argument(argument, declared);
            }
        }
    }

    fn argument(&mut self, argument: &'a Node<Argument>, declared: Option<&Node<InputValueDefinition>>) {
        unique_fields(&argument.value, self.document, self.violations);
        if let Some(declared) = declared {
            self.value(&argument.value, &declared.ty, declared.default_value.is_some());
        }
    }

    fn value(&mut self, value: &Node<Value>, ty: &Type, has_default: bool) {
        match (&**value, ty) {
            (Value::Variable(name), _) => self.variable(name, value, ty, has_default),
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                items.iter().for_each(|value| self.value(value, item, false));
            }
            (Value::List(items), Type::Named(_) | Type::NonNullNamed(_)) => {
                items.iter().for_each(|value| self.value(value, ty, false));
            }
            (Value::Object(entries), _) => {
                let Some(ExtendedType::InputObject(input)) = self.schema.types.get(ty.inner_named_type()) else {
                    return;
                };
                for (name, value) in entries {
                    if let Some(field) = input.fields.get(name) {
                        let field: &Component<InputValueDefinition> = field;
                        self.value(value, &field.ty, field.default_value.is_some());
                    }
                }
            }
            (
                Value::Null | Value::Enum(_) | Value::String(_) | Value::Float(_) | Value::Int(_) | Value::Boolean(_),
                _,
            ) => {}
        }
    }

    fn variable(&mut self, name: &Name, usage: &Node<Value>, location: &Type, has_default: bool) {
        let Some(variable) = self.operation.variables.iter().find(|variable| variable.name == *name) else { return };
        let default_is_value = variable.default_value.as_deref().is_some_and(|value| *value != Value::Null);
        let is_allowed = if location.is_non_null() && !variable.ty.is_non_null() {
            (default_is_value || has_default) && variable.ty.is_assignable_to(&nullable(location))
        } else {
            variable.ty.is_assignable_to(location)
        };
        if !is_allowed {
            let message = format!(
                "Variable \"${name}\" of type \"{}\" used in position expecting type \"{location}\".",
                variable.ty
            );
            self.violations.push(Violation { message, location: position(usage, self.document) });
        }
    }
}

fn nullable(ty: &Type) -> Type {
    ty.clone().nullable()
}

fn unique_fields(value: &Node<Value>, document: &ExecutableDocument, violations: &mut Vec<Violation>) {
    match &**value {
        Value::List(items) => items.iter().for_each(|item| unique_fields(item, document, violations)),
        Value::Object(entries) => {
            let mut seen = HashSet::new();
            for (name, value) in entries {
                if !seen.insert(name) {
                    let message = format!("There can be only one input field named \"{name}\".");
                    violations.push(Violation { message, location: position(value, document) });
                }
                unique_fields(value, document, violations);
            }
        }
        Value::Null
        | Value::Enum(_)
        | Value::Variable(_)
        | Value::String(_)
        | Value::Float(_)
        | Value::Int(_)
        | Value::Boolean(_) => {}
    }
}

/// Line and column, from 1, of a node of the document.
pub fn position<T>(node: &Node<T>, document: &ExecutableDocument) -> Option<(usize, usize)> {
    let found = node.location()?.line_column(&document.sources)?;
    Some((found.line, found.column))
}
