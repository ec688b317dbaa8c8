//! Messages as another implementation of protobuf reads them.

use proptest::prelude::*;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, Value};

use super::{Layout, LengthRoom, Tag, item, message};
use crate::codec::{Columns, Mismatch, Stop, Trail};
use crate::plan::shape::{
    Document, DocumentField, DocumentObject, DocumentSource, EnumNames, Field, Key, Leaf, LeafKind, Node, Object,
    Shape, Wire,
};
use crate::schema::catalog::Family;
use crate::schema::lock::{FILE_NAME, Lock, Wanted, value_name};
use crate::schema::model::Scalar;

const TIMESTAMP: &str = ".google.protobuf.Timestamp";
const VALUE: &str = ".google.protobuf.Value";
const LIST: &str = ".google.protobuf.ListValue";

/// The messages of every test: name, fields (name, label, type).
type Declared = [(&'static str, &'static [(&'static str, Label, Type, &'static str)])];

const MESSAGES: &Declared = &[
    (
        "Row",
        &[
            ("text", Label::Optional, Type::String, ""),
            ("id", Label::Optional, Type::String, ""),
            ("int", Label::Optional, Type::Int32, ""),
            ("big", Label::Optional, Type::Int64, ""),
            ("float", Label::Optional, Type::Double, ""),
            ("flag", Label::Optional, Type::Bool, ""),
            ("at", Label::Optional, Type::Message, TIMESTAMP),
            ("json", Label::Optional, Type::Message, VALUE),
            ("role", Label::Optional, Type::Enum, ".t.Role"),
            ("ints", Label::Repeated, Type::Int32, ""),
            ("texts", Label::Repeated, Type::String, ""),
            ("grid", Label::Repeated, Type::Message, LIST),
            ("child", Label::Optional, Type::Message, ".t.Row"),
            ("children", Label::Repeated, Type::Message, ".t.Row"),
            ("any", Label::Optional, Type::Message, ".t.Any"),
            ("roles", Label::Repeated, Type::Enum, ".t.Role"),
        ],
    ),
    ("Any", &[("row", Label::Optional, Type::Message, ".t.Row"), ("other", Label::Optional, Type::Message, ".t.Row")]),
    ("Page", &[("items", Label::Repeated, Type::Message, ".t.Row")]),
];

fn lock() -> Lock {
    let of = |(_, label, ty, name): &(&str, Label, Type, &str)| {
        let ty =
            if name.is_empty() { format!("{ty:?}").to_lowercase() } else { name.trim_start_matches('.').to_owned() };
        if *label == Label::Repeated { format!("repeated {ty}") } else { ty }
    };
    let fields = |fields: &[(&str, Label, Type, &str)]| fields.iter().map(|it| (it.0.to_owned(), of(it))).collect();
    let messages = MESSAGES.iter().map(|(name, it)| ((*name).to_owned(), fields(it))).collect();
    let values = ["ADMIN", "MEMBER"].map(|name| value_name("Role", name)).to_vec();
    Lock::default().settle(&Wanted { messages, enums: vec![("Role".to_owned(), values)] }, FILE_NAME).lock
}

fn pool() -> DescriptorPool {
    let mut pool = DescriptorPool::global();
    let messages = MESSAGES.iter().map(|(name, fields)| DescriptorProto {
        name: Some((*name).to_owned()),
        field: fields
            .iter()
            .enumerate()
            .map(|(at, (name, label, ty, type_name))| FieldDescriptorProto {
                name: Some((*name).to_owned()),
                number: Some(at as i32 + 1),
                label: Some((*label).into()),
                r#type: Some((*ty).into()),
                type_name: Some((*type_name).to_owned()).filter(|name| !name.is_empty()),
                ..FieldDescriptorProto::default()
            })
            .collect(),
        ..DescriptorProto::default()
    });
    let value = |(at, name): (usize, &str)| EnumValueDescriptorProto {
        name: Some(value_name("Role", name)),
        number: Some(at as i32),
        options: None,
    };
    let role = EnumDescriptorProto {
        name: Some("Role".to_owned()),
        value: ["UNSPECIFIED", "ADMIN", "MEMBER"].into_iter().enumerate().map(value).collect(),
        ..EnumDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("t.proto".to_owned()),
        package: Some("t".to_owned()),
        dependency: ["timestamp", "struct"].map(|name| format!("google/protobuf/{name}.proto")).to_vec(),
        message_type: messages.collect(),
        enum_type: vec![role],
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    };
    pool.add_file_descriptor_proto(file).unwrap();
    pool
}

