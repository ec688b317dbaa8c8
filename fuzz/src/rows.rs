//! Bytes → a row of a shape, as PostgreSQL would send it: the framing and the form of each value are right, what is
//! in them is chosen by the bytes.

use fraiseql::plan::shape::{Document, DocumentObject, DocumentSource, Node, Object, Shape, Wire};
use fraiseql::schema::catalog::Family;
use serde_json::Value as Json;

/// Most items of a list.
const ITEMS_MAX: u8 = 4;
/// Microseconds of a day, and seconds of the largest offset that PostgreSQL takes.
const DAY_US: i64 = 86_400_000_000;
const OFFSET_SECS_MAX: i32 = 57_599;

/// Bytes that are used up; behind the last there are zeros.
pub struct Source<'d>(pub &'d [u8]);

/// The columns of one row of a shape.
pub fn row(shape: &Shape, source: &mut Source<'_>) -> Vec<Option<Vec<u8>>> {
    match shape {
        Shape::One(object) | Shape::Many(object) => columns(object, source),
        Shape::Document(document) | Shape::Documents(document) => {
            vec![Some([b"\x01", text_of(document, source).as_bytes()].concat())]
        }
        Shape::Connection(connection) => {
            let count = connection.counted.then(|| source.take::<8>().to_vec());
            vec![count, Some(records(&connection.node, source))]
        }
        Shape::Count => vec![Some(source.take::<8>().to_vec())],
    }
}

/// Columns of any bytes, each with a byte of length before it; 255 is null, and the last takes what is left.
pub fn raw(count: usize, source: &mut Source<'_>) -> Vec<Option<Vec<u8>>> {
    let column = |at| match source.byte() {
        255 => None,
        _ if at + 1 == count => Some(source.rest().to_vec()),
        length => Some(source.slice(length.into()).to_vec()),
    };
    (0..count).map(column).collect()
}

fn columns(object: &Object, source: &mut Source<'_>) -> Vec<Option<Vec<u8>>> {
    let column = |(at, wire): (usize, &Wire)| value(*wire, reader(object, at), source);
    object.columns.iter().enumerate().map(column).collect()
}

/// What reads a column.
fn reader(object: &Object, at: usize) -> Option<&Node> {
    object.fields.iter().map(|field| &field.node).find(|node| match node {
        Node::TypeName | Node::Masked => false,
        Node::Leaf { column, .. }
        | Node::LeafList { column, .. }
        | Node::Record { column, .. }
        | Node::RecordList { column, .. }
        | Node::Document { column, .. } => *column == at,
    })
}

fn value(wire: Wire, reader: Option<&Node>, source: &mut Source<'_>) -> Option<Vec<u8>> {
    if source.byte() % 16 == 15 {
        return None;
    }
    Some(match (wire, reader) {
        (Wire::Value(Family::Jsonb), Some(Node::Document { value, .. })) => {
            [b"\x01", text_of(value, source).as_bytes()].concat()
        }
        (Wire::Value(Family::Json), Some(Node::Document { value, .. })) => text_of(value, source).into_bytes(),
        (Wire::Value(family), _) => leaf(family, source),
        (Wire::Array(family), _) => array(family, source),
        (Wire::Record, Some(Node::Record { object, .. })) => record(object, source),
        (Wire::RecordArray, Some(Node::RecordList { object, .. })) => records(object, source),
        (Wire::Record | Wire::RecordArray, _) => return None,
    })
}

fn record(object: &Object, source: &mut Source<'_>) -> Vec<u8> {
    let mut bytes = (object.columns.len() as u32).to_be_bytes().to_vec();
    for (wire, value) in object.columns.iter().zip(columns(object, source)) {
        bytes.extend(wire.oid().to_be_bytes());
        put(value.as_deref(), &mut bytes);
    }
    bytes
}

