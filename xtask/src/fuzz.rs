//! `cargo xtask fuzz`: a fuzz target of `tests/fuzz`, without a nightly compiler or cargo-fuzz.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process;
use crate::workspace;

/// The targets; `tests/fuzz/README.md` says what each drives.
pub(crate) const TARGETS: [&str; 3] = ["frame", "event_header", "credentials"];

/// libFuzzer's instrumentation.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which target
    #[arg(value_parser = TARGETS)]
    target: String,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    time: Duration,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match missing() {
        Some(missing) => bail!("{missing}"),
        None => fuzz(&arguments.target, arguments.time),
    }
}

/// What this machine lacks for fuzzing.
pub(crate) fn missing() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some(format!("fuzzing is set up for {TRIPLE} only"));
    }
    if !process::is_installed("c++") {
        return Some("fuzzing needs a C++ compiler, which builds libFuzzer (Debian: g++)".to_owned());
    }
    None
}

/// Runs a target for some time, at least a second; a finding is an error.
pub(crate) fn fuzz(target: &str, time: Duration) -> anyhow::Result<()> {
    let folder = workspace::target()?.join("fuzz");
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts");
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut command =
        process::cargo(&["run", "--manifest-path", "tests/fuzz/Cargo.toml", "--target", TRIPLE]);
    command
        .env("RUSTFLAGS", INSTRUMENTATION)
        .arg("--target-dir")
        .arg(&folder)
        .args(["--bin", target, "--"])
        .arg(format!("-max_total_time={}", time.as_secs().max(1)))
        .args(["-verbosity=0", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus)
        .arg(workspace::root().join("tests/fuzz/corpus").join(target));
    process::run(&mut command)
}
