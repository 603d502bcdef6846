//! `open`: from the request for a session to a session that is ready, with a worker process of its own.

use anyhow::Context;
use tokio::task::JoinSet;

use crate::commands::{milliseconds, timed};
use crate::gateway::Gateway;
use crate::note;
use crate::options::Options;
use crate::row::{Bound, Of, Row, median};

const OPENS: usize = 20;
const QUICK_OPENS: usize = 3;
const MOST_MILLISECONDS: f64 = 50.0;
const AT_ONCE: usize = 64;
const MOST_SECONDS: f64 = 3.0;

/// Measures run by run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut one = Row::new("open/p50", "ms").target(Of::Value, Bound::AtMost(MOST_MILLISECONDS));
    let mut many =
        Row::new(format!("open/{AT_ONCE}-at-once"), "s").target(Of::Value, Bound::AtMost(MOST_SECONDS));
    if !options.wants_any(&[&one, &many]) {
        return Ok(Vec::new());
    }
    let sessions = format!("max_sessions = {}\n", AT_ONCE + 1);
    let gateway = Gateway::start_with(include_str!("../galaxy.toml"), &sessions, "").await?;
    let opens = if options.quick { QUICK_OPENS } else { OPENS };
    for run in 1..=options.runs {
        if options.wants(&one) {
            note(&format!("run {run} of {}: {}", options.runs, one.name));
            let mut times = Vec::new();
            for _ in 0..opens {
                let opener = gateway.opener().await?;
                let (session, time) = timed(opener.open()).await.with_context(|| gateway.log())?;
                times.push(milliseconds(time));
                session.close().await?;
            }
            one.runs.push(median(&times));
        }
        if options.wants(&many) {
            note(&format!("run {run} of {}: {}", options.runs, many.name));
            let mut openers = Vec::new();
            for _ in 0..AT_ONCE {
                openers.push(gateway.opener().await?);
            }
            let all = async {
                let mut opening: JoinSet<_> = openers.into_iter().map(|opener| opener.open()).collect();
                let mut sessions = Vec::new();
                while let Some(opened) = opening.join_next().await {
                    sessions.push(opened??);
                }
                Ok(sessions)
            };
            let (sessions, time) = timed(all).await.with_context(|| gateway.log())?;
            many.runs.push(time.as_secs_f64());
            for session in sessions {
                session.close().await?;
            }
        }
    }
    gateway.stop().await?;
    Ok(options.wanted([one, many]))
}
