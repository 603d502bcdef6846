//! What a bench is run with.

use anyhow::ensure;

use crate::row::Row;

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
    pub(crate) fn wants(&self, row: &Row) -> bool {
        row.name.contains(&self.only)
    }

    /// Whether any of them is; otherwise a bench starts nothing.
    pub(crate) fn wants_any(&self, rows: &[&Row]) -> bool {
        rows.iter().any(|row| self.wants(row))
    }

    /// Those that are. What was measured together with them is left out.
    pub(crate) fn wanted(&self, rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
        rows.into_iter().filter(|row| self.wants(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bulk_subscribe, dashboards, invoke, latency, memory, open, read_bulk, replay, restart, throughput,
    };

    fn only(text: &str) -> Options {
        Options {
            json: false,
            runs: 1,
            events: 1000,
            window: 1000,
            quick: true,
            alone: true,
            only: text.to_owned(),
        }
    }

    #[test]
    fn only_goes_by_a_part_of_the_name() {
        let rows = ["open/p50", "open/64-at-once"].map(|name| Row::new(name, "ms"));
        assert!(only("p50").wants_any(&rows.each_ref()));
        assert!(!only("p99").wants_any(&rows.each_ref()));
        assert!(only("").wants(&rows[1]));
        let names: Vec<_> = only("64").wanted(rows).into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["open/64-at-once"]);
    }

    /// The programs are not where a test would look for them, so starting any is an error.
    #[tokio::test]
    async fn a_bench_without_a_wanted_row_starts_nothing() {
        let options = only("no such row");
        let found = [
            throughput::run(&options).await,
            latency::run(&options).await,
            replay::run(&options).await,
            memory::run(&options).await,
            invoke::run(&options).await,
            read_bulk::run(&options).await,
            open::run(&options).await,
            bulk_subscribe::run(&options).await,
            restart::run(&options, &restart::Load::default()).await,
            dashboards::run(&options).await,
        ];
        for rows in found {
            assert_eq!(rows.unwrap().len(), 0);
        }
        assert!(open::run(&only("open")).await.is_err(), "the programs were found");
    }
}
