//! Embedded objects and lists, interfaces and unions → the shape of a stored document.

use crate::error::{Error, Result};
use crate::intent::selection::{Selected, Selection, TYPENAME};
use crate::schema::Kind;
use crate::schema::model::{EnumDef, Field as SchemaField, TypeDef, TypeOf, TypeRef};

use super::guard::Sight;
use super::read::{Planner, is_refusal};
use super::shape::{Document, DocumentField, DocumentObject, DocumentSource, EnumNames, Key};

impl Planner<'_> {
    /// The shape of a stored document of this type.
    pub(super) fn document(&self, ty: &TypeRef, selection: &Selection) -> Result<Document> {
        let name = match &ty.of {
            TypeOf::List(item) => {
                let inner = self.document(item, selection)?;
                return Ok(Document::List { item: Box::new(inner), item_nullable: item.nullable });
            }
            TypeOf::Named(name) => name,
        };
        match (self.schema().kind(name), selection) {
            (Kind::Scalar(scalar), _) => Ok(Document::Scalar(scalar)),
            (Kind::Enum(def), _) => Ok(Document::Enum(EnumNames::of(def))),
            (Kind::Object(object), Selection::Object(selected)) => {
                Ok(Document::Object(self.document_object(object, selected)?))
            }
            (Kind::Interface(_) | Kind::Union(_), Selection::Abstract(cases)) => {
                let cases = cases.iter().filter_map(|(name, selected)| Some((self.schema().object(name)?, selected)));
                let cases = cases.map(|(object, selected)| self.document_object(object, selected));
                Ok(Document::Abstract { type_name: name.clone(), cases: cases.collect::<Result<_>>()? })
            }
            (Kind::Object(_) | Kind::Interface(_) | Kind::Union(_), _) => {
                Err(Error::invalid(format!("{name} needs a selection of its fields")))
            }
        }
    }

    fn document_object(&self, object: &TypeDef, selected: &[Selected]) -> Result<DocumentObject> {
        self.resolver.guard.object(object)?;
        let mut fields = Vec::with_capacity(selected.len());
        for item in selected {
            let key = Key::new(item.key.clone());
            if &*item.field == TYPENAME {
                let (name, source) = (item.field.clone(), DocumentSource::TypeName);
                fields.push(DocumentField { key, name, nullable: false, source });
                continue;
            }
            let field = object.fields.get(&item.field).ok_or_else(|| {
                Error::invalid(format!("{} has no field \"{}\"", object.name, item.field)).at(&*item.field)
            })?;
            match self.document_source(object, field, item) {
                Ok(source) => {
                    fields.push(DocumentField { key, name: field.name.clone(), nullable: field.ty.nullable, source });
                }
                Err(error) if item.implied && is_refusal(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(DocumentObject { type_name: object.name.clone(), fields })
    }

    fn document_source(&self, object: &TypeDef, field: &SchemaField, item: &Selected) -> Result<DocumentSource> {
        match self.resolver.guard.select(&object.name, field)? {
            Sight::Masked => Ok(DocumentSource::Masked),
            Sight::Clear if field.join.is_some() => {
                let message = format!(
                    "{}.{} is joined from another relation and cannot be read where {} is embedded in a document",
                    object.name, field.name, object.name
                );
                Err(Error::invalid(message).at(&*item.key))
            }
            Sight::Clear => Ok(DocumentSource::Stored {
                stored: field.column.clone(),
                value: self.document(&field.ty, &item.selection)?,
            }),
        }
    }
}

// === impl EnumNames ===

impl EnumNames {
    pub fn of(def: &EnumDef) -> EnumNames {
        let names = def.values.iter().map(|value| (value.stored.clone(), value.name.clone()));
        EnumNames { type_name: def.name.clone(), names: names.collect() }
    }
}
