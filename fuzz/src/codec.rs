//! Rows: a byte that chooses a shape, one that says how much of the row is as PostgreSQL would send it, and the row.
//!
//! Whatever the bytes are, a row is written or stops, and what is written grows with the row. Where the row is one
//! that PostgreSQL could send, it is never taken for one of another type; what is written is JSON, CSV with a cell
//! for each field, and a message that another implementation of protobuf reads to its last byte; and what protobuf
//! takes fits in JSON as well.

use std::sync::LazyLock;

use fraiseql::codec::key::key;
use fraiseql::codec::protobuf::{self, Layout, LengthRoom, Tag};
use fraiseql::codec::{Columns, Lookup, MISMATCHES_MAX, Stop, Trail, csv, json};
use fraiseql::plan::Limits;
use fraiseql::plan::plan;
use fraiseql::plan::shape::{
    Document, DocumentField, DocumentObject, DocumentSource, Field, Key, Leaf, LeafKind, Node, Object, Shape, Wire,
};
use fraiseql::schema::catalog::Family;
use fraiseql::schema::lock::{Lock, Wanted};
use fraiseql::schema::model::Scalar;
use fraiseql::sql::write;
use fraiseql::transport::grpc::api::MethodKind;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use serde_json::Map;

use super::protobuf::path;
use super::rows::{Source, raw, row};
use super::world::{World, world};

/// Any bytes, instead of a row that PostgreSQL could send.
const RAW: u8 = 1;

/// What a byte of a row may become: a group of a numeric stands for as many zeros as its weight says.
const GROWTH_MAX: usize = 32 * 1024;
const EXCESS_BYTES_MAX: usize = 64 * 1024;

/// What rows are read by.
struct Case {
    shape: Shape,
    layout: Option<Layout>,
    /// As another implementation knows it.
    message: Option<MessageDescriptor>,
}

pub fn run(data: &[u8]) {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases);
    let [which, how, bytes @ ..] = data else { return };
    let case = &CASES[usize::from(*which) % CASES.len()];
    let mut source = Source(bytes);
    let is_raw = how & RAW != 0;
    let values = match is_raw {
        true => raw(case.shape.wires().len(), &mut source),
        false => row(&case.shape, &mut source),
    };
    let columns = Columns::from_values(values.iter().map(Option::as_deref));
    let length = values.iter().flatten().map(Vec::len).sum::<usize>();
    let most = GROWTH_MAX * length + EXCESS_BYTES_MAX;
    let is_whole = as_json(case, &columns, is_raw, most);
    as_csv(case, &columns, is_raw);
    as_protobuf(case, &columns, is_raw, is_whole, most);
    keys(&columns);
}

/// Says whether every value had a place in JSON.
fn as_json(case: &Case, columns: &Columns<'_>, is_raw: bool, most: usize) -> bool {
    let (mut out, mut trail) = (b"before".to_vec(), Trail::default());
    let written = json::row(&case.shape, columns, &mut out, &mut trail);
    assert!(out.len() <= most, "{} bytes", out.len());
    let text = out.strip_prefix(b"before").expect("what was there before");
    let mismatches = trail.into_mismatches();
    assert!(mismatches.len() <= MISMATCHES_MAX && mismatches.iter().all(|it| !it.reason.is_empty()));
    match written {
        Ok(()) if is_raw => {}
        Ok(()) => {
            let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(text);
            parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
        }
        Err(Stop::Stale) => assert!(is_raw, "a row that PostgreSQL sends is taken for another: {:?}", case.shape),
        Err(Stop::Null) => assert!(text.is_empty() && !mismatches.is_empty(), "{}", String::from_utf8_lossy(text)),
    }
    let (mut again, mut trail) = (b"before".to_vec(), Trail::default());
    assert_eq!(json::row(&case.shape, columns, &mut again, &mut trail), written);
    assert!(again == out, "other bytes at another time");
    if let Shape::Connection(connection) = &case.shape {
        let (mut out, mut trail) = (Vec::new(), Trail::default());
        let nodes = json::nodes(connection, columns, &mut out, &mut trail);
        assert!(is_raw || nodes != Err(Stop::Stale));
        assert!(nodes.is_ok() || out.is_empty());
    }
    written.is_ok() && mismatches.is_empty()
}

