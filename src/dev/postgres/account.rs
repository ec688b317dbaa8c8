//! The operating system's user that a private server runs as.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, User, geteuid};

use super::{Error, forget_client_settings};

/// Who runs the server: this user, or an unprivileged one when this user is root, whom PostgreSQL refuses.
#[derive(Debug, Clone)]
pub struct Account {
    uid: u32,
    drop_to: Option<Identity>,
}

#[derive(Debug, Clone)]
struct Identity {
    uid: u32,
    gid: u32,
}

// === impl Account ===

impl Account {
    pub fn for_server() -> Result<Account, Error> {
        let me = geteuid();
        if !me.is_root() {
            return Ok(Account { uid: me.as_raw(), drop_to: None });
        }
        let unprivileged = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        match unprivileged {
            Some(user) => {
                let identity = Identity { uid: user.uid.as_raw(), gid: user.gid.as_raw() };
                Ok(Account { uid: identity.uid, drop_to: Some(identity) })
            }
            None => Err(Error::Refused {
                doing: "run PostgreSQL as root".to_owned(),
                said: "there is neither a user postgres nor a user nobody to run it as".to_owned(),
            }),
        }
    }

    /// A program of the server, to be run as this account wherever this process may stand.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        forget_client_settings(&mut command);
        command.current_dir("/");
        if let Some(identity) = &self.drop_to {
            command.uid(identity.uid).gid(identity.gid);
        }
        command
    }

    /// Gives a path that this process made to the account.
    pub fn own(&self, path: &Path) -> io::Result<()> {
        match &self.drop_to {
            Some(identity) => std::os::unix::fs::chown(path, Some(identity.uid), Some(identity.gid)),
            None => Ok(()),
        }
    }

    /// Whether a path belongs to this account, or to this process on its way to the account.
    pub fn owns(&self, metadata: &fs::Metadata) -> bool {
        metadata.uid() == self.uid || Uid::from_raw(metadata.uid()) == geteuid()
    }

    /// Whether the account can reach what lies in `directory`: root can, and owns homes that others cannot enter.
    pub fn reaches(&self, directory: &Path) -> bool {
        const OTHERS_MAY_ENTER: u32 = 0o001;
        self.drop_to.is_none()
            || directory.ancestors().all(|part| {
                fs::metadata(part).is_ok_and(|found| found.mode() & OTHERS_MAY_ENTER != 0 || found.uid() == self.uid)
            })
    }
}
