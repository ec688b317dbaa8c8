//! Filters, orders and cursors → predicates over the columns of a relation.

use crate::error::{Code, Error, Result, Stage};
use crate::intent::Cursor;
use crate::intent::filter::{Filter, Operator, OrderBy};
use crate::schema::catalog::{Comparison, Family, PgType};
use crate::schema::entities::EntityKey;
use crate::schema::model::{Field, RelationName, Scalar};
use crate::schema::{Kind, Schema, Source};

use super::columns::elsewhere;
use super::guard::Guard;
use super::{Base, Block, Expr, ExprType, OrderTerm, Predicate, QualifiedName};

/// The rows that fields are looked up in: a relation, or the inside of a document.
#[derive(Debug, Clone)]
pub(super) struct Scope<'s> {
    pub type_name: &'s str,
    pub fields: &'s crate::schema::name::ByName<Field>,
    pub place: Place,
    /// Which fields come from a representation instead of from there.
    pub given: Given<'s>,
}

/// Fields that a representation brings along.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'s> {
    Nothing,
    /// Those that belong to other services, but for the key, by which the row was found.
    External(&'s EntityKey),
    Everything,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    Relation { relation: RelationName, data_column: String },
    Document(Expr),
}

/// What turns names into expressions.
pub(super) struct Resolver<'a> {
    pub schema: &'a Schema,
    pub guard: &'a Guard<'a>,
}

impl<'a> Resolver<'a> {
    pub fn filter(&self, scope: &Scope<'_>, filter: &Filter) -> Result<Predicate> {
        Ok(match filter {
            Filter::All(parts) => Predicate::all(self.filters(scope, parts)?),
            Filter::Any(parts) => Predicate::any(self.filters(scope, parts)?),
            Filter::Not(part) => Predicate::Not(Box::new(self.filter(scope, part)?)),
            Filter::Compare { field, operator, slot } => {
                let left = self.operand(scope, field)?;
                comparable(scope, field, &left.ty, needs(*operator))?;
                self.comparable_as_json(scope, field, &left.ty)?;
                Predicate::Compare { left, operator: *operator, slot: *slot }
            }
            Filter::IsNull { field, negated } => {
                let expr = self.compared(scope, field)?;
                Predicate::IsNull { expr, negated: *negated }
            }
            Filter::EqualColumn { column, slot } => {
                let left = self.column(scope, column)?;
                comparable(scope, column, &left.ty, Comparison::Equality)?;
                Predicate::Compare { left, operator: Operator::Eq, slot: *slot }
            }
            Filter::ColumnIsNull { column } => Predicate::IsNull { expr: self.column(scope, column)?, negated: false },
            Filter::Nested { field, filter } => self.nested(scope, field, filter)?,
        })
    }

    fn filters(&self, scope: &Scope<'_>, parts: &[Filter]) -> Result<Vec<Predicate>> {
        parts.iter().map(|part| self.filter(scope, part)).collect()
    }

