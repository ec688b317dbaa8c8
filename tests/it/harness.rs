//! One private PostgreSQL for the whole binary, one fresh database for each test.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use fraiseql::codec::Columns;
use fraiseql::dev::postgres::{Options, PrivatePostgres};
use tokio_postgres::NoTls;
use tokio_postgres::types::{FromSql, Type};

/// The server that all tests share. A static is never dropped; the server ends with this process.
pub fn postgres() -> &'static PrivatePostgres {
    static POSTGRES: LazyLock<PrivatePostgres> = LazyLock::new(|| {
        let options = Options { durable: false, max_connections: 300, ..Options::default() };
        PrivatePostgres::start(options).unwrap_or_else(|error| {
            // Every test would fail with the same text; this way it stands there once. `eprintln!` would be
            // captured, and lost.
            let _ = writeln!(io::stderr(), "{error}");
            process::exit(1);
        })
    });
    &POSTGRES
}

/// A database of one test, dropped with everything connected to it when the test ends.
#[derive(Debug)]
pub struct Database {
    name: String,
}

// === impl Database ===

impl Database {
    /// An empty database.
    pub fn empty() -> Database {
        Database::copy_of(None)
    }

    /// A database in which these files were run, which happens once for each list of files.
    pub fn loaded(files: &[PathBuf]) -> Database {
        Database::copy_of(Some(&template(files)))
    }

    /// A database in which every file of a directory was run, in the order of their names.
    pub fn of_directory(directory: impl AsRef<Path>) -> Database {
        Database::loaded(&sql_files(directory.as_ref()))
    }

    pub fn url(&self) -> String {
        postgres().url(&self.name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn execute(&self, sql: &str) {
        postgres().execute(&self.name, sql).unwrap();
    }

    fn copy_of(template: Option<&str>) -> Database {
        let name = unique("test");
        postgres().create_database(&name, template).unwrap();
        Database { name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = postgres().drop_database(&self.name);
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

/// The one number that a query returns.
pub async fn ask(url: &str, sql: &str) -> Result<i64, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let answer = client.query_one(sql, &[]).await.map(|row| row.get(0));
    connection.abort();
    answer
}

/// A directory of the crate.
pub fn crate_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sql_files(directory: &Path) -> Vec<PathBuf> {
    let entries = directory.read_dir().unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files
}

/// The database that copies are made of; made by the first test that asks, while others who ask wait.
fn template(files: &[PathBuf]) -> String {
    type Templates = HashMap<Vec<PathBuf>, Arc<OnceLock<String>>>;
    static TEMPLATES: LazyLock<Mutex<Templates>> = LazyLock::new(Mutex::default);
    let cell = TEMPLATES.lock().unwrap().entry(files.to_vec()).or_default().clone();
    let name = cell.get_or_init(|| {
        let name = unique("template");
        postgres().create_database(&name, None).unwrap();
        postgres().load(&name, files).unwrap_or_else(|problem| panic!("{problem}"));
        name
    });
    name.clone()
}

fn unique(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{kind}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The columns of a row that the driver has read, as the codec takes them.
pub fn columns(row: &tokio_postgres::Row) -> Columns<'_> {
    Columns::from_values((0..row.len()).map(|at| row.get::<_, Raw<'_>>(at).0))
}

/// Whatever a column holds, of any type.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
