//! Filters and orders: their structure, and how both are read from JSON.
//!
//! GraphQL's `where`, REST's `filter` and `field[op]=…` and gRPC's filter messages all end here, so
//! that an operator exists on every wire or on none.

use serde_json::{Map, Value as Json};

use super::value::{Slot, Value, Values, coerce, shown};
use crate::error::{Code, Error, Result, Stage};
use crate::problem::did_you_mean;
use crate::schema::model::{EnumDef, Field, Scalar, TypeRef};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};

/// The structure of a filter; values are slots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    /// A stored field of this type, compared.
    Compare {
        field: Name,
        operator: Operator,
        slot: Slot,
    },
    /// A column of the relation, exposed or not, by its snake_case name (equality arguments).
    EqualColumn {
        column: Name,
        slot: Slot,
    },
    IsNull {
        field: Name,
        negated: bool,
    },
    ColumnIsNull {
        column: Name,
    },
    /// A filter on the object, or on some object of the list, behind a field.
    Nested {
        field: Name,
        filter: Box<Filter>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderBy {
    pub field: Name,
    pub descending: bool,
    /// `Some(true)`: nulls first. `None`: as PostgreSQL does it (last ascending, first descending).
    pub nulls_first: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Nin,
    Like,
    Ilike,
    Nlike,
    Nilike,
    Regex,
    Iregex,
    Nregex,
    Niregex,
    ArrayContains,
    ArrayContainedBy,
    ArrayOverlaps,
    LengthEq,
    LengthNeq,
    LengthGt,
    LengthGte,
    LengthLt,
    LengthLte,
    JsonContains,
    JsonContainedBy,
    HasKey,
}

/// What an operator of the API does, and what its value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// One value of the field's type.
    Item(Operator),
    /// A list of them.
    Items(Operator),
    /// An Int.
    Length(Operator),
    /// A String whatever the field's type.
    Text(Operator),
    /// A String that becomes a pattern: (operator, `%` before, `%` after).
    Pattern(Operator, bool, bool),
    /// A Boolean: `true` asks for nulls, or for the others when negated.
    Null { negated: bool },
}

/// The operators that a kind of field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operators {
    Equality,
    Ordered,
    Text,
    List,
    Json,
}

/// One row of the operator table.
#[derive(Debug)]
pub struct OperatorName {
    /// The published spelling.
    pub name: &'static str,
    /// Other spellings that are understood, besides each with a leading underscore.
    pub aliases: &'static [&'static str],
    pub word: Word,
}

