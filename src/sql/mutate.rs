//! Calls of a mutation's function → SELECT … FROM fn(p_name => $1).
//!
//! One call is a row of the function. Several are one statement too: their values come as arrays, one for each
//! parameter, and the function is called for each position in turn.

use std::fmt::Write;

use crate::plan::ExprType;
use crate::plan::mutate::{Command, Typed, Value};
use crate::schema::call::{Passed, Returned};
use crate::schema::catalog::{Family, PgType};

use super::bind::BindKind;
use super::status::SUCCESSES;
use super::writer::Writer;

/// Positions of the columns in front; what else comes depends on the statement.
pub const VALUE: usize = 0;
pub const ID: usize = 1;
pub const IS_WHOLE: usize = 2;
/// Where the function returns a `mutation_response`: status, succeeded, state_changed, error_class, http_status,
/// message.
pub const RESPONSE: usize = 3;

/// The number of a row among those of its call; no column of a function is called like that.
const NUMBER: &str = "#";

/// How a parameter's value is sent.
pub(super) fn sent_as(passed: &Passed) -> BindKind {
    BindKind::of(&expr_type(&passed.ty)).0
}

pub(super) fn is_json(ty: &PgType) -> bool {
    !ty.array && matches!(ty.family, Family::Json | Family::Jsonb)
}

fn expr_type(ty: &PgType) -> ExprType {
    let PgType { family, array, sql, builtin, comparison } = ty.clone();
    ExprType { family, array, sql, builtin, comparison }
}

pub(super) fn write(command: &Command) -> String {
    let mut writer = Writer::default();
    writer.push("SELECT ");
    writer.value(command);
    writer.push(", ");
    writer.id(command);
    writer.push(", ");
    writer.is_whole(command);
    if let Returned::Response(_) = &command.returned {
        for (name, ty) in [
            ("status", "text"),
            ("succeeded", "bool"),
            ("state_changed", "bool"),
            ("error_class", "text"),
            ("http_status", "int4"),
            ("message", "text"),
        ] {
            writer.push(", ");
            writer.response_column(command, name, ty);
        }
    }
    if command.is_batch {
        writer.push(", c.n::int8 FROM ");
        writer.batch(command);
        writer.push(", LATERAL ");
    } else {
        writer.push(" FROM ");
    }
    writer.call(command);
    if command.is_one_of_set {
        // A second row is more than a subquery may return: the statement fails, and what the function did is undone.
        let _ = write!(writer.text, " WHERE (SELECT true FROM generate_series(1, t0.\"{NUMBER}\"))");
    }
    if command.is_batch {
        writer.push(" ORDER BY c.n");
    }
    writer.text
}

