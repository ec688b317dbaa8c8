//! What changed in a project while it is being worked on.
//!
//! Editors write a file in several steps and tools write many files at once, so events are collected until
//! nothing happens for a moment. What was collected is three flags, however many events there were.

use std::collections::HashSet;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::export::SCRIPT;

/// Which parts of a project are newer than what runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// `schema.py` or any other Python file; the schema file where there is no script to write it.
    pub schema: bool,
    /// Any `.sql` file in `sql/`.
    pub sql: bool,
    /// `fraiseql.toml`.
    pub config: bool,
}

/// A watched project.
#[derive(Debug)]
pub struct Watch {
    project: Arc<Project>,
    watcher: RecommendedWatcher,
    watched: HashSet<PathBuf>,
}

const CONFIG: &str = "fraiseql.toml";
const SQL: &str = "sql";
/// How long nothing may happen before a change is told.
const QUIET: Duration = Duration::from_millis(150);
/// How long a change is held back when something happens all the time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Directories that hold nobody's own files, and many of them; so do those whose names begin with a dot.
const FOREIGN: [&str; 5] = ["__pycache__", "node_modules", "target", "venv", "site-packages"];

/// What the watcher's own thread and the reader share.
#[derive(Debug)]
struct Project {
    root: PathBuf,
    schema_file: PathBuf,
    pending: Mutex<Pending>,
    happened: Notify,
}

#[derive(Debug, Default, PartialEq)]
struct Pending {
    change: Change,
    /// A directory came or went, or the system lost events: the tree has to be looked through again.
    is_tree_new: bool,
}

// === impl Watch ===

impl Watch {
    /// Watches a project from now on. `schema_file`, a path in the project, counts where there is no `schema.py`.
    pub fn start(project: &Path, schema_file: &Path) -> notify::Result<Watch> {
        let root = fs::canonicalize(project)?;
        let schema_file = root.join(schema_file);
        let project = Arc::new(Project { root, schema_file, pending: Mutex::default(), happened: Notify::new() });
        let sink = Arc::clone(&project);
        let mut watcher = notify::recommended_watcher(move |event| sink.note(event))?;
        let mut watched = HashSet::new();
        for directory in project.directories() {
            watcher.watch(&directory, RecursiveMode::NonRecursive)?;
            watched.insert(directory);
        }
        Ok(Watch { project, watcher, watched })
    }

    /// The next change, told when the project has been quiet for a moment. A call may be abandoned at any time;
    /// the next one tells what it would have told.
    pub async fn next(&mut self) -> Change {
        loop {
            if *self.project.pending() == Pending::default() {
                self.project.happened.notified().await;
            }
            let deadline = Instant::now() + LONGEST_WAIT;
            while Instant::now() < deadline && timeout(QUIET, self.project.happened.notified()).await.is_ok() {}
            let Pending { mut change, is_tree_new } = mem::take(&mut *self.project.pending());
            if is_tree_new {
                change = change.and(self.look_again());
            }
            if change != Change::default() {
                return change;
            }
        }
    }

    /// Watches directories that came, forgets those that went, and tells what came and went with them.
    fn look_again(&mut self) -> Change {
        let mut change = Change::default();
        let directories: HashSet<PathBuf> = self.project.directories().into_iter().collect();
        for gone in self.watched.difference(&directories) {
            let was_sql = gone.starts_with(self.project.root.join(SQL));
            change = change.and(Change { sql: was_sql, schema: !was_sql, config: false });
            let _ = self.watcher.unwatch(gone);
        }
        for new in directories.difference(&self.watched) {
            // One that cannot be watched has just gone again.
            let _ = self.watcher.watch(new, RecursiveMode::NonRecursive);
            let entries = fs::read_dir(new).into_iter().flatten().flatten();
            change = entries.fold(change, |change, entry| change.and(self.project.concerns(&entry.path())));
        }
        self.watched = directories;
        change
    }
}

// === impl Project ===

