//! A private PostgreSQL for one test binary, or the one that `DATABASE_URL` names.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A running cluster; stops when dropped.
pub struct Cluster {
    url: String,
    private: Option<Private>,
}

struct Private {
    bin: PathBuf,
    dir: TempDir,
    /// `initdb` refuses root.
    as_postgres: bool,
}

impl Cluster {
    pub fn start() -> Cluster {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Cluster { url, private: None };
        }
        let dir = tempfile::Builder::new().prefix("fq").tempdir_in("/tmp").unwrap();
        let as_postgres = fs::metadata(dir.path()).unwrap().uid() == 0;
        if as_postgres {
            let (uid, gid) = (id("-u"), id("-g"));
            chown(dir.path(), Some(uid), Some(gid)).unwrap();
        }
        let private = Private { bin: bin(), dir, as_postgres };
        let socket_dir = private.dir.path().to_str().unwrap().to_owned();
        private.run("initdb", &["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
        let options = format!("-c listen_addresses='' -k {socket_dir} -c fsync=off -c full_page_writes=off");
        private.run("pg_ctl", &["-D", "data", "-w", "-l", "log", "-o", &options, "start"]);
        Cluster { url: format!("host={socket_dir} user=postgres dbname=postgres"), private: Some(private) }
    }

    /// With the session settings that the product pins.
    pub fn url(&self) -> String {
        let pinned = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres";
        if self.url.contains("://") {
            let separator = if self.url.contains('?') { '&' } else { '?' };
            return format!("{}{separator}options={}", self.url, pinned.replace(' ', "%20").replace('=', "%3D"));
        }
        format!("{} options='{pinned}'", self.url)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(private) = &self.private {
            private.run("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
        }
    }
}

impl Private {
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let status =
            command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{}", program.display());
    }
}

/// `$PG_BIN`, else the newest installation.
fn bin() -> PathBuf {
    if let Some(bin) = std::env::var_os("PG_BIN") {
        return bin.into();
    }
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = installed.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| version(path));
    newest.expect("install PostgreSQL or set PG_BIN").join("bin")
}

fn id(flag: &str) -> u32 {
    let output = Command::new("id").args([flag, "postgres"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