    fn nested(&self, scope: &Scope<'_>, name: &str, filter: &Filter) -> Result<Predicate> {
        let field = field_of(scope, name)?;
        self.guard.compare(scope.type_name, field)?;
        let inner = |place| -> Result<Scope<'a>> {
            match self.schema.kind(field.ty.innermost()) {
                Kind::Object(object) => {
                    self.guard.object(object)?;
                    Ok(Scope { type_name: &object.name, fields: &object.fields, place, given: Given::Nothing })
                }
                Kind::Interface(interface) => {
                    Ok(Scope { type_name: &interface.name, fields: &interface.fields, place, given: Given::Nothing })
                }
                Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => Err(unreachable_path(scope.type_name, name)),
            }
        };
        if let Some(join) = &field.join {
            if let Place::Document(_) = &scope.place {
                return Err(unreachable_path(scope.type_name, name));
            }
            let Kind::Object(object) = self.schema.kind(field.ty.innermost()) else {
                return Err(unreachable_path(scope.type_name, name));
            };
            let relation = object.relation.clone().ok_or_else(|| unreachable_path(scope.type_name, name))?;
            let place = Place::Relation { relation: relation.clone(), data_column: object.data_column.clone() };
            let predicate = self.filter(&inner(place)?, filter)?;
            return Ok(Predicate::Exists(Box::new(Block {
                relation: Some(self.qualified(&relation)),
                keyed: None,
                outputs: Vec::new(),
                on: join.on.clone(),
                predicate,
                order: Vec::new(),
                limit: None,
                offset: None,
                fenced: false,
            })));
        }
        let document = self.document(scope, field)?;
        if field.ty.is_list() {
            let element = Expr { base: Base::Element, path: Vec::new(), ty: ExprType::of_scalar(Scalar::Json) };
            let predicate = self.filter(&inner(Place::Document(element))?, filter)?;
            return Ok(Predicate::SomeElement { array: document, predicate: Box::new(predicate) });
        }
        self.filter(&inner(Place::Document(document))?, filter)
    }

    /// The expression of a field in a filter or an order.
    fn compared(&self, scope: &Scope<'_>, name: &str) -> Result<Expr> {
        let field = field_of(scope, name)?;
        self.guard.compare(scope.type_name, field)?;
        let declared = match self.schema.kind(field.ty.innermost()) {
            Kind::Scalar(scalar) => ExprType::of_scalar(scalar),
            Kind::Enum(_) => ExprType::of_scalar(Scalar::String),
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
                return Err(unreachable_path(scope.type_name, name));
            }
        };
        self.field(scope, field, ExprType { array: field.ty.is_list(), ..declared })
    }

    /// The expression of a field that is compared with a value: fractions are compared as such, even
    /// with a column of integers.
    fn operand(&self, scope: &Scope<'_>, name: &str) -> Result<Expr> {
        let expr = self.compared(scope, name)?;
        let is_integer = matches!(expr.ty.family, Family::Int2 | Family::Int4 | Family::Int8) && !expr.ty.array;
        match self.schema.kind(field_of(scope, name)?.ty.innermost()) {
            Kind::Scalar(scalar @ (Scalar::Float | Scalar::Decimal)) if is_integer => {
                Ok(Expr { ty: ExprType::of_scalar(scalar), ..expr })
            }
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => Ok(expr),
        }
    }

    /// A field declared as JSON may be read from a column of any type, which the operators of jsonb do not take.
    fn comparable_as_json(&self, scope: &Scope<'_>, name: &str, ty: &ExprType) -> Result<()> {
        let field = field_of(scope, name)?;
        let is_json = matches!(self.schema.kind(field.ty.innermost()), Kind::Scalar(Scalar::Json));
        if !is_json || field.ty.is_list() || (!ty.array && matches!(ty.family, Family::Json | Family::Jsonb)) {
            return Ok(());
        }
        let (owner, shown) = (scope.type_name, &ty.sql);
        let message = format!(
            "{owner}.{name} is of the PostgreSQL type {shown}, which is not compared as JSON; it can be filtered by \
             isNull, or cast to jsonb in the view"
        );
        Err(Error::invalid(message).at(name))
    }

    /// A column by name, exposed as a field or not.
    pub fn column(&self, scope: &Scope<'_>, column: &str) -> Result<Expr> {
        let field = scope.fields.values().find(|field| &*field.column == column && field.join.is_none());
        if let Some(field) = field {
            return self.operand(scope, &field.name);
        }
        self.stored(scope, column, ExprType::of_scalar(Scalar::String))
    }

    fn stored(&self, scope: &Scope<'_>, column: &str, declared: ExprType) -> Result<Expr> {
        match &scope.place {
            Place::Document(base) => Ok(base.below(column, declared)),
            Place::Relation { relation, data_column } => match self.schema.source(relation, column, data_column) {
                Source::Native(ty) => Ok(Expr::column(column, ty)),
                Source::Data => Ok(self.data(relation, data_column).below(column, declared)),
                Source::Missing => Err(missing(relation, column)),
            },
        }
    }

    /// A field of the row itself: by what other services say of it, or what is computed from that, no row is found.
    fn field(&self, scope: &Scope<'_>, field: &Field, declared: ExprType) -> Result<Expr> {
        let is_missing = || match &scope.place {
            Place::Document(_) => false,
            Place::Relation { relation, data_column } => {
                self.schema.source(relation, &field.column, data_column) == Source::Missing
            }
        };
        if field.function.is_some() || field.federation.external && is_missing() {
            return Err(elsewhere(scope, field));
        }
        self.stored(scope, &field.column, declared)
    }

    /// The jsonb value of an embedded object or list.
    pub fn document(&self, scope: &Scope<'_>, field: &Field) -> Result<Expr> {
        self.field(scope, field, ExprType::of_scalar(Scalar::Json))
    }

    /// The jsonb column of a relation.
    pub fn data(&self, relation: &RelationName, data_column: &str) -> Expr {
        match self.schema.relation(relation).and_then(|found| found.columns.get(data_column)) {
            Some(ty) => Expr::column(data_column, ty),
            None => Expr::column(data_column, &PgType::builtin(Family::Jsonb, "jsonb")),
        }
    }

    pub fn qualified(&self, relation: &RelationName) -> QualifiedName {
        match self.schema.relation(relation) {
            Some(found) => QualifiedName { schema: Some(found.schema.clone()), name: found.name.clone() },
            None => QualifiedName { schema: relation.schema().map(str::to_owned), name: relation.local().to_owned() },
        }
    }

    /// The caller's order, then the key, so that pages never overlap.
    pub fn order(&self, scope: &Scope<'_>, order: &[OrderBy], with_key: bool) -> Result<Vec<OrderTerm>> {
        let mut terms = Vec::with_capacity(order.len() + 1);
        for term in order {
            let expr = self.compared(scope, &term.field)?;
            sortable(scope, &term.field, &expr.ty)?;
            let nullable = field_of(scope, &term.field)?.ty.nullable;
            terms.push(OrderTerm { expr, descending: term.descending, nulls_first: term.nulls_first, nullable });
        }
        if with_key {
            let key = self.key(scope)?;
            if let Some(expr) = key.filter(|key| !terms.iter().any(|term| term.expr == *key)) {
                terms.push(OrderTerm { expr, descending: false, nulls_first: None, nullable: false });
            }
        }
        Ok(terms)
    }

    /// What identifies a row of the scope's relation, if anything does.
    pub fn key(&self, scope: &Scope<'_>) -> Result<Option<Expr>> {
        let Place::Relation { relation, .. } = &scope.place else { return Ok(None) };
        if let Some((name, ty)) = self.schema.key_column(relation) {
            return Ok(Some(Expr::column(&name, ty)));
        }
        match scope.fields.get("id") {
            Some(field) if field.join.is_none() => {
                self.stored(scope, &field.column, ExprType::of_scalar(Scalar::String)).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The rows on the far side of a cursor, by the order that the page is fetched in.
    ///
    /// What the cursor's first value rules out is said once more, by itself: an index on that column
    /// is then entered where the page begins, which PostgreSQL does not find out from the alternatives.
    pub fn beyond(&self, order: &[OrderTerm], cursor: &Cursor) -> Result<Predicate> {
        if order.len() != cursor.0.len() {
            return Err(Error::invalid("the cursor belongs to another order; take one from this list"));
        }
        let mut alternatives = Vec::new();
        for (i, (term, value)) in order.iter().zip(&cursor.0).enumerate() {
            let Some(step) = after(term, *value) else { continue };
            let mut all: Vec<Predicate> =
                order[..i].iter().zip(&cursor.0).map(|(term, slot)| same(term, *slot)).collect();
            all.push(step);
            alternatives.push(Predicate::all(all));
        }
        let bound = match (order, &cursor.0[..]) {
            ([first, _, ..], [Some(slot), ..]) if !first.has_nulls_behind() => {
                let operator = if first.descending { Operator::Lte } else { Operator::Gte };
                Some(Predicate::Compare { left: first.expr.clone(), operator, slot: *slot })
            }
            _ => None,
        };
        Ok(Predicate::all(bound.into_iter().chain([Predicate::any(alternatives)])))
    }
}

/// Rows whose term lies strictly after a value; `None` when nothing can.
fn after(term: &OrderTerm, value: Option<u32>) -> Option<Predicate> {
    let is_null = |negated| Predicate::IsNull { expr: term.expr.clone(), negated };
    match value {
        None => term.puts_nulls_first().then(|| is_null(true)),
        Some(slot) => {
            let operator = if term.descending { Operator::Lt } else { Operator::Gt };
            let beyond = Predicate::Compare { left: term.expr.clone(), operator, slot };
            if term.has_nulls_behind() { Some(Predicate::Any(vec![beyond, is_null(false)])) } else { Some(beyond) }
        }
    }
}

fn same(term: &OrderTerm, value: Option<u32>) -> Predicate {
    match value {
        None => Predicate::IsNull { expr: term.expr.clone(), negated: false },
        Some(slot) => Predicate::Compare { left: term.expr.clone(), operator: Operator::Eq, slot },
    }
}

pub(super) fn field_of<'s>(scope: &Scope<'s>, name: &str) -> Result<&'s Field> {
    scope.fields.get(name).ok_or_else(|| {
        let hint = crate::problem::did_you_mean(name, scope.fields.keys().map(|name| &**name)).unwrap_or_default();
        Error::invalid(format!("{} has no field \"{name}\"; {hint}", scope.type_name)).at(name)
    })
}

