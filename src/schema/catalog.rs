//! What PostgreSQL has: relations, columns, functions, as the catalog tells them.
//!
//! Read once when the schema is bound (`exec::inspect` runs the statement) and kept in the artifact
//! by `compile --database`. Everything here is plain data, so that planning stays pure.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::model::{RelationName, Scalar};

/// The part of the catalog that the schema names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    pub relations: IndexMap<RelationName, Relation>,
    pub functions: IndexMap<RelationName, Vec<Function>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Schema and name as PostgreSQL resolved them.
    pub schema: String,
    pub name: String,
    pub columns: IndexMap<String, PgType>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    pub schema: String,
    pub name: String,
    pub parameters: Vec<Parameter>,
    /// Output columns by name: one unnamed column for a scalar.
    pub returns: Vec<(String, PgType)>,
    pub returns_set: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub ty: PgType,
    pub has_default: bool,
    /// It takes the rest of the arguments, which have no names.
    #[serde(default)]
    pub is_variadic: bool,
}

/// A PostgreSQL type, reduced to what reading and casting need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PgType {
    /// How a value travels; for a domain, that of its base type.
    pub family: Family,
    /// An array of `family`.
    pub array: bool,
    /// The type as SQL spells it, without the `[]` of an array, quoted and qualified when needed.
    pub sql: String,
    /// False when the type is a domain or defined by an extension or a user: a result column or a
    /// bind of such a type is spelled with the built-in type of `family`.
    pub builtin: bool,
    /// What values of it, or items of an array, can be asked.
    pub comparison: Comparison,
}

/// Which comparison operators PostgreSQL has for a type: `xml` has none, `xid` only `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Comparison {
    None,
    Equality,
    Order,
}

/// Built-in types with an encoding of their own; everything else is `Other` and read by `to_json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Bpchar,
    Name,
    /// The extension type; travels as text, compares without case.
    Citext,
    Uuid,
    Timestamptz,
    Timestamp,
    Date,
    Time,
    Timetz,
    Interval,
    Json,
    Jsonb,
    Bytea,
    Enum,
    Other,
}

// === impl Family ===

impl Family {
    /// The family of a built-in type by its name in `pg_type`.
    pub fn of_type_name(name: &str) -> Family {
        match name {
            "bool" => Family::Bool,
            "int2" => Family::Int2,
            "int4" => Family::Int4,
            "int8" => Family::Int8,
            "float4" => Family::Float4,
            "float8" => Family::Float8,
            "numeric" => Family::Numeric,
            "text" => Family::Text,
            "varchar" => Family::Varchar,
            "bpchar" => Family::Bpchar,
            "name" => Family::Name,
            "citext" => Family::Citext,
            "uuid" => Family::Uuid,
            "timestamptz" => Family::Timestamptz,
            "timestamp" => Family::Timestamp,
            "date" => Family::Date,
            "time" => Family::Time,
            "timetz" => Family::Timetz,
            "interval" => Family::Interval,
            "json" => Family::Json,
            "jsonb" => Family::Jsonb,
            "bytea" => Family::Bytea,
            _ => Family::Other,
        }
    }

    /// What a value of this scalar compares as where it stands inside a document.
    pub fn of_scalar(scalar: Scalar) -> Family {
        match scalar {
            Scalar::Id | Scalar::String | Scalar::Text => Family::Text,
            Scalar::Uuid => Family::Uuid,
            Scalar::Int => Family::Int4,
            Scalar::BigInt => Family::Int8,
            Scalar::Float => Family::Float8,
            Scalar::Decimal => Family::Numeric,
            Scalar::Boolean => Family::Bool,
            Scalar::DateTime => Family::Timestamptz,
            Scalar::Date => Family::Date,
            Scalar::Time => Family::Time,
            Scalar::Json => Family::Jsonb,
        }
    }

    /// The family that arrives after the select list has spelled the column with a built-in type:
    /// enums, `citext` and everything without an encoding are sent as text.
    pub fn on_the_wire(self) -> Family {
        match self {
            Family::Enum | Family::Citext => Family::Text,
            Family::Other => Family::Json,
            other => other,
        }
    }

