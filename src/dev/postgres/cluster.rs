//! A fresh data directory: made once by initdb, copied ever after.
//!
//! initdb takes more than a second, a copy of what it made a tenth of that.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Error;
use super::account::Account;
use super::binaries::Binaries;
use super::home::{Home, is_ours_alone};

pub const SUPERUSER: &str = "postgres";
pub const MAINTENANCE_DATABASE: &str = "postgres";

/// Characters are classified as in Unicode and sorted by code point, the same on every machine. Where the
/// system lacks the first, the second sorts alike but folds the case of ASCII only.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Fills the home's data directory.
pub fn create(binaries: &Binaries, account: &Account, home: &Home) -> Result<(), Error> {
    let data = home.data();
    let cached = cache_directory(&binaries.version);
    if let Some(cached) = cached.as_deref().filter(|cached| is_ours_alone(cached)) {
        return copy(cached, &data, account).map_err(Error::io(format!("copy {}", cached.display())));
    }
    initdb(binaries, account, &data)?;
    if let Some(cached) = cached {
        // A cache that cannot be written costs a second at each start and nothing else.
        let _ = remember(&data, &cached);
    }
    Ok(())
}

/// Fills the home's data directory with what a running server has, to follow it as a standby.
pub fn copy_running(binaries: &Binaries, account: &Account, home: &Home, url: &str) -> Result<(), Error> {
    // Beside the program itself, which may be reached by a link.
    let initdb = fs::canonicalize(&binaries.initdb).unwrap_or_else(|_| binaries.initdb.clone());
    let program = initdb.with_file_name("pg_basebackup");
    let output = account
        .command(&program)
        .arg("-D")
        .arg(home.data())
        .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "-d", url])
        .output()
        .map_err(Error::io(format!("run {}", program.display())))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Refused { doing: "copy a running PostgreSQL".to_owned(), said })
}

fn initdb(binaries: &Binaries, account: &Account, data: &Path) -> Result<(), Error> {
    let mut said = String::new();
    for locale in LOCALES {
        let output = account
            .command(&binaries.initdb)
            .arg("-D")
            .arg(data)
            .args(["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"])
            .arg(format!("--locale={locale}"))
            .output()
            .map_err(Error::io(format!("run {}", binaries.initdb.display())))?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    }
    Err(Error::Refused { doing: "create a PostgreSQL data directory".to_owned(), said })
}

/// Where the data directory of one server version is kept, in a cache of this user.
///
/// The whole version text is in the name, because another packager's server may have other defaults. As root
/// the copy belongs to root: only root reads it, and what is copied out is given to the server's user.
fn cache_directory(version: &str) -> Option<PathBuf> {
    let named = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    let cache = cache.unwrap_or_else(env::temp_dir).join("fraiseql");
    DirBuilder::new().recursive(true).mode(0o700).create(&cache).ok()?;
    let version = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let words =
        version.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.').filter(|word| !word.is_empty());
    let name = format!("initdb-{}", words.collect::<Vec<_>>().join("-"));
    is_ours_alone(&cache).then(|| cache.join(name))
}

/// Copies under a name of its own and renames, so that a cache is whole or absent.
fn remember(data: &Path, cached: &Path) -> io::Result<()> {
    let parent = cached.parent().unwrap_or(Path::new("/"));
    let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(parent)?;
    let whole = unfinished.path().join("data");
    copy_tree(data, &whole, &|_| Ok(()))?;
    fs::rename(whole, cached)
}

fn copy(from: &Path, to: &Path, account: &Account) -> io::Result<()> {
    copy_tree(from, to, &|path| account.own(path))
}

/// Copies files and directories; a fresh data directory holds nothing else.
fn copy_tree(from: &Path, to: &Path, finish: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target, finish)?;
        } else {
            fs::copy(entry.path(), &target)?;
            finish(&target)?;
        }
    }
    finish(to)
}
