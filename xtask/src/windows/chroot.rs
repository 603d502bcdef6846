//! 32-bit Wine: an i386 system in a folder of its own, so that the machine's packages stay of one kind.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use rustix::process::getuid;

use crate::process;
use crate::progress;

/// Names another folder.
const ROOT: &str = "MXGW_WINE32_ROOT";
/// What shows that it is complete, for the folder gets its name last. (What is in `usr/bin` are links that lead astray
/// from outside.)
const WINE: &str = "usr/lib/wine/wine";

/// Where it is, or is to be.
pub(super) fn root() -> anyhow::Result<PathBuf> {
    if let Some(root) = env::var_os(ROOT) {
        return Ok(root.into());
    }
    let caches = match env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(caches.join("mxgateway").join("wine32"))
}

/// The chroot, when it is missing or cannot be used.
pub(super) fn missing() -> anyhow::Result<Option<String>> {
    let root = root()?;
    if !root.join(WINE).exists() {
        return Ok(Some(format!("32-bit Wine in {}", root.display())));
    }
    if !getuid().is_root() {
        return Ok(Some("root's right to use the chroot with 32-bit Wine".to_owned()));
    }
    Ok(None)
}

/// Makes it, if it is not there. One whose making was interrupted is begun anew.
pub(super) fn make() -> anyhow::Result<()> {
    let root = root()?;
    if root.join(WINE).exists() {
        return Ok(());
    }
    if !getuid().is_root() {
        bail!("an i386 chroot with 32-bit Wine is missing; run `cargo xtask windows setup` as root");
    }
    if root.exists() {
        bail!("{} exists and has no {WINE} in it; remove it or set {ROOT}", root.display());
    }
    let unfinished = root.with_extension("new");
    remove_unfinished(&unfinished)?;
    fs::create_dir_all(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    let (release, mirror) = debian()?;
    println!("making an i386 chroot with 32-bit Wine in {} (1.1 GB, about a minute)", root.display());
    // In a mount namespace of its own, so that what is mounted in it is gone with the program, however it ends.
    let mut command = Command::new("unshare");
    command.args(["--mount", "debootstrap", "--arch=i386", "--variant=minbase", "--include=wine32,wine"]);
    command.arg(&release).arg(&unfinished).arg(&mirror);
    progress::run_briefly(&mut command, "making the chroot")?;
    if !unfinished.join(WINE).exists() {
        bail!("the chroot has no {WINE}");
    }
    fs::rename(&unfinished, &root).with_context(|| format!("cannot make {}", root.display()))
}

fn remove_unfinished(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    println!("removing what an interrupted set-up left in {}", folder.display());
    // Nothing of ours is mounted where others see it; what somebody else mounted there is not ours to remove.
    let mut command = Command::new("rm");
    process::run(command.args(["--recursive", "--force", "--one-file-system"]).arg(folder))
}

/// This machine's release of Debian, and where its packages come from.
fn debian() -> anyhow::Result<(String, String)> {
    let about = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let release = about
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release names no release")?
        .trim_matches('"')
        .to_owned();
    let mut command = Command::new("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(CODENAME) $(COMPONENT) $(LABEL) $(REPO_URI)",
        "Created-By: Packages",
    ]);
    let sources = process::output(&mut command)?;
    let mirror = mirror(&sources, &release);
    let mirror = mirror.with_context(|| format!("apt has no source of Debian {release}'s main packages"))?;
    Ok((release.clone(), mirror.to_owned()))
}

/// From lines of codename, component, label and address.
fn mirror<'a>(sources: &'a str, release: &str) -> Option<&'a str> {
    let wanted = format!("{release} main Debian ");
    sources.lines().find_map(|line| line.strip_prefix(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_release() {
        let sources = "\
            tools main Tools https://one.example/apt/\n\
            bookworm-updates main Debian http://two.example/debian/\n\
            bookworm main Debian http://three.example/debian/\n\
            bookworm-security main Debian-Security http://four.example/security/\n";
        assert_eq!(mirror(sources, "bookworm"), Some("http://three.example/debian/"));
        assert_eq!(mirror(sources, "trixie"), None);
    }
}
