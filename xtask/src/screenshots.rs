//! `cargo xtask screenshots`: the pictures of the dashboard in docs/screenshots.
//!
//! A browser is driven by `tests/e2e/examples/screenshots`, so that no other task has to be built with what that takes.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::build;
use crate::process;
use crate::progress;
use crate::servers;
use crate::workspace;

#[derive(clap::Args)]
#[command(after_help = "Example, for a quick look at how they come out:\n  \
                        cargo xtask screenshots --for 20s --into target/screenshots")]
pub(crate) struct Arguments {
    /// How long the gateway is watched before, so that there is something in the charts; they go back five minutes
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, default_value = "4m")]
    time: Duration,
    /// Folder for the pictures, from the repository's root
    #[arg(long, value_name = "FOLDER", default_value = "docs/screenshots")]
    into: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(advice) = servers::missing_browser() {
        bail!("no browser can be driven: {advice}");
    }
    let into = workspace::root().join(&arguments.into);
    build::programs(false)?;
    eprintln!("building what drives the browser");
    let example = ["--package", "mxgateway-e2e", "--example", "screenshots"];
    progress::run(process::cargo(&["build"]).args(example), "building")?;
    let program = workspace::target()?.join("debug/examples/screenshots");
    process::run(
        Command::new(program).arg(&into).arg(arguments.time.as_secs().to_string()).envs([build::BUILT]),
    )?;
    println!("the pictures are in {}", arguments.into.display());
    Ok(())
}