impl Project {
    /// Runs on the watcher's thread.
    fn note(&self, event: notify::Result<Event>) {
        let mut pending = self.pending();
        match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
            Ok(event) => {
                let is_lost = event.need_rescan();
                pending.is_tree_new |= is_lost;
                for path in &event.paths {
                    pending.change = pending.change.and(self.concerns(path));
                    let is_foreign = path.file_name().is_none_or(|name| is_foreign(&name.to_string_lossy()));
                    pending.is_tree_new |= !is_foreign && !path.is_file();
                }
                if is_lost {
                    pending.change = Change { schema: true, sql: true, config: true };
                }
            }
            // Files that vanish while they are looked at; the events of their directory follow.
            Err(_) => pending.is_tree_new = true,
        }
        drop(pending);
        self.happened.notify_one();
    }

    /// Which part of the project a file belongs to.
    fn concerns(&self, path: &Path) -> Change {
        let none = Change::default();
        let Ok(inside) = path.strip_prefix(&self.root) else { return none };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // `.#schema.py` and `#schema.py#` are an editor's.
        if name.starts_with(['.', '#']) {
            return none;
        }
        let extension = path.extension().unwrap_or_default();
        Change {
            config: inside == Path::new(CONFIG),
            sql: extension == "sql" && inside.starts_with(SQL),
            schema: extension == "py" || (path == self.schema_file && !self.root.join(SCRIPT).is_file()),
        }
    }

    /// The project's directory and all below it that may hold its files.
    fn directories(&self) -> Vec<PathBuf> {
        let mut found = vec![self.root.clone()];
        let mut next = 0;
        while let Some(directory) = found.get(next).cloned() {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            found.extend(
                inner.filter(|entry| !is_foreign(&entry.file_name().to_string_lossy())).map(|entry| entry.path()),
            );
            next += 1;
        }
        found
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Change ===

impl Change {
    fn and(self, other: Change) -> Change {
        Change { schema: self.schema || other.schema, sql: self.sql || other.sql, config: self.config || other.config }
    }
}

fn is_foreign(name: &str) -> bool {
    name.starts_with('.') || FOREIGN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Change = Change { schema: true, sql: false, config: false };
    const ONLY_SQL: Change = Change { schema: false, sql: true, config: false };

    fn project() -> (tempfile::TempDir, Watch) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("sql/more")).unwrap();
        for file in ["schema.py", "schema.json", "fraiseql.toml", "sql/1.sql", "sql/more/2.sql"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let watch = Watch::start(directory.path(), Path::new("schema.json")).unwrap();
        (directory, watch)
    }

    async fn told(watch: &mut Watch) -> Option<Change> {
        timeout(Duration::from_millis(700), watch.next()).await.ok()
    }

    #[tokio::test]
    async fn each_kind_of_file_is_told_once() {
        let (directory, mut watch) = project();
        let path = |name: &str| directory.path().join(name);
        for _ in 0..3 {
            fs::write(path("schema.py"), "x = 1").unwrap();
        }
        assert_eq!(told(&mut watch).await, Some(SCHEMA));
        fs::write(path("sql/more/2.sql"), "SELECT 1").unwrap();
        assert_eq!(told(&mut watch).await, Some(ONLY_SQL));
        fs::remove_file(path("sql/1.sql")).unwrap();
        assert_eq!(told(&mut watch).await, Some(ONLY_SQL));
        fs::write(path("fraiseql.toml"), "#").unwrap();
        fs::write(path("types.py"), "").unwrap();
        assert_eq!(told(&mut watch).await, Some(Change { schema: true, sql: false, config: true }));
        assert_eq!(told(&mut watch).await, None);
    }

    #[tokio::test]
    async fn what_is_written_for_oneself_is_not_told() {
        let (directory, mut watch) = project();
        let path = |name: &str| directory.path().join(name);
        for name in ["schema.json", "schema.compiled.json", ".schema.py.swp", "schema.py~", ".#schema.py", "x.sql"] {
            fs::write(path(name), "1").unwrap();
        }
        fs::create_dir(path("__pycache__")).unwrap();
        fs::write(path("__pycache__/schema.py"), "1").unwrap();
        let _ = fs::read(path("schema.py")).unwrap();
        assert_eq!(told(&mut watch).await, None);
    }

    #[tokio::test]
    async fn directories_that_come_and_go_are_followed() {
        let (directory, mut watch) = project();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("sql/new/deep")).unwrap();
        fs::write(path("sql/new/deep/3.sql"), "1").unwrap();
        assert_eq!(told(&mut watch).await, Some(ONLY_SQL));
        fs::write(path("sql/new/deep/3.sql"), "2").unwrap();
        assert_eq!(told(&mut watch).await, Some(ONLY_SQL));
        fs::rename(path("sql/new"), directory.path().join(".old")).unwrap();
        assert_eq!(told(&mut watch).await, Some(ONLY_SQL));
    }

    #[tokio::test]
    async fn an_editor_that_replaces_the_file_is_followed() {
        let (directory, mut watch) = project();
        let path = |name: &str| directory.path().join(name);
        for _ in 0..2 {
            fs::write(path("schema.py.tmp"), "1").unwrap();
            fs::rename(path("schema.py.tmp"), path("schema.py")).unwrap();
            assert_eq!(told(&mut watch).await, Some(SCHEMA));
        }
    }

    #[tokio::test]
    async fn without_a_script_the_schema_file_counts() {
        let (directory, mut watch) = project();
        fs::remove_file(directory.path().join(SCRIPT)).unwrap();
        assert_eq!(told(&mut watch).await, Some(SCHEMA));
        fs::write(directory.path().join("schema.json"), "{}").unwrap();
        assert_eq!(told(&mut watch).await, Some(SCHEMA));
    }

    #[tokio::test]
    async fn an_abandoned_call_loses_nothing() {
        let (directory, mut watch) = project();
        fs::write(directory.path().join("sql/1.sql"), "1").unwrap();
        for _ in 0..3 {
            assert!(timeout(Duration::from_millis(20), watch.next()).await.is_err());
        }
        assert_eq!(told(&mut watch).await, Some(ONLY_SQL));
    }
}