const fn row(name: &'static str, aliases: &'static [&'static str], word: Word) -> OperatorName {
    OperatorName { name, aliases, word }
}

const EQUALITY: &[OperatorName] = &[
    row("eq", &[], Word::Item(Operator::Eq)),
    row("neq", &["ne"], Word::Item(Operator::Neq)),
    row("in", &[], Word::Items(Operator::In)),
    row("nin", &["notin", "not_in"], Word::Items(Operator::Nin)),
    row("isNull", &["isnull", "is_null"], Word::Null { negated: false }),
    row("isNotNull", &["is_not_null", "isnotnull"], Word::Null { negated: true }),
];
const ORDERED: &[OperatorName] = &[
    row("gt", &[], Word::Item(Operator::Gt)),
    row("gte", &[], Word::Item(Operator::Gte)),
    row("lt", &[], Word::Item(Operator::Lt)),
    row("lte", &[], Word::Item(Operator::Lte)),
];
const TEXT: &[OperatorName] = &[
    row("like", &[], Word::Text(Operator::Like)),
    row("ilike", &[], Word::Text(Operator::Ilike)),
    row("nlike", &[], Word::Text(Operator::Nlike)),
    row("nilike", &[], Word::Text(Operator::Nilike)),
    row("contains", &[], Word::Pattern(Operator::Like, true, true)),
    row("icontains", &[], Word::Pattern(Operator::Ilike, true, true)),
    row("startsWith", &["startswith", "starts_with"], Word::Pattern(Operator::Like, false, true)),
    row("istartsWith", &["istartswith", "istarts_with"], Word::Pattern(Operator::Ilike, false, true)),
    row("endsWith", &["endswith", "ends_with"], Word::Pattern(Operator::Like, true, false)),
    row("iendsWith", &["iendswith", "iends_with"], Word::Pattern(Operator::Ilike, true, false)),
    row("regex", &["matches_regex"], Word::Text(Operator::Regex)),
    row("iregex", &["imatches"], Word::Text(Operator::Iregex)),
    row("nregex", &["not_matches"], Word::Text(Operator::Nregex)),
    row("niregex", &[], Word::Text(Operator::Niregex)),
];
const LIST: &[OperatorName] = &[
    row("contains", &["array_contains", "arrayContains"], Word::Items(Operator::ArrayContains)),
    row("containedBy", &["array_contained_by", "contained_by"], Word::Items(Operator::ArrayContainedBy)),
    row("overlaps", &["array_overlaps", "arrayOverlaps"], Word::Items(Operator::ArrayOverlaps)),
    row("lengthEq", &["len_eq", "lenEq"], Word::Length(Operator::LengthEq)),
    row("lengthNeq", &["len_neq", "lenNeq"], Word::Length(Operator::LengthNeq)),
    row("lengthGt", &["len_gt", "lenGt"], Word::Length(Operator::LengthGt)),
    row("lengthGte", &["len_gte", "lenGte"], Word::Length(Operator::LengthGte)),
    row("lengthLt", &["len_lt", "lenLt"], Word::Length(Operator::LengthLt)),
    row("lengthLte", &["len_lte", "lenLte"], Word::Length(Operator::LengthLte)),
    row("isNull", &["isnull", "is_null"], Word::Null { negated: false }),
    row("isNotNull", &["is_not_null", "isnotnull"], Word::Null { negated: true }),
];
const JSON: &[OperatorName] = &[
    row("eq", &[], Word::Item(Operator::Eq)),
    row("neq", &["ne"], Word::Item(Operator::Neq)),
    row("contains", &["json_contains"], Word::Item(Operator::JsonContains)),
    row("containedBy", &["contained_by"], Word::Item(Operator::JsonContainedBy)),
    row("hasKey", &["has_key"], Word::Text(Operator::HasKey)),
    row("isNull", &["isnull", "is_null"], Word::Null { negated: false }),
    row("isNotNull", &["is_not_null", "isnotnull"], Word::Null { negated: true }),
];

/// Longest pattern: what a regular expression costs grows faster than its length.
pub const PATTERN_BYTES_MAX: usize = 4 * 1024;
/// Deepest nesting of a filter: objects, lists and boolean operators together.
pub const FILTER_DEPTH_MAX: usize = 32;

// === impl Filter ===

impl Filter {
    /// How many comparisons there are in it.
    pub fn conditions(&self) -> usize {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().map(Filter::conditions).sum(),
            Filter::Not(part) | Filter::Nested { filter: part, .. } => part.conditions(),
            Filter::Compare { .. }
            | Filter::EqualColumn { .. }
            | Filter::IsNull { .. }
            | Filter::ColumnIsNull { .. } => 1,
        }
    }
}

// === impl Operators ===

impl Operators {
    pub fn of_scalar(scalar: Scalar) -> Operators {
        match scalar {
            Scalar::String | Scalar::Text | Scalar::Id => Operators::Text,
            Scalar::Boolean => Operators::Equality,
            Scalar::Json => Operators::Json,
            Scalar::Uuid
            | Scalar::Int
            | Scalar::BigInt
            | Scalar::Float
            | Scalar::Decimal
            | Scalar::DateTime
            | Scalar::Date
            | Scalar::Time => Operators::Ordered,
        }
    }

    /// The operators of a field, or `None` for an object, whose own fields are filtered instead.
    pub fn of_field(schema: &Schema, field: &Field) -> Option<Operators> {
        let kind = schema.kind(field.ty.innermost());
        let item = match kind {
            Kind::Scalar(scalar) => Operators::of_scalar(scalar),
            Kind::Enum(_) => Operators::Equality,
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => return None,
        };
        Some(if field.ty.is_list() { Operators::List } else { item })
    }

    pub fn table(self) -> impl Iterator<Item = &'static OperatorName> {
        let parts: [&[OperatorName]; 3] = match self {
            Operators::Equality => [EQUALITY, &[], &[]],
            Operators::Ordered => [EQUALITY, ORDERED, &[]],
            Operators::Text => [EQUALITY, ORDERED, TEXT],
            Operators::List => [LIST, &[], &[]],
            Operators::Json => [JSON, &[], &[]],
        };
        parts.into_iter().flatten()
    }

    /// A row of the table, by any of its spellings.
    pub fn find(self, name: &str) -> Option<&'static OperatorName> {
        let bare = name.strip_prefix('_').unwrap_or(name);
        self.table().find(|row| row.name == bare || row.aliases.contains(&bare))
    }
}

