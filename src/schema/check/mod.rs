//! Every rule that a schema must keep. Nothing stops at the first problem.

mod federation;
mod names;
mod operations;
mod rest;
mod rpc;
mod subgraph;
mod types;
mod values;

use std::collections::HashMap;

use super::authoring::reader::Reports;
use super::authoring::{Document, Enum, Input, Interface, Type, Union};
use super::model::Scalar;
use crate::problem::Problem;
pub use federation::{minor, needs};
pub use operations::rooted;
pub use rest::conflicts;
pub use subgraph::stored;
pub use values::fit;

pub fn check(document: &Document, reports: &Reports) {
    let index = Index::new(document);
    names::check(document, reports);
    types::check(document, &index, reports);
    operations::check(document, &index, reports);
    rest::check(document, &index, reports);
    rpc::check(document, reports);
    federation::check(document, &index, reports);
    subgraph::check(document, reports);
}

/// What a name of the schema stands for.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    Type(&'a Type),
    Interface(&'a Interface),
    Union(&'a Union),
    Enum(&'a Enum),
    Input(&'a Input),
    Scalar,
}

/// Every declared name.
pub struct Index<'a> {
    declared: HashMap<&'a str, Known<'a>>,
}

/// String scalars that every SDK of the family offers without declaring them.
pub const NAMED_STRINGS: [&str; 49] = [
    "APIKey",
    "AirportCode",
    "CIDR",
    "CUSIP",
    "Color",
    "ContainerNumber",
    "Coordinates",
    "CountryCode",
    "CurrencyCode",
    "DateRange",
    "DomainName",
    "Duration",
    "Email",
    "EmailAddress",
    "ExchangeCode",
    "ExchangeRate",
    "File",
    "FlightNumber",
    "HTML",
    "HashSHA256",
    "Hostname",
    "IBAN",
    "IPAddress",
    "IPv4",
    "IPv6",
    "ISIN",
    "Image",
    "LEI",
    "LTree",
    "LanguageCode",
    "Latitude",
    "LicensePlate",
    "LocaleCode",
    "Longitude",
    "MACAddress",
    "MIC",
    "Markdown",
    "MimeType",
    "Money",
    "Percentage",
    "PhoneNumber",
    "Port",
    "PortCode",
    "PostalCode",
    "SEDOL",
    "SemanticVersion",
    "Slug",
    "StockSymbol",
    "Timezone",
];

// === impl Index ===

impl<'a> Index<'a> {
    pub fn new(document: &'a Document) -> Index<'a> {
        let types = document.types.iter().map(|ty| (ty.name.as_str(), Known::Type(ty)));
        let interfaces = document.interfaces.iter().map(|ty| (ty.name.as_str(), Known::Interface(ty)));
        let unions = document.unions.iter().map(|ty| (ty.name.as_str(), Known::Union(ty)));
        let enums = document.enums.iter().map(|ty| (ty.name.as_str(), Known::Enum(ty)));
        let inputs = document.inputs.iter().map(|ty| (ty.name.as_str(), Known::Input(ty)));
        let scalars = document.scalars.iter().map(|ty| (ty.name.as_str(), Known::Scalar));
        Index { declared: scalars.chain(inputs).chain(enums).chain(unions).chain(interfaces).chain(types).collect() }
    }

    /// A declared name, else a scalar that needs no declaration.
    pub fn get(&self, name: &str) -> Option<Known<'a>> {
        let undeclared = || {
            let is_scalar = Scalar::of_name(name).is_some() || NAMED_STRINGS.contains(&name);
            is_scalar.then_some(Known::Scalar)
        };
        self.declared.get(name).copied().or_else(undeclared)
    }

    /// Completes a problem about a type that does not exist.
    pub fn unknown(&self, problem: Problem, name: &str) -> Problem {
        let scalars = [
            "ID", "UUID", "String", "Int", "BigInt", "Float", "Decimal", "Boolean", "DateTime", "Date", "Time", "Json",
        ];
        let mut known: Vec<&str> = self.declared.keys().copied().chain(scalars).chain(NAMED_STRINGS).collect();
        known.sort_unstable();
        let fallback = problem.hint("declare it, or list a scalar of your own in \"custom_scalars\"");
        Problem { reason: format!("there is no type \"{name}\""), ..fallback }.nearest(name, known)
    }
}

impl Known<'_> {
    /// "object type", "input", …
    pub fn noun(self) -> &'static str {
        match self {
            Known::Type(_) => "object type",
            Known::Interface(_) => "interface",
            Known::Union(_) => "union",
            Known::Enum(_) => "enum",
            Known::Input(_) => "input",
            Known::Scalar => "scalar",
        }
    }

    pub fn is_composite(self) -> bool {
        match self {
            Known::Type(_) | Known::Interface(_) | Known::Union(_) => true,
            Known::Enum(_) | Known::Input(_) | Known::Scalar => false,
        }
    }
}

/// `users`, `crm.v_user`: what may be written into SQL without quotes.
fn is_relation_name(name: &str) -> bool {
    name.split('.').count() <= 2 && name.split('.').all(is_sql_identifier)
}

fn is_sql_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}

/// Refuses a name that PostgreSQL would need quotes for.
fn relation_name(name: Option<&String>, path: String, reports: &Reports) {
    if let Some(name) = name.filter(|name| !is_relation_name(name)) {
        let problem = reports.at(path, format!("\"{name}\" is not an SQL name"));
        reports.refuse(problem.hint("write \"name\" or \"schema.name\" with letters, digits, _ and $, without quotes"));
    }
}

/// Refuses a column that PostgreSQL would need quotes for.
fn column_name(name: Option<&String>, path: String, reports: &Reports) {
    if let Some(name) = name.filter(|name| !is_sql_identifier(name)) {
        let problem = reports.at(path, format!("\"{name}\" is not a column name"));
        reports.refuse(problem.hint("use letters, digits, _ and $, without quotes"));
    }
}
