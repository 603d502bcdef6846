//! `replay`: events per second to one client that comes back and reads everything the gateway retains.

use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use mxgateway_contracts::v1::StreamPosition;

use crate::baseline::nats::{self, Nats};
use crate::codec::Read;
use crate::gateway::{Gateway, Session};
use crate::options::Options;
use crate::progress::rate;
use crate::row::{Bound, Of, Row};
use crate::wire::Run;
use crate::{note, storm, wire};

const EVENTS: u64 = 1_000_000;
const QUICK_EVENTS: u64 = 100_000;
/// How many times JetStream's rate is wanted.
const OF_JETSTREAM: f64 = 4.0;

/// Measures run by run, each next to JetStream.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut counted =
        Row::new("replay", "events/s").target(Of::Ratio("jetstream"), Bound::AtLeast(OF_JETSTREAM));
    let mut decoded = Row::new("replay-decoded", "events/s");
    if !options.wants_any(&[&counted, &decoded]) {
        return Ok(Vec::new());
    }
    let events = if options.quick { QUICK_EVENTS } else { EVENTS };
    // Completions of writes are events too.
    let retained = events * 2;
    let gateway = Gateway::start(&format!(
        "queue_capacity = {retained}\nreplay_buffer_capacity = {retained}\nreplay_buffer_bytes = \"8 GiB\"\n\
         replay_retention_seconds = 0\n"
    ))
    .await?;
    let payload = Bytes::from(storm::sample(&gateway, options.window).await?);
    let session = storm::fill(&gateway, events, options.window).await?;
    let nats = match nats::installed() {
        Some(program) => {
            let nats = Nats::start(&program).await?;
            nats.fill(events, &payload).await?;
            Some(nats)
        }
        None => {
            note(nats::MISSING);
            None
        }
    };
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: replay", options.runs));
        if options.wants(&counted) {
            counted.runs.push(measure(&gateway, &session, events, wire::count).await?);
        }
        if options.wants(&decoded) {
            decoded.runs.push(measure(&gateway, &session, events, wire::decode).await?);
        }
        if let Some(nats) = &nats {
            let rate = nats.replay(events).await?;
            counted.baseline("jetstream", rate);
            decoded.baseline("jetstream", rate);
        }
    }
    if let Some(nats) = nats {
        nats.stop().await?;
    }
    session.close().await?;
    gateway.stop().await?;
    Ok(options.wanted([counted, decoded]))
}

async fn measure(gateway: &Gateway, session: &Session, events: u64, read: Read<Run>) -> anyhow::Result<f64> {
    let channel = gateway.connect().await?;
    let began = Instant::now();
    let position = StreamPosition { epoch: session.epoch, sequence: 0 };
    let mut items = session.stream(channel, Some(position), read).await?;
    let mut last = 0;
    while last < events {
        let run = items.message().await?.context("a stream ended")?;
        if run.events > 0 {
            ensure!(run.first == last + 1, "a replay jumped to {} after {last}", run.first);
            last = run.last;
        }
    }
    Ok(rate(last, began.elapsed()))
}
