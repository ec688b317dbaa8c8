//! One file per command, and what the commands share on the terminal.

pub mod init;
pub mod report;
