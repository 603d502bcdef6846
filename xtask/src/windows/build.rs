//! Building for Windows with Debian's compilers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;

use super::{Width, ready, tools};
use crate::process;
use crate::progress;
use crate::reproducible;
use crate::workspace;

/// The standard library is built along, in the form in which panics end the process.
const BUILD_STD: &str = "-Zbuild-std=std,panic_abort";

/// The linker would write into a program when it made it.
const NO_TIME: &str = "-Clink-arg=-Wl,--no-insert-timestamp";

/// What cargo and the everyday toolchain tell a program that they run, and what this build has values of its own for.
const NOT_FOR_THIS_CARGO: [&str; 8] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "LD_LIBRARY_PATH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// Packages and the files that come of them.
type Made = &'static [(&'static str, &'static str)];

/// What people get.
const fn shipped(width: Width) -> Made {
    match width {
        Width::Wide => &[
            ("mxgateway", "mxgateway.exe"),
            ("mxgw", "mxgw.exe"),
            ("mxgateway-worker", "mxgateway-worker.exe"),
        ],
        Width::Narrow => &[("mxgateway-worker", "mxgateway-worker.exe")],
    }
}

/// What tests need besides. 64-bit Wine starts no 32-bit programs, so a gateway for 32-bit workers is 32-bit there.
const fn for_tests(width: Width) -> Made {
    match width {
        Width::Wide => &[("mxgateway-com-standin", "mxgateway_com_standin.dll")],
        Width::Narrow => {
            &[("mxgateway", "mxgateway.exe"), ("mxgateway-com-standin", "mxgateway_com_standin.dll")]
        }
    }
}

/// What is built.
fn made(width: Width, release: bool) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let for_tests: Made = if release { &[] } else { for_tests(width) };
    shipped(width).iter().chain(for_tests)
}

/// Packages with tests that run on Windows. The gateway's own parts are 64-bit only.
const fn tested(width: Width) -> &'static [&'static str] {
    match width {
        Width::Wide => {
            &["mxgateway-win", "mxgateway-worker-ipc", "mxgateway-lmxproxy", "mxgateway-supervisor"]
        }
        Width::Narrow => &["mxgateway-win", "mxgateway-worker-ipc", "mxgateway-lmxproxy"],
    }
}

/// Everything that is built for Windows.
pub(super) fn folder() -> anyhow::Result<PathBuf> {
    Ok(workspace::target()?.join("windows"))
}

/// Where the programs are.
pub(super) fn programs_folder(width: Width, release: bool) -> anyhow::Result<PathBuf> {
    Ok(folder()?.join(width.target()).join(profile(release)))
}

fn profile(release: bool) -> &'static str {
    if release { "windows-release" } else { "windows" }
}

/// Builds the programs, and says where they are.
pub(super) fn programs(release: bool) -> anyhow::Result<()> {
    ready_to_build()?;
    let started = Instant::now();
    for width in Width::ALL {
        println!("building for {} (a first build takes some minutes)", width.target());
        let mut command = cargo(width, "build", release)?;
        for (package, _) in made(width, release) {
            command.args(["--package", package]);
        }
        progress::run(&mut command, "building")?;
    }
    println!("built in {} s:", started.elapsed().as_secs());
    for width in Width::ALL {
        let folder = programs_folder(width, release)?;
        for (_, file) in made(width, release) {
            let path = folder.join(file);
            let length =
                fs::metadata(&path).with_context(|| format!("there is no {}", path.display()))?.len();
            println!("  {}-bit {:>6} KiB  {}", width.bits(), length.div_ceil(1024), path.display());
        }
    }
    Ok(())
}

/// Building needs no 32-bit Wine.
fn ready_to_build() -> anyhow::Result<()> {
    if tools::missing_to_build().is_empty() { Ok(()) } else { ready() }
}

