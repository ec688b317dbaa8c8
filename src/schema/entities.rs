//! Entities: which types are looked up by which keys, and where the parts of a key are stored.

use super::catalog::{Family, PgType};
use super::field_set::{self, Selected};
use super::model::{Field, Model, RelationName, Scalar, TypeDef, TypeRef};
use super::name::{ByName, Name};
use super::{Kind, Schema, Source};

/// The entities of a schema, by the name of their type.
pub type Entities = ByName<Entity>;

/// A type that others refer to by a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    pub name: Name,
    pub keys: Vec<EntityKey>,
    pub behind: Behind,
}

/// Where an entity comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Behind {
    /// Rows of an object type; its keys that are not resolvable are answered from the representation.
    Object,
    /// An interface: the object types that stand behind it, each an entity by the same key.
    Interface(Vec<Name>),
}

/// One key of an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityKey {
    /// As `@key` prints it.
    pub fields: String,
    pub parts: Vec<KeyPart>,
    /// Whether rows are looked up by it; otherwise a representation stands for itself.
    pub is_resolvable: bool,
}

/// One value of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyPart {
    /// Names of the fields down to the value, as representations nest them.
    pub path: Vec<Name>,
    pub ty: TypeRef,
    /// The column of the relation, or the key of its `data`.
    pub column: Name,
    /// Keys below the column, where it holds a document.
    pub below: Vec<Name>,
}

/// What a part of a key is compared as.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyType {
    pub ty: PgType,
    /// Not every text is a value of the column's type: its text is compared, so that a text which is none
    /// costs nobody else's answer.
    pub by_text: bool,
}

/// Every type and interface that has a key.
pub fn entities(model: &Model) -> Entities {
    let mut found = Entities::default();
    for object in model.types.values() {
        let keys = object.keys.iter().filter_map(|key| {
            let is_resolvable = key.resolvable && object.relation.is_some();
            entity_key(model, object, &key.fields, is_resolvable)
        });
        let keys: Vec<EntityKey> = keys.collect();
        if !keys.is_empty() {
            let name = object.name.clone();
            found.insert(name.clone(), Entity { name, keys, behind: Behind::Object });
        }
    }
    for interface in model.interfaces.values() {
        let types = model.types.values().filter(|object| object.implements.contains(&interface.name));
        let types: Vec<&TypeDef> = types.filter(|object| found.contains_key(&object.name)).collect();
        let keys = interface.keys.iter().filter_map(|key| {
            let first = types.first()?;
            entity_key(model, first, &key.fields, key.resolvable)
        });
        let keys: Vec<EntityKey> = keys.collect();
        if !keys.is_empty() {
            let behind = Behind::Interface(types.iter().map(|object| object.name.clone()).collect());
            found.insert(interface.name.clone(), Entity { name: interface.name.clone(), keys, behind });
        }
    }
    found
}

/// `None` for a key that the compiler would have refused.
fn entity_key(model: &Model, object: &TypeDef, fields: &str, is_resolvable: bool) -> Option<EntityKey> {
    let selected = field_set::parse(fields).ok()?;
    let mut parts = Vec::new();
    for field in &selected {
        walk(model, object, field, &mut Vec::new(), &mut parts)?;
    }
    Some(EntityKey { fields: fields.to_owned(), parts, is_resolvable })
}

fn walk<'m>(
    model: &'m Model,
    object: &'m TypeDef,
    selected: &Selected,
    above: &mut Vec<&'m Field>,
    parts: &mut Vec<KeyPart>,
) -> Option<()> {
    let field = object.fields.get(selected.name.as_str())?;
    above.push(field);
    if selected.fields.is_empty() {
        parts.push(key_part(above)?);
    } else {
        let inner = model.types.get(field.ty.innermost())?;
        selected.fields.iter().try_for_each(|below| walk(model, inner, below, above, parts))?;
    }
    above.pop();
    Some(())
}

/// A value below a joined object is stored in this relation only when the join is by that value.
fn key_part(fields: &[&Field]) -> Option<KeyPart> {
    let (first, below) = fields.split_first()?;
    let path = fields.iter().map(|field| field.name.clone()).collect();
    let ty = fields.last()?.ty.clone();
    if let Some(join) = &first.join {
        let [inner] = below else { return None };
        let (outer, _) = join.on.iter().find(|(_, column)| **column == *inner.column)?;
        return Some(KeyPart { path, ty, column: Name::from(outer.as_str()), below: Vec::new() });
    }
    let below = below.iter().map(|field| field.join.is_none().then(|| field.column.clone()));
    Some(KeyPart { path, ty, column: first.column.clone(), below: below.collect::<Option<_>>()? })
}

// === impl Entity ===

impl Entity {
    /// The keys as an error shows them: `"id" or "sku package"`.
    pub fn shown_keys(&self) -> String {
        self.keys.iter().map(|key| format!("\"{}\"", key.fields)).collect::<Vec<_>>().join(" or ")
    }
}

// === impl EntityKey ===

impl EntityKey {
    /// Whether a field of the type is part of this key, itself or through what is below it.
    pub fn has(&self, field: &str) -> bool {
        self.parts.iter().any(|part| part.path.first().is_some_and(|name| **name == *field))
    }
}

// === impl Schema ===

impl Schema {
    /// What a part of a key compares as in a relation; `None` when the relation does not have it.
    pub fn key_type(&self, relation: &RelationName, data_column: &str, part: &KeyPart) -> Option<KeyType> {
        let inside = || {
            let family = match self.kind(part.ty.innermost()) {
                Kind::Scalar(scalar) => Family::of_scalar(scalar),
                Kind::Enum(_) | Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
                    Family::of_scalar(Scalar::String)
                }
            };
            KeyType { ty: PgType::builtin(family, family.sql()), by_text: false }
        };
        match self.source(relation, &part.column, data_column) {
            Source::Native(ty) if part.below.is_empty() => Some(key_type(ty)),
            Source::Native(ty) => matches!(ty.family, Family::Json | Family::Jsonb).then(inside),
            Source::Data => Some(inside()),
            Source::Missing => None,
        }
    }
}

/// A domain is compared as its base type, which is what an index on it serves.
fn key_type(ty: &PgType) -> KeyType {
    let by_text = match ty.family {
        Family::Enum | Family::Interval | Family::Bytea | Family::Json | Family::Other => true,
        Family::Bool
        | Family::Int2
        | Family::Int4
        | Family::Int8
        | Family::Float4
        | Family::Float8
        | Family::Numeric
        | Family::Text
        | Family::Varchar
        | Family::Bpchar
        | Family::Name
        | Family::Citext
        | Family::Uuid
        | Family::Timestamptz
        | Family::Timestamp
        | Family::Date
        | Family::Time
        | Family::Timetz
        | Family::Jsonb => false,
    };
    let ty = match ty.family {
        _ if by_text => PgType::builtin(Family::Text, Family::Text.sql()),
        Family::Citext => ty.clone(),
        family => PgType::builtin(family, family.sql()),
    };
    KeyType { ty, by_text }
}
