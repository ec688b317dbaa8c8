//! Every type and edge value: what the codec writes against what `to_json` prints.

use fraiseql::codec::{Columns, Stop, Trail, json};
use fraiseql::plan::shape::{Document, Field, Key, Leaf, LeafKind, Node, Object, Wire};
use fraiseql::schema::catalog::Family;
use fraiseql::schema::model::Scalar;
use tokio_postgres::{Client, NoTls};

use crate::harness::{self, Database};

/// Values of one family, as rows of one column `v`.
struct Source {
    family: Family,
    /// The column as it is spelled in a select list.
    column: &'static str,
    rows: String,
}

/// Comma-separated literals of a type.
fn literals(family: Family, ty: &str, values: &[&str]) -> Source {
    let values: Vec<String> = values.iter().map(|value| format!("('{}'::{ty})", value.replace('\'', "''"))).collect();
    Source { family, column: "v", rows: format!("(VALUES {}) s(v)", values.join(",")) }
}

/// An expression over `n`, from 1 on, and `r` and `q`, numbers between −1 and 1 without an order, the
/// same in every run.
fn series(family: Family, count: u32, expression: &str) -> Source {
    let scattered = |salt: &str| format!("('x' || left(md5(n || '{salt}'), 8))::bit(32)::int4 / 2147483648::float8");
    let rows = format!(
        "(SELECT {expression} AS v FROM (SELECT n, {} AS r, {} AS q FROM generate_series(1, {count}) n) g) s",
        scattered("r"),
        scattered("q")
    );
    Source { family, column: "v", rows }
}

