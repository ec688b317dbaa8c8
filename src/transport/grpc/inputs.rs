//! Schema → the messages that requests filter, order and page with.

use std::collections::BTreeSet;

use super::api::{Field, Label, Type};
use super::describe::{Describer, JOINS, plain_field};
use crate::intent::filter::{OperatorName, Operators, Word, is_filterable, is_ordered, is_sortable};
use crate::schema::lock::message_name;
use crate::schema::model::{EnumDef, Field as SchemaField, Scalar};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};

/// The message of `fraiseql.v1` for a scalar, or for a list of it.
pub fn scalar_filter(scalar: Scalar, is_list: bool) -> &'static str {
    match (scalar, is_list) {
        (Scalar::Id | Scalar::String | Scalar::Text, false) => "fraiseql.v1.StringFilter",
        (Scalar::Id | Scalar::String | Scalar::Text, true) => "fraiseql.v1.StringListFilter",
        (Scalar::Uuid, false) => "fraiseql.v1.UuidFilter",
        (Scalar::Uuid, true) => "fraiseql.v1.UuidListFilter",
        (Scalar::Int, false) => "fraiseql.v1.IntFilter",
        (Scalar::Int, true) => "fraiseql.v1.IntListFilter",
        (Scalar::BigInt, false) => "fraiseql.v1.BigIntFilter",
        (Scalar::BigInt, true) => "fraiseql.v1.BigIntListFilter",
        (Scalar::Float, false) => "fraiseql.v1.FloatFilter",
        (Scalar::Float, true) => "fraiseql.v1.FloatListFilter",
        (Scalar::Decimal, false) => "fraiseql.v1.DecimalFilter",
        (Scalar::Decimal, true) => "fraiseql.v1.DecimalListFilter",
        (Scalar::Boolean, false) => "fraiseql.v1.BooleanFilter",
        (Scalar::Boolean, true) => "fraiseql.v1.BooleanListFilter",
        (Scalar::DateTime, false) => "fraiseql.v1.DateTimeFilter",
        (Scalar::DateTime, true) => "fraiseql.v1.DateTimeListFilter",
        (Scalar::Date, false) => "fraiseql.v1.DateFilter",
        (Scalar::Date, true) => "fraiseql.v1.DateListFilter",
        (Scalar::Time, false) => "fraiseql.v1.TimeFilter",
        (Scalar::Time, true) => "fraiseql.v1.TimeListFilter",
        (Scalar::Json, false) => "fraiseql.v1.JsonFilter",
        (Scalar::Json, true) => "fraiseql.v1.JsonListFilter",
    }
}

/// A field that takes an operator of a filter.
pub fn operator_field(row: &OperatorName, item: &Type) -> Field {
    let (ty, label) = match row.word {
        Word::Item(_) => (item.clone(), if item.is_message() { Label::Plain } else { Label::Optional }),
        Word::Items(_) => (item.clone(), Label::Repeated),
        Word::Length(_) => (Type::Int32, Label::Optional),
        Word::Text(_) | Word::Pattern(..) => (Type::String, Label::Optional),
        Word::Null { .. } => (Type::Bool, Label::Optional),
    };
    plain_field(row.name, ty, label)
}

/// Whether arguments of joined lists can be given somewhere below a type.
pub fn takes_joins(schema: &Schema, name: &str) -> bool {
    fn visit<'s>(schema: &'s Schema, name: &'s str, seen: &mut BTreeSet<&'s str>) -> bool {
        // Lists of the type itself first: most types have one, and few have to be followed further.
        seen.insert(name)
            && (joined(schema, name).any(|field| field.ty.is_list())
                || joined(schema, name).any(|field| visit(schema, field.ty.innermost(), seen)))
    }
    visit(schema, name, &mut BTreeSet::new())
}

/// The joined fields of a type.
pub fn joined<'s>(schema: &'s Schema, name: &str) -> impl Iterator<Item = &'s SchemaField> {
    schema.object(name).into_iter().flat_map(|object| object.fields.values()).filter(|field| field.join.is_some())
}

// === impl Describer ===

