//! The private PostgreSQL: what it loads, what it says, and that it leaves nothing behind.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fraiseql::dev::postgres::{Options, PrivatePostgres};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::harness::{self, Database, ask};

fn start() -> PrivatePostgres {
    PrivatePostgres::start(Options { durable: false, ..Options::default() }).unwrap()
}

fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Whether the directory vanishes soon, and with it every process that worked in it.
fn vanishes(directory: &Path, postmaster: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if !directory.exists() && !is_running(postmaster) {
            return true;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn postmaster_pid(directory: &Path) -> String {
    let text = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn databases_are_made_of_templates_and_reached_by_url() {
    let directory = tempfile::tempdir().unwrap();
    let files = [
        file(&directory, "1.sql", "CREATE TABLE t (n bigint);\n"),
        file(
            &directory,
            "2.sql",
            "INSERT INTO t SELECT generate_series(1, 10);\n\\set n 5\nDELETE FROM t WHERE n > :n;\n",
        ),
    ];
    let (one, other) = (Database::loaded(&files), Database::loaded(&files));
    one.execute("DELETE FROM t");
    assert_eq!(ask(&one.url(), "SELECT count(*) FROM t").await.unwrap(), 0);
    assert_eq!(ask(&other.url(), "SELECT count(*) FROM t").await.unwrap(), 5, "databases share nothing");
    let odd = "na\"me with/odd letters ü";
    harness::postgres().create_database(odd, None).unwrap();
    assert_eq!(ask(&harness::postgres().url(odd), "SELECT 1::bigint").await.unwrap(), 1);
    harness::postgres().drop_database(odd).unwrap();
    harness::postgres().drop_database(odd).unwrap();
    assert!(ask(&harness::postgres().url(odd), "SELECT 1::bigint").await.is_err());
}

#[test]
fn a_wrong_file_is_named_with_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::empty();
    let good = file(&directory, "1.sql", "SELECT 1;\nDROP TABLE IF EXISTS nothing;\n");
    let report = harness::postgres().load(database.name(), std::slice::from_ref(&good)).unwrap();
    assert_eq!(report.files.len(), 1);
    assert!(report.warnings.is_empty(), "a notice is no warning");

    let wrong = file(
        &directory,
        "2.sql",
        "CREATE TABLE t (id int, name text);\n\n-- A comment.\nSELECT id,\n\tnam\nFROM t\nWHERE true;\nCREATE TABLE u ();\n",
    );
    let problem = harness::postgres().load(database.name(), &[good, wrong.clone()]).unwrap_err();
    assert_eq!(problem.file, wrong.to_string_lossy());
    assert_eq!(problem.position, Some((5, 2)));
    assert_eq!(problem.reason, "column \"nam\" does not exist");
    assert_eq!(problem.hint.as_deref(), Some("Perhaps you meant to reference the column \"t.name\"."));
    let after = harness::postgres().execute(database.name(), "SELECT FROM u").unwrap_err();
    assert!(after.to_string().contains("\"u\" does not exist"), "nothing runs after an error: {after}");

    let raising = file(
        &directory,
        "3.sql",
        "DO $$\nBEGIN\n  RAISE WARNING 'odd';\n  RAISE 'no' USING DETAIL = 'a', HINT = 'b';\nEND $$;\n",
    );
    let problem = harness::postgres().load(database.name(), &[raising]).unwrap_err();
    assert_eq!(problem.position, Some((5, 1)));
    assert_eq!(problem.reason, "no\n  a\n  PL/pgSQL function inline_code_block line 4 at RAISE");
    assert_eq!(problem.hint.as_deref(), Some("b"));

    let absent = directory.path().join("4.sql");
    let problem = harness::postgres().load(database.name(), std::slice::from_ref(&absent)).unwrap_err();
    assert_eq!(problem.file, absent.to_string_lossy());
    assert!(problem.reason.contains("No such file"), "{problem}");
}

#[test]
fn a_stopped_server_leaves_nothing_behind() {
    let postgres = start();
    let directory = postgres.directory().to_owned();
    let pid = postmaster_pid(&directory);
    assert!(is_running(&pid));
    postgres.stop().unwrap();
    assert!(!directory.exists() && !is_running(&pid));
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let postgres = start();
    let directory = postgres.directory().to_owned();
    let pid = postmaster_pid(&directory);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _owned = postgres;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert!(!directory.exists() && !is_running(&pid));
}

#[tokio::test]
async fn a_server_can_be_paused_killed_and_restarted() {
    let mut postgres = start();
    let url = postgres.url("postgres");
    postgres.execute("postgres", "CREATE TABLE kept (n int)").unwrap();
    postgres.pause().unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(300), ask(&url, "SELECT 1::bigint")).await;
    assert!(answer.is_err(), "a paused server does not answer");
    postgres.resume().unwrap();
    assert_eq!(ask(&url, "SELECT 1::bigint").await.unwrap(), 1);

    postgres.execute("postgres", "CHECKPOINT").unwrap();
    postgres.kill().unwrap();
    assert!(ask(&url, "SELECT 1::bigint").await.is_err());
    postgres.kill().unwrap();
    postgres.restart().unwrap();
    assert_eq!(ask(&url, "SELECT count(*) FROM kept").await.unwrap(), 0);

    postgres.pause().unwrap();
    let directory = postgres.directory().to_owned();
    let pid = postmaster_pid(&directory);
    postgres.stop().unwrap();
    assert!(!directory.exists() && !is_running(&pid), "a paused server stops too");
}

#[test]
fn a_setting_that_postgresql_refuses_is_shown_with_its_log() {
    let options = Options { settings: vec![("no_such_setting".to_owned(), "1".to_owned())], ..Options::default() };
    let error = PrivatePostgres::start(options).unwrap_err();
    assert!(error.to_string().contains("unrecognized configuration parameter \"no_such_setting\""), "{error}");
}

const OWNER: &str = "FRAISEQL_TEST_OWNS_A_POSTGRES";

/// Not a test by itself: what a process does that other tests start in order to kill it.
#[test]
fn owner() {
    if env::var_os(OWNER).is_some() {
        let postgres = start();
        println!("\n{}", postgres.directory().display());
        sleep(Duration::from_secs(60));
    }
}

/// Runs `owner` in a process of its own, until its server is ready.
fn another_owner() -> (Child, PathBuf) {
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "private_postgres::owner", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let directory = lines.find_map(|line| line.ok().filter(|line| line.starts_with('/'))).unwrap();
    (owner, PathBuf::from(directory))
}

#[test]
fn a_killed_owner_leaves_nothing_behind() {
    let (mut owner, directory) = another_owner();
    let pid = postmaster_pid(&directory);
    assert!(is_running(&pid));
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(vanishes(&directory, &pid));
}

#[test]
fn the_next_start_sweeps_what_owner_and_reaper_could_not() {
    let (mut owner, directory) = another_owner();
    let pid = postmaster_pid(&directory);
    signal::kill(Pid::from_raw(reaper_of(owner.id())), Signal::SIGKILL).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(is_running(&pid));
    start().stop().unwrap();
    assert!(vanishes(&directory, &pid));
}

/// The child of a process that is a shell.
fn reaper_of(owner: u32) -> i32 {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let mut stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let is_reaper = |stat: &String| {
        let (name, rest) = stat.rsplit_once(") ").unwrap();
        name.ends_with("(sh") && rest.split_whitespace().nth(1) == Some(&owner.to_string())
    };
    stats.find(is_reaper).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}
