//! `mxgw completions`.

use std::io::{Write, stdout};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::{Exit, Failure};

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_long_help = "Example:
  mxgw completions bash > ~/.local/share/bash-completion/completions/mxgw")]
pub(crate) struct Arguments {
    shell: Shell,
}

pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::cli::Arguments::command(), "mxgw", &mut script);
    stdout().write_all(&script)?;
    Ok(Exit::Ok)
}