/// A boolean operator by either spelling.
fn boolean(key: &str) -> Option<&'static str> {
    match key {
        "and" | "_and" => Some("and"),
        "or" | "_or" => Some("or"),
        "not" | "_not" => Some("not"),
        _ => None,
    }
}

/// Reads a filter object of `type_name`, which the caller knows as `name`. An empty object filters nothing.
pub fn filter(
    schema: &Schema,
    type_name: &str,
    json: &Json,
    name: &str,
    values: &mut Values,
) -> Result<Option<Filter>> {
    let mut reader = FilterReader { schema, values };
    match reader.level(type_name, json, name, 0)? {
        Filter::All(parts) if parts.is_empty() => Ok(None),
        filter => Ok(Some(filter)),
    }
}

/// One comparison of a field; `path` is how the caller spelled it.
pub fn comparison(
    schema: &Schema,
    field: &Field,
    row: &OperatorName,
    json: &Json,
    path: &str,
    values: &mut Values,
) -> Result<Filter> {
    FilterReader { schema, values }.comparison(field, row, json, path)
}

struct FilterReader<'s, 'v> {
    schema: &'s Schema,
    values: &'v mut Values,
}

impl<'s> FilterReader<'s, '_> {
    fn level(&mut self, type_name: &str, json: &Json, path: &str, depth: usize) -> Result<Filter> {
        if depth > FILTER_DEPTH_MAX {
            let message = format!("{path} is nested deeper than {FILTER_DEPTH_MAX} levels");
            return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(path));
        }
        let map = expect_object(json, path)?;
        let mut parts = Vec::with_capacity(map.len());
        for (key, value) in map {
            if let Some(word) = boolean(key).filter(|_| !self.has_field(type_name, key)) {
                parts.push(self.boolean(word, type_name, value, &format!("{path}.{key}"), depth)?);
                continue;
            }
            let field = self.field(type_name, key, path)?;
            self.field_filter(field, value, path, depth, &mut parts)?;
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn boolean(&mut self, word: &str, type_name: &str, json: &Json, path: &str, depth: usize) -> Result<Filter> {
        if word == "not" {
            return Ok(Filter::Not(Box::new(self.level(type_name, json, path, depth + 1)?)));
        }
        let single;
        let items: &[Json] = match json {
            Json::Array(items) => items,
            Json::Object(_) => {
                single = [json.clone()];
                &single
            }
            other => return Err(invalid(format!("{path} takes a list of filters, not {}", shown(other)), path)),
        };
        let parts = items
            .iter()
            .enumerate()
            .map(|(i, item)| self.level(type_name, item, &format!("{path}[{i}]"), depth + 1))
            .collect::<Result<Vec<_>>>()?;
        Ok(if word == "and" { Filter::All(parts) } else { Filter::Any(parts) })
    }

    fn has_field(&self, type_name: &str, key: &str) -> bool {
        match self.schema.kind(type_name) {
            Kind::Object(object) => object.fields.contains_key(key),
            Kind::Interface(interface) => interface.fields.contains_key(key),
            Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => false,
        }
    }

    fn field(&self, type_name: &str, key: &str, path: &str) -> Result<&'s Field> {
        let fields = match self.schema.kind(type_name) {
            Kind::Object(object) => &object.fields,
            Kind::Interface(interface) => &interface.fields,
            Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => {
                return Err(invalid(format!("{path}: {type_name} has no fields to filter by"), path));
            }
        };
        let found = fields.get(key).or_else(|| fields.values().find(|field| &*field.column == key));
        found.ok_or_else(|| {
            let hint = did_you_mean(key, fields.keys().map(|name| &**name)).unwrap_or_default();
            invalid(format!("{path}: {type_name} has no field \"{key}\"; {hint}"), key)
        })
    }

    fn field_filter(
        &mut self,
        field: &Field,
        json: &Json,
        path: &str,
        depth: usize,
        parts: &mut Vec<Filter>,
    ) -> Result<()> {
        let path = format!("{path}.{}", field.name);
        let Some(operators) = Operators::of_field(self.schema, field) else {
            let inner = self.level(field.ty.innermost(), json, &path, depth + 1)?;
            parts.push(Filter::Nested { field: field.name.clone(), filter: Box::new(inner) });
            return Ok(());
        };
        for (name, value) in expect_object(json, &path)? {
            let row = operators.find(name).ok_or_else(|| {
                let hint = did_you_mean(name, operators.table().map(|row| row.name));
                let known = || operators.table().map(|row| row.name).collect::<Vec<_>>().join(", ");
                let hint = hint.unwrap_or_else(|| format!("it takes {}", known()));
                invalid(format!("{path}: {} has no operator \"{name}\"; {hint}", field.ty.innermost()), name)
            })?;
            parts.push(self.comparison(field, row, value, &format!("{path}.{name}"))?);
        }
        Ok(())
    }

    fn comparison(&mut self, field: &Field, row: &OperatorName, json: &Json, path: &str) -> Result<Filter> {
        if json.is_null() {
            return Err(invalid(format!("{path}: null is not a value to compare with; use {{isNull: true}}"), path));
        }
        let typed = |scalar: Scalar| coerce(scalar, json).map_err(|reason| invalid(format!("{path}: {reason}"), path));
        let type_name = field.ty.innermost();
        let (operator, value) = match row.word {
            Word::Item(operator) => (operator, leaf(self.schema, type_name, json, path)?),
            Word::Items(operator) => {
                let items = json.as_array().map_or(std::slice::from_ref(json), |items| items.as_slice());
                let items = items.iter().map(|item| leaf(self.schema, type_name, item, path));
                (operator, Value::List(items.collect::<Result<_>>()?))
            }
            Word::Length(operator) => (operator, typed(Scalar::Int)?),
            Word::Text(operator) => {
                let value = typed(Scalar::String)?;
                if matches!(&value, Value::Text(text) if text.len() > PATTERN_BYTES_MAX) {
                    let message = format!("{path}: a pattern may be {PATTERN_BYTES_MAX} bytes long");
                    return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(path));
                }
                (operator, value)
            }
            Word::Pattern(operator, before, after) => match typed(Scalar::String)? {
                Value::Text(text) => (operator, Value::Text(like_pattern(&text, before, after))),
                other => (operator, other),
            },
            Word::Null { negated } => {
                let Json::Bool(flag) = json else {
                    return Err(invalid(format!("{path} takes true or false, not {}", shown(json)), path));
                };
                return Ok(Filter::IsNull { field: field.name.clone(), negated: *flag == negated });
            }
        };
        Ok(Filter::Compare { field: field.name.clone(), operator, slot: self.values.push(value, field.name.clone()) })
    }
}

