//! What others build on, pinned as files: the type system of the shop, the codes, the table of types.

use std::fmt::Write;
use std::path::Path;

use fraiseql::codec::json;
use fraiseql::dev::export::Authoring;
use fraiseql::error::Code;
use fraiseql::plan::shape::{Leaf, LeafKind};
use fraiseql::schema::Schema;
use fraiseql::schema::catalog::Family;
use fraiseql::schema::model::{Model, Scalar};
use fraiseql::server;
use tokio_postgres::NoTls;

use crate::cases::{config, model_of};
use crate::harness::{self, crate_path, postgres};

const SCALARS: [Scalar; 13] = [
    Scalar::Id,
    Scalar::Uuid,
    Scalar::String,
    Scalar::Int,
    Scalar::BigInt,
    Scalar::Float,
    Scalar::Decimal,
    Scalar::Boolean,
    Scalar::DateTime,
    Scalar::Date,
    Scalar::Time,
    Scalar::Json,
    Scalar::Text,
];

const FAMILIES: [Family; 24] = [
    Family::Bool,
    Family::Int2,
    Family::Int4,
    Family::Int8,
    Family::Float4,
    Family::Float8,
    Family::Numeric,
    Family::Text,
    Family::Varchar,
    Family::Bpchar,
    Family::Name,
    Family::Citext,
    Family::Enum,
    Family::Uuid,
    Family::Timestamptz,
    Family::Timestamp,
    Family::Date,
    Family::Time,
    Family::Timetz,
    Family::Interval,
    Family::Bytea,
    Family::Json,
    Family::Jsonb,
    Family::Other,
];

/// Compares a file of the crate with what it should hold.
pub fn pinned(path: &str, text: &str) {
    let path = crate_path(path);
    if std::env::var_os("UPDATE_PINNED").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(file == text, "{} differs: run the test with UPDATE_PINNED=1\n{text}", path.display());
}

/// The compiled schema of the shop.
pub async fn shop() -> Model {
    let project = tempfile::tempdir().unwrap();
    std::fs::copy(crate_path("examples/shop/schema.py"), project.path().join("schema.py")).unwrap();
    let authoring = Authoring::find(project.path()).await.unwrap().unwrap();
    authoring.export(Path::new("schema.json")).await.unwrap();
    let exported = std::fs::read_to_string(project.path().join("schema.json")).unwrap();
    model_of(&exported)
}

#[tokio::test]
async fn the_type_system_of_the_shop() {
    let schema = Schema::assumed(shop().await);
    pinned("tests/contracts/schema.graphql", server::graphql(&config(), &schema).unwrap().sdl());
}

#[test]
fn the_codes() {
    let lines: Vec<String> =
        Code::ALL.iter().map(|code| format!("{:<23}{}\n", code.name(), code.http_status())).collect();
    pinned("tests/contracts/codes.txt", &lines.concat());
}

