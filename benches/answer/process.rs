//! What the kernel knows of a process: CPU time to the nanosecond, memory at its highest.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command};

/// A child that is killed when this value goes.
pub struct Process(Child);

/// CPU time of each thread, by its number.
#[derive(Debug, Default, Clone)]
pub struct CpuTimes(HashMap<u32, u64>);

// === impl Process ===

impl Process {
    pub fn start(command: &mut Command) -> io::Result<Process> {
        command.spawn().map(Process)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    pub fn cpu(&self) -> CpuTimes {
        let mut times = CpuTimes::default();
        times.add_process(self.pid());
        times
    }

    pub fn memory(&self) -> Memory {
        Memory(self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// === impl CpuTimes ===

impl CpuTimes {
    /// The postmaster and all its children.
    pub fn of_postgres(postmaster: u32) -> CpuTimes {
        let mut times = CpuTimes::default();
        times.add_process(postmaster);
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        for child in children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()) {
            times.add_process(child);
        }
        times
    }

    pub fn of_this_process() -> CpuTimes {
        let mut times = CpuTimes::default();
        times.add_process(std::process::id());
        times
    }

    fn add_process(&mut self, pid: u32) {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return };
        for task in tasks.flatten() {
            let nanoseconds = fs::read_to_string(task.path().join("schedstat"))
                .ok()
                .and_then(|text| text.split_whitespace().next()?.parse().ok());
            if let (Some(id), Some(nanoseconds)) = (number(&task.path()), nanoseconds) {
                self.0.insert(id, nanoseconds);
            }
        }
    }

    /// Microseconds since `before`; threads that came since count whole, threads that went do not.
    pub fn since(&self, before: &CpuTimes) -> f64 {
        let spent = |(id, now): (&u32, &u64)| now.saturating_sub(before.0.get(id).copied().unwrap_or(0));
        self.0.iter().map(spent).sum::<u64>() as f64 / 1000.0
    }
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.parse().ok()
}

/// The memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct Memory(u32);

// === impl Memory ===

impl Memory {
    /// Resident now, in MiB.
    pub fn now_mib(self) -> f64 {
        self.field("VmRSS:")
    }

    /// Resident at the highest since [`Memory::reset_peak`], in MiB.
    pub fn peak_mib(self) -> f64 {
        self.field("VmHWM:")
    }

    pub fn reset_peak(self) -> io::Result<()> {
        const PEAK: &str = "5";
        fs::write(format!("/proc/{}/clear_refs", self.0), PEAK)
    }

    fn field(self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    }
}
