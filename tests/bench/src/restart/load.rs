//! How much goes on while the gateway is away, and the settings that make room for it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::ensure;

/// What is kept beyond the events of the downtime: enough for a gateway that is slow to come up.
const SLACK: Duration = Duration::from_secs(10);
/// An event takes less in any buffer.
const EVENT_BYTES: u64 = 512;
/// How long a worker waits for a gateway beyond the downtime. Short, for those that a failed run leaves.
const WAIT: Duration = Duration::from_secs(30);
const QUICK_SESSIONS: usize = 8;

/// What runs while the gateway is away.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// Sessions, each with a worker and a reader of its own
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) sessions: usize,
    /// Changes per second in each session: a divisor of 1000 or a multiple of it
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) rate: u64,
    /// From the crash to the next start
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub(crate) downtime: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self { sessions: 64, rate: 1000, downtime: Duration::from_secs(3) }
    }
}

impl Load {
    /// As it is run. Errors: a number that makes no sense.
    pub(crate) fn check(&self, quick: bool) -> anyhow::Result<Self> {
        let mut load = self.clone();
        if quick {
            load.sessions = load.sessions.min(QUICK_SESSIONS);
        }
        ensure!((1..=1000).contains(&load.sessions), "--sessions must be 1 to 1000");
        let fits = load.rate > 0 && (1000_u64.is_multiple_of(load.rate) || load.rate.is_multiple_of(1000));
        ensure!(fits && load.rate <= 10_000, "--rate must divide 1000 or be a multiple of it, at most 10000");
        ensure!(load.downtime <= Duration::from_secs(600), "--downtime must be at most 10 minutes");
        Ok(load)
    }

    /// The scanner looks at attributes at whole milliseconds, so more than a thousand changes a second take
    /// several attributes.
    fn items(&self) -> u64 {
        self.rate.div_ceil(1000)
    }

    /// The tags of a session.
    pub(crate) fn tags(&self) -> Vec<String> {
        (1..=self.items()).map(|item| format!("Fast.Count_{item}")).collect()
    }

    pub(crate) fn galaxy(&self) -> String {
        let step = 1000 * self.items() / self.rate;
        let mut galaxy = format!(
            "[galaxy]\nname = \"Bench\"\n\n[[object]]\nname = \"Fast\"\nscan_ms = {step}\n[object.attributes]\n"
        );
        for item in 1..=self.items() {
            let _ = writeln!(
                galaxy,
                "Count_{item} = {{ type = \"integer\", source = {{ kind = \"counter\", step_ms = {step} }} }}"
            );
        }
        galaxy
    }

    /// Events of a session that are kept, by its worker as by the gateway.
    fn kept(&self) -> u64 {
        let time = self.downtime + SLACK;
        self.rate * (time.as_secs() + 1)
    }

    pub(crate) fn sessions_section(&self) -> String {
        format!("max_sessions = {}\ndetach_grace_seconds = 0\n", self.sessions + 1)
    }

    pub(crate) fn events_section(&self) -> String {
        let kept = self.kept();
        format!(
            "queue_capacity = {kept}\nreplay_buffer_capacity = {kept}\nreplay_buffer_bytes = {}\n\
             replay_retention_seconds = 0\n",
            kept * EVENT_BYTES
        )
    }

    pub(crate) fn workers_section(&self) -> String {
        format!(
            "enable_orphan_reattach = true\njournal_capacity = {}\nmax_orphan_lifetime_seconds = {}\n",
            self.kept(),
            (self.downtime + WAIT).as_secs()
        )
    }
}

/// A time as people write it: `3s`, `500ms`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let time: jiff::SignedDuration = text.parse()?;
    Ok(Duration::try_from(time)?)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn load(rate: u64) -> Load {
        Load { rate, ..Load::default() }
    }

    #[test]
    fn the_report_runs_what_is_run_without_options() {
        let matches = Load::augment_args(Command::new("restart")).get_matches_from(["restart"]);
        let preset = Load::from_arg_matches(&matches).unwrap();
        assert_eq!(format!("{preset:?}"), format!("{:?}", Load::default()));
    }

    #[test]
    fn attributes_and_scans_make_the_rate() {
        for (rate, items, step) in [(1000, 1, 1), (250, 1, 4), (1, 1, 1000), (4000, 4, 1)] {
            let load = load(rate).check(false).unwrap();
            let galaxy = load.galaxy();
            assert_eq!(load.tags().len(), items, "{rate}");
            assert!(galaxy.contains(&format!("\nscan_ms = {step}\n")), "{galaxy}");
            for tag in load.tags() {
                let line = format!("\n{} = ", tag.strip_prefix("Fast.").unwrap());
                assert!(galaxy.contains(&line), "{tag} is not in {galaxy}");
            }
        }
        for rate in [0, 3, 1500, 11_000] {
            assert!(load(rate).check(false).is_err(), "{rate}");
        }
    }

    #[test]
    fn what_is_kept_spans_the_downtime() {
        let load = Load { downtime: duration("2500ms").unwrap(), ..load(2000) };
        assert!(load.kept() >= 2000 * 12, "{}", load.kept());
        assert!(load.workers_section().contains(&format!("journal_capacity = {}\n", load.kept())));
        assert!(load.events_section().contains(&format!("replay_buffer_capacity = {}\n", load.kept())));
    }

    #[test]
    fn times_are_written_as_people_write_them() {
        assert_eq!(duration("3s").unwrap(), Duration::from_secs(3));
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        for text in ["-3s", "3", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
