//! Builds the three programs, showing that it goes on.

use std::path::PathBuf;
use std::time::Instant;

use crate::process;
use crate::progress;
use crate::workspace;

/// Tells end-to-end tests that the programs are built; otherwise each would build them again, with what tests bring along.
pub(crate) const BUILT: (&str, &str) = ("MXGW_TEST_PROGRAMS_BUILT", "1");

/// The programs, built.
pub(crate) struct Programs {
    pub(crate) gateway: PathBuf,
    pub(crate) client: PathBuf,
}

/// Builds the gateway, the worker and the client program.
pub(crate) fn programs(release: bool) -> anyhow::Result<Programs> {
    let started = Instant::now();
    eprintln!("building mxgateway, mxgateway-worker and mxgw (a first build takes a few minutes)");
    let mut command = process::cargo(&["build"]);
    for package in ["mxgateway", "mxgateway-worker", "mxgw"] {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    progress::run(&mut command, "building")?;
    eprintln!("built in {} s", started.elapsed().as_secs());

    let folder = workspace::target()?.join(if release { "release" } else { "debug" });
    let program = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    Ok(Programs { gateway: program("mxgateway"), client: program("mxgw") })
}
