//! `read-bulk`: ReadBulk of tags that are advised, by clients with a session each, all at once.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::commands::{all_cached, galaxy, tags};
use crate::gateway::{Gateway, Session};
use crate::note;
use crate::options::Options;
use crate::progress::rate;
use crate::row::{Bound, Of, Row};

const CLIENTS: usize = 5;
const TAGS: usize = 6;
const TIME: Duration = Duration::from_secs(5);
const QUICK_TIME: Duration = Duration::from_millis(500);
/// Ten times what the older gateway did.
const LEAST_CALLS: f64 = 8000.0;

/// Measures run by run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut calls = Row::new("read-bulk/calls", "calls/s").target(Of::Value, Bound::AtLeast(LEAST_CALLS));
    let mut values = Row::new("read-bulk/values", "values/s");
    if !options.wants_any(&[&calls, &values]) {
        return Ok(Vec::new());
    }
    let gateway = Gateway::start_with(&galaxy(1, TAGS), "", "").await?;
    let tags = tags(1, TAGS);
    let mut sessions = Vec::new();
    for _ in 0..CLIENTS {
        let mut session = gateway.session().await?;
        session.cache(&tags).await?;
        sessions.push(session);
    }
    let time = if options.quick { QUICK_TIME } else { TIME };
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: read-bulk", options.runs));
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for session in &sessions {
            clients.spawn(read(session.clone(), tags.clone(), began + time));
        }
        let mut done = 0;
        while let Some(count) = clients.join_next().await {
            done += count??;
        }
        let elapsed = began.elapsed();
        calls.runs.push(rate(done, elapsed));
        values.runs.push(rate(done * TAGS as u64, elapsed));
    }
    for session in sessions {
        session.close().await?;
    }
    gateway.stop().await?;
    Ok(options.wanted([calls, values]))
}

/// Calls one after the other; gives how many.
async fn read(mut session: Session, tags: Vec<String>, until: Instant) -> anyhow::Result<u64> {
    let mut calls = 0;
    while Instant::now() < until {
        let rows = session.read(&tags).await?;
        ensure!(all_cached(&rows, tags.len()), "not all came from the cache: {rows:?}");
        calls += 1;
    }
    Ok(calls)
}