fn as_csv(case: &Case, columns: &Columns<'_>, is_raw: bool) {
    let (Shape::One(object) | Shape::Many(object)) = &case.shape else { return };
    let (mut scratch, mut out, mut trail) = (Vec::new(), Vec::new(), Trail::default());
    assert!(csv::header(&case.shape, &mut out));
    assert_eq!(cells(&out), object.fields.len(), "{}", String::from_utf8_lossy(&out));
    out.clear();
    match csv::row(&case.shape, columns, &mut scratch, &mut out, &mut trail) {
        Ok(()) if !is_raw => assert_eq!(cells(&out), object.fields.len(), "{}", String::from_utf8_lossy(&out)),
        Ok(()) | Err(Stop::Null) => {}
        Err(Stop::Stale) => assert!(is_raw, "a row that PostgreSQL sends has no form in CSV"),
    }
}

/// The cells of a line (RFC 4180), none in one without an end.
fn cells(line: &[u8]) -> usize {
    let Some(line) = line.strip_suffix(b"\r\n") else { return 0 };
    let (mut quoted, mut cells) = (false, 1);
    for byte in line {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => cells += 1,
            b'\r' | b'\n' if !quoted => return 0,
            _ => {}
        }
    }
    if quoted { 0 } else { cells }
}

fn as_protobuf(case: &Case, columns: &Columns<'_>, is_raw: bool, is_whole: bool, most: usize) {
    let Some(layout) = &case.layout else { return };
    let (mut out, mut trail) = (Vec::new(), Trail::default());
    let written = protobuf::message(layout, columns, &mut out, &mut trail);
    assert!(out.len() <= most, "{} bytes", out.len());
    match written {
        Ok(()) if is_raw => {}
        Ok(()) => {
            assert!(is_whole, "protobuf takes what does not fit in JSON: {:?}", case.shape);
            if let Some(descriptor) = &case.message {
                let message = DynamicMessage::decode(descriptor.clone(), &out[..]);
                known(&message.unwrap_or_else(|error| panic!("{}: {error}: {out:?}", descriptor.full_name())));
            }
            let (mut item, mut trail) = (Vec::new(), Trail::default());
            let mut room = LengthRoom::default();
            protobuf::item(Tag::delimited(1), &mut room, layout, columns, &mut item, &mut trail)
                .expect("written before");
            assert!(item.ends_with(&out), "an item is another message");
        }
        Err(Stop::Null) => assert!(!trail.into_mismatches().is_empty()),
        Err(Stop::Stale) => assert!(is_raw, "a row that PostgreSQL sends is taken for another: {:?}", case.shape),
    }
}

/// Every field of a message is declared.
fn known(message: &DynamicMessage) {
    assert_eq!(message.unknown_fields().count(), 0, "{message:?}");
    message.fields().for_each(|(_, value)| known_value(value));
}

fn known_value(value: &Value) {
    match value {
        Value::Message(message) => known(message),
        Value::List(items) => items.iter().for_each(known_value),
        Value::Map(entries) => entries.values().for_each(known_value),
        _ => {}
    }
}

