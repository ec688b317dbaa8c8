//! Reads from PostgreSQL's catalog what the schema names.
//!
//! A handful of statements whatever the size of the schema, sent together: columns, functions, the rows
//! that they return, types. Types are resolved here, because a domain may lie over an array of a domain.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::schema::bind::{Found, Wanted};
use crate::schema::catalog::{Catalog, Comparison, Family, Function, Parameter, PgType, Relation};
use crate::schema::model::RelationName;

const COLUMNS: &str = "\
    SELECT wanted.position, n.nspname::text, c.relname::text, a.attname::text, a.atttypid \
    FROM unnest($1::text[]) WITH ORDINALITY AS wanted(name, position) \
    JOIN pg_catalog.pg_class c ON c.oid = to_regclass(wanted.name) \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') \
    ORDER BY wanted.position, a.attnum";

const FUNCTIONS: &str = "\
    SELECT wanted.position, n.nspname::text, p.proname::text, p.proargnames::text[], p.proargmodes::text[], \
           coalesce(p.proallargtypes, p.proargtypes::oid[]), p.pronargdefaults::int4, p.pronargs::int4, \
           p.prorettype, p.proretset, p.oid \
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted(schema, name, position) \
    JOIN pg_catalog.pg_proc p ON p.proname = wanted.name AND p.prokind = 'f' \
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE CASE WHEN wanted.schema = '' THEN pg_catalog.pg_function_is_visible(p.oid) ELSE n.nspname = wanted.schema END \
    ORDER BY wanted.position, p.oid";

/// The columns of the rows that functions of a composite type return.
const ROW_COLUMNS: &str = "\
    SELECT p.oid, a.attname::text, a.atttypid \
    FROM unnest($1::text[], $2::text[]) AS wanted(schema, name) \
    JOIN pg_catalog.pg_proc p ON p.proname = wanted.name AND p.prokind = 'f' \
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    JOIN pg_catalog.pg_type t ON t.oid = p.prorettype \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE CASE WHEN wanted.schema = '' THEN pg_catalog.pg_function_is_visible(p.oid) ELSE n.nspname = wanted.schema END \
    ORDER BY p.oid, a.attnum";

const TYPES: &str = "\
    SELECT t.oid, t.typname::text, t.typtype::text, t.typelem, t.typbasetype, t.typcategory::text, \
           n.nspname = 'pg_catalog', format_type(t.oid, NULL) \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace";

/// Types with a class of operators of their own, or with that of a type that they are without a conversion. A `box` has
/// `=` and `<`, which compare areas, and no class: nothing can be sorted or joined by it.
const COMPARED: &str = "\
    WITH class AS ( \
        SELECT o.opcintype AS type, m.amname = 'btree' AS is_ordered \
        FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod \
        WHERE o.opcdefault AND m.amname IN ('btree', 'hash')) \
    SELECT type, is_ordered FROM class \
    UNION \
    SELECT c.castsource, class.is_ordered FROM pg_catalog.pg_cast c JOIN class ON class.type = c.casttarget \
    WHERE c.castmethod = 'b' AND c.castcontext = 'i'";

const RELATION_NAMES: &str = "\
    SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    ORDER BY 1 LIMIT 10000";

const FUNCTION_NAMES: &str = "\
    SELECT DISTINCT CASE WHEN pg_catalog.pg_function_is_visible(p.oid) THEN p.proname::text ELSE n.nspname || '.' || p.proname END \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1 LIMIT 10000";