/// What an operator asks of the type of its left side. Patterns are matched against the text of any value.
fn needs(operator: Operator) -> Comparison {
    match operator {
        Operator::Eq
        | Operator::Neq
        | Operator::In
        | Operator::Nin
        | Operator::ArrayContains
        | Operator::ArrayContainedBy
        | Operator::ArrayOverlaps => Comparison::Equality,
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => Comparison::Order,
        Operator::Like
        | Operator::Ilike
        | Operator::Nlike
        | Operator::Nilike
        | Operator::Regex
        | Operator::Iregex
        | Operator::Nregex
        | Operator::Niregex
        | Operator::LengthEq
        | Operator::LengthNeq
        | Operator::LengthGt
        | Operator::LengthGte
        | Operator::LengthLt
        | Operator::LengthLte
        | Operator::JsonContains
        | Operator::JsonContainedBy
        | Operator::HasKey => Comparison::None,
    }
}

/// Refuses what PostgreSQL has no operator for, which the declared scalar does not tell: a String may be an xml.
fn comparable(scope: &Scope<'_>, name: &str, ty: &ExprType, needed: Comparison) -> Result<()> {
    // JSON is compared as jsonb.
    if ty.comparison >= needed || (ty.family == Family::Json && !ty.array) {
        return Ok(());
    }
    let what = if needed == Comparison::Order { "an order" } else { "equality" };
    let others = if ty.comparison == Comparison::None { "isNull" } else { "eq, neq, in, nin and isNull" };
    let message = format!(
        "{}.{name} is of the PostgreSQL type {}, which has no operator for {what}; it can be filtered by {others}, or \
         cast in the view",
        scope.type_name, ty.sql
    );
    Err(Error::invalid(message).at(name))
}