fn records(object: &Object, source: &mut Source<'_>) -> Vec<u8> {
    let count = source.byte() % ITEMS_MAX;
    let mut bytes = dimensions(&[count], Wire::Record.oid());
    for _ in 0..count {
        // A list of joined rows has no nulls in it.
        put(Some(&record(object, source)), &mut bytes);
    }
    bytes
}

/// One dimension, or two where the byte says so.
fn array(family: Family, source: &mut Source<'_>) -> Vec<u8> {
    let (first, lengths) = (source.byte(), [source.byte() % ITEMS_MAX, source.byte() % ITEMS_MAX]);
    let lengths = if first % 8 == 7 { &lengths[..] } else { &lengths[..1] };
    let mut bytes = dimensions(lengths, family.oid());
    for _ in 0..lengths.iter().map(|length| u32::from(*length)).product() {
        let item = (source.byte() % 16 != 15).then(|| leaf(family, source));
        put(item.as_deref(), &mut bytes);
    }
    bytes
}

/// The head of an array; an empty one has no dimensions.
fn dimensions(lengths: &[u8], item_oid: u32) -> Vec<u8> {
    let lengths = if lengths.contains(&0) { &[] } else { lengths };
    let mut words = vec![lengths.len() as u32, 1, item_oid];
    words.extend(lengths.iter().flat_map(|length| [u32::from(*length), 1]));
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

fn put(value: Option<&[u8]>, bytes: &mut Vec<u8>) {
    bytes.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
    bytes.extend(value.unwrap_or_default());
}

/// A value of a type, in its binary form.
fn leaf(family: Family, source: &mut Source<'_>) -> Vec<u8> {
    match family {
        Family::Bool => vec![source.byte() & 1],
        Family::Int2 => source.take::<2>().to_vec(),
        Family::Int4 | Family::Float4 | Family::Date => source.take::<4>().to_vec(),
        Family::Int8 | Family::Float8 | Family::Timestamp | Family::Timestamptz => source.take::<8>().to_vec(),
        Family::Uuid | Family::Interval => source.take::<16>().to_vec(),
        Family::Time => time(source).to_vec(),
        Family::Timetz => {
            let offset = i32::from_be_bytes(source.take()).wrapping_rem(OFFSET_SECS_MAX + 1);
            [&time(source)[..], &offset.to_be_bytes()].concat()
        }
        Family::Numeric => numeric(source),
        Family::Text | Family::Varchar | Family::Bpchar | Family::Name | Family::Citext | Family::Enum => {
            text(source).into_bytes()
        }
        Family::Json | Family::Other => json(source).into_bytes(),
        Family::Jsonb => [b"\x01", jsonb(source).as_bytes()].concat(),
        Family::Bytea => {
            let length = source.byte();
            source.slice(length.into()).to_vec()
        }
    }
}

fn time(source: &mut Source<'_>) -> [u8; 8] {
    i64::from_be_bytes(source.take()).rem_euclid(DAY_US + 1).to_be_bytes()
}

/// Zero has no digits, and no other number begins with one.
fn numeric(source: &mut Source<'_>) -> Vec<u8> {
    let sign = [0x0000u16, 0x4000, 0xc000, 0xd000, 0xf000][usize::from(source.byte() % 5)];
    let count = if sign > 0x4000 { 0 } else { u16::from(source.byte() % 6) };
    let weight = if count == 0 { 0 } else { i16::from(source.byte() as i8) };
    let scale = u16::from(source.byte());
    let mut words = vec![count, weight as u16, sign, scale];
    words.extend((0..count).map(|_| u16::from_be_bytes(source.take()) % 10_000));
    if let Some(first) = words.get_mut(4) {
        *first = (*first).max(1);
    }
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// Text as PostgreSQL has it: UTF-8, without U+0000.
fn text(source: &mut Source<'_>) -> String {
    let length = source.byte();
    String::from_utf8_lossy(source.slice(length.into())).replace('\0', " ")
}

/// JSON with the spaces, the order and the repeated keys that it was written with.
fn json(source: &mut Source<'_>) -> String {
    let text = text(source);
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    if is_json { text } else { Json::String(text).to_string() }
}

/// JSON as jsonb has it: without repeated keys, and every escape has its character.
fn jsonb(source: &mut Source<'_>) -> String {
    let text = json(source);
    let parsed = serde_json::from_str::<Json>(&text);
    parsed.map_or_else(|_| Json::String(text.replace(['\0', '\\'], " ")).to_string(), |json| json.to_string())
}

/// A stored document: of the declared form mostly, and sometimes of another.
fn text_of(document: &Document, source: &mut Source<'_>) -> String {
    let choice = source.byte();
    match (choice % 16, document) {
        (15, _) => "null".to_owned(),
        (14, _) => jsonb(source),
        (_, Document::Scalar(_)) => SCALARS[usize::from(choice) % SCALARS.len()].to_owned(),
        (_, Document::Enum(names)) => match names.names.get(usize::from(choice / 16)) {
            Some((stored, _)) => Json::String(stored.to_string()).to_string(),
            None => SCALARS[usize::from(choice) % SCALARS.len()].to_owned(),
        },
        (_, Document::Object(object)) => object_text(object, choice, source),
        (_, Document::Abstract { cases, .. }) => match cases.get(usize::from(choice / 16)) {
            Some(case) => object_text(case, choice, source),
            None => "{\"__typename\": \"Nobody\"}".to_owned(),
        },
        (_, Document::List { item, .. }) => {
            let items = (0..choice / 16 % ITEMS_MAX).map(|_| text_of(item, source)).collect::<Vec<_>>();
            format!("[{}]", items.join(", "))
        }
    }
}

/// An object with most of its keys, sometimes from the last to the first.
fn object_text(object: &DocumentObject, choice: u8, source: &mut Source<'_>) -> String {
    let mut members = vec![("__typename", Json::from(&*object.type_name).to_string())];
    for field in &object.fields {
        if let DocumentSource::Stored { stored, value } = &field.source
            && members.iter().all(|(key, _)| *key != &**stored)
            && source.byte() % 8 != 7
        {
            members.push((stored, text_of(value, source)));
        }
    }
    if choice % 2 == 1 {
        members.reverse();
    }
    let members = members.iter().map(|(key, text)| format!("{}: {text}", Json::from(*key))).collect::<Vec<_>>();
    format!("{{{}}}", members.join(", "))
}

/// Values of every scalar, and near to one.
const SCALARS: [&str; 29] = [
    "0",
    "-1",
    "2147483648",
    "9223372036854775807",
    "1.50",
    "1e3",
    "-0.0",
    "1e400",
    "true",
    "false",
    "\"\"",
    "\"text\"",
    "\"\\u00e9\\n\\\"\\ud83d\\ude00\"",
    "\"NaN\"",
    "\"-Infinity\"",
    "\"infinity\"",
    "\"42\"",
    "\"1.50\"",
    "\"01234567-89ab-cdef-0123-456789abcdef\"",
    "\"2024-05-06\"",
    "\"2024-05-06T07:08:09.123456+00:00\"",
    "\"0044-03-15T00:00:00+00:00 BC\"",
    "\"294276-12-31T23:59:59.999999+00:00\"",
    "\"24:00:00\"",
    "\"07:08:09.5+05:30:15\"",
    "[1, [2, null]]",
    "{\"a\": {\"b\": [true]}}",
    "[]",
    "{}",
];

// === impl Source ===

impl<'d> Source<'d> {
    pub fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let given = self.slice(N);
        taken[..given.len()].copy_from_slice(given);
        taken
    }

    /// So many bytes, or as many as there are.
    pub fn slice(&mut self, length: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(&mut self) -> &'d [u8] {
        self.slice(self.0.len())
    }
}