fn sources() -> Vec<Source> {
    let nines = "9".repeat(1000);
    let long = format!("-{nines}.{nines}");
    let quoted = "\"quoted\" \\ back, comma {brace} 'single'";
    let mut sources = vec![
        literals(Family::Bool, "bool", &["t", "f"]),
        literals(Family::Int2, "int2", &["0", "-1", "32767", "-32768"]),
        literals(Family::Int4, "int4", &["0", "-1", "2147483647", "-2147483648"]),
        literals(Family::Int8, "int8", &["0", "-1", "9223372036854775807", "-9223372036854775808"]),
        literals(
            Family::Numeric,
            "numeric",
            &[
                "0",
                "0.00",
                "-0.0001",
                "1",
                "10",
                "9999",
                "10000",
                "10001",
                "100000000",
                "1.10",
                "NaN",
                "Infinity",
                "-Infinity",
                "1e131071",
                "1e-16383",
                "123456789.987654321",
                "0.00000000000000000001",
                "12345678901234567890",
                &nines,
                &long,
            ],
        ),
        literals(Family::Numeric, "numeric(20,5)", &["0", "1.5", "-123456789012345.6789", "0.00001", "100"]),
        literals(
            Family::Float8,
            "float8",
            &[
                "0",
                "-0",
                "1",
                "-1",
                "0.1",
                "1e15",
                "999999999999999",
                "1e-4",
                "1e-5",
                "NaN",
                "Infinity",
                "-Infinity",
                "1.7976931348623157e308",
                "5e-324",
                "2.2250738585072014e-308",
                "123456.789",
                "9007199254740993",
            ],
        ),
        literals(
            Family::Float4,
            "float4",
            &[
                "0",
                "-0",
                "1",
                "0.1",
                "1e6",
                "999999",
                "1e-4",
                "1e-5",
                "NaN",
                "Infinity",
                "-Infinity",
                "3.4028235e38",
                "1e-45",
            ],
        ),
        literals(
            Family::Text,
            "text",
            &["", "plain", quoted, "tab\tnew\nline\r", "ünïcödé", "😀👩‍👩‍👧", "\u{2028}\u{7f}", &nines],
        ),
        literals(Family::Varchar, "varchar(20)", &["", "abc"]),
        literals(Family::Bpchar, "char(8)", &["", "abc"]),
        literals(Family::Name, "name", &["", "pg_class"]),
        literals(
            Family::Uuid,
            "uuid",
            &["00000000-0000-0000-0000-000000000000", "01234567-89ab-cdef-fedc-ba9876543210"],
        ),
        literals(
            Family::Timestamptz,
            "timestamptz",
            &[
                "infinity",
                "-infinity",
                "2000-01-01 00:00+00",
                "1999-12-31 23:59:59.999999+00",
                "4713-01-01 00:00+00 BC",
                "0001-12-31 23:59:59+00 BC",
                "0001-01-01 00:00+00",
                "10000-01-01 00:00+00",
                "294276-12-31 23:59:59.999999+00",
                "2024-02-29 12:34:56.7+05:30",
            ],
        ),
        literals(
            Family::Timestamp,
            "timestamp",
            &[
                "infinity",
                "-infinity",
                "4713-01-01 00:00 BC",
                "0044-03-15 12:00:00.000001 BC",
                "294276-12-31 23:59:59.999999",
            ],
        ),
        literals(
            Family::Date,
            "date",
            &[
                "infinity",
                "-infinity",
                "4713-01-01 BC",
                "0001-12-31 BC",
                "0001-01-01",
                "9999-12-31",
                "5874897-12-31",
                "2000-02-29",
            ],
        ),
        literals(Family::Time, "time", &["00:00", "24:00:00", "23:59:59.999999", "12:34:56.7"]),
        literals(
            Family::Timetz,
            "timetz",
            &[
                "00:00+00",
                "24:00:00-15:59:59",
                "12:00:00+15:59:59",
                "12:34:56.7+05:30",
                "01:02:03-08",
                "01:02:03-00:00:01",
            ],
        ),
        literals(
            Family::Interval,
            "interval",
            &[
                "0",
                "1 year",
                "-1 year",
                "1 mon",
                "-13 mons +3 days -04:05:06.7",
                "1 day",
                "-1 day +00:00:00.000001",
                "178956970 years 7 mons 2147483647 days 2147483647:00:54.775806",
                "-178956970 years -7 mons -2147483648 days -2147483647:00:54.775807",
                "100:00:00",
                "-00:00:01",
            ],
        ),
        literals(Family::Json, "json", &["{ \"a\" : 1 }", "[1,2 , 3]\n", "\"x\\u00e4\"", "12e3"]),
        literals(Family::Jsonb, "jsonb", &["{\"b\": 1, \"a\": [1.50, null]}", "\"x\\n\"", "1e3", "[]"]),
        literals(Family::Bytea, "bytea", &["", "\\x00ff10", "abc"]),
        // Every control character, and characters of one to four bytes.
        series(Family::Text, 1000, "chr(n) || 'x' || chr(n)"),
        series(Family::Text, 500, "chr(65536 + n * 37) || repeat('y', n % 40) || chr(34) || chr(n % 32 + 1)"),
        series(Family::Bytea, 300, "decode(repeat(md5(n::text), n % 5), 'hex')"),
        series(Family::Numeric, 3000, "(r * power(10::numeric, n % 60) / power(10::numeric, n % 37))::numeric"),
        series(Family::Numeric, 1000, "round((r * power(10::numeric, n % 30))::numeric, n % 25 - 5)"),
        series(Family::Int8, 1000, "(r * 9.2e18)::int8"),
        series(Family::Timestamptz, 2000, "to_timestamp(r * power(10, n % 12) * 2)"),
        series(Family::Timestamp, 1000, "timestamp '2000-01-01' + make_interval(secs => r * power(10, n % 12) * 2)"),
        series(Family::Date, 2000, "date '2000-01-01' + (r * power(10, n % 7))::int"),
        series(Family::Time, 1000, "time '00:00' + make_interval(secs => abs(r) * 86399)"),
        series(Family::Timetz, 500, "(timetz '12:00+00' AT TIME ZONE make_interval(secs => (r * 57599)::int))"),
        series(
            Family::Interval,
            3000,
            "make_interval((r * (n % 9))::int, (q * (n % 40))::int, 0, (r * q * (n % 5))::int, 0, 0, \
             q * power(10, n % 9) * (n % 2))",
        ),
        series(Family::Uuid, 300, "md5(n::text)::uuid"),
    ];
    // Types without an encoder come as `to_json(v)`.
    for (ty, values) in [
        ("inet", &["10.0.0.1", "::1/64"][..]),
        ("point", &["(1,2)"]),
        ("int4range", &["[1,5)", "empty"]),
        ("pg_lsn", &["0/16B3748"]),
        ("money", &["12.34"]),
    ] {
        sources.push(Source { column: "to_json(v)", ..literals(Family::Other, ty, values) });
    }
    sources.push(Source { column: "v::text", ..literals(Family::Enum, "mood", &["happy", "so \"so\""]) });
    sources.push(Source { column: "v::text", ..literals(Family::Text, "email", &["a@b"]) });
    sources.push(Source { column: "v::numeric", ..literals(Family::Numeric, "price", &["1.50"]) });
    sources
}