/// `docs/types.md`: the table of `Family::serves`, and what each type is in JSON, written by the codec
/// from what PostgreSQL sends.
#[tokio::test]
async fn the_types() {
    let (client, connection) = tokio_postgres::connect(&postgres().url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'").await.unwrap();
    let mut text = String::from(INTRODUCTION);
    for scalar in SCALARS {
        let serving = FAMILIES.into_iter().filter(|family| family.serves(scalar));
        let types: Vec<String> = serving.map(spelled).collect();
        let types = if scalar == Scalar::Json { "every type".to_owned() } else { types.join(", ") };
        let (name, sent) = described(scalar);
        let _ = writeln!(text, "| {name} | {types} | {sent} |");
    }
    text.push_str(WRITTEN);
    for family in FAMILIES {
        let (expression, note) = example(family);
        // The select list spells these types with one that has an encoding.
        let column = match family {
            Family::Enum | Family::Citext => format!("({expression})::text"),
            Family::Other => format!("to_json({expression})"),
            built_in => format!("({expression})::{}", built_in.sql()),
        };
        let row = client.query_one(&format!("SELECT {column}"), &[]).await.unwrap();
        let columns = harness::columns(&row);
        let leaf = Leaf { family, kind: LeafKind::Scalar(Scalar::Json) };
        let mut out = Vec::new();
        json::leaf(&leaf, columns.at(0).unwrap().unwrap(), &mut out).unwrap();
        let _ = writeln!(text, "| {} | `{}` | {note} |", spelled(family), String::from_utf8(out).unwrap());
    }
    text.push_str(REMARKS);
    pinned("docs/types.md", &text);
}

/// The scalar's names in the schema, and what may be sent for it.
fn described(scalar: Scalar) -> (&'static str, &'static str) {
    match scalar {
        Scalar::Id => ("`ID`", "a string, or a whole number"),
        Scalar::Uuid => ("`UUID`", "a string of 32 hexadecimal digits, with or without hyphens"),
        Scalar::String => ("`String`", "a string"),
        Scalar::Int => ("`Int`", "a whole number within 32 bits"),
        Scalar::BigInt => ("`BigInt`", "a whole number within 64 bits, or a string that holds one"),
        Scalar::Float => ("`Float`", "a number"),
        Scalar::Decimal => ("`Decimal`", "a string that holds a number of any size, or a number"),
        Scalar::Boolean => ("`Boolean`", "`true` or `false`"),
        Scalar::DateTime => ("`DateTime`", "`\"2024-05-01T12:00:00Z\"`, `\"2024-05-01\"`, `\"infinity\"`"),
        Scalar::Date => ("`Date`", "`\"2024-05-01\"`, `\"0044-03-15 BC\"`, `\"infinity\"`"),
        Scalar::Time => ("`Time`", "`\"12:30:00\"`, with an offset where the column has one"),
        Scalar::Json => ("`Json`, `JSON`", "any JSON value"),
        Scalar::Text => ("any other (`Email`, `Url`, …)", "a string"),
    }
}

fn spelled(family: Family) -> String {
    match family {
        Family::Enum => "enums".to_owned(),
        Family::Other => "anything else".to_owned(),
        Family::Citext => "`citext`".to_owned(),
        Family::Bpchar => "`char(n)`".to_owned(),
        Family::Bool
        | Family::Int2
        | Family::Int4
        | Family::Int8
        | Family::Float4
        | Family::Float8
        | Family::Numeric
        | Family::Text
        | Family::Varchar
        | Family::Name
        | Family::Uuid
        | Family::Timestamptz
        | Family::Timestamp
        | Family::Date
        | Family::Time
        | Family::Timetz
        | Family::Interval
        | Family::Json
        | Family::Jsonb
        | Family::Bytea => format!("`{}`", family.sql()),
    }
}

/// A value of each type as SQL, and what to know about how it is written.
fn example(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Bool => ("true", ""),
        Family::Int2 => ("32767", ""),
        Family::Int4 => ("2147483647", ""),
        Family::Int8 => ("9223372036854775807", "a number, beyond what JavaScript holds exactly"),
        Family::Float4 => ("0.1", "the shortest text that reads back as the same number"),
        Family::Float8 => ("1e100", "the same; `\"NaN\"` and `\"Infinity\"` are strings"),
        Family::Numeric => {
            ("1.10", "a number with every digit that is stored; `\"NaN\"` and `\"Infinity\"` are strings")
        }
        Family::Text => ("'naïve \"x\"'", ""),
        Family::Varchar => ("'text'", ""),
        Family::Bpchar => ("'ab'::char(4)", "with the blanks that pad it"),
        Family::Name => ("'pg_class'", ""),
        Family::Citext => ("'MiXed'", "as stored; compared without case"),
        Family::Enum => ("'happy'", "behind an enum of the schema, the name that the API gives the value"),
        Family::Uuid => ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", ""),
        Family::Timestamptz => {
            ("'2024-05-01 14:00:00.5+02'", "in UTC; `\"infinity\"`, `\"-infinity\"`; years before 1 end in ` BC`")
        }
        Family::Timestamp => ("'2024-05-01 12:00'", "without an offset, because it has none"),
        Family::Date => ("'2024-05-01'", ""),
        Family::Time => ("'12:30'", ""),
        Family::Timetz => ("'12:30+02'", ""),
        Family::Interval => ("'1 year 2 mons 3 days 04:05:06.7'", ""),
        Family::Bytea => ("'\\x00ff'", "hexadecimal"),
        Family::Json => ("'{\"b\":1,  \"a\":2}'", "as stored, on one line"),
        Family::Jsonb => ("'{\"b\":1,  \"a\":2}'", "as stored"),
        Family::Other => {
            ("'10.0.0.1'::inet", "as `to_json` writes it: network addresses, ranges, geometry, composites")
        }
    }
}

const INTRODUCTION: &str = "\
# Types

This page is printed by `tests/it/contracts.rs` from the table that the program uses.

## What may stand behind a declared scalar

A field that is read from a column of its own is compared with the column's type when the schema is bound, at
start-up and by `fraiseql compile --database`. A type that is not in its row is refused, with the scalar that
would fit: an `Int` on an `int8` column would break for the first large value, so it has to be a `BigInt`.

A domain counts as its base type. A list is declared over an array of the type. An enum of the schema may
stand over a PostgreSQL enum or any text. Every field may stand over `json` or `jsonb`, embedded objects and
lists only over these; it is then read like a value inside `data`.

| declared | PostgreSQL | sent in filters and arguments as |
|---|---|---|
";

const WRITTEN: &str = "
## How each type is written in JSON

Byte for byte what PostgreSQL's `to_json` prints, with `TimeZone` UTC, with two exceptions: an `ID` is always
a string, and a `float8` may differ in its last digit where both texts name the same number.

| PostgreSQL | for example | |
|---|---|---|
";

const REMARKS: &str = "
An array is a JSON array of the same, nulls included; one of several dimensions nests. A null is `null`, and
where the schema says that there is none, the error `DATA_MISMATCH`, which names the type, the field and the
key, while the null moves up to the nearest field that may be null.

## Values inside `data`

A field that is read from the document of its row is checked against its declared scalar when it is written:
a number behind a `String`, or a text that is no date behind a `Date`, is `DATA_MISMATCH`, on every wire. What
fits is copied as it is stored. `ID` takes numbers and makes strings of them, `BigInt` and `Decimal` take
numbers in strings. In a filter or an order the stored value is cast to the scalar's type, so that it
compares as what it is declared to be.
";
