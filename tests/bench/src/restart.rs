//! `restart`: what clients lose, and how long they wait, when the gateway crashes and comes back.

mod load;
mod reader;
mod tally;

use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use mxgateway_client::{OpenOptions, SessionClient};
use tokio::task::JoinSet;

use crate::commands::{milliseconds, timed};
use crate::gateway::{Gateway, Setup};
use crate::note;
use crate::options::Options;
use crate::row::{Bound, Of, Row};

pub(crate) use load::Load;
use reader::Readers;
use tally::{Tally, number};

/// Not the address that connections to it come from: a reader that looks for the gateway could otherwise get the
/// very port it looks for, and connect to itself.
const LISTEN: &str = "127.0.0.2:0";
/// How long sessions run before the crash, and after all are served again.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(5);
const QUICK_BEFORE: Duration = Duration::from_secs(1);
const QUICK_AFTER: Duration = Duration::from_secs(2);
/// Where the row of that is.
const SERVING: usize = 3;
const MOST_MILLISECONDS: f64 = 3000.0;

/// What one run came to.
#[derive(Debug)]
struct Measured {
    tally: Tally,
    /// From the start of the program until it listens.
    listening: Duration,
    /// From then on until the last reader's stream runs.
    resumed: Duration,
    /// From then on until the last reader has an event that is newer.
    serving: Duration,
    /// How long the last reader takes for an event that is newer when nothing happens.
    undisturbed: Duration,
}

/// Measures run by run, each with a gateway of its own.
pub(crate) async fn run(options: &Options, load: &Load) -> anyhow::Result<Vec<Row>> {
    let load = load.check(options.quick)?;
    let none = |name| Row::new(name, "events").target(Of::EveryRun, Bound::AtMost(0.0));
    let serving = Row::new(format!("restart/{}-serving", load.sessions), "ms");
    let mut rows = [
        none("restart/lost"),
        none("restart/duplicated"),
        none("restart/gaps"),
        serving.target(Of::Value, Bound::AtMost(MOST_MILLISECONDS)),
        Row::new(format!("restart/{}-resumed", load.sessions), "ms"),
        Row::new("restart/listening", "ms"),
        Row::new("restart/events", "events"),
        Row::new("restart/rate", "events/s"),
    ];
    if !options.wants_any(&rows.each_ref()) {
        return Ok(Vec::new());
    }
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: restart of {} sessions", options.runs, load.sessions));
        let measured = measure(&load, options.quick).await?;
        let Measured { tally, listening, resumed, serving, undisturbed } = measured;
        let numbers = [
            number(tally.lost),
            number(tally.duplicated),
            number(tally.announced),
            milliseconds(serving),
            milliseconds(resumed),
            milliseconds(listening),
            number(tally.received),
            tally.rate(),
        ];
        for (row, number) in rows.iter_mut().zip(numbers) {
            row.runs.push(number);
        }
        rows[SERVING].baseline("undisturbed", milliseconds(undisturbed));
    }
    Ok(options.wanted(rows))
}

async fn measure(load: &Load, quick: bool) -> anyhow::Result<Measured> {
    let setup = Setup {
        galaxy: &load.galaxy(),
        sessions: &load.sessions_section(),
        events: &load.events_section(),
        workers: &load.workers_section(),
        listen: LISTEN,
        has_dashboard: false,
    };
    let mut gateway = Gateway::start_as(setup).await?;
    let measured = crash(&mut gateway, load, quick).await.with_context(|| gateway.log());
    // Also after a failure, because workers would outlive a gateway that is only dropped.
    let stopped = gateway.stop().await;
    let measured = measured?;
    stopped?;
    Ok(measured)
}

async fn crash(gateway: &mut Gateway, load: &Load, quick: bool) -> anyhow::Result<Measured> {
    let (before, after) = if quick { (QUICK_BEFORE, QUICK_AFTER) } else { (BEFORE, AFTER) };
    let sessions = open(gateway, load).await?;
    let mut readers = Readers::start(&sessions);
    let before_crash = "before the crash; is the load too much for this machine?";
    readers.all_have(SystemTime::now()).await.context(before_crash)?;
    tokio::time::sleep(before).await;
    let (_, undisturbed) = timed(readers.all_have(SystemTime::now())).await.context(before_crash)?;

    gateway.kill().await?;
    tokio::time::sleep(load.downtime).await;
    let began = Instant::now();
    gateway.start_again().await?;
    let (listens, newer) = (Instant::now(), SystemTime::now());
    let had = readers.all_have(newer).await.context("after the crash")?;
    tokio::time::sleep(after).await;
    let tally = readers.stop().await?;
    for session in &sessions {
        let served = session.ping("bench").await;
        served.with_context(|| format!("session {} takes no commands", session.id()))?;
    }

    let last = |times: &mut dyn Iterator<Item = Instant>| {
        times.max().map_or(Duration::ZERO, |last| last.saturating_duration_since(listens))
    };
    Ok(Measured {
        tally,
        listening: listens.duration_since(began),
        resumed: last(&mut had.iter().map(|had| had.resumed)),
        serving: last(&mut had.iter().map(|had| had.at)),
        undisturbed,
    })
}

/// Opens the sessions, all at once, and when they are open advises their tags.
async fn open(gateway: &Gateway, load: &Load) -> anyhow::Result<Vec<SessionClient>> {
    let mut opening = JoinSet::new();
    for _ in 0..load.sessions {
        let client = gateway.client()?;
        opening.spawn(async move {
            let options = OpenOptions { name: "bench".to_owned(), ..OpenOptions::default() };
            let opened = client.open_session(options).await;
            opened.context("a session cannot be opened")
        });
    }
    let mut sessions = Vec::new();
    while let Some(opened) = opening.join_next().await {
        sessions.push(opened??);
    }
    let mut advising = JoinSet::new();
    for session in sessions.clone() {
        let tags = load.tags();
        advising.spawn(async move {
            let server_handle = session.register("bench").await?;
            for tag in tags {
                let item = session.add_item(server_handle, &tag).await?;
                session.advise(item).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(advised) = advising.join_next().await {
        advised?.context("a tag cannot be advised")?;
    }
    Ok(sessions)
}