/// A scalar or enum value of the named type; enums become what PostgreSQL stores.
pub fn leaf(schema: &Schema, type_name: &str, json: &Json, path: &str) -> Result<Value> {
    match schema.kind(type_name) {
        Kind::Scalar(scalar) => coerce(scalar, json).map_err(|reason| invalid(format!("{path}: {reason}"), path)),
        Kind::Enum(def) => enum_value(def, json, path),
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
            Err(invalid(format!("{path}: {type_name} is an object and cannot be compared"), path))
        }
    }
}

fn enum_value(def: &EnumDef, json: &Json, path: &str) -> Result<Value> {
    let name = json.as_str().unwrap_or_default();
    match def.values.iter().find(|value| &*value.name == name) {
        Some(value) => Ok(Value::Text(value.stored.to_string())),
        None => {
            let hint = did_you_mean(name, def.values.iter().map(|value| &*value.name)).unwrap_or_default();
            Err(invalid(format!("{path}: {} is not a value of {}; {hint}", shown(json), def.name), path))
        }
    }
}

/// An equality argument: a value filters, an explicit null asks for nulls.
pub fn equality(
    schema: &Schema,
    column: &Name,
    ty: &TypeRef,
    json: &Json,
    argument: &Name,
    values: &mut Values,
) -> Result<Filter> {
    if json.is_null() {
        return Ok(Filter::ColumnIsNull { column: column.clone() });
    }
    let value = match (ty.item(), json) {
        (Some(item), Json::Array(items)) => Value::List(
            items.iter().map(|json| leaf(schema, item.innermost(), json, argument)).collect::<Result<Vec<_>>>()?,
        ),
        (Some(_) | None, json) => leaf(schema, ty.innermost(), json, argument)?,
    };
    Ok(Filter::EqualColumn { column: column.clone(), slot: values.push(value, argument.clone()) })
}

