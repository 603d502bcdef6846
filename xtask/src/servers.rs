//! Servers that tests start for themselves: whether they are installed, and installing them where that can be done
//! without asking.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::getuid;

use crate::process;

/// Where Debian has the programs of its versions of PostgreSQL.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

/// What is missing, for people; empty when everything is there. As root on Debian it is installed.
pub(crate) fn ensure() -> Vec<String> {
    if has_postgresql() {
        return Vec::new();
    }
    if getuid().is_root() && process::is_installed("apt-get") {
        println!("installing postgresql, which the tests of the key store start a server of");
        let installed = apt_get(&["update", "-qq"])
            .and_then(|()| apt_get(&["install", "-y", "-qq", "--no-install-recommends", "postgresql"]));
        if let Err(error) = installed {
            eprintln!("warning: {error:#}");
        }
    }
    if has_postgresql() {
        return Vec::new();
    }
    vec!["the key store's tests on PostgreSQL (Debian: apt install postgresql)".to_owned()]
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    process::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn has_postgresql() -> bool {
    let versions = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().filter_map(Result::ok);
    process::is_installed("initdb")
        || versions.map(|version| initdb(&version.path())).any(|program| program.exists())
}

fn initdb(version: &Path) -> PathBuf {
    version.join("bin/initdb")
}
