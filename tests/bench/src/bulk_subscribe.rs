//! `bulk-subscribe`: many tags added and advised with one SubscribeBulk.

use anyhow::Context;

use crate::commands::{galaxy, tags, timed};
use crate::gateway::Gateway;
use crate::options::Options;
use crate::row::{Bound, Of, Row};
use crate::{note, wire};

const OBJECTS: usize = 100;
const ATTRIBUTES: usize = 100;
const MOST_SECONDS: f64 = 1.0;

/// Measures run by run, each in a session of its own.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut reply = Row::new(format!("bulk-subscribe/{}", OBJECTS * ATTRIBUTES), "s")
        .target(Of::Value, Bound::AtMost(MOST_SECONDS));
    let mut values = Row::new("bulk-subscribe/first-values", "s");
    if !options.wants_any(&[&reply, &values]) {
        return Ok(Vec::new());
    }
    let tags = tags(OBJECTS, ATTRIBUTES);
    let events = format!("queue_capacity = {}\n", tags.len() * 4);
    let gateway = Gateway::start_with(&galaxy(OBJECTS, ATTRIBUTES), "", &events).await?;
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: bulk-subscribe", options.runs));
        let mut session = gateway.session().await?;
        let mut items = session.stream(gateway.connect().await?, None, wire::count).await?;
        let subscribing = timed(session.subscribe(&tags));
        let wanted = tags.len() as u64;
        let arriving = timed(async {
            let mut events = 0;
            while events < wanted {
                events += items.message().await?.context("a stream ended")?.events;
            }
            Ok(())
        });
        let (subscribed, arrived) = tokio::join!(subscribing, arriving);
        reply.runs.push(subscribed.with_context(|| gateway.log())?.1.as_secs_f64());
        values.runs.push(arrived.with_context(|| gateway.log())?.1.as_secs_f64());
        session.close().await?;
    }
    gateway.stop().await?;
    Ok(options.wanted([reply, values]))
}