/// A program with tests.
#[derive(Debug)]
pub(super) struct TestProgram {
    /// Folder of the package, and target, such as `worker-ipc/transport`.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Builds the programs and those with tests, in one go: in two, cargo would compile most dependencies twice, as those
/// of the tests ask others for more features.
pub(super) fn everything(width: Width) -> anyhow::Result<Vec<TestProgram>> {
    println!("building programs and tests for {} (a first build takes some minutes)", width.target());
    let started = Instant::now();
    let mut command = cargo(width, "build", false)?;
    // Each test runs in a process of its own, as a panic ends it.
    command.args(["-Zpanic-abort-tests", "--lib", "--bins", "--tests"]);
    for package in made(width, false).map(|(package, _)| package).chain(tested(width)) {
        command.args(["--package", package]);
    }
    // First with people as readers, then again for the list: nothing is built then.
    progress::run(&mut command, "building")?;
    command.args(["--message-format", "json", "--quiet"]);
    let list = process::output(&mut command)?;
    println!("built in {} s", started.elapsed().as_secs());
    let is_tested = |program: &TestProgram| {
        let package = program.name.split('/').next().unwrap_or_default();
        tested(width).iter().any(|tested| tested.strip_prefix("mxgateway-") == Some(package))
    };
    Ok(list.lines().filter_map(test_program).filter(is_tested).collect())
}

/// Packages with code for Windows alone, or with code that depends on the width, which nothing else looks at.
const fn linted(width: Width) -> &'static [&'static str] {
    match width {
        Width::Wide => &[
            "mxgateway",
            "mxgateway-com-standin",
            "mxgateway-lmxproxy",
            "mxgateway-server",
            "mxgateway-supervisor",
            "mxgateway-win",
            "mxgateway-worker",
            "mxgateway-worker-ipc",
        ],
        Width::Narrow => &["mxgateway-com-standin", "mxgateway-lmxproxy", "mxgateway-win"],
    }
}

/// Has clippy look at the code for Windows.
pub(super) fn lint(width: Width) -> anyhow::Result<()> {
    println!("looking at the code for {} (the first time takes some minutes)", width.target());
    let mut command = cargo(width, "clippy", false)?;
    command.arg("-Zpanic-abort-tests");
    for package in linted(width) {
        command.args(["--package", package]);
    }
    command.args(["--all-targets", "--", "--deny", "warnings"]);
    progress::run(&mut command, "looking")
}

/// From a line of what cargo says in JSON.
fn test_program(line: &str) -> Option<TestProgram> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let path = PathBuf::from(message["executable"].as_str()?);
    let target = message["target"]["name"].as_str()?;
    let package = Path::new(message["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?;
    Some(TestProgram { name: format!("{package}/{target}"), path })
}

/// Cargo, set up for a target.
fn cargo(width: Width, task: &str, release: bool) -> anyhow::Result<Command> {
    // Cargo looks for its own commands beside the everyday toolchain first, and that has another clippy.
    let program = if task == "clippy" { tools::CLIPPY } else { tools::CARGO };
    let mut command = Command::new(program);
    for variable in NOT_FOR_THIS_CARGO {
        command.env_remove(variable);
    }
    let underscored = width.target().replace('-', "_");
    command
        .current_dir(workspace::root())
        .env("CARGO", tools::CARGO)
        .env("RUSTC", tools::RUSTC)
        // Building the standard library is no feature of the stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(format!("CC_{underscored}"), format!("{}-gcc", width.tools()))
        .env(format!("AR_{underscored}"), format!("{}-ar", width.tools()))
        .args([task, BUILD_STD, "--target", width.target(), "--profile", profile(release), "--target-dir"])
        .arg(folder()?);
    if release {
        command.arg("--locked");
        reproducible::set_up(&mut command, &[NO_TIME])?;
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_with_tests_are_found_in_what_cargo_says() {
        let line = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/x/crates/win/Cargo.toml",
                "target":{{"name":"transport"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let found = test_program(&line(true, r#""/x/t.exe""#)).expect("a program with tests");
        assert_eq!((found.name.as_str(), found.path.to_str()), ("win/transport", Some("/x/t.exe")));
        for other in [line(false, r#""/x/t.exe""#), line(true, "null"), "no JSON".to_owned()] {
            assert!(test_program(&other).is_none(), "{other}");
        }
    }
}
