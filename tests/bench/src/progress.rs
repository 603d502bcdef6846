//! How far readers are, and a source that stays within a window of the slowest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// No measurement takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// See the module's documentation.
pub(crate) struct Progress {
    counts: Vec<AtomicU64>,
    changed: Notify,
    /// Readers say so after this many.
    step: u64,
}

impl Progress {
    pub(crate) fn new(readers: usize, window: u64) -> Arc<Self> {
        let counts = (0..readers).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { counts, changed: Notify::new(), step: (window / 8).max(1) })
    }

    /// A reader got more.
    pub(crate) fn add(&self, reader: usize, events: u64) -> u64 {
        let before = self.counts[reader].fetch_add(events, Ordering::Relaxed);
        let now = before + events;
        if before == 0 || before / self.step != now / self.step {
            self.changed.notify_one();
        }
        now
    }

    /// What the slowest has.
    pub(crate) fn slowest(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).min().unwrap_or_default()
    }

    /// Waits until the slowest has this many.
    pub(crate) async fn reached(&self, events: u64) -> anyhow::Result<u64> {
        let waiting = async {
            loop {
                let slowest = self.slowest();
                if slowest >= events {
                    return slowest;
                }
                self.changed.notified().await;
            }
        };
        let reached = tokio::time::timeout(LIMIT, waiting).await;
        reached.with_context(|| format!("the slowest reader has {} events after {LIMIT:?}", self.slowest()))
    }

    /// Lets the source go to `window` beyond the slowest, step by step, up to `events`.
    pub(crate) async fn pace(
        &self,
        window: u64,
        events: u64,
        mut go_to: impl AsyncFnMut(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut goal = 0;
        while goal < events {
            let slowest = self.reached((goal + self.step).saturating_sub(window)).await?;
            goal = events.min(slowest + window);
            go_to(goal).await?;
        }
        Ok(())
    }
}

/// Waits for all readers; gives when the last was done.
pub(crate) async fn finish(mut readers: JoinSet<anyhow::Result<()>>) -> anyhow::Result<Instant> {
    let all = async {
        while let Some(ended) = readers.join_next().await {
            ended??;
        }
        anyhow::Ok(Instant::now())
    };
    tokio::time::timeout(LIMIT, all).await.with_context(|| format!("readers are not done after {LIMIT:?}"))?
}

/// Events per second, all readers together.
pub(crate) fn rate(events: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let events = events as f64;
    events / time.as_secs_f64()
}
