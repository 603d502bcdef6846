//! One measurement of the gateway's throughput.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::codec::Read;
use crate::gateway::{Gateway, Session};
use crate::progress::{Progress, finish, rate};
use crate::wire::Run;

/// The item that is as fast as the gateway.
const STORM: &str = "Storm.Amount";

/// What is sent and who reads.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Subscribers that read, each on a connection of its own.
    pub(crate) subscribers: usize,
    /// Subscribers that never read.
    pub(crate) stuck: usize,
    /// Events that each of them gets.
    pub(crate) events: u64,
    /// How many events the source may be ahead of the slowest subscriber.
    pub(crate) window: u64,
    /// How a message is read.
    pub(crate) read: Read<Run>,
}

/// A session whose subscribers wait for the storm.
pub(crate) struct Calm {
    pub(crate) session: Session,
    item: i32,
    load: Load,
    progress: Arc<Progress>,
    readers: JoinSet<anyhow::Result<()>>,
    stuck: Vec<Streaming<Run>>,
}

/// Deliveries per second to those that read. An error when any of them misses an event.
pub(crate) async fn measure(gateway: &Gateway, load: Load) -> anyhow::Result<f64> {
    let (session, time) = prepare(gateway, load).await?.blow(gateway).await?;
    session.close().await?;
    Ok(rate(load.events * load.subscribers as u64, time))
}

/// Opens a session and subscribes to it.
pub(crate) async fn prepare(gateway: &Gateway, load: Load) -> anyhow::Result<Calm> {
    let mut session = gateway.session().await?;
    let item = session.add_item(STORM).await?;
    let progress = Progress::new(load.subscribers, load.window);
    let mut readers = JoinSet::new();
    for reader in 0..load.subscribers {
        let items = session.stream(gateway.connect().await?, None, load.read).await?;
        readers.spawn(read(items, Arc::clone(&progress), reader, load.events));
    }
    let mut stuck = Vec::new();
    for _ in 0..load.stuck {
        stuck.push(session.stream(gateway.connect().await?, None, load.read).await?);
    }
    Ok(Calm { session, item, load, progress, readers, stuck })
}

impl Calm {
    /// Sends everything; gives how long it takes until those that read have it.
    pub(crate) async fn blow(self, gateway: &Gateway) -> anyhow::Result<(Session, Duration)> {
        let Self { mut session, item, load, progress, readers, stuck } = self;
        session.advise(item).await?;
        // The first change tells everybody the type; from now on it can be written.
        progress.reached(1).await?;

        let began = Instant::now();
        let pacing = progress.pace(load.window, load.events, async |goal| session.storm(item, goal).await);
        let (paced, ended) = tokio::join!(pacing, finish(readers));
        let time = ended.with_context(|| gateway.log())?.duration_since(began);
        paced?;
        drop(stuck);
        Ok((session, time))
    }
}

/// Reads until it has `events` more than the first.
async fn read(
    mut items: Streaming<Run>,
    progress: Arc<Progress>,
    reader: usize,
    events: u64,
) -> anyhow::Result<()> {
    let mut last = 0;
    loop {
        let run = items.message().await?.context("a stream ended")?;
        if run.events == 0 {
            continue;
        }
        ensure!(
            run.first == last + 1 && run.last - last == run.events,
            "a subscriber missed events: {run:?} came after {last}"
        );
        last = run.last;
        if progress.add(reader, run.events) > events {
            return Ok(());
        }
    }
}

/// Raises `events` events; gives the session, which retains all of them.
pub(crate) async fn fill(gateway: &Gateway, events: u64, window: u64) -> anyhow::Result<Session> {
    let mut session = gateway.session().await?;
    let item = session.add_item(STORM).await?;
    let progress = Progress::new(1, window);
    let items = session.stream(gateway.connect().await?, None, crate::wire::count).await?;
    let mut readers = JoinSet::new();
    readers.spawn(read(items, Arc::clone(&progress), 0, events));
    session.advise(item).await?;
    progress.reached(1).await?;
    let pacing = progress.pace(window, events, async |goal| session.storm(item, goal).await);
    let (paced, ended) = tokio::join!(pacing, finish(readers));
    paced.and(ended.map(drop))?;
    let status = session.status().await?;
    session.epoch = status.epoch;
    let oldest = status.events.unwrap_or_default().oldest_retained_sequence;
    ensure!(oldest == 1, "the gateway let events go: it retains from {oldest}");
    Ok(session)
}

/// An event as a subscriber gets it, for baselines that send the same bytes.
pub(crate) async fn sample(gateway: &Gateway, window: u64) -> anyhow::Result<Vec<u8>> {
    let mut session = gateway.session().await?;
    let item = session.add_item(STORM).await?;
    let mut items = session.stream(gateway.connect().await?, None, |message| Ok(message.to_vec())).await?;
    session.advise(item).await?;
    let first = items.message().await?.context("a stream ended")?;
    ensure!(crate::wire::count(&first)?.events > 0, "no event came first");
    // One of the middle, whose numbers have the usual length.
    session.storm(item, window).await?;
    let message = loop {
        let message = items.message().await?.context("a stream ended")?;
        if crate::wire::count(&message)?.last >= window {
            break message;
        }
    };
    session.close().await?;
    crate::wire::last_event(&message)
}
