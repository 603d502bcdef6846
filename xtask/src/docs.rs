//! `cargo xtask docs`: what `mxgateway` prints about itself, into the repository.

use std::fs;

use anyhow::{Context, bail};

use crate::process;
use crate::workspace;

/// File and the command line of `mxgateway` that prints it.
const DOCUMENTS: [(&str, &[&str]); 3] = [
    ("docs/configuration.md", &["config", "docs"]),
    ("docs/errors.md", &["errors"]),
    ("deploy/config/mxgateway.toml", &["config", "docs", "--sample"]),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when a file is not what the code gives
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (name, line) in DOCUMENTS {
        let mut command = process::cargo(&["run", "--quiet", "--package", "mxgateway", "--"]);
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
