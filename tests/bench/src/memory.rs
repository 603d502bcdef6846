//! `memory`: what a subscriber that gets nothing costs the gateway, many on one connection.

use std::time::Duration;

use crate::gateway::Gateway;
use crate::note;
use crate::options::Options;
use crate::row::{Bound, Of, Row};
use crate::wire;

const SUBSCRIBERS: usize = 1000;
/// These come first, so that what the gateway makes only once is not counted.
const EARLIER: usize = 50;
const MOST_BYTES: f64 = 16.0 * 1024.0;
/// A server that takes no more streams on a connection lets them wait.
const WAIT: Duration = Duration::from_secs(5);

/// Measures run by run, each with a gateway of its own.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut bytes = Row::new("memory/idle-subscriber", "bytes").target(Of::Value, Bound::AtMost(MOST_BYTES));
    let mut streams = Row::new("memory/streams-per-connection", "streams")
        .target(Of::Value, Bound::AtLeast(f64::from(u32::try_from(SUBSCRIBERS)?)));
    if !options.wants_any(&[&bytes, &streams]) {
        return Ok(Vec::new());
    }
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: memory", options.runs));
        let gateway = Gateway::start("").await?;
        let session = gateway.session().await?;
        let mut kept = Vec::new();
        let earlier = gateway.connect().await?;
        for _ in 0..EARLIER {
            kept.push(session.stream(earlier.clone(), None, wire::count).await?);
        }
        let shared = gateway.connect().await?;
        let before = gateway.process.resident_bytes()?;
        for _ in 0..SUBSCRIBERS {
            let opening = session.stream(shared.clone(), None, wire::count);
            let Ok(opened) = tokio::time::timeout(WAIT, opening).await else { break };
            kept.push(opened?);
        }
        let after = gateway.process.resident_bytes()?;
        let opened = u32::try_from(kept.len() - EARLIER)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let grown = after.saturating_sub(before) as f64;
        bytes.runs.push(grown / f64::from(opened));
        streams.runs.push(f64::from(opened));
        drop(kept);
        session.close().await?;
        gateway.stop().await?;
    }
    Ok(options.wanted([bytes, streams]))
}