impl Describer<'_> {
    /// The field of a request that holds arguments of joined lists.
    pub(super) fn joins(&mut self, item: &Name) -> Option<Field> {
        if !takes_joins(self.schema, item) {
            return None;
        }
        let text = "Filters, orders and pages of joined lists.".to_owned();
        let name = self.joins_input(item);
        Some(Field { comment: Some(text), ..plain_field(JOINS, Type::Message(name), Label::Plain) })
    }

    fn joins_input(&mut self, item: &Name) -> String {
        let name = format!("{}JoinsInput", message_name(item));
        if !self.begin(&name) {
            return name;
        }
        let schema = self.schema;
        let mut fields = Vec::new();
        for field in joined(schema, item) {
            let inner = field.ty.innermost();
            let input = if field.ty.is_list() {
                self.list_input(inner)
            } else if takes_joins(schema, inner) {
                self.joins_input(inner)
            } else {
                continue;
            };
            fields.push(plain_field(&field.name, Type::Message(input), Label::Plain));
        }
        self.put(&name, Some(format!("Arguments of the lists that are joined to {item}.")), fields, None);
        name
    }

    fn list_input(&mut self, item: &Name) -> String {
        let name = format!("{}ListInput", message_name(item));
        if !self.begin(&name) {
            return name;
        }
        let mut fields = vec![plain_field("where", Type::Message(self.where_input(item)), Label::Plain)];
        if is_ordered(self.schema, item) {
            fields.push(plain_field("orderBy", Type::Message(self.order_input(item)), Label::Repeated));
        }
        fields.extend(["limit", "offset"].map(|name| plain_field(name, Type::Int32, Label::Optional)));
        fields.extend(self.joins(item));
        self.put(&name, Some(format!("Which of the {item} rows of a joined list are read.")), fields, None);
        name
    }

    pub(super) fn where_input(&mut self, item: &Name) -> String {
        let name = format!("{}WhereInput", message_name(item));
        if !self.begin(&name) {
            return name;
        }
        let schema = self.schema;
        let mut fields = Vec::new();
        for field in fields_of(schema, item).filter(|field| is_filterable(schema, field)) {
            let inner = field.ty.innermost();
            let ty = match (Operators::of_field(schema, field), schema.kind(inner)) {
                (None, _) => Type::Message(self.where_input(inner)),
                (Some(operators), Kind::Enum(declared)) => Type::Message(self.enum_filter(declared, operators)),
                (Some(_), Kind::Scalar(scalar)) => Type::Filter(scalar_filter(scalar, field.ty.is_list())),
                (Some(_), Kind::Object(_) | Kind::Interface(_) | Kind::Union(_)) => continue,
            };
            fields.push(plain_field(&field.name, ty, Label::Plain));
        }
        for (word, label) in [("and", Label::Repeated), ("or", Label::Repeated), ("not", Label::Plain)] {
            if fields.iter().all(|field| field.name != word) {
                fields.push(plain_field(word, Type::Message(name.clone()), label));
            }
        }
        self.put(&name, Some(format!("What a list of {item} is filtered by; all of it must hold.")), fields, None);
        name
    }

    /// What an enum is compared with, or a list of one.
    fn enum_filter(&mut self, declared: &EnumDef, operators: Operators) -> String {
        let item = self.enumeration(declared);
        let name = format!("{item}{}Filter", if operators == Operators::List { "List" } else { "" });
        if self.begin(&name) {
            let fields = operators.table().map(|row| operator_field(row, &Type::Enum(item.clone()))).collect();
            self.put(&name, Some(format!("Compares {item}.")), fields, None);
        }
        name
    }

    pub(super) fn order_input(&mut self, item: &Name) -> String {
        let name = format!("{}OrderByInput", message_name(item));
        if self.begin(&name) {
            let schema = self.schema;
            let sortable = fields_of(schema, item).filter(|field| field.join.is_none() && is_sortable(schema, field));
            let fields = sortable.map(|field| plain_field(&field.name, Type::OrderDirection, Label::Plain)).collect();
            self.put(&name, Some(format!("One step of an order of {item}.")), fields, Some("ordered_by"));
        }
        name
    }
}

/// Fields that a list can be filtered and ordered by.
fn fields_of<'s>(schema: &'s Schema, name: &str) -> impl Iterator<Item = &'s SchemaField> {
    let fields = match schema.kind(name) {
        Kind::Object(object) => Some(&object.fields),
        Kind::Interface(interface) => Some(&interface.fields),
        Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => None,
    };
    fields.into_iter().flat_map(|fields| fields.values())
}