fn sortable(scope: &Scope<'_>, name: &str, ty: &ExprType) -> Result<()> {
    if ty.comparison == Comparison::Order && ty.family != Family::Json {
        return Ok(());
    }
    let message = format!(
        "{}.{name} is of the PostgreSQL type {}, which has no order; sort by another field, or cast it in the view",
        scope.type_name, ty.sql
    );
    Err(Error::invalid(message).at(name))
}

fn unreachable_path(type_name: &str, field: &str) -> Error {
    Error::invalid(format!("{type_name}.{field} cannot be filtered by: it is not reached by a join or inside data"))
        .at(field)
}

pub(super) fn missing(relation: &RelationName, column: &str) -> Error {
    Error::new(Stage::Plan, Code::Internal, "the schema and the database differ")
        .because(format!("{relation} has neither a column {column} nor a jsonb column that could hold it"))
}

// === impl Scope ===

impl Scope<'_> {
    /// Whether a field is read from the representation that the row was asked by.
    pub fn is_given(&self, field: &Field) -> bool {
        match self.given {
            Given::Nothing => false,
            Given::External(key) => field.federation.external && !key.has(&field.name),
            Given::Everything => true,
        }
    }
}

// === impl Expr ===

impl Expr {
    pub fn column(name: &str, ty: &PgType) -> Expr {
        Expr {
            base: Base::Column { name: name.to_owned(), json_text: ty.family == Family::Json },
            path: Vec::new(),
            ty: ExprType {
                family: ty.family,
                array: ty.array,
                sql: ty.sql.clone(),
                builtin: ty.builtin,
                comparison: ty.comparison,
            },
        }
    }

    /// The value under a key of this jsonb value.
    pub fn below(&self, key: &str, ty: ExprType) -> Expr {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        Expr { base: self.base.clone(), path, ty }
    }
}

// === impl OrderTerm ===

impl OrderTerm {
    fn puts_nulls_first(&self) -> bool {
        self.nulls_first.unwrap_or(self.descending)
    }

    /// Whether rows without a value come after those that have one.
    fn has_nulls_behind(&self) -> bool {
        self.nullable && !self.puts_nulls_first()
    }
}

impl ExprType {
    /// What a value inside a document compares as.
    pub fn of_scalar(scalar: Scalar) -> ExprType {
        let family = Family::of_scalar(scalar);
        let sql = family.sql().to_owned();
        ExprType { family, array: false, sql, builtin: true, comparison: Comparison::Order }
    }
}
