//! `fraiseql init DIR`: a project that runs as it is.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// Every file of a new project. `{{name}}` and `{{database}}` are replaced in all of them.
const FILES: [(&str, &str); 7] = [
    ("schema.py", include_str!("init/schema.py")),
    ("fraiseql.toml", include_str!("init/fraiseql.toml")),
    ("sql/10_schema.sql", include_str!("init/10_schema.sql")),
    ("sql/20_views.sql", include_str!("init/20_views.sql")),
    ("sql/30_seed.sql", include_str!("init/30_seed.sql")),
    ("README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
];

/// Does what [`create`] does, and prints what to type next.
pub fn run(directory: &Path) -> anyhow::Result<()> {
    create(directory)?;
    anstream::println!("wrote {} files to {}\n\nnext:\n", FILES.len(), directory.display());
    if directory != Path::new(".") {
        anstream::println!("  cd {}", shell_word(&directory.to_string_lossy()));
    }
    anstream::println!("  fraiseql dev");
    Ok(())
}

/// Writes a project into a directory that is absent or empty.
pub fn create(directory: &Path) -> anyhow::Result<()> {
    refuse_what_is_in_use(directory)?;
    let name = project_name(directory)?;
    let database = name.replace('-', "_");
    for (path, template) in FILES {
        let path = directory.join(path);
        let text = template.replace("{{name}}", &name).replace("{{database}}", &database);
        fs::create_dir_all(path.parent().unwrap_or(directory))
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A repository that was made beforehand is no hindrance, anything else is.
fn refuse_what_is_in_use(directory: &Path) -> anyhow::Result<()> {
    const SHOWN: usize = 3;
    if !directory.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(directory).with_context(|| format!("cannot open {}", directory.display()))?;
    let mut found: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != ".git")
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    found.sort();
    let more = if found.len() > SHOWN { ", …" } else { "" };
    found.truncate(SHOWN);
    bail!(
        "{} is not empty: it holds {}{more}\n  hint: name a directory that does not exist yet, as in fraiseql init my-api",
        directory.display(),
        found.join(", "),
    )
}

/// The directory's name in lower case, with `-` between its words.
fn project_name(directory: &Path) -> anyhow::Result<String> {
    let here = env::current_dir().context("cannot tell the current directory")?;
    let mut absolute = here.join(directory);
    if let Ok(real) = fs::canonicalize(&absolute) {
        absolute = real;
    }
    let name = absolute.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words: Vec<&str> =
        name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    // A name of a gRPC package begins with a letter.
    Ok(if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        name
    } else {
        format!("api-{name}").trim_end_matches('-').to_owned()
    })
}

/// A path as a shell takes it.
fn shell_word(path: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::export::Authoring;

    #[tokio::test]
    async fn the_project_exports_its_schema() {
        let parent = tempfile::tempdir().unwrap();
        let project = parent.path().join("My API");
        run(&project).unwrap();
        let exported = Authoring::find(&project).await.unwrap().unwrap().export(Path::new("schema.json")).await;
        assert_eq!(exported.unwrap(), "");
        let toml = fs::read_to_string(project.join("fraiseql.toml")).unwrap();
        let toml: toml::Table = toml.parse().unwrap();
        assert_eq!(toml["project"]["name"].as_str(), Some("my-api"));
        assert_eq!(toml["database"]["url"].as_str(), Some("${DATABASE_URL:-postgres://localhost/my_api}"));
        for (path, _) in FILES {
            assert!(!fs::read_to_string(project.join(path)).unwrap().contains("{{"), "{path}");
        }
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(".git")).unwrap();
        create(directory.path()).unwrap();
        let error = create(directory.path()).unwrap_err().to_string();
        assert!(error.contains("is not empty: it holds .gitignore, README.md, fraiseql.toml, …"), "{error}");
        let file = directory.path().join("schema.py");
        assert!(create(&file).unwrap_err().to_string().contains("cannot open"));
    }

    #[test]
    fn names_are_made_of_directories() {
        let name = |directory: &str| project_name(Path::new(directory)).unwrap();
        assert_eq!(name("/a/User Service_2"), "user-service-2");
        assert_eq!(name("/a/2024"), "api-2024");
        assert_eq!(name("/"), "api");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
    }
}
