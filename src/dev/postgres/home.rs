//! The directory of one private server, and the promise that it goes when its owner goes.
//!
//! Three things keep the promise. The owner removes the directory when it ends in order. A reaper, a shell
//! that waits for the end of its input, does so when the owner is killed: the kernel closes the pipe. Should
//! both die at once, the next start sweeps: every directory holds a file that its owner keeps locked, and a
//! lock ends with its process, whatever became of the process's number.

use std::env;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::geteuid;

use super::account::Account;
use super::process::stop_orphan;
use super::{Error, GLANCE};

/// The owned directory; dropping it removes it.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    /// Held for as long as the directory is in use.
    _lock: File,
    reaper: Option<Child>,
}

const PREFIX: &str = "fraiseql-pg-";
const LOCK: &str = "lock";
/// The longest path that every system accepts for a unix socket, without its final zero byte.
const LONGEST_SOCKET_PATH: usize = 103;
/// How old a directory without a lock must be before it cannot be one that is just being made.
const MAKING: Duration = Duration::from_secs(60);

/// `$1` is the directory. `read` returns when the owner's end of the pipe closes. A postmaster is signalled
/// only if it really runs in that directory, because a number may have been given to another process.
const REAPER: &str = r#"
trap '' HUP INT TERM
read -r _
data=$1/data
pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && { [ ! -e /proc/self/cwd ] || [ "$(readlink "/proc/$pid/cwd")" = "$data" ]; }; then
    kill -QUIT "$pid"
    kill -CONT "$pid"
    left=100
    while [ -e "$data/postmaster.pid" ] && kill -0 "$pid" && [ "$left" -gt 0 ]; do
        sleep 0.1
        left=$((left - 1))
    done
    [ "$left" -gt 0 ] || kill -KILL "$pid"
fi
rm -rf "$1"
"#;

// === impl Home ===

impl Home {
    pub fn create(account: &Account) -> Result<Home, Error> {
        let base = base(account)?;
        let doing = || Error::io(format!("make a directory in {}", base.display()));
        let path = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", process::id()))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&base)
            .map_err(doing())?
            .keep();
        let mut home = Home { _lock: lock(&path).map_err(doing())?, path, reaper: None };
        account.own(&home.path).map_err(doing())?;
        home.reaper = Some(reaper(&home.path).map_err(Error::io("start sh"))?);
        Ok(home)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub fn read_log(&self) -> String {
        fs::read(self.log()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Removes the directory; the server must have ended.
    pub fn remove(&mut self) -> Result<(), Error> {
        let removed = remove_directory(&self.path).map_err(Error::io(format!("remove {}", self.path.display())));
        if let Some(mut reaper) = self.reaper.take() {
            // Closes the pipe first; the reaper finds nothing to do and ends.
            drop(reaper.stdin.take());
            let _ = reaper.wait();
        }
        removed
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The owner's own server has ended; somebody may have started another one on its data.
        stop_orphan(&self.path.join("data"));
        // Nobody is left to be told; the reaper and the next start try again.
        let _ = self.remove();
    }
}

/// Stops the servers and removes the directories whose owners are dead.
pub fn sweep(account: &Account) {
    for base in bases(account) {
        let Ok(entries) = fs::read_dir(&base) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&path, account) {
                stop_orphan(&path.join("data"));
                let _ = remove_directory(&path);
            }
        }
    }
}

fn is_abandoned(path: &Path, account: &Account) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    if !metadata.is_dir() || !account.owns(&metadata) {
        return false;
    }
    match File::open(path.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(_) => metadata.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > MAKING)),
    }
}

/// Makes the lock file and takes the lock before the file has its name, so that nobody finds it unlocked.
fn lock(directory: &Path) -> io::Result<File> {
    let unnamed = directory.join("lock.new");
    let file = File::create(&unnamed)?;
    file.lock()?;
    fs::rename(&unnamed, directory.join(LOCK))?;
    Ok(file)
}

fn reaper(directory: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", REAPER, "sh"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        // A Ctrl-C in the terminal is for the owner, which then ends in order.
        .process_group(0)
        .spawn()
}

/// A server that has just been killed may still create a file while its directory is removed.
fn remove_directory(path: &Path) -> io::Result<()> {
    const ATTEMPTS: u32 = 20;
    for _ in 1..ATTEMPTS {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => std::thread::sleep(GLANCE),
        }
    }
    fs::remove_dir_all(path)
}

fn base(account: &Account) -> Result<PathBuf, Error> {
    bases(account).into_iter().next().ok_or_else(|| Error::Refused {
        doing: "make a directory for a private PostgreSQL".to_owned(),
        said: "neither the temporary directory nor /tmp nor /var/tmp can be reached by the user that runs the server, \
               or their paths are too long for a unix socket"
            .to_owned(),
    })
}

/// Temporary directories that are short enough for a socket and reachable by the account, without links.
fn bases(account: &Account) -> Vec<PathBuf> {
    let mut bases = Vec::new();
    for candidate in [env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")] {
        let Ok(candidate) = fs::canonicalize(candidate) else { continue };
        let socket = candidate.join(format!("{PREFIX}4294967295-xxxxxx")).join(".s.PGSQL.5432");
        let fits = socket.as_os_str().len() <= LONGEST_SOCKET_PATH;
        if fits && account.reaches(&candidate) && !bases.contains(&candidate) {
            bases.push(candidate);
        }
    }
    bases
}

/// Whether only this process's user may change a directory.
pub fn is_ours_alone(directory: &Path) -> bool {
    const OTHERS_MAY_WRITE: u32 = 0o022;
    fs::symlink_metadata(directory)
        .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & OTHERS_MAY_WRITE == 0)
}
