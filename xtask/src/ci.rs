//! `cargo xtask ci`: every check, each announced and timed, with a summary.

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::ValueEnum;

#[cfg(unix)]
use crate::windows;
use crate::{codegen, docs, fuzz, layers, process, test};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave out a step; may be given several times
    #[arg(long, value_name = "STEP")]
    skip: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    Codegen,
    Fmt,
    Layers,
    Clippy,
    Docs,
    Rustdoc,
    Test,
    #[cfg(unix)]
    Windows,
    Fuzz,
}

impl Step {
    fn meaning(self) -> &'static str {
        match self {
            Self::Codegen => "the generated code is what proto/ gives",
            Self::Fmt => "the code is formatted",
            Self::Layers => "no crate reaches what it must not, no file is too large",
            Self::Clippy => "no lint complains",
            Self::Docs => "the generated documents are up to date",
            Self::Rustdoc => "the code's documentation builds without a warning",
            Self::Test => "all tests pass",
            #[cfg(unix)]
            Self::Windows => "the Windows programs build, and their tests pass under Wine",
            Self::Fuzz => "the fuzz targets run clean for a moment",
        }
    }

    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Codegen => codegen::run(&codegen::Arguments { check: true })?,
            Self::Fmt => process::run(&mut process::cargo(&["fmt", "--all", "--check"]))?,
            Self::Layers => layers::run()?,
            Self::Clippy => process::run(&mut process::cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ]))?,
            Self::Docs => docs::run(&docs::Arguments { check: true })?,
            Self::Rustdoc => process::run(
                process::cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"])
                    .env("RUSTDOCFLAGS", "--deny warnings"),
            )?,
            Self::Test => test::run(&test::Arguments { filter: None })?,
            #[cfg(unix)]
            Self::Windows => {
                if let Some(missing) = windows::in_ci()? {
                    return Ok(Outcome::Left(missing));
                }
            }
            Self::Fuzz => {
                if let Some(missing) = fuzz::missing() {
                    return Ok(Outcome::Left(missing));
                }
                for target in fuzz::TARGETS {
                    fuzz::fuzz(target, Duration::from_secs(10))?;
                }
            }
        }
        Ok(Outcome::Passed)
    }
}

enum Outcome {
    Passed,
    Failed,
    /// Not run, and why.
    Left(String),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut outcomes = Vec::new();
    for step in Step::value_variants() {
        if arguments.skip.contains(step) {
            outcomes.push((*step, Outcome::Left("asked for with --skip".to_owned()), Duration::ZERO));
            continue;
        }
        println!("\n== {}: {}", name(*step), step.meaning());
        let begun = Instant::now();
        let outcome = step.run().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Outcome::Failed
        });
        println!("== {} took {:.1} s", name(*step), begun.elapsed().as_secs_f64());
        outcomes.push((*step, outcome, begun.elapsed()));
    }

    println!("\nsummary, {:.0} s in all:", started.elapsed().as_secs_f64());
    let mut failed = Vec::new();
    for (step, outcome, took) in outcomes {
        let took = took.as_secs_f64();
        let name = name(step);
        match outcome {
            Outcome::Passed => println!("  passed   {name:8} {took:6.1} s"),
            Outcome::Left(why) => println!("  not run  {name:8} {why}"),
            Outcome::Failed => {
                println!("  FAILED   {name:8} {took:6.1} s");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn name(step: Step) -> String {
    step.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