impl Writer {
    fn call(&mut self, command: &Command) {
        self.relation(&command.function);
        self.push("(");
        for (i, passed) in command.arguments.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.identifier(&passed.parameter);
            self.push(" => ");
            self.argument(passed, i, command.is_batch);
        }
        self.push(if command.is_one_of_set { ") WITH ORDINALITY t0" } else { ") t0" });
        // The column of a single value has the function's name, or that of its parameter.
        let columns: Vec<&str> = match command.returned.columns() {
            [] => vec!["value"],
            columns if command.is_one_of_set => columns.iter().map(|(name, _)| name.as_str()).collect(),
            _ => return,
        };
        for (i, name) in columns.into_iter().chain(command.is_one_of_set.then_some(NUMBER)).enumerate() {
            self.push(if i > 0 { ", " } else { "(" });
            self.identifier(name);
        }
        self.push(")");
    }

    fn argument(&mut self, passed: &Passed, position: usize, is_batch: bool) {
        let kind = sent_as(passed);
        let array = if passed.ty.array { "[]" } else { "" };
        let needs_cast = !passed.ty.builtin || kind.sql() != passed.ty.sql;
        match (is_batch, passed.ty.array) {
            (false, _) => {
                let _ = write!(self.text, "${}::{}{array}", position + 1, kind.sql());
                if needs_cast {
                    let _ = write!(self.text, "::{}{array}", passed.ty.sql);
                }
            }
            (true, false) => {
                let _ = write!(self.text, "c.a{position}");
                if needs_cast {
                    let _ = write!(self.text, "::{}", passed.ty.sql);
                }
            }
            // An array of arrays would be taken apart whole: lists come as JSON.
            (true, true) => {
                let _ = write!(
                    self.text,
                    "CASE WHEN c.a{position} IS NOT NULL THEN ARRAY(SELECT e.x FROM \
                     jsonb_array_elements_text(c.a{position}::jsonb) WITH ORDINALITY e(x, i) ORDER BY e.i)::{}[] END",
                    passed.ty.sql
                );
            }
        }
    }

    /// The values of all calls as rows.
    fn batch(&mut self, command: &Command) {
        if command.arguments.is_empty() {
            return self.push("generate_series(1, $1::int8) AS c(n)");
        }
        self.push("unnest(");
        for (i, passed) in command.arguments.iter().enumerate() {
            let kind = if passed.ty.array { BindKind::Text } else { sent_as(passed) };
            let _ = write!(self.text, "{}${}::{}[]", if i > 0 { ", " } else { "" }, i + 1, kind.sql());
        }
        self.push(") WITH ORDINALITY AS c(");
        for i in 0..command.arguments.len() {
            let _ = write!(self.text, "a{i}, ");
        }
        self.push("n)");
    }

    fn response_column(&mut self, command: &Command, name: &str, ty: &str) {
        match command.returned.column(name) {
            Some(_) => {
                self.column(0, name);
                self.push("::");
            }
            None => self.push("NULL::"),
        }
        self.push(ty);
    }

    fn value(&mut self, command: &Command) {
        let Some(typed) = &command.typed else { return self.plain_value(command) };
        let is_response = matches!(command.returned, Returned::Response(_));
        if is_response && !typed.errors.is_empty() {
            self.push("CASE WHEN ");
            self.succeeded(command);
            self.push(" THEN ");
            self.typed_value(command, typed);
            self.push(" ELSE ");
            self.typed_error(command, typed);
            self.push(" END");
        } else {
            self.typed_value(command, typed);
        }
    }

    /// The entity with the name of its type, which its own `__typename` says before all.
    fn typed_value(&mut self, command: &Command, typed: &Typed) {
        if command.value == Value::Nothing {
            return self.push("NULL::jsonb");
        }
        self.push("jsonb_build_object('__typename', ");
        self.type_name(command, &typed.entities);
        self.push(") || ");
        self.plain_value(command);
    }

    /// What is said of the failure, under the names that an error type may have.
    fn typed_error(&mut self, command: &Command, typed: &Typed) {
        self.push("jsonb_build_object(");
        let mut first = true;
        for name in ["message", "status", "error_class", "status_detail", "http_status", "entity_id", "entity_type"] {
            if command.returned.column(name).is_some() {
                self.push(if first { "" } else { ", " });
                first = false;
                self.literal(name);
                self.push(", ");
                self.column(0, name);
            }
        }
        self.push(")");
        let detail = ["error_detail", "metadata"].into_iter().find(|name| command.returned.column(name).is_some());
        if let Some(detail) = detail {
            self.push(" || CASE jsonb_typeof(");
            self.column(0, detail);
            self.push("::jsonb) WHEN 'object' THEN ");
            self.column(0, detail);
            self.push("::jsonb ELSE '{}' END");
        }
        self.push(" || jsonb_build_object('__typename', ");
        self.type_name(command, &typed.errors);
        self.push(")");
    }

    /// The type that the response names when it is one of these, else the usual one.
    fn type_name(&mut self, command: &Command, names: &[crate::schema::name::Name]) {
        let usual = names.first().map(|name| &**name).unwrap_or_default();
        if command.returned.column("entity_type").is_none() || names.len() < 2 {
            self.literal(usual);
            return self.push("::text");
        }
        self.push("CASE WHEN t0.entity_type::text IN (");
        for (i, name) in names.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.literal(name);
        }
        self.push(") THEN t0.entity_type::text ELSE ");
        self.literal(usual);
        self.push(" END");
    }

    fn succeeded(&mut self, command: &Command) {
        if command.returned.column("succeeded").is_some() {
            return self.push("coalesce(t0.succeeded, false)");
        }
        self.push("lower(trim(t0.status::text)) LIKE ANY (ARRAY[");
        for (i, (pattern, _)) in SUCCESSES.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.literal(pattern);
        }
        self.push("])");
    }

    fn plain_value(&mut self, command: &Command) {
        match &command.value {
            Value::Nothing => self.push("NULL::jsonb"),
            Value::Column(name) => {
                let name = name.as_deref().unwrap_or("value");
                let ty = match &command.returned {
                    Returned::Document(ty) | Returned::Value(ty) | Returned::Id(ty) => Some(ty),
                    Returned::Response(_) | Returned::Row(_) => command.returned.column(name),
                };
                self.json_column(name, ty.is_some_and(is_json));
            }
            Value::EntityOrId => {
                self.push("coalesce(");
                match command.returned.column("entity") {
                    Some(ty) => self.json_column("entity", is_json(ty)),
                    None => self.push("NULL::jsonb"),
                }
                self.push(", CASE WHEN t0.entity_id IS NOT NULL THEN jsonb_build_object('id', t0.entity_id) END)");
            }
            Value::Changed => match command.returned.column("succeeded") {
                Some(_) => {
                    let changed =
                        command.returned.column("state_changed").map_or("t0.succeeded", |_| "t0.state_changed");
                    let _ = write!(self.text, "to_jsonb(coalesce({changed}, t0.succeeded))");
                }
                None => {
                    self.push("to_jsonb(");
                    self.push("lower(trim(t0.status::text)) NOT LIKE ALL (ARRAY[");
                    let unchanged = SUCCESSES.iter().filter(|(_, changed)| !changed);
                    for (i, (pattern, _)) in unchanged.enumerate() {
                        self.push(if i > 0 { ", " } else { "" });
                        self.literal(pattern);
                    }
                    self.push("]))");
                }
            },
            Value::Row { data } => {
                self.push("CASE WHEN NOT (");
                if command.is_one_of_set {
                    self.push("ROW(");
                    for (i, (name, _)) in command.returned.columns().iter().enumerate() {
                        self.push(if i > 0 { ", " } else { "" });
                        self.column(0, name);
                    }
                    self.push(")");
                } else {
                    self.push("t0");
                }
                self.push(" IS NULL) THEN ");
                match data {
                    None => self.push("to_jsonb(t0)"),
                    Some(data) => {
                        self.push("coalesce(");
                        self.column(0, data);
                        self.push("::jsonb, '{}') || (to_jsonb(t0) - ");
                        self.literal(data);
                        self.push(")");
                    }
                }
                self.push(" END");
            }
        }
    }

    /// A column as jsonb; a JSON null is none.
    fn json_column(&mut self, name: &str, is_json: bool) {
        if !is_json {
            self.push("to_jsonb(");
            self.column(0, name);
            return self.push(")");
        }
        self.push("nullif(");
        self.column(0, name);
        self.push("::jsonb, 'null')");
    }

    /// The id of the entity, as text.
    fn id(&mut self, command: &Command) {
        let of_document = |writer: &mut Writer, name: &str| {
            writer.push("(");
            writer.column(0, name);
            writer.push("::jsonb->>'id')");
        };
        match &command.returned {
            Returned::Response(_) => {
                let entity = command.returned.column("entity").is_some_and(is_json);
                match (command.returned.column("entity_id").is_some(), entity) {
                    (true, true) => {
                        self.push("coalesce(t0.entity_id::text, ");
                        of_document(self, "entity");
                        self.push(")");
                    }
                    (true, false) => self.push("t0.entity_id::text"),
                    (false, true) => of_document(self, "entity"),
                    (false, false) => self.push("NULL::text"),
                }
            }
            Returned::Document(_) => of_document(self, "value"),
            Returned::Row(columns) => {
                let data = match &command.value {
                    Value::Row { data } => data.as_deref(),
                    Value::Nothing | Value::Column(_) | Value::EntityOrId | Value::Changed => {
                        columns.iter().find(|(_, ty)| is_json(ty)).map(|(name, _)| name.as_str())
                    }
                };
                match (command.returned.column("id"), data) {
                    (Some(_), _) => self.push("t0.id::text"),
                    (None, Some(data)) => of_document(self, data),
                    (None, None) => self.push("NULL::text"),
                }
            }
            Returned::Value(ty) if is_json(ty) || ty.array || !command.is_id => self.push("NULL::text"),
            Returned::Value(_) | Returned::Id(_) => self.push("t0.value::text"),
        }
    }

    /// Whether the document has every key that was asked for.
    fn is_whole(&mut self, command: &Command) {
        let name = match &command.returned {
            Returned::Response(_) => "entity",
            Returned::Document(_) => "value",
            Returned::Row(_) | Returned::Value(_) | Returned::Id(_) => "",
        };
        if command.keys.is_empty() || name.is_empty() || command.value == Value::Nothing {
            return self.push("true");
        }
        self.push("coalesce(");
        self.column(0, name);
        self.push("::jsonb ?& ARRAY[");
        for (i, key) in command.keys.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.literal(key);
        }
        // Of a deleted entity that is not there the id is all that can be asked for.
        let is_id = command.value == Value::EntityOrId && command.keys == ["id"];
        self.push(if is_id { "], t0.entity_id IS NOT NULL)" } else { "], false)" });
    }
}
