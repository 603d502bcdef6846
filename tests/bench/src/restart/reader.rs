//! Readers that resume by themselves, one for each session.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use mxgateway_client::{
    ClientError, EventOptions, EventStream, ProtocolViolation, ReconnectPolicy, SessionClient, StreamUpdate,
};
use mxgateway_contracts::v1::StreamPosition;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::tally::{Tally, worker_time};

/// No gateway takes longer to serve its readers again.
const LIMIT: Duration = Duration::from_secs(60);
/// More often than programs would, because it is the gateway that is measured, and not how patient they are.
const RECONNECT: ReconnectPolicy = ReconnectPolicy {
    initial_delay: Duration::from_millis(100),
    max_delay: Duration::from_millis(100),
    max_attempts: None,
    resume_slow_reader: true,
};

/// What a reader is to do besides reading.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// Nothing.
    Read,
    /// Tell of the first event that is not older.
    Tell(SystemTime),
    Stop,
}

/// A reader has the event that it was to tell of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Had {
    /// When its stream began to run.
    pub(crate) resumed: Instant,
    pub(crate) at: Instant,
}

/// The readers of all sessions.
#[derive(Debug)]
pub(crate) struct Readers {
    count: usize,
    running: JoinSet<anyhow::Result<Tally>>,
    orders: watch::Sender<Order>,
    had: mpsc::UnboundedReceiver<Had>,
}

impl Readers {
    pub(crate) fn start(sessions: &[SessionClient]) -> Self {
        let (orders, order) = watch::channel(Order::Read);
        let (tell, had) = mpsc::unbounded_channel();
        let readers = sessions.iter().map(|session| read(session.clone(), order.clone(), tell.clone()));
        Self { count: sessions.len(), running: readers.collect(), orders, had }
    }

    /// Waits until each has an event that is not older than this. An error when any reader ends.
    pub(crate) async fn all_have(&mut self, since: SystemTime) -> anyhow::Result<Vec<Had>> {
        let mut failures = Vec::new();
        let mut all = Vec::new();
        self.orders.send_replace(Order::Tell(since));
        let waiting = async {
            while all.len() + failures.len() < self.count {
                tokio::select! {
                    Some(had) = self.had.recv() => all.push(had),
                    Some(ended) = self.running.join_next() => failures.push(failure(ended)),
                    else => break,
                }
            }
        };
        let in_time = tokio::time::timeout(LIMIT, waiting).await.is_ok();
        if let Some(first) = failures.first() {
            bail!("{} of {} readers failed, the first with: {first:#}", failures.len(), self.count);
        }
        if !in_time {
            bail!("{} of {} readers have an event after {LIMIT:?}", all.len(), self.count);
        }
        Ok(all)
    }

    /// Ends them all; gives what they got.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Tally> {
        self.orders.send_replace(Order::Stop);
        let mut all = Tally::default();
        while let Some(ended) = self.running.join_next().await {
            all.add(&ended??);
        }
        Ok(all)
    }
}

fn failure(ended: Result<anyhow::Result<Tally>, JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(_)) => anyhow::anyhow!("it stopped without an order"),
        Ok(Err(error)) => error,
        Err(error) => error.into(),
    }
}

fn events(session: &SessionClient, resume: Option<StreamPosition>) -> EventStream {
    session.events(EventOptions { resume, reconnect: RECONNECT, ..EventOptions::default() })
}

async fn read(
    session: SessionClient,
    mut orders: watch::Receiver<Order>,
    tell: mpsc::UnboundedSender<Had>,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut stream = events(&session, None);
    let mut resumed = Instant::now();
    let mut wanted = None;
    loop {
        let update = tokio::select! {
            biased;
            changed = orders.changed() => {
                changed.context("nobody waits for the readers")?;
                wanted = match *orders.borrow_and_update() {
                    Order::Read => None,
                    Order::Tell(since) => Some(since),
                    Order::Stop => return Ok(tally),
                };
                continue;
            }
            update = stream.next() => update,
        };
        let update = update.with_context(|| format!("the stream of session {} ended", session.id()))?;
        match update {
            Ok(StreamUpdate::Started(start)) => {
                tally.started(&start);
                resumed = Instant::now();
            }
            Ok(StreamUpdate::Event(event)) => {
                tally.event(&event);
                if let (Some(since), Some(time)) = (wanted, worker_time(&event))
                    && time >= since
                {
                    wanted = None;
                    // Nobody listens any more only at the end.
                    let _ = tell.send(Had { resumed, at: Instant::now() });
                }
            }
            Ok(StreamUpdate::Gap(gap)) => tally.gap(&gap),
            Ok(StreamUpdate::Bookmark(_) | StreamUpdate::Disconnected { .. }) => {}
            Ok(StreamUpdate::Ended(end)) => bail!("the gateway ended session {}: {end:?}", session.id()),
            Err(ClientError::Protocol(ProtocolViolation::OutOfOrder { .. })) => {
                tally.refused();
                stream = events(&session, stream.position());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("session {} cannot be read", session.id()));
            }
        }
    }
}
