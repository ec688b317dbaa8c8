//! Schema → api: mutations, as an RPC for one command and another for a stream of them.
//!
//! Every input knows whether it was sent: one that is forgotten is refused or has its default, and is never
//! taken for zero. Protobuf has no null, so that a mask names the inputs that are to be cleared.

use std::collections::BTreeSet;

use super::api::{Field, Label, Method, MethodKind, Type};
use super::describe::{Describer, READ_MASK, comment, plain_field};
use crate::schema::lock::message_name;
use crate::schema::model::{Argument, Endpoint, InputDef, Operation, Returns, TypeRef};
use crate::schema::name::{Name, pascal_case};
use crate::schema::{Kind, Schema};

/// The argument that names inputs to be cleared.
pub const CLEAR_MASK: &str = "clearMask";

/// Fields of a response, in the order of their numbers; the fifth is what the mutation returns.
pub const SUCCESS: &str = "success";
pub const ID: &str = "id";
pub const ERROR: &str = "error";
pub const CODE: &str = "code";

/// The fifth field of a mutation's response.
pub fn content_name(schema: &Schema, mutation: &Endpoint) -> &'static str {
    match (schema.kind(&mutation.item), is_list(mutation)) {
        (Kind::Object(_) | Kind::Interface(_) | Kind::Union(_), false) => "entity",
        (Kind::Object(_) | Kind::Interface(_) | Kind::Union(_), true) => "entities",
        (Kind::Scalar(_) | Kind::Enum(_), false) => "value",
        (Kind::Scalar(_) | Kind::Enum(_), true) => "values",
    }
}

/// The fields that are returned without a mask; `None` for all that are not joined. Of what is deleted nothing is
/// sure to be left but its id.
pub fn returned_by_default(schema: &Schema, mutation: &Endpoint) -> Option<&'static str> {
    let object = schema.object(&mutation.item)?;
    (mutation.operation == Some(Operation::Delete) && object.fields.contains_key("id")).then_some("id")
}

/// Whether an input can be cleared: it may be null, or is a list that has a default.
pub fn is_clearable(argument: &Argument) -> bool {
    argument.ty.nullable || (argument.ty.is_list() && argument.default.is_some())
}

fn is_list(mutation: &Endpoint) -> bool {
    match mutation.returns {
        Returns::Many | Returns::Connection => true,
        Returns::One | Returns::Count => false,
    }
}

// === impl Describer ===

