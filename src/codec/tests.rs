//! Shapes over hand-made rows: null propagation, documents, connections, and bytes of any kind.

use proptest::prelude::*;

use super::{Columns, Mismatch, Segment, Stop, Trail, json};
use crate::plan::shape::{
    Connection, ConnectionField, ConnectionNode, Document, DocumentField, DocumentObject, DocumentSource, EdgeNode,
    EnumNames, Field, Key, Leaf, LeafKind, Node, Object, PageInfoNode, Wire,
};
use crate::schema::catalog::Family;
use crate::schema::model::Scalar;

const TEXT: Wire = Wire::Value(Family::Text);
const INT4: Wire = Wire::Value(Family::Int4);

pub(super) const FAMILIES: [Family; 24] = [
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

pub(super) const SCALARS: [Scalar; 13] = [
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

fn object(type_name: &str, columns: &[Wire], fields: Vec<Field>) -> Object {
    Object { type_name: type_name.into(), columns: columns.to_vec(), fields }
}

/// `key!` is non-null.
fn field(key: &str, node: Node) -> Field {
    let name = key.trim_end_matches('!');
    Field { key: Key::new(name), name: name.into(), nullable: name == key, node }
}

fn leaf(family: Family, scalar: Scalar) -> Leaf {
    Leaf { family, kind: LeafKind::Scalar(scalar) }
}

fn text(key: &str, column: usize) -> Field {
    field(key, Node::Leaf { column, leaf: leaf(Family::Text, Scalar::String) })
}

fn int(key: &str, column: usize) -> Field {
    field(key, Node::Leaf { column, leaf: leaf(Family::Int4, Scalar::Int) })
}

fn colors() -> EnumNames {
    EnumNames { type_name: "Color".into(), names: vec![("red".into(), "RED".into()), ("7".into(), "SEVEN".into())] }
}

fn stored(key: &str, stored: &str, value: Document) -> DocumentField {
    let name = key.trim_end_matches('!');
    let source = DocumentSource::Stored { stored: stored.into(), value };
    DocumentField { key: Key::new(name), name: name.into(), nullable: name == key, source }
}

fn document(type_name: &str, fields: Vec<DocumentField>) -> DocumentObject {
    DocumentObject { type_name: type_name.into(), fields }
}

fn record(fields: &[(Wire, Option<&[u8]>)]) -> Vec<u8> {
    let mut bytes = (fields.len() as u32).to_be_bytes().to_vec();
    for (wire, value) in fields {
        bytes.extend(wire.oid().to_be_bytes());
        bytes.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        bytes.extend(value.unwrap_or_default());
    }
    bytes
}

fn array(item_oid: u32, items: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [u32::from(!items.is_empty()), 1, item_oid].iter().flat_map(|n| n.to_be_bytes()).collect();
    if !items.is_empty() {
        bytes.extend((items.len() as u32).to_be_bytes());
        bytes.extend(1u32.to_be_bytes());
    }
    for item in items {
        bytes.extend(item.map_or(-1, |item| item.len() as i32).to_be_bytes());
        bytes.extend(item.unwrap_or_default());
    }
    bytes
}

fn show(mismatch: &Mismatch) -> String {
    let path: Vec<String> = mismatch
        .path
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => key.to_string(),
            Segment::Index(index) => index.to_string(),
        })
        .collect();
    format!("{} {}.{}: {}", path.join("/"), mismatch.type_name, mismatch.field, mismatch.reason)
}

/// What is written, or how it stopped; and the mismatches.
#[track_caller]
fn check(object: &Object, row: &[Option<&[u8]>], expected: Result<&str, Stop>, mismatches: &[&str]) {
    let mut out = b"before".to_vec();
    let mut trail = Trail::default();
    trail.at_row(Some(4));
    let written = json::object(object, &Columns::from_values(row.iter().copied()), &mut out, &mut trail);
    let out = String::from_utf8(out).unwrap();
    let text = out.strip_prefix("before").unwrap();
    assert_eq!(written.map(|()| text), expected);
    assert!(written.is_ok() || text.is_empty());
    assert_eq!(trail.mismatches().iter().map(show).collect::<Vec<_>>(), mismatches);
}

