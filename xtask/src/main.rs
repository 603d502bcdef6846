//! Tasks of this repository; `cargo xtask help` lists them.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]

mod bench;
mod build;
mod ci;
mod codegen;
#[cfg(unix)]
mod demo;
mod dist;
mod docs;
mod fuzz;
mod layers;
mod process;
mod progress;
mod reproducible;
#[cfg(unix)]
mod screenshots;
mod servers;
mod sizes;
mod test;
#[cfg(unix)]
mod windows;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything one does with this repository beyond `cargo build`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// A first look: build, start the gateway with the simulator, watch live values
    #[cfg(unix)]
    Demo(demo::Arguments),
    /// Run all tests
    Test(test::Arguments),
    /// Run everything that CI runs
    Ci(ci::Arguments),
    /// Generate the contract's Rust code from proto/ (no protoc needed)
    Codegen(codegen::Arguments),
    /// Generate the documents and the sample that come from tables in the code
    Docs(docs::Arguments),
    /// Check which crates may reach what, lints, forbidden unsafe code and file sizes
    Layers,
    /// Measure the gateway next to NATS and others: stream, latency, replay, memory, invoke, read-bulk, open,
    /// bulk-subscribe or report
    Bench(bench::Arguments),
    /// Pack what people install: a tar.gz and a Debian package for Linux, a zip for Windows, with checksums
    Dist(dist::Arguments),
    /// Make the pictures of the dashboard in docs/screenshots anew
    #[cfg(unix)]
    Screenshots(screenshots::Arguments),
    /// Run one fuzz target of tests/fuzz
    Fuzz(fuzz::Arguments),
    /// Build the Windows programs on Debian, and test them under Wine
    #[cfg(unix)]
    Windows(windows::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        #[cfg(unix)]
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Ci(arguments) => ci::run(&arguments),
        Task::Codegen(arguments) => codegen::run(&arguments),
        Task::Docs(arguments) => docs::run(&arguments),
        Task::Layers => layers::run(),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Dist(arguments) => dist::run(&arguments),
        #[cfg(unix)]
        Task::Screenshots(arguments) => screenshots::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        #[cfg(unix)]
        Task::Windows(arguments) => windows::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
