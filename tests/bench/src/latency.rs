//! `latency`: from the worker taking an event over to a subscriber having it, at a steady rate.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::baseline::nats::{self, Nats};
use crate::gateway::Gateway;
use crate::note;
use crate::options::Options;
use crate::progress::rate;
use crate::row::{Bound, Of, Row};
use crate::{storm, wire};

const SUBSCRIBERS: usize = 8;
/// Changes per second of the items below, so that there are 50,000 deliveries.
const RATE: u64 = 6250;
const ITEMS: [&str; 7] =
    ["Steady.A", "Steady.B", "Steady.C", "Steady.D", "Steady.E", "Steady.F", "Quarter.A"];
const TIME: Duration = Duration::from_secs(5);
const QUICK_TIME: Duration = Duration::from_secs(1);
/// How much more than NATS's is wanted at most.
const OF_NATS: f64 = 1.5;

/// Latencies of deliveries, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u64>);

/// Nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl Latencies {
    pub(crate) fn add(&mut self, sent: u64, received: u64) {
        self.0.push(received.saturating_sub(sent));
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The latency that this part of the deliveries (0 to 1) does not exceed, in microseconds.
    pub(crate) fn microseconds(&mut self, part: f64) -> f64 {
        self.0.sort_unstable();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "far below 2^53, and not negative"
        )]
        let index = (self.0.len().saturating_sub(1) as f64 * part) as usize;
        let nanoseconds = self.0.get(index).copied().unwrap_or_default();
        Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
    }
}

/// Measures run by run, each next to NATS.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut p50 = Row::new("latency/p50", "µs");
    let mut p99 = Row::new("latency/p99", "µs").target(Of::Ratio("nats"), Bound::AtMost(OF_NATS));
    let mut rates = Row::new("latency/rate", "events/s");
    if !options.wants_any(&[&p50, &p99, &rates]) {
        return Ok(Vec::new());
    }
    let gateway = Gateway::start("").await?;
    let bytes = storm::sample(&gateway, 1000).await?.len();
    let nats = match nats::installed() {
        Some(program) => Some(Nats::start(&program).await?),
        None => {
            note(nats::MISSING);
            None
        }
    };
    let time = if options.quick { QUICK_TIME } else { TIME };
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: latency", options.runs));
        let (mut latencies, rate) = measure(&gateway, RATE * time.as_secs()).await?;
        rates.runs.push(rate);
        p50.runs.push(latencies.microseconds(0.5));
        p99.runs.push(latencies.microseconds(0.99));
        if let Some(nats) = &nats {
            let (mut latencies, rate) = nats.latencies(SUBSCRIBERS, RATE, time, bytes).await?;
            rates.baseline("nats", rate);
            p50.baseline("nats", latencies.microseconds(0.5));
            p99.baseline("nats", latencies.microseconds(0.99));
        }
    }
    if let Some(nats) = nats {
        nats.stop().await?;
    }
    gateway.stop().await?;
    Ok(options.wanted([p50, p99, rates]))
}

/// Latencies, and deliveries per second as they were.
async fn measure(gateway: &Gateway, events: u64) -> anyhow::Result<(Latencies, f64)> {
    let mut session = gateway.session().await?;
    let mut readers = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let items = session.stream(gateway.connect().await?, None, wire::worker_times).await?;
        readers.spawn(read(items, events));
    }
    for tag in ITEMS {
        let item = session.add_item(tag).await?;
        session.advise(item).await?;
    }
    let began = Instant::now();
    let mut all = Latencies::default();
    while let Some(ended) = readers.join_next().await {
        all.merge(ended??);
    }
    let rate = rate(events * SUBSCRIBERS as u64, began.elapsed());
    session.close().await?;
    Ok((all, rate))
}

async fn read(mut items: Streaming<Vec<u64>>, events: u64) -> anyhow::Result<Latencies> {
    let events = usize::try_from(events)?;
    let mut latencies = Latencies::default();
    while latencies.0.len() < events {
        let sent = items.message().await?.context("a stream ended")?;
        let received = now();
        for sent in sent {
            latencies.add(sent, received);
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_latencies() {
        let mut latencies = Latencies::default();
        for microseconds in (0..=100).rev() {
            latencies.add(5_000, 5_000 + microseconds * 1000);
        }
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|part| latencies.microseconds(part).round()),
            [0.0, 50.0, 99.0, 100.0]
        );
    }
}
