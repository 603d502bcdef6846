//! Running the Windows tests.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};

use super::{Width, build, missing, set_up_where_possible, tools, wine};
use crate::process;
use crate::test::Count;
use crate::workspace;

/// The package of the tests that start Windows programs from this system.
const FROM_OUTSIDE: &str = "tests/windows";
/// Limit for one test program, in seconds.
const LIMIT: &str = "900";

/// Builds everything, and runs the tests with `only` in the name of their program.
pub(super) fn run(only: Option<&str>) -> anyhow::Result<()> {
    set_up_where_possible()?;
    let started = Instant::now();
    let wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    let mut tally = Tally::default();
    for width in Width::ALL {
        let programs = build::everything(width)?;
        wine::prepare(width)?;
        for program in programs.iter().filter(|program| wanted(&program.name)) {
            let name = format!("{} ({}-bit)", program.name, width.bits());
            // Also one that Windows has hung must not hold everything up.
            let command = wine::command(width, &program.path)?;
            let mut limited = Command::new("timeout");
            // Captured, a test's end waits for all that has its output, and Wine's own processes, which it started, do.
            limited.env("RUST_TEST_NOCAPTURE", "1");
            limited.args(["--kill-after=10", LIMIT]).arg(command.get_program()).args(command.get_args());
            for (variable, value) in command.get_envs() {
                match value {
                    Some(value) => limited.env(variable, value),
                    None => limited.env_remove(variable),
                };
            }
            if let Some(folder) = command.get_current_dir() {
                limited.current_dir(folder);
            }
            tally.run(&name, &mut limited)?;
        }
    }
    for member in workspace::members()? {
        if member.folder() == workspace::root().join(FROM_OUTSIDE) && wanted(&member.name) {
            let mut command = process::cargo(&["test", "--package", &member.name]);
            wine::tell(&mut command)?;
            tally.run(&member.name, &mut command)?;
        }
    }
    tally.tell(started)
}

#[derive(Default)]
struct Tally {
    count: Count,
    broken: Vec<String>,
}

impl Tally {
    fn run(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        println!("\n     Running {name}");
        let before = self.count.programs;
        let status = self.count.run(command).with_context(|| format!("cannot run {name}"))?;
        if !status.success() {
            self.broken.push(format!("{name} ({status})"));
        } else if self.count.programs == before {
            self.broken.push(format!("{name} (it gave no result)"));
        }
        Ok(())
    }

    fn tell(self, started: Instant) -> anyhow::Result<()> {
        let Count { programs, passed, failed, ignored } = self.count;
        println!(
            "\n{passed} Windows tests passed, {failed} failed, {ignored} ignored, in {programs} test programs and {} s",
            started.elapsed().as_secs()
        );
        if !self.broken.is_empty() {
            bail!("failed under Wine: {}", self.broken.join(", "));
        }
        if passed == 0 {
            bail!("no Windows test ran");
        }
        Ok(())
    }
}

/// Runs everything, clippy first, where that is possible. Else says why not.
pub(crate) fn in_ci() -> anyhow::Result<Option<String>> {
    let missing = missing()?;
    if !missing.is_empty() && !tools::may_install() {
        let missing = missing.join(", ");
        eprintln!("\nWARNING: THE WINDOWS SIDE IS NOT TESTED. Not there: {missing}");
        eprintln!("As root on Debian, `cargo xtask windows setup` gets it\n");
        return Ok(Some(format!("THE WINDOWS SIDE IS NOT TESTED; not there: {missing}")));
    }
    set_up_where_possible()?;
    Width::ALL.into_iter().try_for_each(build::lint)?;
    run(None)?;
    Ok(None)
}
