//! Predicates → boolean expressions.

use crate::intent::filter::Operator;
use crate::intent::value::Slot;
use crate::plan::{Expr, ExprType, Predicate};
use crate::schema::catalog::Family;

use super::bind::BindKind;
use super::writer::{Scope, Writer};

impl Writer {
    pub fn predicate(&mut self, scope: Scope, predicate: &Predicate) {
        match predicate {
            Predicate::All(parts) => self.combined(scope, parts, " AND ", "true"),
            Predicate::Any(parts) => self.combined(scope, parts, " OR ", "false"),
            Predicate::Not(part) => {
                // A comparison with null is unknown, and NOT unknown is unknown too: the rows that a
                // filter leaves out are exactly those that its negation lets in.
                self.push("(");
                self.predicate(scope, part);
                self.push(") IS NOT TRUE");
            }
            Predicate::Compare { left, operator, slot } => self.comparison(scope, left, *operator, *slot),
            Predicate::IsNull { expr, negated } => self.null_test(scope, expr, *negated),
            Predicate::Exists(block) => self.exists(block, scope),
            Predicate::SomeElement { array, predicate } => {
                let element = self.alias();
                self.push("EXISTS (SELECT 1 FROM jsonb_array_elements(");
                self.json_array(scope, array);
                self.push(") ");
                self.table(element);
                self.push("(value) WHERE ");
                self.predicate(Scope { element, ..scope }, predicate);
                self.push(")");
            }
        }
    }

    fn combined(&mut self, scope: Scope, parts: &[Predicate], word: &str, nothing: &str) {
        if parts.is_empty() {
            return self.push(nothing);
        }
        for (i, part) in parts.iter().enumerate() {
            self.push(if i > 0 { word } else { "" });
            let parentheses = parts.len() > 1 && part.is_compound();
            self.push(if parentheses { "(" } else { "" });
            self.predicate(scope, part);
            self.push(if parentheses { ")" } else { "" });
        }
    }

    /// A document's null is a JSON null or an absent key.
    fn null_test(&mut self, scope: Scope, expr: &Expr, negated: bool) {
        let is_json = matches!(expr.ty.family, Family::Json | Family::Jsonb);
        let is_list_inside = expr.ty.array && !expr.path.is_empty();
        if is_list_inside || (is_json && !expr.ty.array) {
            self.push("coalesce(jsonb_typeof(");
            self.jsonb(scope, expr);
            self.push(if negated { "), 'null') <> 'null'" } else { "), 'null') = 'null'" });
            return;
        }
        self.expr(scope, expr);
        self.push(if negated { " IS NOT NULL" } else { " IS NULL" });
    }

    fn comparison(&mut self, scope: Scope, left: &Expr, operator: Operator, slot: Slot) {
        match operator {
            Operator::Eq if left.ty.array => self.array_comparison(scope, left, " = ", slot),
            Operator::Eq => self.infix(scope, left, " = ", slot),
            Operator::Neq => self.infix(scope, left, " <> ", slot),
            Operator::Gt => self.infix(scope, left, " > ", slot),
            Operator::Gte => self.infix(scope, left, " >= ", slot),
            Operator::Lt => self.infix(scope, left, " < ", slot),
            Operator::Lte => self.infix(scope, left, " <= ", slot),
            Operator::In => self.any(scope, left, " = ANY(", slot),
            Operator::Nin => self.any(scope, left, " <> ALL(", slot),
            Operator::Like => self.pattern(scope, left, " LIKE ", slot),
            Operator::Ilike => self.pattern(scope, left, " ILIKE ", slot),
            Operator::Nlike => self.pattern(scope, left, " NOT LIKE ", slot),
            Operator::Nilike => self.pattern(scope, left, " NOT ILIKE ", slot),
            Operator::Regex => self.pattern(scope, left, " ~ ", slot),
            Operator::Iregex => self.pattern(scope, left, " ~* ", slot),
            Operator::Nregex => self.pattern(scope, left, " !~ ", slot),
            Operator::Niregex => self.pattern(scope, left, " !~* ", slot),
            Operator::ArrayContains => self.array_comparison(scope, left, " @> ", slot),
            Operator::ArrayContainedBy => self.array_comparison(scope, left, " <@ ", slot),
            Operator::ArrayOverlaps => self.overlap(scope, left, slot),
            Operator::LengthEq => self.length(scope, left, " = ", slot),
            Operator::LengthNeq => self.length(scope, left, " <> ", slot),
            Operator::LengthGt => self.length(scope, left, " > ", slot),
            Operator::LengthGte => self.length(scope, left, " >= ", slot),
            Operator::LengthLt => self.length(scope, left, " < ", slot),
            Operator::LengthLte => self.length(scope, left, " <= ", slot),
            Operator::JsonContains => self.json(scope, left, " @> ", slot),
            Operator::JsonContainedBy => self.json(scope, left, " <@ ", slot),
            Operator::HasKey => {
                self.jsonb(scope, left);
                self.push(" ? ");
                self.parameter(slot, BindKind::Text, false);
            }
        }
    }

