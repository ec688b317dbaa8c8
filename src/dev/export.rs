//! From `schema.py` to `schema.json`: the project's own script, run by the Python of this machine.
//!
//! The authoring package is part of this binary, so that a project needs nothing installed but Python. One
//! that is installed wins, because the author chose its version.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::problem::Problem;

/// The file that makes a directory a project written in Python.
pub const SCRIPT: &str = "schema.py";

/// The authoring script of a project, and the Python that runs it.
#[derive(Debug)]
pub struct Authoring {
    project: PathBuf,
    python: OsString,
    /// The embedded package, when Python has none of its own.
    package: Option<TempDir>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{SCRIPT} needs Python {}.{} or newer, and none was found\n{looked}\n\
         install python3, or name one: export PYTHON=/path/to/python3",
        OLDEST.0, OLDEST.1
    )]
    NoPython {
        /// One line for each name that was tried, with what was wrong.
        looked: String,
    },
    #[error("cannot {doing}: {source}")]
    Io { doing: String, source: io::Error },
    #[error("{problem}{}", traceback.as_ref().map(|traceback| format!("\n\n{traceback}")).unwrap_or_default())]
    Script {
        problem: Problem,
        /// What Python wrote; none when the problem says it all.
        traceback: Option<String>,
    },
}

/// The oldest Python that the package runs on.
const OLDEST: (u32, u32) = (3, 10);
/// How long a script that only declares a schema may take.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);
const PACKAGE: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/python_package.rs"));
/// Prints the version, and whether there is a package to import.
const PROBE: &str = "
import sys
print(*sys.version_info[:2])
try:
    from fraiseql import export_schema
    print('installed')
except Exception:
    print('absent')
";

/// For a script that only declares, as one whose entities stand in fraiseql.toml.
const EXPORT: &str = "
import sys
import schema
import fraiseql
if any(made for made in fraiseql.get_schema_dict().values() if isinstance(made, list)):
    fraiseql.export_schema(sys.argv[1])
";

// === impl Authoring ===

impl Authoring {
    /// The script of a project; none when it has no `schema.py` and its `schema.json` is used as it is.
    pub async fn find(project: &Path) -> Result<Option<Authoring>, Error> {
        let project = fs::canonicalize(project).map_err(Error::io(format!("open {}", project.display())))?;
        if !project.join(SCRIPT).is_file() {
            return Ok(None);
        }
        let (python, has_package) = python(&project).await?;
        let package = if has_package { None } else { Some(unpack().map_err(Error::io("unpack the Python package"))?) };
        Ok(Some(Authoring { project, python, package }))
    }

    /// Runs the script, and exports to `schema_file`, a path in the project, what it declares when it does not do so
    /// itself. Returns what it printed.
    pub async fn export(&self, schema_file: &Path) -> Result<String, Error> {
        let schema_file = self.project.join(schema_file);
        let written_at = || fs::metadata(&schema_file).and_then(|found| found.modified()).ok();
        let before = written_at();
        let is_written = || written_at().is_some() && written_at() != before;
        let said = self.run(&[OsStr::new(SCRIPT)]).await?;
        // One that exports to another place says with what.
        let exports = || fs::read_to_string(self.project.join(SCRIPT)).is_ok_and(|text| text.contains("export_schema"));
        if !is_written() && !exports() {
            self.run(&[OsStr::new("-Bc"), OsStr::new(EXPORT), schema_file.as_os_str()]).await?;
        }
        if !is_written() {
            let name = schema_file.strip_prefix(&self.project).unwrap_or(&schema_file).display();
            let problem = Problem::new(SCRIPT, "", format!("ran, but did not write {name}")).hint(format!(
                "end it with\n    if __name__ == \"__main__\":\n        fraiseql.export_schema(\"{name}\")"
            ));
            return Err(Error::Script { problem, traceback: None });
        }
        Ok(said)
    }

