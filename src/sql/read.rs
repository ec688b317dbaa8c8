//! Blocks → SELECT.

use std::collections::BTreeSet;

use crate::plan::{Base, Block, Cast, Expr, Keyed, Output, Predicate, Root};

use super::bind::{Bind, BindKind};
use super::writer::{POSITION, REPRESENTATION, Scope, Writer, called};

pub(super) fn write(root: &Root) -> (String, Vec<Bind>) {
    let mut writer = Writer::default();
    match root {
        Root::Rows(block) => writer.block(block, None, SelectList::Columns),
        Root::Count(block) => writer.block(block, None, SelectList::Count),
        Root::Connection { page, count } => {
            writer.push("SELECT ");
            match count {
                Some(count) => {
                    writer.push("(");
                    writer.block(count, None, SelectList::Count);
                    writer.push(")");
                }
                None => writer.push("NULL::int8"),
            }
            writer.push(", ARRAY(");
            writer.block(page, None, SelectList::Row);
            writer.push(")");
        }
        // A call reads nothing; `mutate` writes it.
        Root::Call(_) => {}
    }
    (writer.text, writer.binds)
}

/// What a block selects.
#[derive(Clone, Copy, PartialEq)]
enum SelectList {
    /// Its outputs as columns.
    Columns,
    /// Its outputs as one record.
    Row,
    Count,
    /// Nothing: only whether there is a row.
    Exists,
}

impl Writer {
    fn block(&mut self, block: &Block, outer: Option<Scope>, list: SelectList) {
        if block.fenced && matches!(list, SelectList::Columns | SelectList::Row) {
            return self.fenced_block(block, outer, list);
        }
        let scope = self.scope_of(block);
        self.select_list(block, scope, list);
        self.rows(block, scope, outer);
    }

    /// The names of a block's rows, and of the keys beside them.
    fn scope_of(&mut self, block: &Block) -> Scope {
        let scope = self.scope();
        if block.keyed.is_some() { Scope { keys: self.alias(), ..scope } } else { scope }
    }

