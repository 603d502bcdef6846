//! The programs, as `cargo xtask windows test` tells of them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mxgateway_e2e::within;
use tokio::process::Command;

fn told(variable: &str) -> PathBuf {
    let value = env::var_os(variable);
    value.unwrap_or_else(|| panic!("{variable} is not set; run `cargo xtask windows test`")).into()
}

/// A file of the 32-bit build.
pub(crate) fn narrow(file: &str) -> PathBuf {
    let path = told("MXGW_WINDOWS_PROGRAMS_32").join(file);
    assert!(path.exists(), "{} is missing; run `cargo xtask windows test`", path.display());
    path
}

/// A file of the 64-bit build.
pub(crate) fn wide(file: &str) -> PathBuf {
    let path = told("MXGW_WINDOWS_PROGRAMS").join(file);
    assert!(path.exists(), "{} is missing; run `cargo xtask windows test`", path.display());
    path
}

/// A 32-bit program, to be given its arguments; one of Windows' own by its bare name.
pub(crate) fn run_narrow(program: &Path) -> Command {
    let mut command = Command::new(told("MXGW_WINDOWS_RUN"));
    command.args(["windows", "run", "--32"]).arg(program);
    command
}

/// Lists MXAccess's stand-in, by a command that runs Windows' own `regsvr32`.
pub(crate) async fn register_standin(mut regsvr32: Command, standin: &Path) {
    regsvr32.arg("/s").arg(standin);
    regsvr32.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let registered = within("the stand-in is registered", regsvr32.status()).await.expect("regsvr32 runs");
    assert!(registered.success(), "regsvr32: {registered}");
}

/// A new folder below the one that Windows programs see.
pub(crate) fn folder() -> tempfile::TempDir {
    let programs = told("MXGW_WINDOWS_PROGRAMS_32");
    // target/windows/TARGET/PROFILE
    let shared =
        programs.ancestors().nth(2).expect("programs are built below a folder for each target").join("tmp");
    fs::create_dir_all(&shared).expect("a folder that Windows programs see");
    tempfile::Builder::new().prefix("mxgw").tempdir_in(shared).expect("a folder of the test's own")
}

/// Processes of this system with this in their command line.
pub(crate) fn processes_with(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("the list of processes").filter_map(Result::ok) {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may have ended meanwhile.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) {
            found.push((id, line));
        }
    }
    found
}
