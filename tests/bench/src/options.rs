//! What a bench is run with.

use anyhow::ensure;

/// Shared by all benches.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// One JSON object per line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Runs of everything that is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) runs: usize,
    /// Deliveries of one measurement of throughput, all subscribers together
    #[arg(long, value_name = "N", default_value_t = 12_000_000)]
    pub(crate) events: u64,
    /// Events that a source may be ahead of its slowest reader
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    pub(crate) window: u64,
    /// A short look whether everything works; its numbers mean little
    #[arg(long)]
    pub(crate) quick: bool,
    /// Without anything to compare with, for a profiler to look at
    #[arg(long)]
    pub(crate) alone: bool,
    /// Measure only the rows whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) only: String,
}

impl Options {
    /// With what follows from other options. Errors: a number that makes no sense.
    pub(crate) fn check(mut self) -> anyhow::Result<Self> {
        if self.quick {
            self.runs = self.runs.min(1);
            self.events = self.events.min(1_000_000);
        }
        ensure!(self.runs > 0, "--runs must be at least 1");
        ensure!((1000..=1_000_000_000).contains(&self.events), "--events must be 1000 to 1000000000");
        ensure!((1000..=1_000_000).contains(&self.window), "--window must be 1000 to 1000000");
        Ok(self)
    }

    /// Whether a row is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}
