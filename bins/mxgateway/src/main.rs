//! The MxGateway service.

#![forbid(unsafe_code)]

mod arguments;
mod command;
mod logging;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use mxgateway_server::config::ConfigError;

use arguments::{Arguments, Command};

/// Something failed while running.
const FAILURE: u8 = 1;
/// The configuration or the command line is bad; nothing was started. Clap uses the same.
const BAD_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => command::run::run(&arguments),
        Command::Config(arguments) => command::config::run(&arguments),
        Command::Apikey(arguments) => command::apikey::run(&arguments),
        Command::Audit(arguments) => command::audit::run(&arguments),
        Command::Service(arguments) => command::service::run(&arguments),
        Command::Errors => command::errors::run(),
        Command::Completions { shell } => completions(shell),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() { BAD_CONFIGURATION } else { FAILURE }
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mxgateway", &mut text);
    io::stdout().write_all(&text)?;
    Ok(())
}

/// Whoever read our output has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
