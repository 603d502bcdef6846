//! How long commands took, over the last minute. Pure but for the lock.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mxgateway_dashboard::model::LatencyView;
use mxgateway_session::SessionId;
use parking_lot::Mutex;

/// A minute is forgotten in quarters.
const QUARTER: Duration = Duration::from_secs(15);
/// Whole ones that are remembered, besides the one that has begun.
const QUARTERS: u64 = 4;
/// Figures are right to one part in a hundred.
const SIGNIFICANT_DIGITS: u8 = 2;
/// Longer times count as this one.
const MAX_MICROSECONDS: u64 = 24 * 3_600 * 1_000_000;

/// How long the commands of each session took; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    began: Instant,
    sessions: Arc<Mutex<HashMap<SessionId, Recent>>>,
}

/// The quarters of one session, by number, the newest last.
#[derive(Debug, Default)]
struct Recent(VecDeque<(u64, Histogram<u32>)>);

impl Latencies {
    /// None yet; quarters begin at `began`.
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, sessions: Arc::default() }
    }

    /// A command was answered at `now` after this time.
    pub(crate) fn record(&self, session: SessionId, took: Duration, now: Instant) {
        let quarter = self.quarter(now);
        self.sessions.lock().entry(session).or_default().record(quarter, took);
    }

    /// Those of a session at `now`.
    pub(super) fn of(&self, session: SessionId, now: Instant) -> LatencyView {
        let quarter = self.quarter(now);
        self.sessions.lock().get_mut(&session).map(|recent| recent.view(quarter)).unwrap_or_default()
    }

    /// Forgets sessions that are not there any more.
    pub(super) fn keep_only(&self, sessions: &HashSet<SessionId>) {
        self.sessions.lock().retain(|session, _| sessions.contains(session));
    }

    fn quarter(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / QUARTER.as_secs()
    }
}

impl Recent {
    fn record(&mut self, quarter: u64, took: Duration) {
        // Calls may come in another order than their times.
        if self.0.back().is_none_or(|(newest, _)| *newest < quarter) {
            self.forget(quarter);
            self.0.push_back((quarter, histogram()));
        }
        if let Some((_, times)) = self.0.back_mut() {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            // It grows by itself.
            times.record(micros.clamp(1, MAX_MICROSECONDS)).ok();
        }
    }

    fn view(&mut self, quarter: u64) -> LatencyView {
        self.forget(quarter);
        let mut all = histogram();
        for (_, times) in &self.0 {
            all.add(times).ok();
        }
        if all.is_empty() {
            return LatencyView::default();
        }
        let at = |quantile| milliseconds(all.value_at_quantile(quantile));
        LatencyView {
            count: all.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: milliseconds(all.max()),
        }
    }

    fn forget(&mut self, quarter: u64) {
        while self.0.front().is_some_and(|(oldest, _)| oldest + QUARTERS < quarter) {
            self.0.pop_front();
        }
    }
}

fn histogram() -> Histogram<u32> {
    let mut times = Histogram::new_with_bounds(1, 1_000_000, SIGNIFICANT_DIGITS)
        .expect("bounds and digits are ones that the library takes");
    times.auto(true);
    times
}

#[expect(clippy::cast_precision_loss, reason = "a day in microseconds has 37 bits")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> SessionId {
        format!("session-{number:032x}").parse().unwrap()
    }

    #[test]
    fn percentiles_are_of_the_last_minute_and_of_one_session() {
        let began = Instant::now();
        let latencies = Latencies::new(began);
        let (one, other) = (id(1), id(2));
        for millis in 1..=100 {
            latencies.record(one, Duration::from_millis(millis), began);
        }
        latencies.record(other, Duration::from_secs(90), began);
        let near = |is: f64, should: f64| (is - should).abs() <= should / 50.0;
        let view = latencies.of(one, began);
        assert_eq!(view.count, 100);
        assert!(near(view.p50_ms, 50.0) && near(view.p90_ms, 90.0) && near(view.p99_ms, 99.0), "{view:?}");
        assert!(near(view.max_ms, 100.0) && near(latencies.of(other, began).max_ms, 90_000.0), "{view:?}");

        let later = began + Duration::from_secs(70);
        latencies.record(one, Duration::from_millis(7), later);
        assert_eq!(latencies.of(one, later).count, 101);
        let view = latencies.of(one, began + Duration::from_secs(80));
        assert_eq!(view.count, 1, "the first quarter is still there");
        assert!(near(view.p50_ms, 7.0), "{view:?}");
        assert_eq!(latencies.of(one, began + Duration::from_secs(200)), LatencyView::default());
        assert_eq!(latencies.of(id(3), later), LatencyView::default());
    }

    #[test]
    fn sessions_that_are_gone_are_forgotten() {
        let now = Instant::now();
        let latencies = Latencies::new(now);
        let (stays, goes) = (id(1), id(2));
        for session in [stays, goes] {
            latencies.record(session, Duration::from_millis(1), now);
        }
        latencies.keep_only(&HashSet::from([stays]));
        assert_eq!((latencies.of(stays, now).count, latencies.of(goes, now).count), (1, 0));
    }

    #[test]
    fn nothing_is_too_long_or_too_short() {
        let now = Instant::now();
        let latencies = Latencies::new(now);
        let session = id(1);
        latencies.record(session, Duration::ZERO, now);
        latencies.record(session, Duration::MAX, now);
        assert_eq!(latencies.of(session, now).count, 2);
    }
}
