//! `cargo xtask test`: all tests, with a count at the end.

use std::io::{self, BufRead, BufReader, IsTerminal};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

use crate::build;
use crate::process;
use crate::servers;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only tests with this in their name
    pub(crate) filter: Option<String>,
}

/// What the test programs said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) programs: usize,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let missing = servers::ensure();
    // The end-to-end tests start the programs themselves; cargo alone would not build them.
    build::programs(false)?;

    // Tests of the Windows programs need those: `cargo xtask windows test`.
    let exclude = ["--exclude", "mxgateway-windows-tests"];
    let mut command = process::cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(exclude).envs([build::BUILT]);
    command.args(&arguments.filter);
    if io::stdout().is_terminal() {
        command.args(["--", "--color", "always"]);
    }
    let mut count = Count::default();
    let status = count.run(&mut command).context("cannot run the tests")?;

    println!(
        "\n{} tests passed, {} failed, {} ignored, in {} test programs and {} s{}",
        count.passed,
        count.failed,
        count.ignored,
        count.programs,
        started.elapsed().as_secs(),
        arguments.filter.as_ref().map_or_else(String::new, |filter| format!(" (only those with {filter:?})"))
    );
    if !status.success() {
        bail!("the tests failed ({status})");
    }
    if count.passed == 0 {
        bail!("no test ran");
    }
    if !missing.is_empty() {
        println!("NOT RUN for want of a program: {}", missing.join(", "));
    } else if arguments.filter.is_none() {
        println!("everything was run: unit, document and end-to-end tests");
    }
    Ok(())
}

impl Count {
    /// Runs what runs tests, passes on what it writes, and takes the results in.
    pub(crate) fn run(&mut self, command: &mut Command) -> io::Result<ExitStatus> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line?;
                println!("{line}");
                // Windows programs end their lines in their own way.
                self.add(line.trim_end());
            }
        }
        child.wait()
    }

    /// Takes in a line like `test result: ok. 6 passed; 0 failed; 0 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = result.split_whitespace().collect();
        let number = |what: &str| {
            words
                .iter()
                .position(|word| word.trim_end_matches(';') == what)
                .and_then(|at| words.get(at.wrapping_sub(1))?.parse().ok())
                .unwrap_or(0)
        };
        self.programs += 1;
        self.passed += number("passed");
        self.failed += number("failed");
        self.ignored += number("ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up() {
        let mut count = Count::default();
        count.add(
            "test result: ok. 6 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s",
        );
        count
            .add("test result: \u{1b}[31mFAILED\u{1b}(B\u{1b}[m. 13 passed; 2 failed; 0 ignored; 0 measured");
        count.add("test passed ... ok");
        assert_eq!(count, Count { programs: 2, passed: 19, failed: 2, ignored: 1 });
    }
}
