//! Fields that are read from the row itself → columns of a select list.

use crate::error::{Code, Error, Result, Stage};
use crate::intent::selection::Selection;
use crate::schema::catalog::{Family, PgType};
use crate::schema::model::{Field as SchemaField, Scalar};
use crate::schema::{Kind, Source};

use super::predicate::{Given, Place, Scope, missing};
use super::read::Planner;
use super::shape::{EnumNames, Leaf, LeafKind, Node, Wire};
use super::{Base, Block, Call, Cast, Expr, ExprType, Output, QualifiedName};

/// The select list of one block while it grows; equal expressions share a column.
#[derive(Default)]
pub(super) struct SelectList {
    pub outputs: Vec<Output>,
    pub wires: Vec<Wire>,
    /// Functions that are called once for all rows.
    pub calls: Vec<Call>,
}

impl Planner<'_> {
    pub(super) fn stored(
        &self,
        list: &mut SelectList,
        scope: &Scope<'_>,
        field: &SchemaField,
        selection: &Selection,
    ) -> Result<Node> {
        let Place::Relation { relation, data_column } = &scope.place else {
            return Err(Error::new(Stage::Plan, Code::Internal, "a column was asked of a document"));
        };
        match self.schema().source(relation, &field.column, data_column) {
            Source::Native(ty) => self.native(list, field, Expr::column(&field.column, ty), ty, selection),
            Source::Data => {
                let expr = self.resolver.document(scope, field)?;
                // A place in a document is jsonb, even where the whole is json.
                let column = list.value(expr, Cast::None, Wire::Value(Family::Jsonb));
                Ok(Node::Document { column, value: self.document(&field.ty, selection)? })
            }
            // Who asks for it asks the service that has it; nobody has sent it along.
            Source::Missing if field.federation.external && field.ty.nullable => Ok(Node::Masked),
            Source::Missing if field.federation.external => Err(elsewhere(scope, field)),
            Source::Missing => Err(missing(relation, &field.column)),
        }
    }

    /// A field that a function computes from a representation.
    pub(super) fn computed(
        &self,
        list: &mut SelectList,
        scope: &Scope<'_>,
        field: &SchemaField,
        selection: &Selection,
    ) -> Result<Node> {
        if matches!(scope.given, Given::Nothing) {
            return Err(elsewhere(scope, field));
        }
        let Some(Ok(computed)) = self.schema().computed(field) else {
            let message = format!("{}.{} has no function that computes it", scope.type_name, field.name);
            return Err(Error::new(Stage::Plan, Code::Internal, message));
        };
        let function = QualifiedName { schema: computed.schema, name: computed.name };
        let call = Call { function, takes_json: computed.takes_json };
        let base = if computed.is_batch { Base::Called(call.clone()) } else { Base::Call(call.clone()) };
        if computed.is_batch && !list.calls.contains(&call) {
            list.calls.push(call);
        }
        let expr = Expr { base, ..Expr::column("", &computed.returns) };
        self.native(list, field, expr, &computed.returns, selection)
    }

    /// A field that a representation brings along.
    pub(super) fn given(&self, list: &mut SelectList, field: &SchemaField, selection: &Selection) -> Result<Node> {
        let base = Base::Representation;
        let expr = Expr { base, path: vec![field.column.to_string()], ty: ExprType::of_scalar(Scalar::Json) };
        let column = list.value(expr, Cast::None, Wire::Value(Family::Jsonb));
        Ok(Node::Document { column, value: self.document(&field.ty, selection)? })
    }

    fn native(
        &self,
        list: &mut SelectList,
        field: &SchemaField,
        expr: Expr,
        ty: &PgType,
        selection: &Selection,
    ) -> Result<Node> {
        let kind = match self.schema().kind(field.ty.innermost()) {
            Kind::Scalar(scalar) => Some(LeafKind::Scalar(scalar)),
            Kind::Enum(def) => Some(LeafKind::Enum(EnumNames::of(def))),
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => None,
        };
        let is_json = !ty.array && matches!(ty.family, Family::Json | Family::Jsonb);
        let family = ty.family;
        match kind {
            Some(LeafKind::Scalar(Scalar::Json)) if !field.ty.is_list() => {
                let leaf = |family| Leaf { family, kind: LeafKind::Scalar(Scalar::Json) };
                if is_json {
                    let column = list.value(expr, plain_cast(ty), Wire::Value(family));
                    return Ok(Node::Leaf { column, leaf: leaf(family) });
                }
                let column = list.value(expr, Cast::ToJson, Wire::Value(Family::Json));
                Ok(Node::Leaf { column, leaf: leaf(Family::Json) })
            }
            Some(kind) if !field.ty.is_list() && !is_json && !ty.array => {
                let cast = if family == Family::Other { Cast::ToJson } else { plain_cast(ty) };
                let column = list.value(expr, cast, Wire::Value(family.on_the_wire()));
                Ok(Node::Leaf { column, leaf: Leaf { family, kind } })
            }
            Some(kind) if field.ty.is_list() && ty.array && family != Family::Other => {
                let item_nullable = field.ty.item().is_some_and(|item| item.nullable);
                let column = list.value(expr, plain_cast(ty), Wire::Array(family.on_the_wire()));
                Ok(Node::LeafList { column, leaf: Leaf { family, kind }, item_nullable })
            }
            Some(_) | None => {
                let (cast, wire) = if is_json { (plain_cast(ty), family) } else { (Cast::ToJson, Family::Json) };
                let column = list.value(expr, cast, Wire::Value(wire));
                Ok(Node::Document { column, value: self.document(&field.ty, selection)? })
            }
        }
    }
}

