//! `cargo xtask bench`: builds the release programs and measures them.

use std::ffi::OsString;
use std::process::Command;

use crate::process;
use crate::workspace;

const PACKAGES: [&str; 3] = ["mxgateway", "mxgateway-worker", "mxgateway-bench"];

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// stream, latency, replay, memory, invoke, read-bulk, authorization, open, bulk-subscribe, restart, dashboards or report, and its options; `--help` lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "WHAT",
        default_value = "--help"
    )]
    arguments: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut build = process::cargo(&["build", "--release"]);
    for package in PACKAGES {
        build.args(["--package", package]);
    }
    process::run(&mut build)?;
    let program =
        workspace::target()?.join("release").join(format!("mxgateway-bench{}", std::env::consts::EXE_SUFFIX));
    process::run(Command::new(program).args(&arguments.arguments).current_dir(workspace::root()))
}
