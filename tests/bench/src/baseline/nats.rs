//! A NATS server of our own, with its own client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_nats::jetstream::{self, consumer, stream};
use async_nats::{Client, ConnectOptions};
use bytes::Bytes;
use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::latency::{Latencies, now};
use crate::process::{self, Process};
use crate::progress::{Progress, finish, rate};

const SUBJECT: &str = "bench";
const STORED_SUBJECT: &str = "stored";
const STREAM: &str = "BENCH";
/// Where the system's packages put it.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
/// Published messages of a stream whose acknowledgements are waited for together.
const UNACKNOWLEDGED: usize = 1000;

/// A running server.
pub(crate) struct Nats {
    process: Process,
    address: String,
    _folder: TempDir,
}

/// What is said when there is no server.
pub(crate) const MISSING: &str = "WARNING: nats-server is missing, so nothing is compared with NATS; on Debian: \
                                  apt-get install nats-server";

/// The server program of this machine.
pub(crate) fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(PLACES.iter().map(PathBuf::from));
    places.map(|place| place.join("nats-server")).find(|program| program.is_file())
}

impl Nats {
    /// Starts the program on a free port, with JetStream in memory.
    pub(crate) async fn start(program: &Path) -> anyhow::Result<Self> {
        let folder = process::folder()?;
        // The server writes the ports it took into this folder.
        let state = folder.path().display().to_string();
        let arguments = ["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", &state, "--ports_file_dir", &state];
        let process = Process::start(program, arguments, folder.path())?;
        let address = tokio::time::timeout(process::LIMIT, client_address(folder.path()))
            .await
            .with_context(|| format!("nats-server did not start within {:?}", process::LIMIT))??;
        Ok(Self { process, address, _folder: folder })
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let options = ConnectOptions::new().subscription_capacity(1 << 22);
        options.connect(&self.address).await.context("no connection to nats-server")
    }

    /// Deliveries per second to `subscribers`, each on a connection of its own. The publisher stays within
    /// a window of the slowest, as the gateway's source does.
    pub(crate) async fn measure(
        &self,
        subscribers: usize,
        events: u64,
        window: u64,
        payload: &Bytes,
    ) -> anyhow::Result<f64> {
        let progress = Progress::new(subscribers, window);
        let mut readers = JoinSet::new();
        for reader in 0..subscribers {
            let client = self.connect().await?;
            let mut messages = client.subscribe(SUBJECT).await?;
            client.flush().await?;
            let progress = Arc::clone(&progress);
            readers.spawn(async move {
                let _client = client;
                loop {
                    messages.next().await.context("a subscription ended")?;
                    if progress.add(reader, 1) >= events {
                        return Ok(());
                    }
                }
            });
        }
        let publisher = self.connect().await?;
        let began = Instant::now();
        let mut published = 0;
        let pacing = progress.pace(window, events, async |goal| {
            while published < goal {
                publisher.publish(SUBJECT, payload.clone()).await?;
                published += 1;
            }
            Ok(publisher.flush().await?)
        });
        let (paced, ended) = tokio::join!(pacing, finish(readers));
        let time = ended?.duration_since(began);
        paced?;
        Ok(rate(events * subscribers as u64, time))
    }

    /// Latencies at a steady rate, with a tick each millisecond, and deliveries per second as they were.
    pub(crate) async fn latencies(
        &self,
        subscribers: usize,
        per_second: u64,
        time: Duration,
        bytes: usize,
    ) -> anyhow::Result<(Latencies, f64)> {
        let events = per_second * time.as_secs();
        let mut readers = JoinSet::new();
        for _ in 0..subscribers {
            let client = self.connect().await?;
            let mut messages = client.subscribe(SUBJECT).await?;
            client.flush().await?;
            readers.spawn(async move {
                let _client = client;
                let mut latencies = Latencies::default();
                for _ in 0..events {
                    let message = messages.next().await.context("a subscription ended")?;
                    let sent = message.payload.first_chunk().context("a message without a time")?;
                    latencies.add(u64::from_le_bytes(*sent), now());
                }
                anyhow::Ok(latencies)
            });
        }
        let publisher = self.connect().await?;
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        let began = Instant::now();
        let mut published = 0;
        while published < events {
            tick.tick().await;
            let due = u64::try_from(began.elapsed().as_millis())? * per_second / 1000;
            while published < due.min(events) {
                let mut payload = vec![0; bytes.max(8)];
                payload[..8].copy_from_slice(&now().to_le_bytes());
                publisher.publish(SUBJECT, payload.into()).await?;
                published += 1;
            }
            publisher.flush().await?;
        }
        let mut all = Latencies::default();
        while let Some(ended) = readers.join_next().await {
            all.merge(ended??);
        }
        Ok((all, rate(events * subscribers as u64, began.elapsed())))
    }

    /// Makes a stream in memory with this many messages.
    pub(crate) async fn fill(&self, events: u64, payload: &Bytes) -> anyhow::Result<()> {
        let jetstream = jetstream::new(self.connect().await?);
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec![STORED_SUBJECT.to_owned()],
            storage: stream::StorageType::Memory,
            ..stream::Config::default()
        };
        jetstream.create_stream(config).await?;
        let mut waiting = Vec::with_capacity(UNACKNOWLEDGED);
        for _ in 0..events {
            waiting.push(jetstream.publish(STORED_SUBJECT, payload.clone()).await?);
            if waiting.len() == UNACKNOWLEDGED {
                for acknowledgement in waiting.drain(..) {
                    acknowledgement.await?;
                }
            }
        }
        for acknowledgement in waiting {
            acknowledgement.await?;
        }
        Ok(())
    }

    /// Messages per second to one ordered consumer that reads the whole stream.
    pub(crate) async fn replay(&self, events: u64) -> anyhow::Result<f64> {
        let jetstream = jetstream::new(self.connect().await?);
        let stream = jetstream.get_stream(STREAM).await?;
        let began = Instant::now();
        let consumer = stream.create_consumer(consumer::pull::OrderedConfig::default()).await?;
        let mut messages = consumer.messages().await?;
        for count in 0..events {
            let message = messages.next().await;
            ensure!(matches!(message, Some(Ok(_))), "the replay ended after {count} messages: {message:?}");
        }
        Ok(rate(events, began.elapsed()))
    }
}

/// Waits for the file with the server's ports; there is nothing else that announces it.
async fn client_address(folder: &Path) -> anyhow::Result<String> {
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    loop {
        pause.tick().await;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "ports") {
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            // It may be read while it is written.
            let Ok(ports) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
            let address = ports["nats"][0].as_str().context("nats-server names no port")?;
            return Ok(address.to_owned());
        }
    }
}
