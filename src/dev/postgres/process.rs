//! The postmaster: started as a child, watched until it is ready, stopped by its number and never by name.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::account::Account;
use super::binaries::Binaries;
use super::home::Home;
use super::{Error, GLANCE, Options, PATIENCE};

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Postmaster {
    child: Child,
    data: PathBuf,
}

/// What PostgreSQL calls fast: connections end, data are written out.
const FAST_SHUTDOWN: Signal = Signal::SIGINT;
/// What PostgreSQL calls immediate: as after a power cut, but in order.
const IMMEDIATE_SHUTDOWN: Signal = Signal::SIGQUIT;
/// How much of the log an error shows.
const LOG_LINES: usize = 15;

// === impl Postmaster ===

impl Postmaster {
    /// Starts the server and waits until it accepts connections.
    pub fn launch(binaries: &Binaries, account: &Account, home: &Home, options: &Options) -> Result<Postmaster, Error> {
        let data = home.data();
        let log = File::options()
            .create(true)
            .append(true)
            .open(home.log())
            .map_err(Error::io(format!("write {}", home.log().display())))?;
        let mut command = account.command(&binaries.postgres);
        command.arg("-D").arg(&data).current_dir(&data).process_group(0);
        for (name, value) in settings(home.path(), options) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = log
            .try_clone()
            .and_then(|copy| command.stdout(log).stderr(copy).spawn())
            .map_err(Error::io(format!("run {}", binaries.postgres.display())))?;
        let mut postmaster = Postmaster { child, data };
        match postmaster.wait_until_ready() {
            Ok(()) => Ok(postmaster),
            Err(reason) => {
                let log = home.read_log();
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
                Err(Error::Refused { doing: "start PostgreSQL".to_owned(), said: format!("{reason}\n  {last}") })
            }
        }
    }

    /// Ends the server: fast first, then immediately, then by force. Nothing happens when it has ended.
    pub fn stop(&mut self) {
        let pid = self.pid();
        for signal in [FAST_SHUTDOWN, IMMEDIATE_SHUTDOWN, Signal::SIGKILL] {
            if self.has_ended() {
                break;
            }
            let _ = kill(pid, signal);
            // One that is paused has to wake up to hear it.
            let _ = self.resume();
            wait_until(PATIENCE, || self.has_ended());
        }
        let _ = self.child.wait();
        remove_shared_memory(&self.data);
    }

    pub fn pause(&mut self) -> Result<(), Error> {
        self.signal_all(Signal::SIGSTOP)
    }

    pub fn resume(&mut self) -> Result<(), Error> {
        self.signal_all(Signal::SIGCONT)
    }

    /// Kills the postmaster and all its processes, and returns when they are gone.
    pub fn kill(&mut self) -> Result<(), Error> {
        let members = self.members()?;
        self.signal_all(Signal::SIGKILL)?;
        let _ = self.child.wait();
        wait_until(PATIENCE, || {
            processes()
                .is_ok_and(|running| running.iter().all(|process| process.is_zombie || !members.contains(&process.pid)))
        });
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.has_ended() {
                return Err("it ended at once; its log says".to_owned());
            }
            // The file of a server that was killed on these data still says ready, under its old number.
            let is_mine = postmaster_pid(&self.data) == Some(self.pid().as_raw());
            if is_mine && status(&self.data).as_deref() == Some("ready") {
                return Ok(());
            }
            sleep(GLANCE);
        }
        Err(format!("it was not ready after {} seconds; its log says", PATIENCE.as_secs()))
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// The postmaster before its children, so that it cannot replace one that has just been stopped.
    fn members(&self) -> Result<Vec<i32>, Error> {
        let postmaster = self.pid().as_raw();
        let running = processes().map_err(Error::io("list processes"))?;
        let children = running.iter().filter(|process| process.parent == postmaster).map(|process| process.pid);
        Ok([postmaster].into_iter().chain(children).collect())
    }

