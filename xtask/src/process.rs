//! Starting other programs.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::workspace;

/// The cargo that runs us, in the repository's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}

/// Runs to the end with our own output; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let text = text_of(command);
    let status = command.status().with_context(|| format!("cannot start `{text}`"))?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end and gives back what it wrote on standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let text = text_of(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{text}`"))?;
    if !output.status.success() {
        bail!("`{text}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{text}` wrote something that is not UTF-8"))
}

/// Whether a program can be started at all.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn text_of(command: &Command) -> String {
    let program = command.get_program();
    let program = std::path::Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    command.get_args().fold(program.into_owned(), |text, argument| text + " " + &argument.to_string_lossy())
}
