//! Worker process of MxGateway: hosts MXAccess or the simulator for one session.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mxgateway_worker_host::simulator::{Galaxy, GalaxyError};
use mxgateway_worker_host::{ExitReason, OtherBackend, run_process};

/// What a session can have besides the simulator.
#[cfg(windows)]
const OTHER_BACKENDS: &[OtherBackend] =
    &[OtherBackend { name: mxgateway_lmxproxy::BACKEND_NAME, make: mxgateway_lmxproxy::make }];
/// COM is on Windows only.
#[cfg(not(windows))]
const OTHER_BACKENDS: &[OtherBackend] = &[];

/// Worker process of MxGateway: hosts MXAccess or the simulator for one session.
///
/// The gateway starts one for each session and writes what it needs to know to its standard input;
/// there is no use in starting it by hand, but for checking a galaxy file.
#[derive(Parser)]
#[command(name = "mxgateway-worker", version, after_help = exit_codes())]
struct Arguments {
    /// The session it serves, so that people can tell workers apart.
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check a galaxy file of the simulator and say what it holds.
    CheckGalaxy {
        /// The galaxy file, in TOML.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::CheckGalaxy { file }) => check_galaxy(&file),
        None if std::io::stdin().is_terminal() => {
            eprintln!("error: a worker is started by the gateway; see --help");
            ExitReason::InvalidBootstrap.code().into()
        }
        None => run_process(OTHER_BACKENDS).code().into(),
    }
}

fn check_galaxy(file: &Path) -> ExitCode {
    match Galaxy::load(file) {
        Ok(galaxy) => {
            print!("{}", galaxy.summary());
            return ExitCode::SUCCESS;
        }
        Err(GalaxyError::Invalid(problems)) => {
            eprintln!("error: {} is no galaxy; problems found: {}", file.display(), problems.len());
            for problem in problems {
                eprintln!("  {problem}");
            }
        }
        Err(error @ (GalaxyError::Read { .. } | GalaxyError::TooLarge { .. } | GalaxyError::Syntax(_))) => {
            eprintln!("error: {:#}", anyhow::Error::from(error));
        }
    }
    ExitCode::FAILURE
}

fn exit_codes() -> String {
    let mut text = "Exit codes of a worker:".to_owned();
    for reason in (0..).map_while(ExitReason::from_code) {
        text.push_str(&format!("\n  {:>2}  {}", reason.code(), reason.meaning()));
    }
    text
}
