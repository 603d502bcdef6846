//! Compilers and 64-bit Wine, from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use rustix::process::getuid;

use super::Width;
use crate::process;
use crate::progress;

/// By path: the everyday toolchain comes first where programs are looked for.
pub(super) const CARGO: &str = "/usr/bin/cargo";
pub(super) const RUSTC: &str = "/usr/bin/rustc";
pub(super) const CLIPPY: &str = "/usr/bin/cargo-clippy";
pub(super) const WINE: &str = "/usr/lib/wine/wine64";

/// A file of each package, and the package.
const PACKAGES: [(&str, &str); 8] = [
    (RUSTC, "rustc-web"),
    (CARGO, "cargo-web"),
    (CLIPPY, "rust-web-clippy"),
    ("/usr/lib/rustlib/src/rust/library/rtstartup", "rust-web-src"),
    ("/usr/bin/x86_64-w64-mingw32-gcc", "mingw-w64"),
    ("/usr/bin/i686-w64-mingw32-gcc", "mingw-w64"),
    (WINE, "wine64"),
    ("/usr/sbin/debootstrap", "debootstrap"),
];

/// What a program for 32-bit Windows begins and ends with, and the compiler's packages have for other targets only.
const STARTUP_OBJECTS: [&str; 2] = ["rsbegin", "rsend"];

/// Packages that are not installed.
fn missing() -> Vec<String> {
    let absent = PACKAGES.iter().filter(|(file, _)| !Path::new(file).exists());
    let mut packages: Vec<String> = absent.map(|(_, package)| (*package).to_owned()).collect();
    packages.dedup();
    packages
}

/// Installs the packages that are missing.
pub(super) fn install() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !may_install() {
        bail!(
            "not installed: {packages}; on Debian, as root: apt-get install --no-install-recommends {packages}"
        );
    }
    println!("installing {packages}");
    let mut update = Command::new("apt-get");
    progress::run(update.args(["update", "-qq"]), "looking for packages")?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing);
    progress::run(install.env("DEBIAN_FRONTEND", "noninteractive"), "installing")?;
    let left = self::missing();
    if !left.is_empty() {
        bail!("still not there after the installation: {}", left.join(", "));
    }
    Ok(())
}

/// Whether packages can be installed and a chroot be made without asking.
pub(super) fn may_install() -> bool {
    getuid().is_root() && process::is_installed("apt-get")
}

fn startup_object(name: &str) -> anyhow::Result<PathBuf> {
    let sysroot = process::output(Command::new(RUSTC).args(["--print", "sysroot"]))?;
    let folder = format!("lib/rustlib/{}/lib", Width::Narrow.target());
    Ok(Path::new(sysroot.trim()).join(folder).join(format!("{name}.o")))
}

/// The start-up objects, when they are missing.
fn missing_startup_objects() -> Option<String> {
    let there = |name: &&str| startup_object(name).is_ok_and(|path| path.exists());
    (!STARTUP_OBJECTS.iter().all(there)).then(|| "the start-up objects for 32-bit Windows".to_owned())
}

/// What is missing to build; running what was built needs 32-bit Wine, too.
pub(super) fn missing_to_build() -> Vec<String> {
    let mut missing = missing();
    missing.extend(missing_startup_objects());
    missing
}

/// Compiles the start-up objects that are missing into the compiler's folder.
pub(super) fn make_startup_objects() -> anyhow::Result<()> {
    for name in STARTUP_OBJECTS {
        let path = startup_object(name)?;
        if path.exists() {
            continue;
        }
        if !getuid().is_root() {
            bail!("{} is missing; run `cargo xtask windows setup` as root", path.display());
        }
        println!("compiling {name}.o for 32-bit Windows");
        let folder = path.parent().context("the file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let unfinished = path.with_extension("new");
        let mut compile = Command::new(RUSTC);
        compile.env("RUSTC_BOOTSTRAP", "1").args(["--emit=obj", "--target", Width::Narrow.target(), "-o"]);
        compile.arg(&unfinished).arg(format!("/usr/lib/rustlib/src/rust/library/rtstartup/{name}.rs"));
        process::run(&mut compile)?;
        fs::rename(&unfinished, &path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    Ok(())
}
