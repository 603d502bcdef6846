//! Running Windows programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::{Width, build, chroot, tools};
use crate::workspace;

/// What Wine must not ask for or do to the user's desktop.
const LEFT_OUT: &str = "mscoree,mshtml=;winemenubuilder.exe=d";
/// Run as root in a mount namespace of its own: mounts, and then the program in the chroot.
const ENTER: &str = r#"set -e
root=$1 shared=$2; shift 2
mkdir -p "$root$shared"
mount --bind /proc "$root/proc"
mount --bind "$shared" "$root$shared"
exec chroot "$root" env --chdir="$shared" wine "$@""#;

/// Where 64-bit Wine keeps its registry and drives.
fn prefix() -> anyhow::Result<PathBuf> {
    Ok(build::folder()?.join("wine64"))
}

/// A program under Wine, to be given its arguments. It sees no folder of the repository but the target folder. A bare
/// name is that of one of Windows' own programs.
pub(super) fn command(width: Width, program: &Path) -> anyhow::Result<Command> {
    let mut command = wine(width)?;
    if program.components().count() == 1 && program.is_relative() && !program.exists() {
        command.arg(program);
    } else {
        command.arg(program.canonicalize().with_context(|| format!("there is no {}", program.display()))?);
    }
    Ok(command)
}

/// Wine, to be given a program.
fn wine(width: Width) -> anyhow::Result<Command> {
    let mut command = match width {
        Width::Wide => {
            let mut command = Command::new(tools::WINE);
            command.env("WINEPREFIX", prefix()?).current_dir(build::folder()?);
            command
        }
        Width::Narrow => {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", ENTER, "wine32"]);
            command.arg(chroot::root()?).arg(build::folder()?);
            // A prefix from outside means nothing in there.
            command.env_remove("WINEPREFIX").env("HOME", "/root");
            command
        }
    };
    command.env("WINEDEBUG", "-all").env("WINEDLLOVERRIDES", LEFT_OUT).env_remove("DISPLAY");
    Ok(command)
}

/// Makes registry and drives where they are missing, so that this does not count as a test's time.
pub(super) fn prepare(width: Width) -> anyhow::Result<()> {
    let folder = build::folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let there = match width {
        Width::Wide => prefix()?.join("system.reg"),
        Width::Narrow => chroot::root()?.join("root/.wine/system.reg"),
    };
    if there.exists() {
        return Ok(());
    }
    println!("starting {}-bit Wine for the first time", width.bits());
    let mut command = wine(width)?;
    command.args(["wineboot", "--init"]).stdout(Stdio::null()).stderr(Stdio::null());
    crate::process::run(&mut command)
}

/// What tests that start Windows programs by themselves look for:
///
/// - `MXGW_WINDOWS_PROGRAMS`: the folder of the 64-bit programs;
/// - `MXGW_WINDOWS_PROGRAMS_32`: the folder of the 32-bit ones;
/// - `MXGW_WINDOWS_RUN`: this program, which runs one by `windows run [--32] PROGRAM ARGUMENT...`.
pub(super) fn tell(command: &mut Command) -> anyhow::Result<()> {
    command
        .env("MXGW_WINDOWS_PROGRAMS", build::programs_folder(Width::Wide, false)?)
        .env("MXGW_WINDOWS_PROGRAMS_32", build::programs_folder(Width::Narrow, false)?)
        .env("MXGW_WINDOWS_RUN", env::current_exe().context("this program has no path")?)
        .current_dir(workspace::root());
    Ok(())
}
