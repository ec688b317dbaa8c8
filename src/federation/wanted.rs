//! What is asked of the entities of each type, made once for all requests that ask the same.

use std::collections::HashMap;
use std::sync::Arc;

use crate::intent::selection::{Selected, Selection};
use crate::intent::{Asked, EntityKey, Form};
use crate::schema::Schema;
use crate::schema::entities::Entity;
use crate::schema::field_set;
use crate::schema::model::TypeDef;
use crate::schema::name::Name;

/// What is asked of the entities of each type.
#[derive(Debug, Default)]
pub struct Wanted(HashMap<Name, WantedType>);

#[derive(Debug)]
pub(super) struct WantedType {
    /// One for each key.
    pub forms: Vec<Arc<Form>>,
    /// What computed fields need of a representation, by the name of each.
    pub required: Vec<(Name, Vec<field_set::Selected>)>,
}

// === impl Wanted ===

impl Wanted {
    /// What is asked of one object type that is an entity.
    pub fn add(&mut self, schema: &Schema, entity: &Entity, selected: Vec<Selected>) {
        let object = schema.object(&entity.name);
        let selected: Vec<Selected> = selected.into_iter().filter(|field| !is_left_out(object, field)).collect();
        let forms = entity.keys.iter().map(|key| {
            let is_given = |field: &Selected| {
                let declared = object.and_then(|object| object.fields.get(&field.field));
                declared.is_some_and(|declared| !declared.is_stored_here() && !key.has(&declared.name))
            };
            let with_representations = !key.is_resolvable || selected.iter().any(is_given);
            let asked = EntityKey { type_name: entity.name.clone(), key: key.fields.clone(), with_representations };
            Arc::new(Form::of(Asked::Entities(asked), Selection::Object(selected.clone())))
        });
        let forms = forms.collect();
        let fields = schema.object(&entity.name).map(|object| &object.fields);
        let mut required: Vec<(Name, Vec<field_set::Selected>)> = Vec::new();
        for field in selected.iter().filter_map(|field| fields?.get(&field.field)) {
            let set = field.federation.requires.as_deref().filter(|_| field.function.is_some());
            required.extend(set.and_then(|set| field_set::parse(set).ok()).map(|set| (field.name.clone(), set)));
        }
        self.0.insert(entity.name.clone(), WantedType { forms, required });
    }

    /// Whether anything is asked of a type.
    pub fn has(&self, type_name: &str) -> bool {
        self.0.contains_key(type_name)
    }

    pub(super) fn of(&self, type_name: &str) -> Option<&WantedType> {
        self.0.get(type_name)
    }

    /// Whether rows of a type are found by the values of this key alone, without the rest of a representation.
    pub fn takes_values(&self, type_name: &str, key: usize) -> bool {
        let form = self.of(type_name).and_then(|wanted| wanted.forms.get(key));
        form.is_some_and(|form| !takes_representations(form))
    }
}

/// Whether representations are sent with the keys.
pub(super) fn takes_representations(form: &Form) -> bool {
    matches!(&form.asked, Asked::Entities(EntityKey { with_representations: true, .. }))
}

/// What nobody asked for by name is not computed: that may require what was not sent.
fn is_left_out(object: Option<&TypeDef>, field: &Selected) -> bool {
    let declared = object.and_then(|object| object.fields.get(&field.field));
    field.implied && declared.is_some_and(|declared| declared.function.is_some())
}