impl Describer<'_> {
    pub(super) fn mutation(&mut self, mutation: &Endpoint, methods: &mut Vec<Method>) {
        let name = pascal_case(&mutation.name);
        let (request, response) = (format!("{name}Request"), format!("{name}Response"));
        let stream = format!(
            "{name} for many commands: an answer for each, in order. A command that fails leaves the others alone.\n\
             With the metadata \"atomic: true\" all of them are one transaction instead, which the end of the stream \
             commits."
        );
        let described = comment(&mutation.description, &mutation.deprecated);
        for (kind, name, comment) in [
            (MethodKind::Command, name.clone(), described),
            (MethodKind::Commands, format!("{name}Stream"), Some(stream)),
        ] {
            methods.push(Method {
                name,
                kind,
                endpoint: mutation.name.clone(),
                request: request.clone(),
                response: response.clone(),
                comment,
                deprecated: mutation.deprecated.is_some(),
            });
        }
        self.command(mutation, &name, &request);
        self.answer(mutation, &name, &response);
    }

    fn command(&mut self, mutation: &Endpoint, method: &str, request: &str) {
        let schema = self.schema;
        let mut fields: Vec<Field> = mutation.arguments.values().map(|argument| self.input_field(argument)).collect();
        if !matches!(schema.kind(&mutation.item), Kind::Scalar(_) | Kind::Enum(_)) {
            let what = returned_by_default(schema, mutation).map_or("every field that is not joined", |_| "the id");
            let text = format!("The fields to return, as in \"id,name\"; without it {what}.");
            fields.push(Field { comment: Some(text), ..plain_field(READ_MASK, Type::FieldMask, Label::Plain) });
            fields.extend(self.joins(&mutation.item));
        }
        if let Some(example) = clearable(schema, mutation) {
            let text = format!(
                "Inputs to clear, as in \"{example}\": they become null, lists become empty. What is neither sent nor \
                 named here is left out."
            );
            fields.push(Field { comment: Some(text), ..plain_field(CLEAR_MASK, Type::FieldMask, Label::Plain) });
        }
        self.add(request, Some(format!("One command for {method}.")), fields);
    }

    fn input_field(&mut self, argument: &Argument) -> Field {
        let name = argument.ty.innermost();
        let declared = self.schema.model().inputs.get(name);
        let ty = match declared {
            Some(input) => Type::Message(self.input(input)),
            None => self.leaf(name),
        };
        let (ty, label) = match argument.ty.item() {
            Some(item) if item.is_list() => (Type::ListValue, Label::Repeated),
            Some(_) => (ty, Label::Repeated),
            None if ty.is_message() => (ty, Label::Plain),
            None => (ty, Label::Optional),
        };
        let note = match (&argument.default, argument.ty.nullable) {
            (Some(default), _) => Some(format!("{default} unless it is sent.")),
            (None, false) if !argument.ty.is_list() => Some("Required.".to_owned()),
            (None, _) => None,
        };
        let described = comment(&argument.description, &argument.deprecated);
        let lines: Vec<String> = described.into_iter().chain(note).collect();
        Field {
            comment: (!lines.is_empty()).then(|| lines.join("\n")),
            deprecated: argument.deprecated.is_some(),
            ..plain_field(&argument.name, ty, label)
        }
    }

    /// The message of an input type.
    fn input(&mut self, input: &InputDef) -> String {
        let name = message_name(&input.name);
        if self.begin_input(&name) {
            let fields = input.fields.values().map(|field| self.input_field(field)).collect();
            self.put(&name, input.description.clone(), fields, None);
        }
        name
    }

    fn answer(&mut self, mutation: &Endpoint, method: &str, response: &str) {
        let schema = self.schema;
        let said = |name: &str, ty, label, text: &str| Field {
            comment: Some(text.to_owned()),
            ..plain_field(name, ty, label)
        };
        let leaf = self.leaf(&mutation.item);
        let label = match (is_list(mutation), leaf.is_message()) {
            (true, _) => Label::Repeated,
            (false, true) => Label::Plain,
            (false, false) => Label::Optional,
        };
        let has_errors = schema.possible_types(&mutation.item).iter().any(|object| object.is_error);
        let content = if has_errors {
            "What came of it: the entity, or an error of a declared type. In a stream such errors are told by code alone."
        } else {
            "What the mutation returns; not there when the command failed."
        };
        let fields = vec![
            said(SUCCESS, Type::Bool, Label::Plain, "Whether the command was carried out."),
            said(ID, Type::String, Label::Optional, "The id of the entity."),
            said(ERROR, Type::String, Label::Optional, "Why the command failed."),
            said(CODE, Type::String, Label::Optional, "The code of the failure, as in \"CONFLICT\"."),
            said(content_name(schema, mutation), leaf, label, content),
        ];
        let text = format!(
            "What became of a command for {method}. One that fails by itself is answered with a status instead, \
             unless its error has a declared type."
        );
        self.add(response, Some(text), fields);
    }
}

/// The path of the first input that can be cleared, if there is one.
fn clearable(schema: &Schema, mutation: &Endpoint) -> Option<String> {
    fn find<'a>(
        schema: &'a Schema,
        arguments: impl Iterator<Item = &'a Argument>,
        above: &str,
        seen: &mut BTreeSet<Name>,
    ) -> Option<String> {
        let arguments: Vec<&Argument> = arguments.collect();
        let path = |argument: &Argument| format!("{above}{}", crate::schema::lock::field_name(&argument.name));
        if let Some(found) = arguments.iter().find(|argument| is_clearable(argument) && !is_input(schema, &argument.ty))
        {
            return Some(path(found));
        }
        let mut objects = arguments.iter().filter(|argument| !argument.ty.is_list() && is_input(schema, &argument.ty));
        objects
            .clone()
            .find_map(|argument| {
                let input = schema.model().inputs.get(argument.ty.innermost())?;
                if !seen.insert(input.name.clone()) {
                    return None;
                }
                find(schema, input.fields.values(), &format!("{}.", path(argument)), seen)
            })
            .or_else(|| objects.find(|argument| argument.ty.nullable).map(|argument| path(argument)))
    }
    find(schema, mutation.arguments.values(), "", &mut BTreeSet::new())
}

fn is_input(schema: &Schema, ty: &TypeRef) -> bool {
    schema.model().inputs.contains_key(ty.innermost())
}