pub(super) async fn read(client: &Client, wanted: &Wanted) -> Result<Found, tokio_postgres::Error> {
    let asked_relations: Vec<RelationName> = wanted.relations.iter().chain(&wanted.twins).cloned().collect();
    let relations: Vec<String> = asked_relations.iter().map(quoted).collect();
    let schemas: Vec<&str> = wanted.functions.iter().map(|name| name.schema().unwrap_or_default()).collect();
    let names: Vec<&str> = wanted.functions.iter().map(RelationName::local).collect();
    // Without names of their own: they may run on another connection than the one that they were prepared on.
    let relation_parameters: &[(&(dyn ToSql + Sync), Type)] = &[(&relations, Type::TEXT_ARRAY)];
    let function_parameters: &[(&(dyn ToSql + Sync), Type)] =
        &[(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    let (encoding, columns, functions, row_columns, types, compared) = tokio::try_join!(
        client.query_typed("SELECT current_setting('server_encoding')", &[]),
        client.query_typed(COLUMNS, relation_parameters),
        client.query_typed(FUNCTIONS, function_parameters),
        client.query_typed(ROW_COLUMNS, function_parameters),
        client.query_typed(TYPES, &[]),
        client.query_typed(COMPARED, &[]),
    )?;
    let types = Types::read(&types, &compared);
    let mut catalog = Catalog::default();
    for row in &columns {
        let relation = catalog.relations.entry(asked(&asked_relations, row)).or_insert_with(|| Relation {
            schema: row.get(1),
            name: row.get(2),
            columns: Default::default(),
        });
        relation.columns.insert(row.get(3), types.resolve(row.get(4)));
    }
    let mut rows_returned: HashMap<u32, Vec<(String, PgType)>> = HashMap::new();
    for row in &row_columns {
        rows_returned.entry(row.get(0)).or_default().push((row.get(1), types.resolve(row.get(2))));
    }
    for row in &functions {
        let overloads = catalog.functions.entry(asked(&wanted.functions, row)).or_default();
        overloads.push(function(row, &types, &rows_returned));
    }
    let is_complete = wanted.relations.iter().all(|name| catalog.relations.contains_key(name))
        && catalog.functions.len() == wanted.functions.len();
    let (other_relations, other_functions) = if is_complete {
        (Vec::new(), Vec::new())
    } else {
        let (relations, functions) =
            tokio::try_join!(client.query_typed(RELATION_NAMES, &[]), client.query_typed(FUNCTION_NAMES, &[]))?;
        let names = |rows: &[Row]| rows.iter().map(|row| row.get(0)).collect();
        (names(&relations), names(&functions))
    };
    Ok(Found {
        catalog,
        encoding: encoding.first().map(|row| row.get(0)).unwrap_or_default(),
        other_relations,
        other_functions,
    })
}

fn asked(names: &[RelationName], row: &Row) -> RelationName {
    let position: i64 = row.get(0);
    names[position as usize - 1].clone()
}

/// `crm.v_user` as `to_regclass` reads it.
fn quoted(name: &RelationName) -> String {
    let part = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    match name.schema() {
        Some(schema) => format!("{}.{}", part(schema), part(name.local())),
        None => part(name.local()),
    }
}

fn function(row: &Row, types: &Types, rows_returned: &HashMap<u32, Vec<(String, PgType)>>) -> Function {
    let names: Vec<String> = row.get::<_, Option<Vec<String>>>(3).unwrap_or_default();
    let all: Vec<u32> = row.get(5);
    let modes: Vec<String> = row.get::<_, Option<Vec<String>>>(4).unwrap_or_else(|| vec!["i".to_owned(); all.len()]);
    let (defaults, inputs): (i32, i32) = (row.get(6), row.get(7));
    let mut parameters = Vec::new();
    let mut returns = Vec::new();
    for (i, ty) in all.iter().enumerate() {
        let name = names.get(i).cloned().unwrap_or_default();
        let mode = modes.get(i).map_or("i", String::as_str);
        if matches!(mode, "i" | "b" | "v") {
            let has_default = parameters.len() as i32 >= inputs - defaults;
            let is_variadic = mode == "v";
            parameters.push(Parameter { name: name.clone(), ty: types.resolve(*ty), has_default, is_variadic });
        }
        if matches!(mode, "o" | "b" | "t") {
            returns.push((name, types.resolve(*ty)));
        }
    }
    if returns.is_empty() {
        let single = || vec![(String::new(), types.resolve(row.get(8)))];
        returns = rows_returned.get(&row.get(10)).cloned().unwrap_or_else(single);
    }
    Function { schema: row.get(1), name: row.get(2), parameters, returns, returns_set: row.get(9) }
}

/// `pg_type`, by oid.
struct Types(HashMap<u32, TypeRow>);

struct TypeRow {
    name: String,
    is_domain: bool,
    is_enum: bool,
    element: u32,
    base: u32,
    is_array: bool,
    in_pg_catalog: bool,
    sql: String,
    comparison: Comparison,
}

impl Types {
    fn read(rows: &[Row], compared: &[Row]) -> Types {
        let mut comparisons: HashMap<u32, Comparison> = HashMap::new();
        for row in compared {
            let found = if row.get(1) { Comparison::Order } else { Comparison::Equality };
            let known = comparisons.entry(row.get(0)).or_insert(found);
            *known = found.max(*known);
        }
        let entries = rows.iter().map(|row| {
            let kind: String = row.get(2);
            let category: String = row.get(5);
            let element: u32 = row.get(3);
            let entry = TypeRow {
                name: row.get(1),
                is_domain: kind == "d",
                is_enum: kind == "e",
                element,
                base: row.get(4),
                is_array: category == "A" && element != 0,
                in_pg_catalog: row.get(6),
                sql: row.get(7),
                // Enums, composites, ranges and multiranges are compared by operators of pseudo-types.
                comparison: match kind.as_str() {
                    "e" | "c" | "r" | "m" => Comparison::Order,
                    _ => comparisons.get(&row.get(0)).copied().unwrap_or(Comparison::None),
                },
            };
            (row.get::<_, u32>(0), entry)
        });
        Types(entries.collect())
    }

    /// A type less its domains: what values of it look like, and how to spell a cast to it.
    fn resolve(&self, oid: u32) -> PgType {
        let unknown = || PgType { builtin: false, ..PgType::builtin(Family::Other, "text") };
        let (base, was_domain) = self.base_of(oid);
        let Some(row) = self.0.get(&base) else { return unknown() };
        if !row.is_array {
            return self.single(row, was_domain);
        }
        let (element, domain_elements) = self.base_of(row.element);
        match self.0.get(&element) {
            Some(element) => PgType { array: true, ..self.single(element, was_domain || domain_elements) },
            None => unknown(),
        }
    }

    fn single(&self, row: &TypeRow, was_domain: bool) -> PgType {
        let family = match row {
            TypeRow { is_enum: true, .. } => Family::Enum,
            TypeRow { in_pg_catalog: false, name, .. } if name != "citext" => Family::Other,
            TypeRow { name, .. } => Family::of_type_name(name),
        };
        let known = row.in_pg_catalog && family != Family::Other;
        let sql = match row.sql.as_str() {
            _ if known => family.sql().to_owned(),
            // Unquoted it would mean bit(1), and cut what is cast to it.
            "bit" => "\"bit\"".to_owned(),
            other => other.to_owned(),
        };
        PgType { family, array: false, sql, builtin: known && !was_domain, comparison: row.comparison }
    }

    fn base_of(&self, mut oid: u32) -> (u32, bool) {
        let mut was_domain = false;
        while let Some(row) = self.0.get(&oid).filter(|row| row.is_domain) {
            oid = row.base;
            was_domain = true;
        }
        (oid, was_domain)
    }
}
