//! Entities of the schema → the methods that look them up, and the messages that hold their keys.

use indexmap::IndexMap;

use super::api::{ENTITY, ERROR, Field, KEYS, Label, Method, MethodKind, PAGE_ITEMS, Type};
use super::describe::{Describer, READ_MASK, plain_field};
use crate::schema::Kind;
use crate::schema::entities::Entity;
use crate::schema::lock::message_name;
use crate::schema::model::TypeRef;
use crate::schema::name::{Name, pascal_case, plural};

/// The fields of all keys of a type, those below an object together.
#[derive(Default)]
struct Tree {
    value: Option<TypeRef>,
    below: IndexMap<Name, Tree>,
}

// === impl Describer ===

impl Describer<'_> {
    /// The two methods of an entity that rows are looked up of.
    pub(super) fn entity(&mut self, entity: &Entity, methods: &mut Vec<Method>) {
        let Some(object) = self.schema.object(&entity.name) else { return };
        let mut tree = Tree::default();
        for part in entity.keys.iter().flat_map(|key| &key.parts) {
            let mut here = &mut tree;
            for name in &part.path {
                here = here.below.entry(name.clone()).or_default();
            }
            here.value = Some(part.ty.clone());
        }
        let item = message_name(&entity.name);
        let many = object.plural.as_deref().map_or_else(|| plural(&pascal_case(&entity.name)), pascal_case);
        self.output(&entity.name);
        let key = self.key(&format!("{item}Key"), format!("A key of {item}: the fields of one of them."), &tree);
        let resolved = format!("Resolved{item}");
        let cases = vec![
            plain_field(ENTITY, Type::Message(item.clone()), Label::Plain),
            plain_field(ERROR, Type::EntityError, Label::Plain),
        ];
        if self.begin(&resolved) {
            let comment = format!("What became of one key of {item}. There is neither where there is no such row.");
            self.put(&resolved, Some(comment), cases, Some("result"));
        }
        let (batch, resolve) = (format!("BatchGet{many}"), format!("Resolve{many}"));
        let (request, response) = (format!("{batch}Request"), format!("{batch}Response"));
        let text = "The fields to read, as in \"id,name\"; without it every field that is not joined.".to_owned();
        let mut fields = vec![
            plain_field(KEYS, Type::Message(key.clone()), Label::Repeated),
            Field { comment: Some(text), ..plain_field(READ_MASK, Type::FieldMask, Label::Plain) },
        ];
        fields.extend(self.joins(&entity.name));
        self.add(&request, Some(format!("What {batch} is asked with.")), fields);
        let items = vec![plain_field(PAGE_ITEMS, Type::Message(resolved.clone()), Label::Repeated)];
        self.add(&response, Some(format!("What {batch} answers, in the order of the keys.")), items);
        let mut add = |name: String, kind, request: String, response: String, comment: String| {
            let (endpoint, comment) = (entity.name.clone(), Some(comment));
            methods.push(Method { name, kind, endpoint, request, response, comment, deprecated: false });
        };
        add(batch, MethodKind::BatchGet, request, response, format!("{many} in the order of their keys."));
        add(resolve, MethodKind::Resolve, key, resolved, format!("{many} without end, each key in its turn."));
    }

    fn key(&mut self, name: &str, comment: String, tree: &Tree) -> String {
        let mut fields = Vec::new();
        for (field, below) in &tree.below {
            let ty = match &below.value {
                Some(ty) => self.key_value(ty),
                None => {
                    let inner = format!("{}{}Key", name.trim_end_matches("Key"), pascal_case(field));
                    Type::Message(self.key(&inner, format!("The part of {name} that is in {field}."), below))
                }
            };
            let label = if ty.is_message() { Label::Plain } else { Label::Optional };
            fields.push(plain_field(field, ty, label));
        }
        self.add(name, Some(comment), fields);
        name.to_owned()
    }

    fn key_value(&mut self, ty: &TypeRef) -> Type {
        let schema = self.schema;
        match schema.kind(ty.innermost()) {
            Kind::Scalar(scalar) => Type::of(scalar),
            Kind::Enum(declared) => Type::Enum(self.enumeration(declared)),
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => Type::Value,
        }
    }
}
