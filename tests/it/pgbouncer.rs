//! `prepared_statements = false` through a real PgBouncer in transaction mode: more clients than sessions, and
//! none of them keeps a session.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use crate::harness::{Database, postgres};
use crate::program::eventually;
use crate::service::Api;
use crate::world::{self, fields, list};
use crate::writing;

/// A PgBouncer in front of the server of the tests; killed when dropped.
struct Bouncer {
    child: Child,
    directory: tempfile::TempDir,
}

/// Sessions that all clients share.
const SESSIONS: u32 = 2;

impl Bouncer {
    async fn start() -> Bouncer {
        let directory = tempfile::Builder::new().prefix("bouncer-").tempdir_in("/tmp").unwrap();
        // It refuses to run as root, and reaches the server's socket as who owns it.
        let owner = fs::metadata(postgres().directory()).unwrap();
        let (path, socket) = (directory.path().display(), postgres().directory().display());
        let config = format!(
            "[databases]\n* = host={socket} port=5432 user=postgres\n[pgbouncer]\nlisten_addr =\n\
             unix_socket_dir = {path}\nlisten_port = 6432\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {SESSIONS}\nmax_client_conn = 200\nlogfile = {path}/log\n"
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, config).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("pgbouncer");
        if fs::metadata(&file).unwrap().uid() != owner.uid() {
            chown(directory.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
            command.uid(owner.uid()).gid(owner.gid());
        }
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin")).arg("-q").arg(&file);
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = spawned.expect("`make setup` installs pgbouncer");
        let bouncer = Bouncer { child, directory };
        let is_up =
            eventually(async || tokio_postgres::connect(&bouncer.url("postgres"), tokio_postgres::NoTls).await.is_ok())
                .await;
        let log = fs::read_to_string(bouncer.directory.path().join("log")).unwrap_or_default();
        assert!(is_up, "{log}");
        bouncer
    }

    fn url(&self, database: &str) -> String {
        let directory = self.directory.path().display().to_string().replace('/', "%2F");
        format!("postgresql://postgres@{directory}:6432/{database}")
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MORE: &str = "[database]\npool_max = 12\nprepared_statements = false\n";

#[tokio::test]
async fn every_kind_of_read_goes_through() {
    let bouncer = Bouncer::start().await;
    let (direct, api) = world::api().await;
    let pooled = Api::at(&bouncer.url(direct.name()), &world::schema(), MORE).await;
    let queries = [
        "{ items(orderBy: [{name: ASC}]) { id name madeAt day at price weight meta tags kind owner { fullName } category { name } } }",
        "{ itemDocs(where: {size: {gt: 3}}, orderBy: [{name: ASC}]) { name madeAt total } }",
        "{ categories(orderBy: [{name: ASC}]) { name items(orderBy: [{name: DESC}], limit: 2) { name } } a: things(limit: 1) { id } }",
        "{ itemsPaged(first: 3, orderBy: [{name: ASC}]) { edges { cursor node { name } } pageInfo { hasNextPage } } }",
    ];
    // Twelve connections over two sessions, each of them asked by several at once.
    for query in queries {
        let expected = api.data(query, Json::Null).await;
        join_all((0..24).map(async |_| assert_eq!(pooled.data(query, Json::Null).await, expected))).await;
    }
    let rows = pooled.send("GET", "/rest/items?sort=name", &[("accept", "application/x-ndjson")], b"").await;
    assert_eq!(rows.text().lines().count(), 60);
}

#[tokio::test]
async fn writes_and_keys_go_through() {
    let bouncer = Bouncer::start().await;
    let database = writing::database();
    let api = Api::at(&bouncer.url(database.name()), &writing::schema(), MORE).await;
    let create = async |n: usize| {
        let query = "mutation ($input: CreateUserInput!) { createUser(input: $input) { id name posts { title } } }";
        let input =
            json!({"name": format!("N{n}"), "email": format!("n{n}@example.org"), "posts": [{"postTitle": "t"}]});
        let data = api.data(query, json!({"input": input})).await;
        assert_eq!(data["createUser"]["name"], format!("N{n}"));
    };
    join_all((0..24).map(create)).await;
    let body = json!({"name": "Once", "email": "once@example.org"}).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let first = api.send("POST", "/rest/users", &headers, body.as_bytes()).await;
    let again = api.send("POST", "/rest/users", &headers, body.as_bytes()).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", first.text());
    assert_eq!(first.text(), again.text());
}

/// The settings that answers depend on hold where the database's own are others, and do not stay behind in
/// sessions that belong to everybody.
#[tokio::test]
async fn settings_go_with_every_statement_and_stay_nowhere() {
    let bouncer = Bouncer::start().await;
    let database = Database::empty();
    for setting in [
        "TimeZone = 'America/New_York'",
        "IntervalStyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "DateStyle = 'SQL, DMY'",
    ] {
        database.execute(&format!("ALTER DATABASE {} SET {setting}", database.name()));
    }
    database.execute(
        "CREATE VIEW v_moment AS SELECT 1 AS pk_moment, 'm'::text AS id, '2024-07-01T12:00:00Z'::timestamptz AS at, \
         '2024-07-01T12:00:00Z'::timestamptz::text AS text, (now() - now() + '1 day 2 hours'::interval)::text AS span, \
         to_jsonb('2024-07-01T12:00:00Z'::timestamptz) AS stored, '\\x00ff'::bytea::text AS bytes, current_setting('jit') AS jit",
    );
    let schema = json!({
        "types": [{"name": "Moment", "sql_source": "v_moment",
            "fields": fields(&["id: ID!", "at: DateTime", "text: String", "span: String", "stored: Json", "bytes: String", "jit: String"])}],
        "queries": [list("moments", "Moment", "v_moment")],
    });
    let api = Api::at(&bouncer.url(database.name()), &schema, MORE).await;
    let expected = json!([{
        "at": "2024-07-01T12:00:00+00:00", "text": "2024-07-01 12:00:00+00", "span": "1 day 02:00:00",
        "stored": "2024-07-01T12:00:00+00:00", "bytes": "\\x00ff", "jit": "off",
    }]);
    let query = "{ moments { at text span stored bytes jit } }";
    let all = join_all((0..20).map(async |_| assert_eq!(api.data(query, Json::Null).await["moments"], expected)));
    all.await;
    let others = "SELECT count(*) FROM (SELECT 1) s WHERE current_setting('TimeZone') = 'America/New_York' \
        AND current_setting('bytea_output') = 'escape' AND current_setting('IntervalStyle') = 'iso_8601'";
    for _ in 0..2 * SESSIONS {
        assert_eq!(plainly_asked(&bouncer.url(database.name()), others).await, "1");
    }
}

/// What a client of somebody else's gets, by a statement that needs no session.
async fn plainly_asked(url: &str, sql: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let messages = client.simple_query(sql).await.unwrap();
    connection.abort();
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    row.unwrap_or_default()
}