fn decode(name: &str, bytes: &[u8]) -> DynamicMessage {
    thread_local!(static POOL: DescriptorPool = pool());
    let descriptor = POOL.with(|pool| pool.get_message_by_name(&format!("t.{name}")).unwrap());
    DynamicMessage::decode(descriptor, bytes).unwrap()
}

fn object(columns: &[Wire], fields: Vec<Field>) -> Object {
    Object { type_name: "Row".into(), columns: columns.to_vec(), fields }
}

/// `name!` is non-null.
fn field(name: &str, node: Node) -> Field {
    let bare = name.trim_end_matches('!');
    Field { key: Key::new(bare), name: bare.into(), nullable: name == bare, node }
}

fn leaf(family: Family, scalar: Scalar) -> Leaf {
    Leaf { family, kind: LeafKind::Scalar(scalar) }
}

fn role() -> EnumNames {
    EnumNames {
        type_name: "Role".into(),
        names: vec![("admin".into(), "ADMIN".into()), ("member".into(), "MEMBER".into())],
    }
}

fn encode(shape: &Shape, columns: &[Option<&[u8]>]) -> Result<Vec<u8>, (Stop, Vec<Mismatch>)> {
    let layout = Layout::new(shape, &lock()).unwrap();
    let (mut out, mut trail) = (Vec::new(), Trail::default());
    match message(&layout, &Columns::from_values(columns.iter().copied()), &mut out, &mut trail) {
        Ok(()) => Ok(out),
        Err(stop) => Err((stop, trail.into_mismatches())),
    }
}

/// A row of one leaf, non-null or nullable.
fn one(name: &str, family: Family, scalar: Scalar, raw: Option<&[u8]>) -> Result<DynamicMessage, String> {
    let node = Node::Leaf { column: 0, leaf: leaf(family, scalar) };
    let shape = Shape::One(object(&[Wire::Value(family.on_the_wire())], vec![field(name, node)]));
    encode(&shape, &[raw]).map(|bytes| decode("Row", &bytes)).map_err(told)
}

fn told((stop, mismatches): (Stop, Vec<Mismatch>)) -> String {
    mismatches.first().map_or_else(|| format!("{stop:?}"), |mismatch| mismatch.reason.clone())
}

fn json(text: &str) -> Vec<u8> {
    [b"\x01", text.as_bytes()].concat()
}

fn get(message: &DynamicMessage, name: &str) -> Value {
    message.get_field_by_name(name).unwrap().into_owned()
}

fn array(oid: u32, items: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [u32::from(!items.is_empty()), 0, oid].into_iter().flat_map(u32::to_be_bytes).collect();
    if !items.is_empty() {
        bytes.extend([items.len() as u32, 1].into_iter().flat_map(u32::to_be_bytes));
    }
    for item in items {
        match item {
            None => bytes.extend(u32::MAX.to_be_bytes()),
            Some(item) => {
                bytes.extend((item.len() as u32).to_be_bytes());
                bytes.extend(item);
            }
        }
    }
    bytes
}