/// Reads `orderBy`: a list of `{field: DIRECTION}`, or one of them.
pub fn order_by(schema: &Schema, type_name: &str, json: &Json) -> Result<Vec<OrderBy>> {
    let single = std::slice::from_ref(json);
    let items = match json {
        Json::Null => &[],
        Json::Array(items) => items.as_slice(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => single,
    };
    let mut order = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let path = format!("orderBy[{i}]");
        for (key, direction) in expect_object(item, &path)? {
            order.push(order_term(schema, type_name, key, direction, &path)?);
        }
    }
    Ok(order)
}

fn order_term(schema: &Schema, type_name: &str, key: &str, direction: &Json, path: &str) -> Result<OrderBy> {
    let fields = match schema.kind(type_name) {
        Kind::Object(object) => &object.fields,
        Kind::Interface(interface) => &interface.fields,
        Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => {
            return Err(invalid(format!("{path}: {type_name} has no fields to order by"), path));
        }
    };
    let field = fields.get(key).ok_or_else(|| {
        let hint = did_you_mean(key, fields.keys().map(|name| &**name)).unwrap_or_default();
        invalid(format!("{path}: {type_name} has no field \"{key}\"; {hint}"), key)
    })?;
    if !is_sortable(schema, field) {
        return Err(invalid(format!("{path}: {type_name}.{key} is not a single value and cannot be ordered by"), key));
    }
    let word = direction.as_str().unwrap_or_default().to_ascii_uppercase();
    let found = DIRECTIONS.iter().find(|(name, _, _)| *name == word);
    let (_, descending, nulls_first) = found.ok_or_else(|| {
        let known: Vec<&str> = DIRECTIONS.iter().map(|(name, _, _)| *name).collect();
        invalid(
            format!("{path}.{key}: {} is not a direction; it may be one of {}", shown(direction), known.join(", ")),
            key,
        )
    })?;
    Ok(OrderBy { field: field.name.clone(), descending: *descending, nulls_first: *nulls_first })
}

/// The directions of the API: (name, descending, nulls first).
pub const DIRECTIONS: [(&str, bool, Option<bool>); 6] = [
    ("ASC", false, None),
    ("DESC", true, None),
    ("ASC_NULLS_FIRST", false, Some(true)),
    ("ASC_NULLS_LAST", false, Some(false)),
    ("DESC_NULLS_FIRST", true, Some(true)),
    ("DESC_NULLS_LAST", true, Some(false)),
];

/// Whether a list can be filtered by a field: by a function's answer nothing can be looked up.
pub fn is_filterable(schema: &Schema, field: &Field) -> bool {
    let has_operators = match schema.kind(field.ty.innermost()) {
        Kind::Scalar(_) | Kind::Enum(_) | Kind::Object(_) => true,
        Kind::Interface(_) => field.join.is_none(),
        Kind::Union(_) => false,
    };
    has_operators && field.function.is_none()
}

/// Whether a list can be ordered by a field: a single scalar or enum, but not JSON.
pub fn is_sortable(schema: &Schema, field: &Field) -> bool {
    let leaf = matches!(schema.kind(field.ty.innermost()), Kind::Scalar(scalar) if scalar != Scalar::Json)
        || matches!(schema.kind(field.ty.innermost()), Kind::Enum(_));
    leaf && !field.ty.is_list() && field.function.is_none()
}

/// Whether a list of a type can be ordered: by whatever field.
pub fn is_ordered(schema: &Schema, item: &str) -> bool {
    let fields = match schema.kind(item) {
        Kind::Object(object) => &object.fields,
        Kind::Interface(interface) => &interface.fields,
        Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => return false,
    };
    fields.values().any(|field| field.join.is_none() && is_sortable(schema, field))
}

fn like_pattern(text: &str, before: bool, after: bool) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    if before {
        pattern.push('%');
    }
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    if after {
        pattern.push('%');
    }
    pattern
}

fn expect_object<'j>(json: &'j Json, path: &str) -> Result<&'j Map<String, Json>> {
    json.as_object().ok_or_else(|| invalid(format!("{path} takes an object, not {}", shown(json)), path))
}

fn invalid(message: String, argument: &str) -> Error {
    Error::invalid(message).at(argument)
}