fn field(node: Node) -> Field {
    Field { key: Key::new("v"), name: "v".into(), nullable: true, node }
}

fn one(wire: Wire, node: Node) -> Object {
    Object { type_name: "T".into(), columns: vec![wire], fields: vec![field(node)] }
}

/// With the scalar that shows every family as it is.
fn leaf(family: Family) -> Leaf {
    Leaf { family, kind: LeafKind::Scalar(Scalar::Json) }
}

fn encode(object: &Object, row: &tokio_postgres::Row, columns: usize) -> Result<(String, Trail), Stop> {
    let all = harness::columns(row);
    let columns = Columns::from_values((0..columns).map(|at| all.at(at).unwrap()));
    let (mut out, mut trail) = (Vec::new(), Trail::default());
    json::object(object, &columns, &mut out, &mut trail)?;
    Ok((String::from_utf8(out).unwrap(), trail))
}

async fn check_leaves(client: &Client, source: &Source) -> usize {
    let Source { family, column, rows } = source;
    let shape = one(Wire::Value(*family), Node::Leaf { column: 0, leaf: leaf(*family) });
    let sql = format!("SELECT {column}, to_json(v)::text FROM {rows}");
    let statement = client.prepare(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    assert_eq!(shape.columns[0].oid(), statement.columns()[0].type_().oid(), "{sql}");
    let rows = client.query(&statement, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    for row in &rows {
        let (text, trail) = encode(&shape, row, 1).unwrap();
        assert_eq!(text, format!("{{\"v\":{}}}", row.get::<_, &str>(1)), "{family:?}");
        assert!(trail.is_empty());
    }
    rows.len()
}

async fn check_arrays(client: &Client, source: &Source) {
    let Source { family, column, rows } = source;
    let node = Node::LeafList { column: 0, leaf: leaf(*family), item_nullable: true };
    let shape = one(Wire::Array(*family), node);
    // The same values with a null behind them; none; and as a table of two equal rows.
    let values = format!("(SELECT {column} AS c, to_json(v) AS j FROM {rows} LIMIT 40) t");
    let all = format!("array_agg(c) || NULL::{}", spelled(*family));
    for (array, expected) in [
        (all.clone(), "'[' || string_agg(j::text, ',') || ',null]'".to_owned()),
        ("(array_agg(c))[2:1]".to_owned(), "'[]'".to_owned()),
        (
            "ARRAY[array_agg(c), array_agg(c)]".to_owned(),
            "'[[' || string_agg(j::text, ',') || '],[' || string_agg(j::text, ',') || ']]'".to_owned(),
        ),
    ] {
        let sql = format!("SELECT {array}, {expected} FROM {values}");
        let row = client.query_one(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let (text, _) = encode(&shape, &row, 1).unwrap_or_else(|stop| panic!("{sql}: {stop:?}"));
        assert_eq!(text, format!("{{\"v\":{}}}", row.get::<_, &str>(1)), "{family:?}");
        if !matches!(family, Family::Other | Family::Enum | Family::Json | Family::Jsonb) {
            let sql = format!("SELECT to_json({array})::text FROM {values}");
            let whole: String = client.query_one(&sql, &[]).await.unwrap().get(0);
            assert_eq!(text, format!("{{\"v\":{whole}}}"), "{family:?}");
        }
    }
}

fn spelled(family: Family) -> String {
    match family.on_the_wire() {
        Family::Name => "name".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Records three deep: each level has the value and the level below.
async fn check_records(client: &Client, source: &Source) {
    let Source { family, column, rows } = source;
    let value = || field(Node::Leaf { column: 0, leaf: leaf(*family) });
    let inner = one(Wire::Value(*family), Node::Leaf { column: 0, leaf: leaf(*family) });
    let nest = |object| Object {
        type_name: "T".into(),
        columns: vec![Wire::Value(*family), Wire::RecordArray],
        fields: vec![
            value(),
            Field { key: Key::new("list"), ..field(Node::RecordList { column: 1, object, item_nullable: false }) },
        ],
    };
    let shape = one(Wire::RecordArray, Node::RecordList { column: 0, object: nest(nest(inner)), item_nullable: false });
    let sql = format!(
        "WITH t AS MATERIALIZED (SELECT {column} AS c, to_json(v)::text AS j FROM {rows} LIMIT 3) SELECT \
         ARRAY(SELECT ROW(a.c, ARRAY(SELECT ROW(b.c, ARRAY(SELECT ROW(d.c) FROM t d)) FROM t b)) FROM t a), \
         ARRAY(SELECT j FROM t)"
    );
    let row = client.query_one(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let texts: Vec<String> = row.get(1);
    let level = |inner: &dyn Fn(&str) -> String| texts.iter().map(|text| inner(text)).collect::<Vec<_>>().join(",");
    let third = level(&|text| format!("{{\"v\":{text}}}"));
    let second = level(&|text| format!("{{\"v\":{text},\"list\":[{third}]}}"));
    let first = level(&|text| format!("{{\"v\":{text},\"list\":[{second}]}}"));
    let (text, _) = encode(&shape, &row, 1).unwrap_or_else(|stop| panic!("{sql}: {stop:?}"));
    assert_eq!(text, format!("{{\"v\":[{first}]}}"), "{family:?}");
}

/// What a type looks like in a stored document fits every scalar that the type may stand behind.
async fn check_stored(client: &Client, source: &Source) {
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
    let Source { family, rows, .. } = source;
    let sql = format!("SELECT to_jsonb(v), to_jsonb(v)::text FROM {rows}");
    let rows = client.query(&sql, &[]).await.unwrap();
    for scalar in SCALARS.into_iter().filter(|scalar| family.serves(*scalar)) {
        if (scalar == Scalar::Uuid && *family != Family::Uuid) || *family == Family::Other {
            continue;
        }
        let value = Document::Scalar(scalar);
        let shape = one(Wire::Value(Family::Jsonb), Node::Document { column: 0, value });
        for row in &rows {
            let (text, trail) = encode(&shape, row, 1).unwrap();
            assert_eq!(trail.mismatches(), [], "{family:?} {scalar:?}");
            let expected: &str = row.get(1);
            let quote = if scalar == Scalar::Id && !expected.starts_with('"') { "\"" } else { "" };
            assert_eq!(text, format!("{{\"v\":{quote}{expected}{quote}}}"), "{family:?} {scalar:?}");
        }
    }
}

/// Thousands of bit patterns: random ones, and those where decimals fall between two floats.
async fn check_floats(client: &Client) {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut doubles: Vec<f64> = (-1074..=1023).map(|power| 2f64.powi(power)).collect();
    let mut singles: Vec<f32> = (-149..=127).map(|power| 2f32.powi(power)).collect();
    for n in 0..20_000u64 {
        doubles.push(f64::from_bits(random()));
        singles.push(f32::from_bits(random() as u32));
        // Denormal.
        doubles.push(f64::from_bits(random() >> (12 + n % 50)));
        singles.push(f32::from_bits(random() as u32 >> (9 + n % 20)));
        // Whole numbers beyond the mantissa, and short fractions.
        doubles.push((random() >> (n % 12)) as f64 * 2f64.powi((n % 9) as i32));
        singles.push((random() >> (n % 44)) as f32);
        doubles.push((random() % 1_000_000) as f64 / 10f64.powi((n % 12) as i32));
        singles.push((random() % 100_000) as f32 / 10f32.powi((n % 8) as i32));
        doubles.push((random() % 4096) as f64 * 2f64.powi(-((n % 60) as i32)));
        singles.push((random() % 512) as f32 * 2f32.powi(-((n % 40) as i32)));
    }
    let shape = one(Wire::Value(Family::Float8), Node::Leaf { column: 0, leaf: leaf(Family::Float8) });
    let sql = "SELECT v, to_json(v)::text FROM unnest($1::float8[]) v";
    let mut wrong = Vec::new();
    for row in client.query(sql, &[&doubles]).await.unwrap() {
        let (text, expected) = (encode(&shape, &row, 1).unwrap().0, format!("{{\"v\":{}}}", row.get::<_, &str>(1)));
        wrong.extend((text != expected).then(|| format!("{text} {expected}")));
    }
    let shape = one(Wire::Value(Family::Float4), Node::Leaf { column: 0, leaf: leaf(Family::Float4) });
    let sql = "SELECT v, to_json(v)::text FROM unnest($1::float4[]) v";
    for row in client.query(sql, &[&singles]).await.unwrap() {
        let (text, expected) = (encode(&shape, &row, 1).unwrap().0, format!("{{\"v\":{}}}", row.get::<_, &str>(1)));
        wrong.extend((text != expected).then(|| format!("{text} {expected}")));
    }
    assert!(wrong.is_empty(), "{} of them: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

/// PostgreSQL sends the new type of a column inside a `record[]` through an old statement.
async fn check_stale(client: &Client) {
    client.batch_execute("CREATE TEMP TABLE changing (v int4); INSERT INTO changing VALUES (7)").await.unwrap();
    let statement = client.prepare("SELECT ARRAY(SELECT ROW(v) FROM changing)").await.unwrap();
    let inner = one(Wire::Value(Family::Int4), Node::Leaf { column: 0, leaf: leaf(Family::Int4) });
    let shape = one(Wire::RecordArray, Node::RecordList { column: 0, object: inner, item_nullable: false });
    let row = client.query_one(&statement, &[]).await.unwrap();
    assert_eq!(encode(&shape, &row, 1).unwrap().0, r#"{"v":[{"v":7}]}"#);
    client.batch_execute("ALTER TABLE changing ALTER v TYPE int8").await.unwrap();
    let row = client.query_one(&statement, &[]).await.unwrap();
    assert_eq!(encode(&shape, &row, 1).err(), Some(Stop::Stale));
}

/// All of it over one connection.
async fn equals_to_json(url: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; \
             CREATE TYPE pg_temp.mood AS ENUM ('happy', 'so \"so\"'); CREATE DOMAIN pg_temp.email AS text; \
             CREATE DOMAIN pg_temp.price AS numeric(10, 2); SET search_path = pg_temp, public",
        )
        .await
        .unwrap();
    let mut sources = sources();
    match client.batch_execute("CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public").await {
        Ok(()) => sources.push(Source { column: "v::text", ..literals(Family::Citext, "citext", &["MiXed \"x\""]) }),
        Err(error) => eprintln!("without citext: {error}"),
    }
    let mut values = 0;
    for source in &sources {
        values += check_leaves(&client, source).await;
        check_arrays(&client, source).await;
        check_records(&client, source).await;
        check_stored(&client, source).await;
    }
    assert!(values > 15_000, "{values}");
    check_floats(&client).await;
    check_stale(&client).await;
}

#[tokio::test]
async fn json_text_equals_to_json() {
    equals_to_json(&Database::empty().url()).await;
}
