//! Rows a second that a client writes over gRPC: one command after the other, and as one stream.
//!
//! The server runs in this process, on a private PostgreSQL; both ways write the same rows into the same table
//! through the same function. The stream has to be five times as fast.
//!
//! `cargo bench --features grpc-transport --bench writes`

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::{Buf, BufMut, Bytes};
use fraiseql::config::{Config, Facts, Mode, Need, Overrides};
use fraiseql::dev::postgres::{Options, PrivatePostgres};
use fraiseql::schema::Schema;
use fraiseql::schema::artifact;
use fraiseql::schema::compile::{Project, Source, compile};
use fraiseql::schema::lock::Lock;
use fraiseql::server::{Server, Service, State, workers};
use fraiseql::transport::grpc::describe::{ServiceNames, describe};
use futures_util::StreamExt;
use serde_json::json;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: i64 = 100_000;
const UNARY_TIME: Duration = Duration::from_secs(5);
const RATIO_MIN: f64 = 5.0;

const TABLE: &str = "
    CREATE TABLE tb_row (pk_row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id int8 NOT NULL UNIQUE, text text NOT NULL);
    CREATE VIEW v_row AS SELECT pk_row, id, text FROM tb_row;
    CREATE FUNCTION fn_put(p_id int8, p_text text) RETURNS v_row LANGUAGE plpgsql AS $$
    DECLARE v_row v_row;
    BEGIN
        INSERT INTO tb_row (id, text) VALUES (p_id, p_text) RETURNING pk_row, id, text INTO v_row;
        RETURN v_row;
    END $$;
";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let postgres = PrivatePostgres::start(Options { durable: false, ..Options::default() })?;
    postgres.create_database("rows", None)?;
    postgres.execute("rows", TABLE)?;
    let server = serve(&postgres.url("rows")).await?;
    let channel = Endpoint::from_shared(format!("http://{}", server.address()))?.tcp_nodelay(true).connect().await?;
    let mut best = 0.0_f64;
    for round in 1..=3 {
        let (unary, written) = one_after_the_other(channel.clone()).await?;
        postgres.execute("rows", "TRUNCATE tb_row")?;
        let stream = one_stream(channel.clone()).await?;
        postgres.execute("rows", "TRUNCATE tb_row")?;
        let ratio = stream / unary;
        best = best.max(ratio);
        println!(
            "round {round}: unary {unary:.0} rows/s ({written} rows), stream {stream:.0} rows/s ({ROWS} rows), {ratio:.1} times"
        );
    }
    ensure!(best >= RATIO_MIN, "the stream is {best:.1} times as fast, and has to be {RATIO_MIN} times");
    Ok(())
}

async fn serve(url: &str) -> Result<Server> {
    let field = |name: &str, ty: &str| json!({"name": name, "type": ty, "nullable": false});
    let row = json!([field("id", "BigInt"), field("text", "String")]);
    let schema = json!({
        "types": [{"name": "Row", "sql_source": "v_row", "fields": row}],
        "queries": [{"name": "rows", "return_type": "Row", "returns_list": true, "nullable": false, "arguments": [],
                     "sql_source": "v_row"}],
        "mutations": [{"name": "put", "return_type": "Row", "returns_list": false, "nullable": false,
                       "arguments": row, "sql_source": "fn_put", "operation": "CREATE"}],
    });
    let project = Project { service: "bench".to_owned(), federation: None };
    let compiled = compile(&Source { file: "schema.json", text: &schema.to_string() }, &project);
    let model = compiled.map_err(|problems| anyhow!("{problems:?}"))?.model;
    let described = describe(&Schema::assumed(model.clone()), &ServiceNames::default(), "schema.json");
    let wanted = described.map_err(|problems| anyhow!("{problems:?}"))?.wanted();
    let lock = Lock::default().settle(&wanted, "fraiseql.lock").lock;
    let artifact = artifact::read(&artifact::write(&model, None, Some(&lock)), "schema.compiled.json");
    let artifact = artifact.map_err(|problem| anyhow!("{problem:?}"))?;
    let text = "[project]\nname = \"bench\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n";
    let overrides = Overrides { database_url: Some(url.to_owned()), ..Overrides::default() };
    let config = Config::parse("fraiseql.toml", text, &|_| None, &overrides, Facts::here(Mode::Run), Need::Service);
    let config = config.map_err(|problems| anyhow!("{problems:?}"))?;
    let state = State::new(config);
    let service = Service::open(&state.config, &artifact, workers(), &state.metrics).await;
    state.serve(service.map_err(|_| anyhow!("the service does not open"))?);
    let server = Server::start(state).await.map_err(|problem| anyhow!("{problem}"))?;
    Ok(server)
}

/// Rows a second, and how many there were.
async fn one_after_the_other(channel: Channel) -> Result<(f64, i64)> {
    let mut client = Grpc::new(channel);
    let (began, mut written) = (Instant::now(), 0);
    while began.elapsed() < UNARY_TIME {
        written += 1;
        client.ready().await?;
        client.unary(Request::new(command(written)), "/bench.v1.BenchService/Put".parse()?, Plain).await?;
    }
    Ok((written as f64 / began.elapsed().as_secs_f64(), written))
}

async fn one_stream(channel: Channel) -> Result<f64> {
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let began = Instant::now();
    let commands = futures_util::stream::iter(1..=ROWS).map(command);
    let answers = client.streaming(Request::new(commands), "/bench.v1.BenchService/PutStream".parse()?, Plain).await?;
    let (mut answers, mut succeeded) = (answers.into_inner(), 0);
    while let Some(answer) = answers.message().await.context("the stream")? {
        // `success` is field 1 and stands first.
        succeeded += i64::from(answer.starts_with(&[0x08, 1]));
    }
    ensure!(succeeded == ROWS, "{succeeded} of {ROWS} commands succeeded");
    Ok(ROWS as f64 / began.elapsed().as_secs_f64())
}

/// `PutRequest { id, text }`
fn command(id: i64) -> Bytes {
    let mut out = Vec::with_capacity(32);
    out.push(0x08);
    let mut rest = id as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(&[0x12, 16]);
    out.extend_from_slice(b"a text of a row.");
    out.into()
}

/// Messages as they travel.
#[derive(Debug, Clone, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Plain;
    type Decoder = Plain;

    fn encoder(&mut self) -> Plain {
        Plain
    }

    fn decoder(&mut self) -> Plain {
        Plain
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes.remaining();
        Ok(Some(bytes.copy_to_bytes(length)))
    }
}