    fn signal_all(&mut self, signal: Signal) -> Result<(), Error> {
        // The number of a server that has ended may belong to another process by now.
        if self.has_ended() {
            return Ok(());
        }
        for pid in self.members()? {
            match kill(Pid::from_raw(pid), signal) {
                // A child may end between being listed and being signalled.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => {
                    return Err(Error::Io { doing: format!("send {signal} to PostgreSQL"), source: error.into() });
                }
            }
        }
        Ok(())
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends the server of a data directory whose owner is dead.
pub fn stop_orphan(data: &Path) {
    let Some(pid) = postmaster_pid(data).filter(|pid| runs_in(*pid, data)) else { return };
    let pid = Pid::from_raw(pid);
    let _ = kill(pid, IMMEDIATE_SHUTDOWN);
    let _ = kill(pid, Signal::SIGCONT);
    let ended = || !data.join(PID_FILE).exists() || kill(pid, None).is_err();
    if !wait_until(PATIENCE, ended) && runs_in(pid.as_raw(), data) {
        let _ = kill(pid, Signal::SIGKILL);
    }
    remove_shared_memory(data);
}

fn settings(socket_directory: &Path, options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![
        ("listen_addresses", String::new()),
        ("unix_socket_directories", format!("\"{}\"", socket_directory.display())),
        ("unix_socket_permissions", "0700".to_owned()),
        ("port", "5432".to_owned()),
        ("max_connections", options.max_connections.to_string()),
        ("cluster_name", "fraiseql".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        // In files of the data directory, which go with it. Shared memory objects outlive a killed server,
        // and the 64 MB that containers have for them are too few for a parallel hash join.
        ("dynamic_shared_memory_type", "mmap".to_owned()),
    ];
    if !options.durable {
        settings.extend(["fsync", "synchronous_commit", "full_page_writes"].map(|name| (name, "off".to_owned())));
    }
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
    settings.chain(options.settings.iter().cloned()).collect()
}

const PID_FILE: &str = "postmaster.pid";

/// A line of postmaster.pid, from 0: number, data directory, start, port, socket, address, shared memory, status.
fn pid_file_line(data: &Path, line: usize) -> Option<String> {
    let text = fs::read_to_string(data.join(PID_FILE)).ok()?;
    text.lines().nth(line).map(|line| line.trim().to_owned())
}

fn postmaster_pid(data: &Path) -> Option<i32> {
    pid_file_line(data, 0)?.parse().ok().filter(|pid| *pid > 1)
}

fn status(data: &Path) -> Option<String> {
    pid_file_line(data, 7)
}

/// A server that ends in order removes its segment; after a kill, the identifier is still in its file.
fn remove_shared_memory(data: &Path) {
    let Some(line) = pid_file_line(data, 6) else { return };
    if let Some(identifier) = line.split_whitespace().nth(1) {
        let _ = Command::new("ipcrm").args(["-m", identifier]).output();
    }
}

/// Whether a process is the server of this data directory, which is its working directory. Where the system
/// does not tell, the number in the file has to be believed.
fn runs_in(pid: i32, data: &Path) -> bool {
    !Path::new("/proc/self/cwd").exists() || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data)
}

struct Process {
    pid: i32,
    parent: i32,
    is_zombie: bool,
}

fn processes() -> io::Result<Vec<Process>> {
    if !Path::new("/proc/self/stat").exists() {
        let output = Command::new("ps").args(["-A", "-o", "pid=", "-o", "stat=", "-o", "ppid="]).output()?;
        return Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(process).collect());
    }
    let entries = fs::read_dir("/proc")?.flatten();
    let running = entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    // `4711 (postgres: writer) S 4700 …`: the name may hold anything, so what follows its last parenthesis counts.
    let stat = |directory: fs::DirEntry| {
        let text = fs::read_to_string(directory.path().join("stat")).ok()?;
        let after_name = text.rsplit_once(") ")?.1;
        process(&format!("{} {after_name}", directory.file_name().to_string_lossy()))
    };
    Ok(running.filter_map(stat).collect())
}

/// Reads `pid state parent …`.
fn process(line: &str) -> Option<Process> {
    let mut words = line.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    let is_zombie = words.next()?.starts_with('Z');
    Some(Process { pid, parent: words.next()?.parse().ok()?, is_zombie })
}

/// Looks again and again until `done`; false when it took longer than `patience`.
fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !done() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(GLANCE);
    }
    true
}