    /// `SELECT … FROM (SELECT columns … LIMIT …) t`: the page first, everything else on top.
    fn fenced_block(&mut self, block: &Block, outer: Option<Scope>, list: SelectList) {
        let scope = self.scope();
        self.select_list(block, scope, list);
        self.push(" FROM (");
        let inner = self.scope_of(block);
        self.push("SELECT ");
        let columns = base_columns(block).into_iter().map(|column| (inner.table, column));
        let columns = columns.map(|(table, column)| (table, column.to_owned()));
        let keys = block.keyed.iter().flat_map(key_columns).map(|column| (inner.keys, column));
        for (i, (table, column)) in columns.chain(keys).enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.column(table, &column);
        }
        self.rows(block, inner, outer);
        if block.offset.is_none() {
            self.push(" OFFSET 0");
        }
        self.push(") ");
        self.table(scope.table);
    }

    fn select_list(&mut self, block: &Block, scope: Scope, list: SelectList) {
        match list {
            SelectList::Count => self.push("SELECT count(*)::int8"),
            SelectList::Exists => self.push("SELECT 1"),
            SelectList::Row => {
                self.push("SELECT ROW(");
                self.outputs(&block.outputs, scope);
                self.push(")");
            }
            SelectList::Columns if block.outputs.is_empty() => self.push("SELECT"),
            SelectList::Columns => {
                self.push("SELECT ");
                self.outputs(&block.outputs, scope);
            }
        }
    }

    fn outputs(&mut self, outputs: &[Output], scope: Scope) {
        for (i, output) in outputs.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            match output {
                Output::Value { expr, cast } => self.output_value(expr, cast, scope),
                Output::Record(block) => {
                    self.push("(");
                    self.block(block, Some(scope), SelectList::Row);
                    self.push(")");
                }
                Output::Records(block) => {
                    self.push("ARRAY(");
                    self.block(block, Some(scope), SelectList::Row);
                    self.push(")");
                }
                Output::Position => self.column(scope.keys, POSITION),
            }
        }
    }

    fn output_value(&mut self, expr: &Expr, cast: &Cast, scope: Scope) {
        match cast {
            Cast::None => self.expr(scope, expr),
            Cast::To(ty) => {
                self.expr(scope, expr);
                self.push("::");
                self.push(ty);
            }
            Cast::ToJson => {
                self.push("to_json(");
                self.expr(scope, expr);
                self.push(")");
            }
        }
    }

    /// `FROM … WHERE … ORDER BY … LIMIT … OFFSET …`.
    fn rows(&mut self, block: &Block, scope: Scope, outer: Option<Scope>) {
        self.push(" FROM ");
        if let Some(keyed) = &block.keyed {
            self.keys(keyed, scope);
        }
        if let Some(relation) = &block.relation {
            self.push(if block.keyed.is_some() { ", " } else { "" });
            self.relation(relation);
            self.push(" ");
            self.table(scope.table);
        }
        self.conditions(block, scope, outer);
        for (i, term) in block.order.iter().enumerate() {
            self.push(if i > 0 { ", " } else { " ORDER BY " });
            self.expr(scope, &term.expr);
            self.push(if term.descending { " DESC" } else { "" });
            match term.nulls_first {
                Some(true) => self.push(" NULLS FIRST"),
                Some(false) => self.push(" NULLS LAST"),
                None => {}
            }
        }
        if let Some(limit) = block.limit {
            self.push(" LIMIT ");
            self.number(limit);
        }
        if let Some(offset) = block.offset {
            self.push(" OFFSET ");
            self.parameter(offset, BindKind::Int8, false);
        }
    }

    /// `unnest($1::uuid[], …) WITH ORDINALITY t1(key_0, …, key_position)`: the keys side by side.
    fn keys(&mut self, keyed: &Keyed, scope: Scope) {
        self.push("unnest(");
        for (i, term) in keyed.terms.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.bind(term.slot, &term.ty, true);
        }
        if let Some(slot) = keyed.representations {
            self.push(if keyed.terms.is_empty() { "" } else { ", " });
            self.parameter(slot, BindKind::Text, true);
            self.push("::jsonb[]");
            for call in &keyed.calls {
                self.push(", ");
                self.relation(&call.function);
                self.push("(");
                self.parameter(slot, BindKind::Text, true);
                self.push(if call.takes_json { "::json[])" } else { "::jsonb[])" });
            }
        }
        self.push(") WITH ORDINALITY ");
        self.table(scope.keys);
        self.push("(");
        for i in 0..keyed.terms.len() {
            self.push("key_");
            self.number(i as u64);
            self.push(", ");
        }
        if keyed.representations.is_some() {
            self.push(REPRESENTATION);
            self.push(", ");
        }
        for call in &keyed.calls {
            self.identifier(&called(call));
            self.push(", ");
        }
        self.push(POSITION);
        self.push(")");
    }

    fn conditions(&mut self, block: &Block, scope: Scope, outer: Option<Scope>) {
        let mut word = " WHERE ";
        if let Some(outer) = outer {
            for (outer_column, inner_column) in &block.on {
                self.push(word);
                self.column(scope.table, inner_column);
                self.push(" = ");
                self.column(outer.table, outer_column);
                word = " AND ";
            }
        }
        for (i, term) in block.keyed.iter().flat_map(|keyed| &keyed.terms).enumerate() {
            self.push(word);
            if term.by_text {
                self.expr_as_text(scope, &term.expr)
            } else {
                self.expr(scope, &term.expr)
            }
            self.push(" = ");
            self.column(scope.keys, &format!("key_{i}"));
            word = " AND ";
        }
        if !block.predicate.is_always() {
            self.push(word);
            self.predicate(scope, &block.predicate);
        }
    }

    /// `EXISTS (SELECT 1 FROM …)` for a row of another relation.
    pub fn exists(&mut self, block: &Block, outer: Scope) {
        self.push("EXISTS (");
        self.block(block, Some(outer), SelectList::Exists);
        self.push(")");
    }
}

fn key_columns(keyed: &Keyed) -> impl Iterator<Item = String> {
    let sent = keyed.representations.map(|_| REPRESENTATION);
    std::iter::once(POSITION).chain(sent).map(str::to_owned).chain(keyed.calls.iter().map(called))
}

/// The columns of a block's relation that its select list reads, joins included.
fn base_columns(block: &Block) -> BTreeSet<&str> {
    let mut columns = BTreeSet::new();
    for output in &block.outputs {
        match output {
            Output::Value { expr, .. } => match &expr.base {
                Base::Column { name, .. } => {
                    columns.insert(name.as_str());
                }
                Base::Element | Base::Representation | Base::Call(_) | Base::Called(_) => {}
            },
            Output::Record(inner) | Output::Records(inner) => {
                columns.extend(inner.on.iter().map(|(outer, _)| outer.as_str()));
            }
            Output::Position => {}
        }
    }
    columns
}

impl Predicate {
    /// Whether parentheses are needed inside another operator.
    pub(super) fn is_compound(&self) -> bool {
        match self {
            Predicate::All(parts) | Predicate::Any(parts) => parts.len() != 1 || parts[0].is_compound(),
            Predicate::Not(_)
            | Predicate::Compare { .. }
            | Predicate::IsNull { .. }
            | Predicate::Exists(_)
            | Predicate::SomeElement { .. } => false,
        }
    }
}