    /// The built-in type as SQL spells it.
    pub fn sql(self) -> &'static str {
        match self {
            Family::Bool => "bool",
            Family::Int2 => "int2",
            Family::Int4 => "int4",
            Family::Int8 => "int8",
            Family::Float4 => "float4",
            Family::Float8 => "float8",
            Family::Numeric => "numeric",
            Family::Text | Family::Citext | Family::Enum => "text",
            Family::Varchar => "varchar",
            Family::Bpchar => "bpchar",
            Family::Name => "name",
            Family::Uuid => "uuid",
            Family::Timestamptz => "timestamptz",
            Family::Timestamp => "timestamp",
            Family::Date => "date",
            Family::Time => "time",
            Family::Timetz => "timetz",
            Family::Interval => "interval",
            Family::Json | Family::Other => "json",
            Family::Jsonb => "jsonb",
            Family::Bytea => "bytea",
        }
    }

    /// The oid of the built-in type (`pg_type.dat`), for the families that can arrive.
    pub fn oid(self) -> u32 {
        match self {
            Family::Bool => 16,
            Family::Bytea => 17,
            Family::Name => 19,
            Family::Int8 => 20,
            Family::Int2 => 21,
            Family::Int4 => 23,
            Family::Text | Family::Citext | Family::Enum => 25,
            Family::Json | Family::Other => 114,
            Family::Float4 => 700,
            Family::Float8 => 701,
            Family::Bpchar => 1042,
            Family::Varchar => 1043,
            Family::Date => 1082,
            Family::Time => 1083,
            Family::Timestamp => 1114,
            Family::Timestamptz => 1184,
            Family::Interval => 1186,
            Family::Timetz => 1266,
            Family::Numeric => 1700,
            Family::Uuid => 2950,
            Family::Jsonb => 3802,
        }
    }

    /// The oid of an array of this family's built-in type.
    pub fn array_oid(self) -> u32 {
        match self {
            Family::Bool => 1000,
            Family::Bytea => 1001,
            Family::Name => 1003,
            Family::Int8 => 1016,
            Family::Int2 => 1005,
            Family::Int4 => 1007,
            Family::Text | Family::Citext | Family::Enum => 1009,
            Family::Json | Family::Other => 199,
            Family::Float4 => 1021,
            Family::Float8 => 1022,
            Family::Bpchar => 1014,
            Family::Varchar => 1015,
            Family::Date => 1182,
            Family::Time => 1183,
            Family::Timestamp => 1115,
            Family::Timestamptz => 1185,
            Family::Interval => 1187,
            Family::Timetz => 1270,
            Family::Numeric => 1231,
            Family::Uuid => 2951,
            Family::Jsonb => 3807,
        }
    }

    /// Whether columns of the two can be compared by `=`, as a join does. Types without a family of their own
    /// compare with themselves alone, which their names tell.
    pub fn joins(self, other: Family) -> bool {
        use Family::*;
        const GROUPS: [&[Family]; 4] = [
            &[Int2, Int4, Int8, Float4, Float8, Numeric],
            &[Text, Varchar, Bpchar, Name, Citext],
            &[Date, Timestamp, Timestamptz],
            &[Time, Timetz],
        ];
        let is_alike = GROUPS.iter().any(|group| group.contains(&self) && group.contains(&other));
        is_alike || (self == other && !matches!(self, Enum | Other | Json))
    }

    /// Whether values of this family may stand behind a declared scalar. This is the one table; the
    /// documentation prints it and a test walks it.
    pub fn serves(self, scalar: Scalar) -> bool {
        use Family::*;
        let text = matches!(self, Text | Varchar | Bpchar | Name | Citext | Enum);
        match scalar {
            Scalar::Id => text || matches!(self, Uuid | Int2 | Int4 | Int8),
            Scalar::Uuid => text || self == Uuid,
            Scalar::String => {
                text || matches!(self, Uuid | Interval | Bytea | Date | Time | Timetz | Timestamp | Timestamptz | Other)
            }
            Scalar::Text => text || matches!(self, Uuid | Interval | Bytea | Other),
            Scalar::Int => matches!(self, Int2 | Int4),
            Scalar::BigInt => matches!(self, Int2 | Int4 | Int8),
            Scalar::Float => matches!(self, Float4 | Float8 | Int2 | Int4 | Numeric),
            Scalar::Decimal => matches!(self, Numeric | Int2 | Int4 | Int8),
            Scalar::Boolean => self == Bool,
            Scalar::DateTime => matches!(self, Timestamptz | Timestamp),
            Scalar::Date => self == Date,
            Scalar::Time => matches!(self, Time | Timetz),
            Scalar::Json => true,
        }
    }
}

impl PgType {
    /// A value of the built-in type of `family`, as tests and inferred columns need it.
    pub fn builtin(family: Family, sql: &str) -> PgType {
        PgType { family, array: false, sql: sql.to_owned(), builtin: true, comparison: Comparison::Order }
    }

    /// As SQL spells it, with the `[]` of an array.
    pub fn shown(&self) -> String {
        format!("{}{}", self.sql, if self.array { "[]" } else { "" })
    }

    /// Whether a column of this type can be joined to one of the other by `=`.
    pub fn joins(&self, other: &PgType) -> bool {
        if self.array != other.array {
            return false;
        }
        let is_same = self.sql == other.sql && self.comparison >= Comparison::Equality && self.family != Family::Json;
        is_same || (!self.array && self.family.joins(other.family))
    }
}
