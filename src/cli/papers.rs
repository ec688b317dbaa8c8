//! `fraiseql completions` and `fraiseql man`: what is printed of the commands themselves.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::Failed;

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that reads them.
    shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for every command into this directory (fraiseql.1, fraiseql-run.1 …), instead of the first page to standard output.
    dir: Option<PathBuf>,
}

pub fn completions(mut command: Command, arguments: CompletionsArgs) -> Result<(), Failed> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "fraiseql", &mut text);
    print(&text)
}

pub fn man(command: Command, arguments: ManArgs) -> Result<(), Failed> {
    match arguments.dir {
        Some(dir) => {
            let written = std::fs::create_dir_all(&dir).and_then(|()| clap_mangen::generate_to(command, &dir));
            written.map_err(|error| Failed::Message(format!("{}: {error}", dir.display())))
        }
        None => {
            let mut text = Vec::new();
            let rendered = clap_mangen::Man::new(command).render(&mut text);
            rendered.map_err(|error| Failed::Message(error.to_string()))?;
            print(&text)
        }
    }
}

/// A reader that has seen enough, such as `head`, is no error.
fn print(text: &[u8]) -> Result<(), Failed> {
    match io::Write::write_all(&mut io::stdout(), text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::Message(error.to_string())),
        Ok(()) | Err(_) => Ok(()),
    }
}
