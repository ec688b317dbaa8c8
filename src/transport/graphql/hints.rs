//! The nearest names for what a document misspells: fields, arguments, fields of inputs, values of enums.
//!
//! The library says what is unknown and where; what it may have meant is found in a walk of its own, for documents that
//! are refused.

use std::collections::HashMap;

use apollo_compiler::ast::{self, Definition, Type, Value};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

use crate::problem::did_you_mean;

/// Hints by line and column, from 1.
pub type Hints = HashMap<(usize, usize), String>;

/// Misspelt names that get a hint; nobody reads more.
const HINTS_MAX: usize = 20;

/// The hints for a document, whose nesting is bounded.
pub fn hints(document: &ast::Document, schema: &Schema) -> Hints {
    let mut walk = Walk { schema, sources: &document.sources, hints: Hints::new() };
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                if let Some(root) = schema.root_operation(operation.operation_type) {
                    walk.selections(root, &operation.selection_set);
                }
            }
            Definition::FragmentDefinition(fragment) => {
                walk.selections(&fragment.type_condition, &fragment.selection_set);
            }
            _ => {}
        }
    }
    walk.hints
}

struct Walk<'a> {
    schema: &'a Schema,
    sources: &'a SourceMap,
    hints: Hints,
}

impl Walk<'_> {
    fn selections(&mut self, parent: &Name, selections: &[ast::Selection]) {
        for selection in selections.iter() {
            match selection {
                ast::Selection::Field(field) => self.field(parent, field),
                ast::Selection::InlineFragment(fragment) => {
                    let inner = fragment.type_condition.as_ref().unwrap_or(parent);
                    self.selections(inner, &fragment.selection_set);
                }
                ast::Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, parent: &Name, field: &Node<ast::Field>) {
        let fields = match self.schema.types.get(parent) {
            Some(ExtendedType::Object(object)) => &object.fields,
            Some(ExtendedType::Interface(interface)) => &interface.fields,
            _ => return,
        };
        let Some(definition) = fields.get(&field.name) else {
            if !field.name.starts_with("__") {
                self.hint(field.name.location(), &field.name, fields.keys());
            }
            return;
        };
        for argument in &field.arguments {
            match definition.argument_by_name(&argument.name) {
                Some(declared) => self.value(&argument.value, &declared.ty),
                None => {
                    let known = definition.arguments.iter().map(|known| &known.name);
                    self.hint(argument.location(), &argument.name, known);
                }
            }
        }
        self.selections(definition.ty.inner_named_type(), &field.selection_set);
    }

    fn value(&mut self, value: &Node<Value>, ty: &Type) {
        match (&**value, self.schema.types.get(ty.inner_named_type())) {
            (Value::List(items), _) => items.iter().for_each(|item| self.value(item, ty)),
            (Value::Object(entries), Some(ExtendedType::InputObject(input))) => {
                for (name, value) in entries {
                    match input.fields.get(name) {
                        Some(declared) => self.value(value, &declared.ty),
                        None => self.hint(value.location(), name, input.fields.keys()),
                    }
                }
            }
            (Value::Enum(name), Some(ExtendedType::Enum(declared))) if !declared.values.contains_key(name) => {
                self.hint(value.location(), name, declared.values.keys());
            }
            _ => {}
        }
    }

    /// Other spellings, which only a client that knows them writes, are no hint.
    fn hint<'n>(&mut self, location: Option<SourceSpan>, name: &Name, known: impl Iterator<Item = &'n Name>) {
        let Some(found) = location.and_then(|location| location.line_column(self.sources)) else { return };
        if self.hints.len() >= HINTS_MAX {
            return;
        }
        let known = known.map(Name::as_str).filter(|known| !known.starts_with('_') || name.starts_with('_'));
        if let Some(hint) = did_you_mean(name, known) {
            self.hints.insert((found.line, found.column), hint);
        }
    }
}
