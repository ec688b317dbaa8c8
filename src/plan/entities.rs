//! Rows of a type by their keys → one block for all of them.
//!
//! A single key of a type whose binary form tells values apart is `key = ANY($1)`, and the row shows
//! it. Everything else is joined with the keys side by side, and the row shows the position.

use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::Operator;
use crate::intent::selection::Selection;
use crate::intent::{Arguments, EntityKey as Asked, Read};
use crate::schema::Schema;
use crate::schema::catalog::Family;
use crate::schema::entities::{EntityKey, KeyPart, KeyType};
use crate::schema::model::{RelationName, Scalar, TypeDef};

use super::columns::{SelectList, is_fenced};
use super::guard::Guard;
use super::predicate::{Given, Place, Resolver, Scope, missing};
use super::read::Planner;
use super::shape::{Lookup, Object, Shape, Wire};
use super::{Base, Block, Cast, Expr, ExprType, KeyTerm, Keyed, Limits, Output, Plan, Predicate, Root};

pub(super) fn plan(schema: &Schema, caller: &Caller, limits: Limits, read: &Read, asked: &Asked) -> Result<Plan> {
    let guard = Guard::new(schema, caller);
    let found = schema.object(&asked.type_name).zip(schema.entity(&asked.type_name));
    let found =
        found.and_then(|(object, entity)| Some((object, entity.keys.iter().find(|key| key.fields == asked.key)?)));
    let Some((object, key)) = found else {
        let message = format!("{} is not an entity with that key", asked.type_name);
        return Err(Error::new(Stage::Plan, Code::InvalidArgument, message));
    };
    for field in object.fields.values().filter(|field| key.has(&field.name)) {
        guard.compare(&object.name, field)?;
    }
    let injected = guard.entity(object)?;
    let planner = Planner { resolver: Resolver { schema, guard: &guard }, limits, read };
    let (block, shape, lookup) = match &object.relation {
        Some(relation) if key.is_resolvable => planner.rows_by_key(object, relation, key, asked, &injected)?,
        Some(_) | None => planner.representations(object, key)?,
    };
    let claims = if block.relation.is_some() { injected } else { Vec::new() };
    let claims = claims.into_iter().map(|(_, claim)| claim).collect();
    Ok(Plan { root: Root::Rows(block), shape: Shape::Many(shape), claims, lookup: Some(lookup) })
}

