//! `invoke`: the round trip of a command, one at a time, through the gateway and the worker's apartment.

use std::time::Instant;

use crate::baseline::hop;
use crate::gateway::{Gateway, connect};
use crate::latency::Latencies;
use crate::options::Options;
use crate::row::{Bound, Of, Row};
use crate::{note, process};

const CALLS: usize = 20_000;
const QUICK_CALLS: usize = 1000;
/// These come first and are not counted.
const EARLIER: usize = 200;
const MESSAGE: &str = "sixteen letters.";
/// How much more than an echo with a hop is wanted at most.
const OF_HOP: f64 = 2.0;

/// Measures run by run, each next to the baselines.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut p50 = Row::new("invoke/p50", "µs").target(Of::Ratio("bare_hop"), Bound::AtMost(OF_HOP));
    let mut p99 = Row::new("invoke/p99", "µs");
    if !options.wants_any(&[&p50, &p99]) {
        return Ok(Vec::new());
    }
    let folder = process::folder()?;
    let gateway = Gateway::start("").await?;
    let bare = hop::start(folder.path()).await?;
    let channel = connect(&bare.address).await?;
    let mut session = gateway.session().await?;
    let calls = if options.quick { QUICK_CALLS } else { CALLS };
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: invoke", options.runs));
        let mut latencies = measure(calls, async || session.ping(MESSAGE).await).await?;
        p50.runs.push(latencies.microseconds(0.5));
        p99.runs.push(latencies.microseconds(0.99));
        if options.alone {
            continue;
        }
        for (name, path) in [("bare_hop", hop::HOP), ("bare_echo", hop::ECHO)] {
            let mut latencies =
                measure(calls, async || hop::call(&channel, path, MESSAGE).await.map(drop)).await?;
            p50.baseline(name, latencies.microseconds(0.5));
            p99.baseline(name, latencies.microseconds(0.99));
        }
    }
    session.close().await?;
    for process in bare.processes {
        process.stop().await?;
    }
    gateway.stop().await?;
    Ok(options.wanted([p50, p99]))
}

async fn measure(
    calls: usize,
    mut call: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Latencies> {
    for _ in 0..EARLIER {
        call().await?;
    }
    let mut latencies = Latencies::default();
    for _ in 0..calls {
        let began = Instant::now();
        call().await?;
        latencies.add(0, u64::try_from(began.elapsed().as_nanos())?);
    }
    Ok(latencies)
}
