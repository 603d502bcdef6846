//! `cargo xtask docs`: what `mxgateway` prints about itself and what `proto/` says about commands, into the
//! repository.

use std::fs;

use anyhow::{Context, bail};

use crate::process;
use crate::workspace;

/// File, the package whose program prints it, and its command line.
const DOCUMENTS: [(&str, &str, &[&str]); 4] = [
    ("docs/configuration.md", "mxgateway", &["config", "docs"]),
    ("docs/errors.md", "mxgateway", &["errors"]),
    ("deploy/config/mxgateway.toml", "mxgateway", &["config", "docs", "--sample"]),
    ("docs/commands.md", "xtask-codegen", &["--commands"]),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when a file is not what the code gives
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (name, package, line) in DOCUMENTS {
        let mut command = process::cargo(&["run", "--quiet", "--package", package, "--"]);
        let wanted = process::output(command.args(line))?;
        let path = workspace::root().join(name);
        if fs::read_to_string(&path).is_ok_and(|present| present == wanted) {
            continue;
        }
        if arguments.check {
            stale.push(name);
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&path, wanted).with_context(|| format!("cannot write {name}"))?;
        println!("wrote {name}");
    }
    if !stale.is_empty() {
        bail!("not what the code gives: {}; run `cargo xtask docs`", stale.join(", "));
    }
    Ok(())
}