impl Planner<'_> {
    fn rows_by_key(
        &self,
        object: &TypeDef,
        relation: &RelationName,
        key: &EntityKey,
        asked: &Asked,
        injected: &[(String, String)],
    ) -> Result<(Block, Object, Lookup)> {
        let Selection::Object(selected) = &self.read.form.selection else {
            return Err(Error::invalid(format!("{} needs a selection of its fields", object.name)));
        };
        let keys = key.parts.iter().map(|part| part.column.to_string());
        let needed: Vec<String> = injected.iter().map(|(column, _)| column.clone()).chain(keys).collect();
        let scope = self.scope(object, relation, &object.data_column, selected, &Arguments::default(), &needed);
        let scope = Scope { given: Given::External(key), ..scope };
        let Place::Relation { relation, .. } = &scope.place else {
            return Err(Error::new(Stage::Plan, Code::Internal, "rows by key need a relation"));
        };
        let terms = key.parts.iter().zip(0..).map(|(part, slot)| self.term(object, relation, part, slot));
        let terms = terms.collect::<Result<Vec<_>>>()?;

        let mut list = SelectList::default();
        let fields = self.fields(&mut list, &scope, object, selected)?;
        let mut predicate = self.claims(&scope, injected)?;
        let (keyed, lookup) = match <[_; 1]>::try_from(terms) {
            Ok([(term, key_type)]) if !asked.with_representations && tells_apart(&key_type) => {
                let (family, cast) = (key_type.ty.family, key_cast(&term));
                let column = list.value(term.expr.clone(), cast, Wire::Value(family));
                let left = Expr { ty: term.ty, ..term.expr };
                predicate.push(Predicate::Compare { left, operator: Operator::In, slot: term.slot });
                (None, Lookup::Key { column, family })
            }
            terms => {
                let terms = terms.map_or_else(|terms| terms, Vec::from);
                let representations = asked.with_representations.then_some(terms.len() as u32);
                let terms = terms.into_iter().map(|(term, _)| term).collect();
                let calls = std::mem::take(&mut list.calls);
                (Some(Keyed { terms, representations, calls }), list.position())
            }
        };
        let mut block = Block {
            relation: Some(self.resolver.qualified(relation)),
            keyed,
            outputs: Vec::new(),
            on: Vec::new(),
            predicate: Predicate::all(predicate),
            order: Vec::new(),
            limit: None,
            offset: None,
            fenced: false,
        };
        block.fenced = is_fenced(&list.outputs, &block);
        block.outputs = list.outputs;
        Ok((block, Object { type_name: object.name.clone(), columns: list.wires, fields }, lookup))
    }

    /// An entity that lives elsewhere: what is known of it is what was sent.
    fn representations(&self, object: &TypeDef, key: &EntityKey) -> Result<(Block, Object, Lookup)> {
        let Selection::Object(selected) = &self.read.form.selection else {
            return Err(Error::invalid(format!("{} needs a selection of its fields", object.name)));
        };
        let whole = Expr { base: Base::Representation, path: Vec::new(), ty: ExprType::of_scalar(Scalar::Json) };
        let place = Place::Document(whole);
        let scope = Scope { type_name: &object.name, fields: &object.fields, place, given: Given::Everything };
        let mut list = SelectList::default();
        let fields = self.fields(&mut list, &scope, object, selected)?;
        let lookup = list.position();
        let block = Block {
            relation: None,
            keyed: Some(Keyed { terms: Vec::new(), representations: Some(key.parts.len() as u32), calls: list.calls }),
            outputs: list.outputs,
            on: Vec::new(),
            predicate: Predicate::always(),
            order: Vec::new(),
            limit: None,
            offset: None,
            fenced: false,
        };
        Ok((block, Object { type_name: object.name.clone(), columns: list.wires, fields }, lookup))
    }

    fn term(&self, object: &TypeDef, relation: &RelationName, part: &KeyPart, slot: u32) -> Result<(KeyTerm, KeyType)> {
        let schema = self.schema();
        let found = schema.key_type(relation, &object.data_column, part);
        let found = found.ok_or_else(|| missing(relation, &part.column))?;
        let ty = Expr::column("", &found.ty).ty;
        let column = schema.relation(relation).and_then(|known| known.columns.get(&*part.column));
        let expr = match column {
            Some(stored) if part.below.is_empty() => Expr::column(&part.column, stored),
            Some(stored) => {
                part.below.iter().fold(Expr::column(&part.column, stored), |expr, key| expr.below(key, ty.clone()))
            }
            None => {
                let data = self.resolver.data(relation, &object.data_column).below(&part.column, ty.clone());
                part.below.iter().fold(data, |expr, key| expr.below(key, ty.clone()))
            }
        };
        Ok((KeyTerm { expr, ty, by_text: found.by_text, slot }, found))
    }
}

/// Whether values that are equal have the same bytes, so that a row is found again by its key.
fn tells_apart(key: &KeyType) -> bool {
    let same = match key.ty.family {
        Family::Int2 | Family::Int4 | Family::Int8 | Family::Uuid | Family::Text | Family::Varchar => true,
        Family::Bool
        | Family::Float4
        | Family::Float8
        | Family::Numeric
        | Family::Bpchar
        | Family::Name
        | Family::Citext
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
        | Family::Other => false,
    };
    same && !key.by_text
}

fn key_cast(term: &KeyTerm) -> Cast {
    let is_plain = !term.expr.path.is_empty() || term.expr.ty.builtin;
    if is_plain { Cast::None } else { Cast::To(term.ty.sql.clone()) }
}

// === impl SelectList ===

impl SelectList {
    fn position(&mut self) -> Lookup {
        self.outputs.push(Output::Position);
        self.wires.push(Wire::Value(Family::Int8));
        Lookup::Position { column: self.outputs.len() - 1 }
    }
}
