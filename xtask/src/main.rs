#![forbid(unsafe_code)]
//! Tasks of this repository; `cargo xtask help` lists them.

mod codegen;
mod workspace;

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
    /// Generate the contract's Rust code from proto/ (no protoc needed)
    Codegen(codegen::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Codegen(arguments) => codegen::run(&arguments),
    }
}
