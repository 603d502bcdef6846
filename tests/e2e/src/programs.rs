//! Where the programs are, and that they are built.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::api_key;

/// Set by `cargo xtask test` and `cargo xtask screenshots`, which have built the programs before.
const BUILT: &str = "MXGW_TEST_PROGRAMS_BUILT";

/// Path of one of the project's programs.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        // target/PROFILE/deps/test-...
        let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are built below target/");
        if std::env::var_os(BUILT).is_none() {
            build();
        }
        profile.to_path_buf()
    });
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing; run `cargo xtask test`", path.display());
    path
}

fn build() {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the programs cannot be built");
}

/// The command line client, talking to `endpoint` with the key of all gateways here, without anything from this
/// environment.
pub fn mxgw(endpoint: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program("mxgw"));
    command
        .env_clear()
        .env("MXGW_API_KEY", api_key())
        .args(["--endpoint", endpoint])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}