/// The key of a row, read as that of any type.
fn keys(columns: &Columns<'_>) {
    for column in 0..=columns.len() {
        let _ = key(Lookup::Position { column }, columns);
        for family in FAMILIES {
            let _ = key(Lookup::Key { column, family }, columns);
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = methods();
    cases.extend(documents());
    cases.extend(FAMILIES.into_iter().flat_map(values));
    cases.push(scalars());
    cases
}

/// The rows of every method, by default and with everything that can be asked for.
fn methods() -> Vec<Case> {
    let World { api, grpc, schema, lock, callers, descriptors, .. } = world();
    let mut cases = Vec::new();
    let reads = api.methods.iter().filter(|method| !method.kind.is_of_entities() && method.kind != MethodKind::Pages);
    for method in reads.filter(|method| method.kind != MethodKind::Commands) {
        for request in REQUESTS {
            let request: Map<_, _> = serde_json::from_str(request).expect("a request");
            let Ok(intent) = grpc.intent(schema, &path(method), request) else { continue };
            let planned = plan(schema, &callers[1], Limits::default(), &intent).expect("a plan");
            let shape = write(planned).shape().clone();
            let layout = Layout::new(&shape, lock).expect("a number for each field");
            // What a mutation answers is a message around its row.
            let is_row = !method.kind.is_write();
            let name = format!("{}.{}", api.package, method.response);
            let message = is_row.then(|| descriptors.get_message_by_name(&name).expect("a message"));
            cases.push(Case { shape, layout: Some(layout), message });
        }
    }
    cases
}

/// Requests that some method takes: with the arguments that some need, and for everything that there is.
const REQUESTS: [&str; 8] = [
    "{}",
    r#"{"id": "7b3a0c1e-0000-4000-8000-000000000001"}"#,
    r#"{"id": "7b3a0c1e-0000-4000-8000-000000000001", "readMask": "*,category.*,category.items.*,masked,rejected"}"#,
    r#"{"readMask": "*,category.*,category.items.*,masked,rejected"}"#,
    r#"{"readMask": "*,items.*,items.category.*"}"#,
    r#"{"readMask": "*,posts.*,posts.author.*,posts.author.posts.*"}"#,
    r#"{"readMask": "edges.cursor,edges.node.*,page_info.*,total_count", "first": 2}"#,
    r#"{"readMask": "edges.node.category.items.*,page_info,total_count", "last": 1, "before": "WyJhIl0="}"#,
];

/// The rows of documents in GraphQL, whose keys are chosen by who asks.
fn documents() -> Vec<Case> {
    let World { graphql, schema, lock, callers, .. } = world();
    let document = include_str!("../world/rows.graphql");
    let intents = graphql.intents(schema, document, Map::new());
    let intents = intents.unwrap_or_else(|reasons| panic!("{reasons:?}"));
    let case = |(_, intent)| {
        let planned = plan(schema, &callers[1], Limits::default(), &intent).expect("a plan");
        let shape = write(planned).shape().clone();
        let layout = Layout::new(&shape, lock).ok();
        Case { shape, layout, message: None }
    };
    intents.into_iter().map(case).collect()
}

/// A column of a family, and an array of it, read as every scalar that it may stand behind.
fn values(family: Family) -> Vec<Case> {
    let served: Vec<Scalar> = SCALARS.into_iter().filter(|scalar| family.serves(*scalar)).collect();
    let leaf = |scalar| Leaf { family, kind: LeafKind::Scalar(scalar) };
    let single = served.iter().map(|scalar| field(*scalar, Node::Leaf { column: 0, leaf: leaf(*scalar) }));
    let single = object(Wire::Value(family.on_the_wire()), single.collect());
    let items = served
        .iter()
        .map(|scalar| field(*scalar, Node::LeafList { column: 0, leaf: leaf(*scalar), item_nullable: true }));
    let many = object(Wire::Array(family.on_the_wire()), items.collect());
    if family == Family::Other { vec![case(single)] } else { vec![case(single), case(many)] }
}

/// A document with a key for every scalar.
fn scalars() -> Case {
    let fields = SCALARS.into_iter().map(|scalar| {
        let name = format!("{scalar:?}").to_lowercase();
        let source = DocumentSource::Stored { stored: name.as_str().into(), value: Document::Scalar(scalar) };
        DocumentField { key: Key::new(name.as_str()), name: name.into(), nullable: true, source }
    });
    let document = DocumentObject { type_name: "Any".into(), fields: fields.collect() };
    let layout = Layout::new(&Shape::Document(Document::Object(document.clone())), &numbers()).ok();
    Case { shape: Shape::Document(Document::Object(document)), layout, message: None }
}

fn field(scalar: Scalar, node: Node) -> Field {
    let name = format!("{scalar:?}").to_lowercase();
    Field { key: Key::new(name.as_str()), name: name.into(), nullable: true, node }
}

fn object(wire: Wire, fields: Vec<Field>) -> Object {
    Object { type_name: "Any".into(), columns: vec![wire], fields }
}

fn case(object: Object) -> Case {
    let shape = Shape::Many(object);
    Case { layout: Some(Layout::new(&shape, &numbers()).expect("a number for each field")), shape, message: None }
}

/// Numbers for a message with a field for every scalar.
fn numbers() -> Lock {
    let fields = SCALARS.iter().map(|scalar| (format!("{scalar:?}").to_lowercase(), "string".to_owned()));
    let wanted = Wanted { messages: vec![("Any".to_owned(), fields.collect())], enums: Vec::new() };
    Lock::default().settle(&wanted, "fraiseql.lock").lock
}

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
    Family::Uuid,
    Family::Timestamptz,
    Family::Timestamp,
    Family::Date,
    Family::Time,
    Family::Timetz,
    Family::Interval,
    Family::Json,
    Family::Jsonb,
    Family::Bytea,
    Family::Enum,
    Family::Other,
];
