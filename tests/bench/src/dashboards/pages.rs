//! What browsers with a session's page open have: two WebSockets each, that are read. In a process of its own, so that
//! what reading costs can be told from what the gateway does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What is said when all are open.
pub(super) const OPEN: &str = "open";
/// And at the end, with numbers: all messages, milliseconds, and the messages of the events' hub that got fewest.
pub(super) const GOT: &str = "got ";

type Hub = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Reads until asked to end. An error when a hub ends by itself.
#[expect(clippy::print_stdout, reason = "the parent waits for it")]
pub(crate) async fn run(address: &str, session: &str, count: usize) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let paths = ["/hubs/snapshot".to_owned(), format!("/hubs/events?session={session}")];
    let counts = paths.each_ref().map(|_| (0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>());
    let counts = Arc::new(counts);
    let mut readers = JoinSet::new();
    for page in 0..count {
        for (kind, path) in paths.iter().enumerate() {
            let mut hub = open(&format!("ws://{address}{path}")).await?;
            next(&mut hub).await.with_context(|| format!("{path} begins with nothing"))?;
            let counts = Arc::clone(&counts);
            readers.spawn(async move {
                loop {
                    next(&mut hub).await?;
                    counts[kind][page].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    let began = Instant::now();
    println!("{OPEN}");
    tokio::select! {
        _ = terminate.recv() => {}
        Some(ended) = readers.join_next() => {
            let ended: anyhow::Result<()> = ended?;
            ended.context("a hub ended")?;
        }
    }
    let [snapshots, events] =
        counts.each_ref().map(|counts| counts.iter().map(|count| count.load(Ordering::Relaxed)));
    let least = events.clone().min().unwrap_or_default();
    let messages: u64 = snapshots.chain(events).sum();
    println!("{GOT}{messages} {} {least}", began.elapsed().as_millis());
    Ok(())
}

async fn open(url: &str) -> anyhow::Result<Hub> {
    let opened = tokio::time::timeout(crate::process::LIMIT, connect_async(url)).await;
    let (hub, _) = opened.context("no answer")?.with_context(|| format!("{url} does not open"))?;
    Ok(hub)
}

/// Waits for the next message. Nothing is done with it: what a browser makes of it is not the gateway's matter.
async fn next(hub: &mut Hub) -> anyhow::Result<()> {
    loop {
        match hub.next().await.context("a hub is gone")?? {
            Message::Text(_) => return Ok(()),
            // Answered by the library.
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                bail!("a hub sent {other:?}")
            }
        }
    }
}
