//! `mxgw`: the command line client of MxGateway.

#![forbid(unsafe_code)]

mod access;
mod attach;
mod cli;
mod command;
mod exit;
mod input;
mod json;
mod output;
mod render;
mod stop;

use std::process::ExitCode;

use clap::Parser;

use crate::exit::{Exit, Failure};
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let mut output = Output::new(&arguments.global);
    start_logging(arguments.global.verbose);
    // The first thread is busy with the command, perhaps in a write that blocks; signals need another.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command::run(arguments, &mut output)),
        Err(error) => Err(Failure::Other(format!("cannot start: {error}"))),
    };
    let exit = match result {
        Ok(exit) => exit,
        // Whoever reads us has seen enough.
        Err(failure) if failure.is_broken_pipe() => Exit::Ok,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    };
    ExitCode::from(exit.code())
}

fn start_logging(verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "warn,mxgateway_client=debug,mxgw=debug",
        _ => "debug",
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
