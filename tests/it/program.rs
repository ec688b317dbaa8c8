//! The real binary: started, listened to, signalled, and never left behind.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Longer than anything that a test waits for should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often something that is waited for is looked at.
pub const GLANCE: Duration = Duration::from_millis(10);

/// A running `fraiseql`; killed when dropped.
pub struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Threads that read what it says.
    readers: [JoinHandle<()>; 2],
}

/// A command of the binary, in a directory, without the settings of whoever runs the tests.
pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fraiseql"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FRAISEQL_") || name == "DATABASE_URL") {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end: its exit code, what it printed and what it complained about.
pub fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(directory, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Whether a condition comes true while it is looked at now and then.
pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if holds().await {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

// === impl Program ===

impl Program {
    pub fn start(directory: &Path, arguments: &[&str]) -> Program {
        let mut child = command(directory, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let readers =
            [listen(child.stdout.take().unwrap(), said.clone()), listen(child.stderr.take().unwrap(), said.clone())];
        Program { child, said, readers }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has written so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has written this text so many times.
    pub async fn says(&mut self, text: &str, times: usize) {
        let heard = eventually(async || self.said().matches(text).count() >= times || self.has_said_all()).await;
        let said = self.said();
        assert!(heard && said.matches(text).count() >= times, "it does not say {text:?} {times} times:\n{said}");
    }

    /// Where it listens, as soon as it says so.
    pub async fn address(&mut self) -> SocketAddr {
        let port = |said: &str| {
            let (_, rest) = said.split_once("http://").or_else(|| said.split_once("https://"))?;
            let (_, port) = rest.split_once(':')?;
            let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
            // Only a whole line has a whole number.
            (port.len() > digits.len()).then(|| digits.parse().ok()).flatten()
        };
        eventually(async || port(&self.said()).is_some() || self.has_said_all()).await;
        let port = port(&self.said()).unwrap_or_else(|| panic!("it does not listen:\n{}", self.said()));
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    pub fn signal(&self, signal: Signal) {
        signal::kill(Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        assert!(eventually(async || self.has_ended()).await, "it does not end:\n{}", self.said());
        self.child.wait().unwrap()
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// It has ended, and its last words have been read.
    fn has_said_all(&mut self) -> bool {
        self.has_ended() && self.readers.iter().all(JoinHandle::is_finished)
    }

    /// The most memory that it ever had, in MiB.
    pub fn memory_peak_mib(&self) -> u64 {
        self.memory_bytes("VmHWM:") >> 20
    }

    /// The memory that it has, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory_bytes("VmRSS:")
    }

    fn memory_bytes(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The time on processors that it has used, which a busy machine does not change.
    pub fn cpu_seconds(&self) -> f64 {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS_PER_SECOND
    }

    /// The directory of the private PostgreSQL that it started.
    pub fn postgres_directory(&self) -> Option<PathBuf> {
        let prefix = format!("fraiseql-pg-{}-", self.id());
        let bases = [std::env::temp_dir(), PathBuf::from("/tmp")];
        let entries = bases.iter().flat_map(|base| base.read_dir().into_iter().flatten().flatten());
        let mut paths = entries.map(|entry| entry.path());
        paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(output: impl Read + Send + 'static, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    })
}
