//! What makes programs the same wherever they are built: none of them has the name of a folder of this machine.

use std::path::PathBuf;
use std::process::Command;

use crate::workspace;

/// Takes the names of this machine's folders out of what `cargo` compiles; `flags` are for the Rust compiler, besides.
pub(crate) fn set_up(cargo: &mut Command, flags: &[&str]) -> anyhow::Result<()> {
    let mut all: Vec<String> =
        remapped()?.into_iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    all.extend(flags.iter().map(|flag| (*flag).to_owned()));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", all.join("\x1f")).env_remove("RUSTFLAGS");
    Ok(())
}

/// Folders of this machine, and what stands for them in the programs. Of those that match, the compiler takes the last.
fn remapped() -> anyhow::Result<Vec<(String, &'static str)>> {
    let mut remapped = vec![
        (workspace::root().display().to_string(), "/mxgateway"),
        (workspace::target()?.display().to_string(), "/mxgateway/target"),
    ];
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    if let Some(home) = home {
        remapped.push((home.display().to_string(), "/cargo"));
    }
    Ok(remapped)
}
