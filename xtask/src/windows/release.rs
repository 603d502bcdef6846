//! The programs that ship.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use super::{Width, build, tools};
use crate::process;

/// The worker is 32-bit, as MXAccess is.
const PROGRAMS: [(Width, &str); 3] =
    [(Width::Wide, "mxgateway.exe"), (Width::Wide, "mxgw.exe"), (Width::Narrow, "mxgateway-worker.exe")];

/// The linker names what it takes from the system's libraries after a folder that is another one each time.
const NAMES_OF_CHANCE: [&str; 2] = ["*_imports_lib", "*_imports_lib_iname"];

/// What is missing to build them.
pub(crate) fn missing() -> Vec<String> {
    tools::missing_to_build()
}

/// Builds them, and gives the name and the place of each.
pub(crate) fn programs() -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    build::programs(true)?;
    PROGRAMS.into_iter().map(|(width, name)| Ok((name, without_chance(width, name)?))).collect()
}

/// A copy that is the same wherever and whenever the program was built. It keeps the names of functions, for backtraces.
fn without_chance(width: Width, name: &str) -> anyhow::Result<PathBuf> {
    let built = build::programs_folder(width, true)?;
    let folder = built.join("packed");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let copy = folder.join(name);
    let mut objcopy = Command::new(format!("{}-objcopy", width.tools()));
    // Else it writes the time into the program.
    objcopy.args(["--preserve-dates", "--wildcard"]);
    objcopy.args(NAMES_OF_CHANCE.map(|name| format!("--strip-symbol={name}")));
    process::run(objcopy.arg(built.join(name)).arg(&copy))?;
    Ok(copy)
}
