//! Text, aliases, identifiers and binds of one statement.

use std::fmt::Write;

use crate::intent::value::Slot;
use crate::plan::{Base, Call, Expr, ExprType, QualifiedName};
use crate::schema::catalog::Family;

use super::bind::{Bind, BindKind};

/// A statement while it is written.
#[derive(Default)]
pub(super) struct Writer {
    pub text: String,
    pub binds: Vec<Bind>,
    aliases: usize,
}

/// What names refer to at one point of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// `t0`, `t1`, …: the rows of the enclosing block.
    pub table: usize,
    /// `e2`: the element of a jsonb array, where one is looked at.
    pub element: usize,
    /// `t3`: the keys that were sent.
    pub keys: usize,
}

/// Columns of the keys that were sent; the values of the parts are `key_0`, `key_1`, ….
pub(super) const POSITION: &str = "key_position";
pub(super) const REPRESENTATION: &str = "key_representation";

/// The column that holds what a function said of each key.
pub(super) fn called(call: &Call) -> String {
    let schema = call.function.schema.as_deref().unwrap_or_default();
    format!("key_{schema}_{}", call.function.name)
}

impl Writer {
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn alias(&mut self) -> usize {
        self.aliases += 1;
        self.aliases - 1
    }

    pub fn scope(&mut self) -> Scope {
        let table = self.alias();
        Scope { table, element: table, keys: table }
    }

    pub fn number(&mut self, number: u64) {
        let _ = write!(self.text, "{number}");
    }

    pub fn table(&mut self, alias: usize) {
        let _ = write!(self.text, "t{alias}");
    }

    pub fn relation(&mut self, name: &QualifiedName) {
        if let Some(schema) = &name.schema {
            self.identifier(schema);
            self.push(".");
        }
        self.identifier(&name.name);
    }

    /// An identifier, quoted when SQL would read it as something else.
    pub fn identifier(&mut self, name: &str) {
        let mut bytes = name.bytes();
        let plain = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && RESERVED.binary_search(&name).is_err();
        if plain {
            self.push(name);
        } else {
            let _ = write!(self.text, "\"{}\"", name.replace('"', "\"\""));
        }
    }

    pub fn column(&mut self, alias: usize, name: &str) {
        let _ = write!(self.text, "t{alias}.");
        self.identifier(name);
    }

    /// A string literal: only names, of keys and of types, which come from the schema.
    pub fn literal(&mut self, text: &str) {
        let escape = if text.contains('\\') { "E" } else { "" };
        let _ = write!(self.text, "{escape}'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    }

    /// An expression as its own type.
    pub fn expr(&mut self, scope: Scope, expr: &Expr) {
        let Some((last, inner)) = expr.path.split_last() else {
            self.base(scope, &expr.base, false);
            return;
        };
        let as_json = expr.ty.array || matches!(expr.ty.family, Family::Json | Family::Jsonb);
        let cast = (!as_json && expr.ty.family != Family::Text).then_some(&expr.ty.sql);
        if !as_json {
            self.push("(");
        }
        self.base(scope, &expr.base, true);
        for key in inner {
            self.push("->");
            self.literal(key);
        }
        self.push(if as_json { "->" } else { "->>" });
        self.literal(last);
        if !as_json {
            self.push(")");
        }
        if let Some(cast) = cast {
            self.push("::");
            self.push(cast);
        }
    }

    /// An expression as text, for patterns.
    pub fn expr_as_text(&mut self, scope: Scope, expr: &Expr) {
        self.expr(scope, expr);
        if !matches!(expr.ty.family, Family::Text | Family::Varchar | Family::Citext) {
            self.push("::text");
        }
    }

    fn base(&mut self, scope: Scope, base: &Base, as_jsonb: bool) {
        match base {
            Base::Element => {
                let _ = write!(self.text, "t{}.value", scope.element);
            }
            Base::Representation => {
                let _ = write!(self.text, "t{}.{REPRESENTATION}", scope.keys);
            }
            Base::Call(call) => {
                self.relation(&call.function);
                let cast = if call.takes_json { "::json" } else { "" };
                let _ = write!(self.text, "(t{}.{REPRESENTATION}{cast})", scope.keys);
            }
            Base::Called(call) => {
                let _ = write!(self.text, "t{}.", scope.keys);
                self.identifier(&called(call));
            }
            Base::Column { name, json_text } => {
                self.column(scope.table, name);
                if *json_text && as_jsonb {
                    self.push("::jsonb");
                }
            }
        }
    }

    /// `$n`, cast to what an expression of this type compares with.
    pub fn bind(&mut self, slot: Slot, ty: &ExprType, array: bool) {
        let (kind, cast) = BindKind::of(ty);
        self.parameter(slot, kind, array);
        if let Some(cast) = cast {
            self.push("::");
            self.push(cast);
            self.push(if array { "[]" } else { "" });
        }
    }

    pub fn parameter(&mut self, slot: Slot, kind: BindKind, array: bool) {
        let bind = Bind { slot, kind, array };
        let position = self.binds.iter().position(|known| *known == bind).unwrap_or_else(|| {
            self.binds.push(bind);
            self.binds.len() - 1
        });
        let _ = write!(self.text, "${}::{}{}", position + 1, kind.sql(), if array { "[]" } else { "" });
    }
}

/// Words that PostgreSQL 14 to 18 reserve at least for column and table names, sorted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        assert!(RESERVED.is_sorted());
        for (name, written) in
            [("id", "id"), ("order", "\"order\""), ("Name", "\"Name\""), ("a\"b", "\"a\"\"b\""), ("1a", "\"1a\"")]
        {
            let mut writer = Writer::default();
            writer.identifier(name);
            assert_eq!(writer.text, written);
        }
    }
}