    fn infix(&mut self, scope: Scope, left: &Expr, operator: &str, slot: Slot) {
        if matches!(left.ty.family, Family::Json | Family::Jsonb) {
            return self.json(scope, left, operator, slot);
        }
        self.expr(scope, left);
        self.push(operator);
        self.bind(slot, &left.ty, false);
    }

    fn any(&mut self, scope: Scope, left: &Expr, operator: &str, slot: Slot) {
        if left.ty.family == Family::Json {
            self.jsonb(scope, left);
            self.push(operator);
            self.parameter(slot, BindKind::Text, true);
            return self.push("::jsonb[])");
        }
        self.expr(scope, left);
        self.push(operator);
        self.bind(slot, &left.ty, true);
        self.push(")");
    }

    fn pattern(&mut self, scope: Scope, left: &Expr, operator: &str, slot: Slot) {
        self.expr_as_text(scope, left);
        self.push(operator);
        self.parameter(slot, BindKind::Text, false);
        if left.ty.family == Family::Citext {
            self.push("::");
            self.push(&left.ty.sql);
        }
    }

    fn jsonb(&mut self, scope: Scope, expr: &Expr) {
        self.expr(scope, expr);
        if expr.ty.family == Family::Json {
            self.push("::jsonb");
        }
    }

    fn json(&mut self, scope: Scope, left: &Expr, operator: &str, slot: Slot) {
        // A stored JSON null is a null, which nothing differs from and nothing contains. The operators that
        // an index serves find no null anyway.
        let skips_null = matches!(operator, " <> " | " <@ ");
        self.push(if skips_null { "nullif(" } else { "" });
        self.jsonb(scope, left);
        self.push(if skips_null { ", 'null')" } else { "" });
        self.push(operator);
        self.parameter(slot, BindKind::Text, false);
        self.push("::jsonb");
    }

    /// `column @> $1::text[]::mood[]`, or the same on a jsonb array.
    fn array_comparison(&mut self, scope: Scope, left: &Expr, operator: &str, slot: Slot) {
        if left.path.is_empty() {
            self.expr(scope, left);
            if !left.ty.builtin {
                // An array of a domain takes no array of the type below; on any other the cast is none.
                self.push("::");
                self.push(&left.ty.sql);
                self.push("[]");
            }
            self.push(operator);
            let item = &left.ty;
            match (item.builtin, item.family) {
                // Array operators take no mixed types: send what the column holds.
                (true, Family::Int2 | Family::Int4 | Family::Varchar) => {
                    self.bind(slot, item, true);
                    self.push("::");
                    self.push(&item.sql);
                    self.push("[]");
                }
                _ => self.bind(slot, item, true),
            }
            return;
        }
        self.expr(scope, left);
        self.push(operator);
        self.push("to_jsonb(");
        self.bind(slot, &left.ty, true);
        self.push(")");
    }

    fn overlap(&mut self, scope: Scope, left: &Expr, slot: Slot) {
        if left.path.is_empty() {
            return self.array_comparison(scope, left, " && ", slot);
        }
        self.push("EXISTS (SELECT 1 FROM jsonb_array_elements(");
        self.json_array(scope, left);
        self.push(") t_value WHERE to_jsonb(");
        self.bind(slot, &left.ty, true);
        self.push(") @> t_value)");
    }

    fn length(&mut self, scope: Scope, left: &Expr, operator: &str, slot: Slot) {
        if left.path.is_empty() {
            self.push("cardinality(");
            self.expr(scope, left);
            self.push(")");
        } else {
            // What is not an array has no length, as a null array has none.
            self.push("CASE WHEN jsonb_typeof(");
            self.jsonb(scope, left);
            self.push(") = 'array' THEN jsonb_array_length(");
            self.jsonb(scope, left);
            self.push(") END");
        }
        self.push(operator);
        self.parameter(slot, BindKind::Int8, false);
    }

    /// A jsonb value that is certainly an array: anything else counts as an empty one.
    fn json_array(&mut self, scope: Scope, expr: &Expr) {
        let value = Expr { ty: ExprType { family: Family::Jsonb, ..expr.ty.clone() }, ..expr.clone() };
        self.push("CASE jsonb_typeof(");
        self.jsonb(scope, &value);
        self.push(") WHEN 'array' THEN ");
        self.jsonb(scope, &value);
        self.push(" ELSE '[]' END");
    }
}