/// Two reads of `data` would compute the view's expression twice, and rows that OFFSET skips would
/// be joined for nothing.
pub(super) fn is_fenced(outputs: &[Output], block: &Block) -> bool {
    let is_inside = |expr: &Expr| matches!(expr.base, Base::Column { .. }) && !expr.path.is_empty();
    let from_data = outputs.iter().filter(|output| matches!(output, Output::Value { expr, .. } if is_inside(expr)));
    let joins = outputs.iter().any(|output| matches!(output, Output::Record(_) | Output::Records(_)));
    from_data.count() >= 2 || (block.offset.is_some() && joins)
}

/// A field of which this service knows only what a representation says.
pub(super) fn elsewhere(scope: &Scope<'_>, field: &SchemaField) -> Error {
    let name = &field.name;
    let reason = "comes from what other services say of it, which only a router asks for, by _entities";
    Error::invalid(format!("{}.{name} {reason}", scope.type_name)).at(&**name)
}

/// How a native column is spelled so that a built-in type arrives.
pub(super) fn plain_cast(ty: &PgType) -> Cast {
    if ty.builtin {
        return Cast::None;
    }
    let array = if ty.array { "[]" } else { "" };
    Cast::To(format!("{}{array}", ty.family.on_the_wire().sql()))
}

// === impl SelectList ===

impl SelectList {
    /// The position of an expression, which is added when it is new.
    pub fn value(&mut self, expr: Expr, cast: Cast, wire: Wire) -> usize {
        let found = self.outputs.iter().position(|output| match output {
            Output::Value { expr: known, cast: known_cast } => *known == expr && *known_cast == cast,
            Output::Record(_) | Output::Records(_) | Output::Position => false,
        });
        found.unwrap_or_else(|| {
            self.outputs.push(Output::Value { expr, cast });
            self.wires.push(wire);
            self.outputs.len() - 1
        })
    }

    /// A column of a cursor, as something that JSON holds exactly: a JSON number would round a
    /// numeric, and types without an encoder have only their text.
    pub fn cursor(&mut self, expr: &Expr) -> (usize, Leaf) {
        let family = match expr.ty.family {
            Family::Numeric | Family::Json | Family::Jsonb | Family::Other => Family::Text,
            family => family.on_the_wire(),
        };
        let is_plain = expr.path.is_empty() && expr.ty.builtin && family == expr.ty.family;
        let cast = if is_plain { Cast::None } else { Cast::To(family.sql().to_owned()) };
        let scalar = match family {
            Family::Int2 | Family::Int4 | Family::Int8 => Scalar::BigInt,
            Family::Float4 | Family::Float8 => Scalar::Float,
            Family::Bool => Scalar::Boolean,
            Family::Numeric
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
            | Family::Interval
            | Family::Json
            | Family::Jsonb
            | Family::Bytea
            | Family::Enum
            | Family::Other => Scalar::String,
        };
        (self.value(expr.clone(), cast, Wire::Value(family)), Leaf { family, kind: LeafKind::Scalar(scalar) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(family: Family, path: &[&str], builtin: bool, cast: Cast, leaf: (Family, Scalar)) {
        let ty = PgType { builtin, ..PgType::builtin(family, family.sql()) };
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        let expr = Expr { path, ..Expr::column("c", &ty) };
        let mut list = SelectList::default();
        let (_, found) = list.cursor(&expr);
        assert_eq!(found, Leaf { family: leaf.0, kind: LeafKind::Scalar(leaf.1) });
        assert!(leaf.0.serves(leaf.1), "the codec refuses {:?} as {:?}", leaf.0, leaf.1);
        assert!(matches!(&list.outputs[..], [Output::Value { cast: written, .. }] if *written == cast));
    }

    #[test]
    fn cursors_hold_every_sortable_type_exactly() {
        let text = || Cast::To("text".to_owned());
        check(Family::Bool, &[], true, Cast::None, (Family::Bool, Scalar::Boolean));
        check(Family::Float8, &[], true, Cast::None, (Family::Float8, Scalar::Float));
        check(Family::Int8, &[], false, Cast::To("int8".to_owned()), (Family::Int8, Scalar::BigInt));
        check(
            Family::Timestamptz,
            &["at"],
            true,
            Cast::To("timestamptz".to_owned()),
            (Family::Timestamptz, Scalar::String),
        );
        check(Family::Numeric, &[], true, text(), (Family::Text, Scalar::String));
        check(Family::Enum, &[], false, text(), (Family::Text, Scalar::String));
        check(Family::Other, &[], true, text(), (Family::Text, Scalar::String));
    }
}