    /// Runs Python in the project; what it printed.
    async fn run(&self, arguments: &[&OsStr]) -> Result<String, Error> {
        let mut command = command(&self.python, &self.project);
        command.args(arguments);
        if let Some(package) = &self.package {
            command.env("PYTHONPATH", python_path(package.path()));
        }
        let output = match timeout(SCRIPT_TIMEOUT, command.output()).await {
            Ok(output) => output.map_err(Error::io(format!("run {}", self.python.display())))?,
            Err(_) => {
                let reason = format!("did not end within {} seconds", SCRIPT_TIMEOUT.as_secs());
                return Err(Error::Script { problem: Problem::new(SCRIPT, "", reason), traceback: None });
            }
        };
        if !output.status.success() {
            return Err(failure(&output, &self.project));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

// === impl Error ===

impl Error {
    fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }
}

/// The first Python that is new enough, and whether it can import the package.
async fn python(project: &Path) -> Result<(OsString, bool), Error> {
    let named = env::var_os("PYTHON").filter(|name| !name.is_empty());
    let names = named.into_iter().chain(["python3".into(), "python".into()]);
    let mut looked = Vec::new();
    for name in names {
        let found = match timeout(SCRIPT_TIMEOUT, command(&name, project).args(["-c", PROBE]).output()).await {
            Ok(Ok(output)) => probed(&output),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("does not answer".to_owned()),
        };
        match found {
            Ok(has_package) => return Ok((name, has_package)),
            Err(reason) => looked.push(format!("  {}: {reason}", name.display())),
        }
    }
    Err(Error::NoPython { looked: looked.join("\n") })
}

fn probed(output: &Output) -> Result<bool, String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
    match (number(), number()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(words.next() == Some("installed")),
        (Some(major), Some(minor)) => Err(format!("is version {major}.{minor}")),
        _ => Err(format!("does not run: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn command(python: &OsStr, project: &Path) -> Command {
    let mut command = Command::new(python);
    command.current_dir(project).env("PYTHONUTF8", "1").stdin(Stdio::null()).kill_on_drop(true);
    // Python 3.13 and newer colour their tracebacks when told to.
    command.env_remove("FORCE_COLOR").env("NO_COLOR", "1");
    command
}

/// Behind what the author has there already.
fn python_path(package: &Path) -> OsString {
    let mut path = env::var_os("PYTHONPATH").filter(|path| !path.is_empty()).unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(package);
    path
}

fn unpack() -> io::Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("fraiseql-python-").tempdir()?;
    for (name, text) in PACKAGE {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory.path()))?;
        fs::write(path, text)?;
    }
    Ok(directory)
}

/// The last word of a traceback first; the rest only when the author needs it to find the place.
fn failure(output: &Output, project: &Path) -> Error {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.trim_end().lines().collect();
    if let Some(text) = schema_error(&lines) {
        return Error::Script { problem: Problem::new(SCRIPT, "", text), traceback: None };
    }
    if lines.is_empty() {
        let problem = Problem::new(SCRIPT, "", format!("failed with {}", output.status));
        return Error::Script { problem, traceback: None };
    }
    let (file, line) = place(&lines, project).unwrap_or((SCRIPT.to_owned(), None));
    let mut problem = Problem::new(&file, "", raised(&lines));
    problem.position = line.map(|line| (line, 1));
    Error::Script { problem, traceback: Some(lines.join("\n")) }
}

/// The text of the package's own error, which names class, field and a way out.
fn schema_error(lines: &[&str]) -> Option<String> {
    const NAME: &str = "SchemaError: ";
    let (at, start) = lines.iter().enumerate().rev().find_map(|(at, line)| {
        let start = line.find(NAME)?;
        let module = &line[..start];
        let is_name = module.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
        is_name.then_some((at, start + NAME.len()))
    })?;
    let mut text = lines[at][start..].to_owned();
    for line in &lines[at + 1..] {
        text.push('\n');
        text.push_str(line);
    }
    Some(text)
}

/// `NameError: name 'Usr' is not defined`: the first line without indentation behind the last frame.
fn raised(lines: &[&str]) -> String {
    let last_frame = lines.iter().rposition(|line| frame(line).is_some()).unwrap_or(0);
    let headline = lines[last_frame..].iter().find(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    headline.or(lines.last()).map(|line| (*line).to_owned()).unwrap_or_default()
}

/// The innermost frame that is in the project.
fn place(lines: &[&str], project: &Path) -> Option<(String, Option<usize>)> {
    lines.iter().rev().find_map(|line| {
        let (file, number) = frame(line)?;
        let inside = match Path::new(file).strip_prefix(project) {
            Ok(inside) => inside,
            Err(_) if Path::new(file).is_relative() && project.join(file).is_file() => Path::new(file),
            Err(_) => return None,
        };
        Some((inside.display().to_string(), number))
    })
}

/// File and line of `  File "/project/schema.py", line 3, in <module>`.
fn frame(line: &str) -> Option<(&str, Option<usize>)> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    Some((file, rest[..digits].parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "\nif __name__ == '__main__':\n    fraiseql.export_schema('schema.json')\n";

    async fn export(text: &str) -> (TempDir, Result<String, Error>) {
        let project = tempfile::tempdir().unwrap();
        fs::write(project.path().join(SCRIPT), text).unwrap();
        let authoring = Authoring::find(project.path()).await.unwrap().unwrap();
        let exported = authoring.export(Path::new("schema.json")).await;
        (project, exported)
    }

    #[tokio::test]
    async fn a_script_writes_the_schema_without_anything_installed() {
        let text = "import fraiseql\nfrom fraiseql.scalars import ID\n\n\
                    @fraiseql.type\nclass User:\n    \"\"\"Ü.\"\"\"\n    id: ID\n\nprint('hello')\n";
        // One that only declares is exported all the same.
        for end in [END, ""] {
            let (project, exported) = export(&format!("{text}{end}")).await;
            assert_eq!(exported.unwrap(), "hello\n");
            let schema = fs::read_to_string(project.path().join("schema.json")).unwrap();
            assert!(schema.contains("\"User\"") && schema.contains('Ü'), "{schema}");
            assert!(!project.path().join("__pycache__").exists());
        }
    }

    #[tokio::test]
    async fn the_schema_error_stands_alone() {
        let text = "import fraiseql\nfrom fraiseql.scalars import ID\n\n\
                    @fraiseql.type\nclass User:\n    id: ID\n    posts: list['Pst']\n";
        let (_project, exported) = export(&format!("{text}{END}")).await;
        let error = exported.unwrap_err().to_string();
        assert!(error.starts_with("schema.py: 1 problem in the schema\n"), "{error}");
        assert!(error.contains("User.posts") && error.contains("hint: "), "{error}");
        assert!(!error.contains("Traceback"), "{error}");
    }

    #[tokio::test]
    async fn other_errors_name_the_line_and_keep_the_traceback() {
        let (_project, exported) = export("import fraiseql\n\n\nUsr()\n").await;
        let error = exported.unwrap_err().to_string();
        assert!(error.starts_with("schema.py:4:1: NameError: name 'Usr' is not defined\n\nTraceback"), "{error}");
        let (_project, exported) = export("import fraiseql\nclass :\n").await;
        let error = exported.unwrap_err().to_string();
        assert!(error.starts_with("schema.py:2:1: SyntaxError: invalid syntax\n"), "{error}");
        let (_project, exported) = export("raise SystemExit(3)\n").await;
        assert_eq!(exported.unwrap_err().to_string(), "schema.py: failed with exit status: 3");
    }

    #[tokio::test]
    async fn a_script_that_writes_nothing_is_told_how() {
        let elsewhere =
            "import fraiseql\n@fraiseql.type\nclass User:\n    name: str\nfraiseql.export_schema('s.json')\n";
        for text in ["import fraiseql\n", elsewhere] {
            let (_project, exported) = export(text).await;
            let error = exported.unwrap_err().to_string();
            assert!(error.contains("did not write schema.json") && error.contains("fraiseql.export_schema"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_project_without_a_script_is_left_alone() {
        let project = tempfile::tempdir().unwrap();
        assert!(Authoring::find(project.path()).await.unwrap().is_none());
    }
}