fn record(fields: &[(u32, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut bytes = (fields.len() as u32).to_be_bytes().to_vec();
    for (oid, value) in fields {
        bytes.extend(oid.to_be_bytes());
        match value {
            None => bytes.extend(u32::MAX.to_be_bytes()),
            Some(value) => {
                bytes.extend((value.len() as u32).to_be_bytes());
                bytes.extend(value);
            }
        }
    }
    bytes
}

/// Seconds and nanoseconds.
fn time_of(value: &Value) -> (i64, i64) {
    let message = value.as_message().unwrap();
    (get(message, "seconds").as_i64().unwrap(), get(message, "nanos").as_i32().unwrap().into())
}

proptest! {
    #[test]
    fn numbers(int in any::<i32>(), big in any::<i64>(), float in any::<f64>(), flag in any::<bool>()) {
        for name in ["int", "int!"] {
            let row = one(name, Family::Int4, Scalar::Int, Some(&int.to_be_bytes())).unwrap();
            prop_assert_eq!(get(&row, "int"), Value::I32(int));
        }
        let row = one("int!", Family::Int2, Scalar::Int, Some(&(int as i16).to_be_bytes())).unwrap();
        prop_assert_eq!(get(&row, "int"), Value::I32((int as i16).into()));
        let row = one("big!", Family::Int8, Scalar::BigInt, Some(&big.to_be_bytes())).unwrap();
        prop_assert_eq!(get(&row, "big"), Value::I64(big));
        let row = one("id!", Family::Int8, Scalar::Id, Some(&big.to_be_bytes())).unwrap();
        prop_assert_eq!(get(&row, "id"), Value::String(big.to_string()));
        let row = one("float!", Family::Float8, Scalar::Float, Some(&float.to_be_bytes())).unwrap();
        prop_assert_eq!(get(&row, "float").as_f64().unwrap().to_bits(), float.to_bits());
        let short = float as f32;
        let row = one("float!", Family::Float4, Scalar::Float, Some(&short.to_be_bytes())).unwrap();
        let shown = get(&row, "float").as_f64().unwrap();
        prop_assert!(shown as f32 == short || short.is_nan());
        let row = one("flag!", Family::Bool, Scalar::Boolean, Some(&[flag.into()])).unwrap();
        prop_assert_eq!(get(&row, "flag"), Value::Bool(flag));
    }

    #[test]
    fn texts(text in ".{0,300}", uuid in any::<[u8; 16]>()) {
        let row = one("text!", Family::Text, Scalar::String, Some(text.as_bytes())).unwrap();
        prop_assert_eq!(get(&row, "text"), Value::String(text.clone()));
        let row = one("id!", Family::Uuid, Scalar::Uuid, Some(&uuid)).unwrap();
        prop_assert_eq!(get(&row, "id"), Value::String(uuid::Uuid::from_bytes(uuid).to_string()));
        let stored = json(&serde_json::to_string(&text).unwrap());
        let row = one("text!", Family::Jsonb, Scalar::String, Some(&stored)).unwrap();
        prop_assert_eq!(get(&row, "text"), Value::String(text));
    }

    #[test]
    fn timestamps(micros in -63_082_281_600_000_000i64..=252_455_615_999_999_999) {
        let row = one("at!", Family::Timestamptz, Scalar::DateTime, Some(&micros.to_be_bytes())).unwrap();
        let since_1970 = micros + 946_684_800_000_000;
        let expected = (since_1970.div_euclid(1_000_000), since_1970.rem_euclid(1_000_000) * 1000);
        prop_assert_eq!(time_of(&get(&row, "at")), expected);
        let text = jiff::Timestamp::new(expected.0, expected.1 as i32).unwrap().to_string();
        let row = one("at!", Family::Jsonb, Scalar::DateTime, Some(&json(&format!("\"{text}\"")))).unwrap();
        prop_assert_eq!(time_of(&get(&row, "at")), expected);
    }

    /// Lists of every length, so that lengths of one, two and three bytes are met.
    #[test]
    fn lists(ints in prop::collection::vec(any::<i32>(), 0..400), texts in prop::collection::vec(".{0,40}", 0..60)) {
        let list = |family, scalar| Node::LeafList { column: 0, leaf: leaf(family, scalar), item_nullable: false };
        let items: Vec<_> = ints.iter().map(|item| Some(item.to_be_bytes().to_vec())).collect();
        let shape = Shape::One(object(&[Wire::Array(Family::Int4)], vec![field("ints!", list(Family::Int4, Scalar::Int))]));
        let row = decode("Row", &encode(&shape, &[Some(&array(23, &items))]).unwrap());
        prop_assert_eq!(get(&row, "ints"), Value::List(ints.iter().map(|item| Value::I32(*item)).collect()));

        let items: Vec<_> = texts.iter().map(|item| Some(item.clone().into_bytes())).collect();
        let columns = [Wire::Array(Family::Text)];
        let shape = Shape::One(object(&columns, vec![field("texts!", list(Family::Text, Scalar::String))]));
        let row = decode("Row", &encode(&shape, &[Some(&array(25, &items))]).unwrap());
        prop_assert_eq!(get(&row, "texts"), Value::List(texts.iter().cloned().map(Value::String).collect()));

        // The same from a document, and as messages.
        let of = |item: Document| Document::List { item: Box::new(item), item_nullable: false };
        let stored = json(&serde_json::to_string(&ints).unwrap());
        let node = Node::Document { column: 0, value: of(Document::Scalar(Scalar::Int)) };
        let shape = Shape::One(object(&[Wire::Value(Family::Jsonb)], vec![field("ints!", node)]));
        prop_assert_eq!(get(&decode("Row", &encode(&shape, &[Some(&stored)]).unwrap()), "ints"),
            Value::List(ints.iter().map(|item| Value::I32(*item)).collect()));

        let inner = object(&[Wire::Value(Family::Text)], vec![field("text!", Node::Leaf { column: 0, leaf: leaf(Family::Text, Scalar::String) })]);
        let records: Vec<_> = texts.iter().map(|text| Some(record(&[(25, Some(text.clone().into_bytes()))]))).collect();
        let node = Node::RecordList { column: 0, object: inner, item_nullable: false };
        let shape = Shape::One(object(&[Wire::RecordArray], vec![field("children!", node)]));
        let row = decode("Row", &encode(&shape, &[Some(&array(2249, &records))]).unwrap());
        let found: Vec<String> = get(&row, "children").as_list().unwrap().iter()
            .map(|child| get(child.as_message().unwrap(), "text").as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(found, texts);
    }

    #[test]
    fn any_json_is_a_value(value in json_value()) {
        let row = one("json!", Family::Jsonb, Scalar::Json, Some(&json(&value.to_string())));
        if value.is_null() {
            prop_assert_eq!(row.unwrap_err(), "null in a non-null field");
        } else {
            prop_assert_eq!(plain(&get(&row.unwrap(), "json")), value);
        }
    }

    #[test]
    fn pages(texts in prop::collection::vec(".{0,200}", 0..20)) {
        let node = Node::Leaf { column: 0, leaf: leaf(Family::Text, Scalar::String) };
        let shape = Shape::Many(object(&[Wire::Value(Family::Text)], vec![field("text!", node)]));
        let layout = Layout::new(&shape, &lock()).unwrap();
        let (mut out, mut trail, mut room) = (Vec::new(), Trail::default(), LengthRoom::default());
        for text in &texts {
            let columns = Columns::from_values([Some(text.as_bytes())]);
            item(Tag::delimited(1), &mut room, &layout, &columns, &mut out, &mut trail).unwrap();
        }
        let page = decode("Page", &out);
        let found: Vec<String> = get(&page, "items").as_list().unwrap().iter()
            .map(|row| get(row.as_message().unwrap(), "text").as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(found, texts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Bytes of any kind end in an answer or an error.
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[\\[\\]{}\",:a-e0-9.\\\\ null-]{0,40}") {
        for family in crate::codec::tests::FAMILIES {
            for scalar in crate::codec::tests::SCALARS {
                let node = Node::Leaf { column: 0, leaf: leaf(family, scalar) };
                let list = Node::LeafList { column: 0, leaf: leaf(family, scalar), item_nullable: false };
                let document = Node::Document { column: 0, value: Document::Scalar(scalar) };
                for node in [node, list, document] {
                    let shape = Shape::One(object(&[Wire::Value(family.on_the_wire())], vec![field("text", node)]));
                    for raw in [bytes.clone(), text.clone().into_bytes(), json(&text)] {
                        let _ = encode(&shape, &[Some(&raw)]);
                    }
                }
            }
        }
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let number = prop_oneof![(-1_000_000i64..1_000_000).prop_map(|n| n as f64), -1e300..1e300];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        number.prop_map(serde_json::Value::from),
        ".{0,20}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A `google.protobuf.Value` as JSON.
fn plain(value: &Value) -> serde_json::Value {
    let message = value.as_message().unwrap();
    let (field, content) = message.fields().next().unwrap();
    match field.name() {
        "null_value" => serde_json::Value::Null,
        "number_value" => content.as_f64().unwrap().into(),
        "string_value" => content.as_str().unwrap().into(),
        "bool_value" => content.as_bool().unwrap().into(),
        "list_value" => {
            let list = get(content.as_message().unwrap(), "values");
            list.as_list().unwrap().iter().map(plain).collect::<Vec<_>>().into()
        }
        _ => {
            let fields = get(content.as_message().unwrap(), "fields");
            let entry = |(key, value): (&MapKey, &Value)| (key.as_str().unwrap().to_owned(), plain(value));
            serde_json::Value::Object(fields.as_map().unwrap().iter().map(entry).collect())
        }
    }
}

#[test]
fn other_families_are_written_as_their_texts() {
    let numeric = |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    for (family, scalar, raw, expected) in [
        (Family::Numeric, Scalar::Decimal, numeric(&[2, 0, 0, 2, 12, 5000]), "12.50"),
        (Family::Numeric, Scalar::Decimal, numeric(&[0, 0, 0xc000u16 as i16, 0]), "NaN"),
        (Family::Int4, Scalar::Decimal, 7i32.to_be_bytes().to_vec(), "7"),
        (Family::Date, Scalar::Date, 0i32.to_be_bytes().to_vec(), "2000-01-01"),
        (Family::Date, Scalar::Date, i32::MAX.to_be_bytes().to_vec(), "infinity"),
        (Family::Time, Scalar::Time, 3_600_000_000i64.to_be_bytes().to_vec(), "01:00:00"),
        (Family::Bytea, Scalar::String, vec![0xca, 0xfe], "\\xcafe"),
        (Family::Other, Scalar::Text, b"{\"a\":1}".to_vec(), "{\"a\":1}"),
        (Family::Other, Scalar::Text, b"\"10.0.0.1\\u00e9\"".to_vec(), "10.0.0.1é"),
        (Family::Jsonb, Scalar::Decimal, json("\"1.50\""), "1.50"),
        (Family::Jsonb, Scalar::Id, json("7"), "7"),
    ] {
        let row = one("text!", family, scalar, Some(&raw)).unwrap();
        assert_eq!(get(&row, "text"), Value::String(expected.to_owned()), "{family:?} {scalar:?}");
    }
    let tenth = one("float!", Family::Float4, Scalar::Float, Some(&0.1f32.to_be_bytes())).unwrap();
    assert_eq!(get(&tenth, "float"), Value::F64(0.1), "as every other wire shows it");
}

#[test]
fn what_cannot_be_written_is_told() {
    for (name, family, scalar, raw, reason) in [
        ("text!", Family::Text, Scalar::String, None, "null in a non-null field"),
        ("text!", Family::Jsonb, Scalar::String, Some(json("null")), "null in a non-null field"),
        ("int", Family::Jsonb, Scalar::Int, Some(json("\"x\"")), "\"x\" does not fit Int"),
        (
            "at",
            Family::Timestamptz,
            Scalar::DateTime,
            Some(i64::MAX.to_be_bytes().to_vec()),
            "\"infinity\" does not fit DateTime",
        ),
        ("at", Family::Jsonb, Scalar::DateTime, Some(json("\"infinity\"")), "\"infinity\" does not fit DateTime"),
        ("id", Family::Text, Scalar::Uuid, Some(b"x".to_vec()), "\"x\" does not fit UUID"),
        ("text", Family::Json, Scalar::String, Some(br#""\ud800""#.to_vec()), r#""\ud800" does not fit String"#),
        ("json", Family::Json, Scalar::Json, Some(br#"["\ud800"]"#.to_vec()), r#"["\ud800"] does not fit Json"#),
        ("int", Family::Int4, Scalar::Int, Some(vec![0]), "Stale"),
    ] {
        assert_eq!(one(name, family, scalar, raw.as_deref()).unwrap_err(), reason, "{name} {family:?}");
    }
    assert!(one("text", Family::Text, Scalar::String, None).unwrap().fields().next().is_none());
    let list = Node::LeafList { column: 0, leaf: leaf(Family::Int4, Scalar::Int), item_nullable: true };
    let shape = Shape::One(object(&[Wire::Array(Family::Int4)], vec![field("ints", list)]));
    let (_, mismatches) = encode(&shape, &[Some(&array(23, &[Some(vec![0; 4]), None]))]).unwrap_err();
    assert_eq!(mismatches[0].reason, "null in a non-null list item");
    assert_eq!(encode(&shape, &[None]).unwrap(), b"", "no list is an empty list");
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(one("json", Family::Jsonb, Scalar::Json, Some(&json(&deep))).is_err());
}

#[test]
fn enums_are_numbers() {
    let leaf = Leaf { family: Family::Text, kind: LeafKind::Enum(role()) };
    let node = Node::Leaf { column: 0, leaf };
    let shape = Shape::One(object(&[Wire::Value(Family::Text)], vec![field("role!", node)]));
    assert_eq!(get(&decode("Row", &encode(&shape, &[Some(b"member")]).unwrap()), "role"), Value::EnumNumber(2));
    let refused = encode(&shape, &[Some(b"guest")]).unwrap_err();
    assert_eq!(told(refused), "\"guest\" is not a value of Role");
    let roles = Document::List { item: Box::new(Document::Enum(role())), item_nullable: false };
    let node = Node::Document { column: 0, value: roles };
    let shape = Shape::One(object(&[Wire::Value(Family::Jsonb)], vec![field("roles!", node)]));
    let row = decode("Row", &encode(&shape, &[Some(&json("[\"admin\", \"member\"]"))]).unwrap());
    assert_eq!(get(&row, "roles"), Value::List(vec![Value::EnumNumber(1), Value::EnumNumber(2)]));
}

fn stored(name: &str, value: Document) -> DocumentField {
    let bare = name.trim_end_matches('!');
    let source = DocumentSource::Stored { stored: bare.into(), value };
    DocumentField { key: Key::new(bare), name: bare.into(), nullable: name == bare, source }
}

#[test]
fn documents_are_walked_through_their_types() {
    let case = |name: &str| DocumentObject {
        type_name: name.into(),
        fields: vec![stored("text!", Document::Scalar(Scalar::String)), stored("int", Document::Scalar(Scalar::Int))],
    };
    // The case `Other` is a message of its own name, which this test has as a field of type Row.
    let any = Document::Abstract { type_name: "Any".into(), cases: vec![case("Row")] };
    let shape = Shape::Documents(any);
    let row = decode(
        "Any",
        &encode(&shape, &[Some(&json(r#"{"x":[1,{"int":9}],"int":3,"__typename":"Row","text":"a"}"#))]).unwrap(),
    );
    let inner = get(&row, "row");
    let inner = inner.as_message().unwrap();
    assert_eq!((get(inner, "text"), get(inner, "int")), (Value::String("a".to_owned()), Value::I32(3)));
    for (text, reason) in [
        (r#"{"__typename":"Row","int":3}"#, "null in a non-null field"),
        (r#"{"__typename":"Else","text":"a"}"#, "\"Else\" is not a type of Any"),
        (r#"{"text":"a"}"#, "{\"text\":\"a\"} has no __typename of Any"),
        (r#"{"__typename":"Row","text":"a","int":"x"}"#, "\"x\" does not fit Int"),
        ("[]", "[] has no __typename of Any"),
    ] {
        assert_eq!(told(encode(&shape, &[Some(&json(text))]).unwrap_err()), reason, "{text}");
    }
    // Of keys that stand twice, which json may have, the last one counts.
    let node = Node::Document { column: 0, value: Document::Object(case("Row")) };
    let shape = Shape::One(object(&[Wire::Value(Family::Json)], vec![field("child!", node)]));
    let row = decode("Row", &encode(&shape, &[Some(br#"{"text":"a","int":1,"text":"b"}"#)]).unwrap());
    assert_eq!(get(get(&row, "child").as_message().unwrap(), "text"), Value::String("b".to_owned()));
}

#[test]
fn lists_of_lists() {
    let rows: Vec<u8> = [2u32, 0, 23, 2, 1, 2, 1].into_iter().flat_map(u32::to_be_bytes).collect();
    let items = (1..=4i32).flat_map(|item| [4u32.to_be_bytes(), item.to_be_bytes()].concat());
    let array: Vec<u8> = rows.into_iter().chain(items).collect();
    let list = || Node::LeafList { column: 0, leaf: leaf(Family::Int4, Scalar::Int), item_nullable: false };
    let shape = Shape::One(object(&[Wire::Array(Family::Int4)], vec![field("grid!", list())]));
    let inner = Document::List { item: Box::new(Document::Scalar(Scalar::Int)), item_nullable: false };
    let grid = Document::List { item: Box::new(inner), item_nullable: false };
    let node = Node::Document { column: 0, value: grid };
    let document = Shape::One(object(&[Wire::Value(Family::Jsonb)], vec![field("grid!", node)]));
    for (shape, raw) in [(&shape, array.clone()), (&document, json("[[1,2],[3,4]]"))] {
        let row = decode("Row", &encode(shape, &[Some(&raw)]).unwrap());
        let lists = get(&row, "grid");
        let numbers: Vec<Vec<f64>> = lists
            .as_list()
            .unwrap()
            .iter()
            .map(|list| {
                get(list.as_message().unwrap(), "values")
                    .as_list()
                    .unwrap()
                    .iter()
                    .map(|it| plain(it).as_f64().unwrap())
                    .collect()
            })
            .collect();
        assert_eq!(numbers, [[1.0, 2.0], [3.0, 4.0]]);
    }
    let flat = Shape::One(object(&[Wire::Array(Family::Int4)], vec![field("ints!", list())]));
    assert!(encode(&flat, &[Some(&array)]).is_err(), "two dimensions behind a plain list");
}
