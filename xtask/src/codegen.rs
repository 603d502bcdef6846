//! `cargo xtask codegen`: starts the generator, which is a package of its own.

use crate::process;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when the committed code is not what proto/ gives
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut command = process::cargo(&["run", "--quiet", "--package", "xtask-codegen", "--"]);
    if arguments.check {
        command.arg("--check");
    }
    process::run(&mut command)
}