#[test]
fn fields_come_in_the_order_of_the_client() {
    let shape = object(
        "User",
        &[TEXT, INT4],
        vec![
            int("age", 1),
            field("__typename!", Node::TypeName),
            text("name", 0),
            field("secret", Node::Masked),
            text("again", 0),
        ],
    );
    let row = [Some(&b"Ann"[..]), Some(&[0, 0, 0, 9])];
    check(&shape, &row, Ok(r#"{"age":9,"__typename":"User","name":"Ann","secret":null,"again":"Ann"}"#), &[]);
    check(&object("Nothing", &[], vec![]), &[], Ok("{}"), &[]);
    check(&shape, &row[..1], Err(Stop::Stale), &[]);
    check(&shape, &[Some(b"Ann"), Some(&[0, 9])], Err(Stop::Stale), &[]);
}

#[test]
fn nulls_move_up_to_what_may_be_null() {
    let post = |title: &str| object("Post", &[TEXT], vec![text(title, 0)]);
    let user = |posts: &str, item_nullable, title| {
        let node = Node::RecordList { column: 0, object: post(title), item_nullable };
        object("User", &[Wire::RecordArray], vec![field(posts, node)])
    };
    let good = record(&[(TEXT, Some(b"a"))]);
    let bad = record(&[(TEXT, None)]);
    let posts = array(2249, &[Some(&good), Some(&bad), Some(&good)]);
    let row = [Some(posts.as_slice())];
    let note = "4/posts/1/title Post.title: null in a non-null field";
    check(&user("posts", false, "title"), &row, Ok(r#"{"posts":[{"title":"a"},{"title":null},{"title":"a"}]}"#), &[]);
    check(&user("posts", true, "title!"), &row, Ok(r#"{"posts":[{"title":"a"},null,{"title":"a"}]}"#), &[note]);
    check(&user("posts", false, "title!"), &row, Ok(r#"{"posts":null}"#), &[note]);
    check(&user("posts!", false, "title!"), &row, Err(Stop::Null), &[note]);

    let holes = array(2249, &[None]);
    let note = "4/posts/0 User.posts: null in a non-null list item";
    check(&user("posts!", true, "title"), &[Some(&holes)], Ok(r#"{"posts":[null]}"#), &[]);
    check(&user("posts", false, "title"), &[Some(&holes)], Ok(r#"{"posts":null}"#), &[note]);
    check(&user("posts!", false, "title"), &[None], Err(Stop::Null), &["4/posts User.posts: null in a non-null field"]);
    check(&user("posts", false, "title"), &[None], Ok(r#"{"posts":null}"#), &[]);

    let joined = object(
        "Post",
        &[Wire::Record],
        vec![field("author", Node::Record { column: 0, object: object("User", &[TEXT], vec![text("name!", 0)]) })],
    );
    check(&joined, &[Some(&good)], Ok(r#"{"author":{"name":"a"}}"#), &[]);
    check(&joined, &[None], Ok(r#"{"author":null}"#), &[]);
    let note = "4/author/name User.name: null in a non-null field";
    check(&joined, &[Some(&bad)], Ok(r#"{"author":null}"#), &[note]);
}

#[test]
fn records_of_other_types_are_stale() {
    let shape = object(
        "Post",
        &[Wire::Record],
        vec![field("author", Node::Record { column: 0, object: object("User", &[TEXT], vec![text("name", 0)]) })],
    );
    for bytes in [
        record(&[(INT4, Some(&[0, 0, 0, 1]))]),
        record(&[(TEXT, Some(b"a")), (TEXT, Some(b"b"))]),
        record(&[]),
        [record(&[(TEXT, Some(b"a"))]), vec![0]].concat(),
        vec![],
    ] {
        check(&shape, &[Some(&bytes)], Err(Stop::Stale), &[]);
    }
}

#[test]
fn lists_of_leaves() {
    let list = |key: &str, item_nullable, leaf| {
        object("T", &[Wire::Array(Family::Text)], vec![field(key, Node::LeafList { column: 0, leaf, item_nullable })])
    };
    let texts = array(25, &[Some(b"red"), None]);
    let string = || leaf(Family::Text, Scalar::String);
    let color = || Leaf { family: Family::Text, kind: LeafKind::Enum(colors()) };
    check(&list("a", true, string()), &[Some(&texts)], Ok(r#"{"a":["red",null]}"#), &[]);
    let note = "4/a/1 T.a: null in a non-null list item";
    check(&list("a", false, string()), &[Some(&texts)], Ok(r#"{"a":null}"#), &[note]);
    check(&list("a!", false, string()), &[Some(&texts)], Err(Stop::Null), &[note]);
    check(&list("a", true, string()), &[Some(&array(25, &[]))], Ok(r#"{"a":[]}"#), &[]);
    check(&list("a", true, string()), &[Some(&array(23, &[]))], Err(Stop::Stale), &[]);
    let wrong = array(25, &[Some(b"red"), Some(b"blue")]);
    let note = r#"4/a/1 T.a: "blue" is not a value of Color"#;
    check(&list("a", true, color()), &[Some(&wrong)], Ok(r#"{"a":["RED",null]}"#), &[note]);
}

#[test]
fn leaves_are_converted_or_refused() {
    type Case<'c> = (Family, Scalar, &'c [u8], Result<&'c str, &'c str>);
    let cases: &[Case<'_>] = &[
        (Family::Int8, Scalar::Id, &[0, 0, 0, 0, 0, 0, 0, 7], Ok("\"7\"")),
        (Family::Text, Scalar::Id, b"a\"b", Ok(r#""a\"b""#)),
        (Family::Int4, Scalar::Float, &[0, 0, 0, 7], Ok("7")),
        (Family::Numeric, Scalar::Float, &[0, 0, 0, 0, 0xc0, 0, 0, 0], Ok("\"NaN\"")),
        (
            Family::Text,
            Scalar::Uuid,
            b"01234567-89ab-cdef-0123-456789abcdef",
            Ok("\"01234567-89ab-cdef-0123-456789abcdef\""),
        ),
        (Family::Text, Scalar::Uuid, b"nope", Err("\"nope\" does not fit UUID")),
        (Family::Text, Scalar::Int, b"7", Err("\"7\" does not fit Int")),
        (Family::Jsonb, Scalar::Json, b"\x01{\"a\": 1}", Ok("{\"a\": 1}")),
        (Family::Json, Scalar::Json, b" [1 ]", Ok(" [1 ]")),
        (Family::Other, Scalar::Json, b"{\"x\":1}", Ok("{\"x\":1}")),
        (Family::Other, Scalar::String, b"\"10.0.0.1\"", Ok("\"10.0.0.1\"")),
        (Family::Other, Scalar::Text, b"{\"x\":1}", Ok(r#""{\"x\":1}""#)),
        (Family::Jsonb, Scalar::Int, b"\x01\"x\"", Err("\"x\" does not fit Int")),
        (Family::Json, Scalar::Json, b" null ", Ok("null")),
    ];
    for (family, scalar, bytes, expected) in cases {
        let node = Node::Leaf { column: 0, leaf: leaf(*family, *scalar) };
        let shape = object("T", &[Wire::Value(*family)], vec![field("a", node)]);
        match expected {
            Ok(text) => check(&shape, &[Some(bytes)], Ok(&format!("{{\"a\":{text}}}")), &[]),
            Err(reason) => check(&shape, &[Some(bytes)], Ok("{\"a\":null}"), &[&format!("4/a T.a: {reason}")]),
        }
    }
}

/// The fields of one document, as jsonb and as json.
#[track_caller]
fn check_document(value: Document, text: &str, expected: Result<&str, Stop>, mismatches: &[&str]) {
    for family in [Family::Jsonb, Family::Json] {
        let node = Node::Document { column: 0, value: value.clone() };
        let key = if expected.is_err() { "d!" } else { "d" };
        let shape = object("Row", &[Wire::Value(family)], vec![field(key, node)]);
        let version: &[u8] = if family == Family::Jsonb { b"\x01" } else { b"" };
        let bytes = [version, text.as_bytes()].concat();
        let expected = expected.map(|expected| format!("{{\"d\":{expected}}}"));
        check(&shape, &[Some(&bytes)], expected.as_deref().map_err(|stop| *stop), mismatches);
    }
}

fn order() -> Document {
    let item = document(
        "Item",
        vec![
            stored("sku!", "sku", Document::Scalar(Scalar::String)),
            stored("qty", "qty", Document::Scalar(Scalar::Int)),
        ],
    );
    let masked = DocumentField { source: DocumentSource::Masked, ..stored("note", "", Document::Scalar(Scalar::Text)) };
    let typename =
        DocumentField { source: DocumentSource::TypeName, ..stored("kind", "", Document::Scalar(Scalar::Text)) };
    Document::Object(document(
        "Order",
        vec![
            typename,
            stored("total", "total_amount", Document::Scalar(Scalar::Decimal)),
            stored("items", "items", Document::List { item: Box::new(Document::Object(item)), item_nullable: false }),
            masked,
            stored("id!", "id", Document::Scalar(Scalar::Id)),
            stored("sameId", "id", Document::Scalar(Scalar::BigInt)),
            stored("color", "color", Document::Enum(colors())),
            stored("meta", "meta", Document::Scalar(Scalar::Json)),
        ],
    ))
}

/// Of jsonb, nothing is read behind the last field; what stands in between may be anything.
#[test]
fn documents_are_read_as_far_as_they_are_asked_for() {
    let number = || Document::Scalar(Scalar::Int);
    let inner = Document::Object(document("In", vec![stored("a", "a", number())]));
    let fields = vec![stored("a", "a", number()), stored("b!", "b", number()), stored("in", "in", inner)];
    let value = Document::Object(document("Out", fields));
    let expected = r#"{"a":1,"b":2,"in":{"a":3}}"#;
    for text in [
        r#"{"a": 1, "b": 2, "in": {"a": 3, "z": 4}, "z": [{"a": 5}, "}"]}"#,
        r#"{"z": {"a": 5, "b": 6}, "in": {"z": "}", "a": 3, "b": 7}, "b": 2, "a": 1, "zz": {"a": 8}}"#,
        r#"{"b": 2, "x": "\"", "\u0061": 1, "in": {"a": 3}}"#,
    ] {
        check_document(value.clone(), text, Ok(expected), &[]);
    }
    let missing = r#"{"a":1,"b":2,"in":null}"#;
    check_document(value, r#"{"b": 2, "a": 1, "i": 9}"#, Ok(missing), &[]);
}

#[test]
fn documents_are_projected() {
    let whole = r#"{"kind":"Order","total":1.50,"items":[{"sku":"a","qty":3},{"sku":"b","qty":null}],"note":null,"id":"7","sameId":7,"color":"RED","meta":{"k": [1, null]}}"#;
    for text in [
        r#"{"id": 7, "meta": {"k": [1, null]}, "note": "no", "color": "red", "items": [{"qty": 3, "sku": "a"}, {"sku": "b"}], "total_amount": 1.50}"#,
        r#"{"total_amount": "1.50", "items": [{"sku": "a", "qty": 3, "x": {"sku": "no"}}, {"sku": "b", "qty": null}], "x": "\"}", "id": 7, "color": "red", "meta": {"k": [1, null]}}"#,
        "{\n \"tota\\u006c_amount\":1.50,\"items\" :[{\"sku\":\"a\",\"qty\":3.0} ,{\"sku\":\"b\"} ], \"id\":7,\"color\":\"r\\u0065d\",\"meta\":{\"k\": [1, null]}\t}",
    ] {
        check_document(order(), text, Ok(whole), &[]);
    }
    let empty =
        r#"{"kind":"Order","total":null,"items":[],"note":null,"id":"x","sameId":null,"color":"SEVEN","meta":null}"#;
    let note = r#"4/d/sameId Order.sameId: "x" does not fit BigInt"#;
    check_document(order(), r#"{"id": "x", "meta": null, "color": 7, "items": []}"#, Ok(empty), &[note]);
    check_document(order(), "null", Ok("null"), &[]);
    check_document(order(), "null", Err(Stop::Null), &["4/d Row.d: null in a non-null field"]);
    check_document(order(), "[]", Ok("null"), &["4/d Row.d: [] is not an object of Order"]);
    check_document(order(), "{}", Ok("null"), &["4/d/id Order.id: null in a non-null field"]);
    let note = "4/d/items/1/sku Item.sku: null in a non-null field";
    let cut = r#"{"kind":"Order","total":1,"items":null,"note":null,"id":"7","sameId":7,"color":null,"meta":null}"#;
    check_document(
        order(),
        r#"{"total_amount": 1, "items": [{"sku": "a"}, {"qty": 1}, {"sku": 9}], "id": 7}"#,
        Ok(cut),
        &[note],
    );
    check_document(
        order(),
        r#"{"id": 7, "items": [{"qty": 1, "sku": "a"}, {}, 9], "total_amount": 1}"#,
        Ok(cut),
        &[note],
    );
}

#[test]
fn broken_documents_are_stale() {
    for text in
        ["", "{", "{\"id\"", "{\"id\" 7}", "{\"id\": 7,}", "{\"id\": 7", "{7: 7}", "{\"items\": [}", "{\"items\": [{]}"]
    {
        check_document(order(), text, Err(Stop::Stale), &[]);
    }
}

#[test]
fn the_last_of_repeated_keys_counts_in_json() {
    let value = Document::Object(document("T", vec![stored("a", "a", Document::Scalar(Scalar::Int))]));
    let shape = object("Row", &[Wire::Value(Family::Json)], vec![field("d", Node::Document { column: 0, value })]);
    check(&shape, &[Some(br#"{"a": "x", "a": 1}"#)], Ok(r#"{"d":{"a":1}}"#), &[]);
}

#[test]
fn cases_are_chosen_by_typename() {
    let case = |name, field| document(name, vec![stored(field, field, Document::Scalar(Scalar::String))]);
    let hit = Document::Abstract { type_name: "Hit".into(), cases: vec![case("User", "name"), case("Post", "title")] };
    let list = Document::List { item: Box::new(hit), item_nullable: true };
    check_document(
        list,
        r#"[{"name": "n", "__typename": "User"}, {"__typename": "Post", "title": "t"}, {"__typename": "Tag"}, {"name": "n"}, 3, null]"#,
        Ok(r#"[{"name":"n"},{"title":"t"},null,null,null,null]"#),
        &[
            r#"4/d/2 Row.d: "Tag" is not a type of Hit"#,
            r#"4/d/3 Row.d: {"name": "n"} has no __typename of Hit"#,
            "4/d/4 Row.d: 3 has no __typename of Hit",
        ],
    );
}

fn users(page_size: Option<u64>, reversed: bool, has_cursor: bool) -> Connection {
    let info = [
        ("next", PageInfoNode::HasNextPage),
        ("prev", PageInfoNode::HasPreviousPage),
        ("start", PageInfoNode::StartCursor),
        ("end", PageInfoNode::EndCursor),
    ];
    let edge = [("cursor", EdgeNode::Cursor), ("node", EdgeNode::Node)];
    let fields = [
        ("pageInfo", ConnectionNode::PageInfo(info.map(|(key, node)| (Key::new(key), node)).into())),
        ("totalCount", ConnectionNode::TotalCount),
        ("edges", ConnectionNode::Edges(edge.map(|(key, node)| (Key::new(key), node)).into())),
        ("kind", ConnectionNode::TypeName("UserConnection".into())),
    ];
    Connection {
        fields: fields.map(|(key, node)| ConnectionField { key: Key::new(key), node }).into(),
        node: object("User", &[TEXT, INT4], vec![text("name!", 0)]),
        cursor: vec![(1, leaf(Family::Int4, Scalar::Int)), (0, leaf(Family::Text, Scalar::String))],
        page_size,
        reversed,
        has_cursor,
        counted: true,
    }
}

#[track_caller]
fn check_connection(connection: &Connection, rows: &[(&str, i32)], expected: &str) {
    let number = |n: i32| n.to_be_bytes();
    let numbers: Vec<[u8; 4]> = rows.iter().map(|(_, n)| number(*n)).collect();
    let records: Vec<Vec<u8>> = rows
        .iter()
        .zip(&numbers)
        .map(|((name, _), n)| record(&[(TEXT, (!name.is_empty()).then_some(name.as_bytes())), (INT4, Some(n))]))
        .collect();
    let edges = array(2249, &records.iter().map(|record| Some(record.as_slice())).collect::<Vec<_>>());
    let count = 9i64.to_be_bytes();
    let columns = Columns::from_values([Some(&count[..]), Some(&edges)]);
    let (mut out, mut trail) = (Vec::new(), Trail::default());
    json::connection(connection, &columns, &mut out, &mut trail).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn connections() {
    // [1,"a"] [2,"b"] [3,"c"]
    let (a, b, c) = ("WzEsImEiXQ==", "WzIsImIiXQ==", "WzMsImMiXQ==");
    let page = |next: bool, prev: bool, edges: &[(&str, &str)]| {
        let cursor =
            |edge: Option<&(&str, &str)>| edge.map_or("null".to_owned(), |(cursor, _)| format!("\"{cursor}\""));
        let list: Vec<String> = edges
            .iter()
            .map(|(cursor, name)| format!(r#"{{"cursor":"{cursor}","node":{{"name":"{name}"}}}}"#))
            .collect();
        let (start, end) = (cursor(edges.first()), cursor(edges.last()));
        let list = list.join(",");
        format!(
            r#"{{"pageInfo":{{"next":{next},"prev":{prev},"start":{start},"end":{end}}},"totalCount":9,"edges":[{list}],"kind":"UserConnection"}}"#
        )
    };
    let rows = [("a", 1), ("b", 2), ("c", 3)];
    let back = [("c", 3), ("b", 2), ("a", 1)];
    check_connection(&users(Some(2), false, false), &rows, &page(true, false, &[(a, "a"), (b, "b")]));
    check_connection(&users(Some(3), false, true), &rows, &page(false, true, &[(a, "a"), (b, "b"), (c, "c")]));
    check_connection(&users(None, false, false), &rows, &page(false, false, &[(a, "a"), (b, "b"), (c, "c")]));
    check_connection(&users(Some(2), true, true), &back, &page(true, true, &[(b, "b"), (c, "c")]));
    check_connection(&users(Some(2), true, false), &back[..2], &page(false, false, &[(b, "b"), (c, "c")]));
    check_connection(&users(Some(2), false, true), &[], &page(false, true, &[]));
    check_connection(
        &users(None, false, false),
        &[("", 1)],
        r#"{"pageInfo":{"next":false,"prev":false,"start":"WzEsbnVsbF0=","end":"WzEsbnVsbF0="},"totalCount":9,"edges":[{"cursor":"WzEsbnVsbF0=","node":null}],"kind":"UserConnection"}"#,
    );
}

/// A row with one column, read in every way that its wire can be.
fn every_node(family: Family) -> Vec<Object> {
    let nested = object("Inner", &[Wire::Value(family), Wire::RecordArray], vec![]);
    let mut nodes = vec![
        (Wire::Record, Node::Record { column: 0, object: nested.clone() }),
        (Wire::RecordArray, Node::RecordList { column: 0, object: nested, item_nullable: true }),
        (Wire::Value(family), Node::Leaf { column: 0, leaf: Leaf { family, kind: LeafKind::Enum(colors()) } }),
        (Wire::Value(family), Node::Document { column: 0, value: order() }),
    ];
    for scalar in SCALARS {
        let leaf = leaf(family, scalar);
        nodes.push((Wire::Value(family), Node::Leaf { column: 0, leaf: leaf.clone() }));
        nodes.push((Wire::Array(family), Node::LeafList { column: 0, leaf, item_nullable: true }));
        nodes.push((Wire::Value(family), Node::Document { column: 0, value: Document::Scalar(scalar) }));
    }
    nodes.into_iter().map(|(wire, node)| object("Any", &[wire], vec![field("a", node)])).collect()
}

/// Bytes that are anything, JSON that is cut and bent, or arrays and records with wild numbers.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        0u32..4,
        Just(u32::MAX),
        Just(0x8000_0000),
        Just(0x7fff_ffff),
        any::<u32>(),
        prop::sample::select(FAMILIES.to_vec()).prop_map(Family::oid),
        Just(2249),
    ];
    let words =
        prop::collection::vec(word, 0..12).prop_map(|words| words.iter().flat_map(|w| w.to_be_bytes()).collect());
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\"",
        "\\",
        "\\u00",
        "\"id\"",
        "\"items\"",
        "\"sku\"",
        "\"__typename\"",
        "7",
        "-",
        "1e9",
        ".5",
        "null",
        "true",
        "\"2024-02-30T00:00\"",
        "\u{1f600}",
        "\x01",
    ];
    let bent =
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|p| p.concat().into_bytes());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        words,
        bent.clone(),
        bent.prop_map(|text| [vec![1], text].concat())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_bytes_make_it_panic(bytes in any_bytes(), reversed in any::<bool>()) {
        for family in FAMILIES {
            for shape in every_node(family) {
                let (mut out, mut trail) = (Vec::new(), Trail::default());
                let _ = json::object(&shape, &Columns::from_values([Some(&bytes[..])]), &mut out, &mut trail);
            }
        }
        let columns = Columns::from_values([Some(&bytes[..]), Some(&bytes[..])]);
        let _ = json::connection(&users(Some(1), reversed, false), &columns, &mut Vec::new(), &mut Trail::default());
        let _ = json::count(&columns, &mut Vec::new());
    }

    #[test]
    fn whatever_is_written_over_good_json_is_json(value in any_json()) {
        for (text, shape) in [
            (value.to_string(), order()),
            (format!("{{\"id\": 1, \"items\": [{{\"sku\": {value}}}], \"color\": {value}}}"), order()),
        ] {
            let bytes = [b"\x01", text.as_bytes()].concat();
            let node = Node::Document { column: 0, value: shape };
            let shape = object("Row", &[Wire::Value(Family::Jsonb)], vec![field("d", node)]);
            let (mut out, mut trail) = (Vec::new(), Trail::default());
            json::object(&shape, &Columns::from_values([Some(&bytes[..])]), &mut out, &mut trail).unwrap();
            serde_json::from_slice::<serde_json::Value>(&out).unwrap();
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["red", "1.5", "NaN", "Order"]).prop_map(Value::from),
    ];
    let keys =
        prop::sample::select(vec!["id", "items", "sku", "qty", "total_amount", "color", "meta", "__typename", "\"x\\"]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}
