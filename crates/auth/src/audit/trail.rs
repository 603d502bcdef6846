//! Writing the audit trail without anybody waiting for it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{AuditEntry, Outcome};
use crate::store::{AuthStore, StoreError};

/// Entries that wait to be written; what comes when there are so many is lost.
pub const QUEUE_CAPACITY: usize = 4_096;
/// Entries that are written in one transaction.
const BATCH: usize = 256;
/// How long to wait after a failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// After so many failures in a row entries are given up, if the store answers otherwise.
const TRIES: u32 = 6;
/// How often old entries are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(3_600);

/// Takes entries for the audit trail; clones take them for the same one.
///
/// What is recorded is written by [`AuditWriter::run`]. Recording neither waits nor fails: an audit trail that
/// cannot be written shows in [`health`](Self::health) and stops nothing.
#[derive(Clone)]
pub struct AuditTrail {
    queue: mpsc::Sender<AuditEntry>,
    health: Arc<watch::Sender<AuditHealth>>,
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AuditTrail").field("health", &*self.health.borrow()).finish_non_exhaustive()
    }
}

/// How the writing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHealth {
    /// False from a failure or a loss on until entries are written again, and the loss with them.
    pub healthy: bool,
    /// Entries written since the start.
    pub written: u64,
    /// Entries lost since the start.
    pub lost: u64,
}

/// Writes what was recorded, and deletes what is old.
#[derive(Debug)]
pub struct AuditWriter {
    store: AuthStore,
    retention: Option<Duration>,
    queue: mpsc::Receiver<AuditEntry>,
    /// Taken from the queue and not written yet.
    batch: Vec<AuditEntry>,
    /// Lost entries of which the trail itself tells.
    reported: u64,
    health: Arc<watch::Sender<AuditHealth>>,
}

impl AuditTrail {
    /// A trail in the store, whose entries are deleted when they are older than `retention`; `None` keeps
    /// them for ever. Nothing is written before [`AuditWriter::run`] runs.
    pub fn new(store: AuthStore, retention: Option<Duration>) -> (Self, AuditWriter) {
        let (sender, queue) = mpsc::channel(QUEUE_CAPACITY);
        let health = Arc::new(watch::Sender::new(AuditHealth { healthy: true, written: 0, lost: 0 }));
        let writer = AuditWriter {
            store,
            retention,
            queue,
            batch: Vec::with_capacity(BATCH),
            reported: 0,
            health: Arc::clone(&health),
        };
        (Self { queue: sender, health }, writer)
    }

    /// Takes an entry to be written soon. When the queue is full, or after the writer's stop, it is lost and
    /// counted.
    pub fn record(&self, entry: AuditEntry) {
        if self.queue.try_send(entry).is_err() {
            lose(&self.health, 1);
        }
    }

    /// How the writing goes, now and from now on.
    pub fn health(&self) -> watch::Receiver<AuditHealth> {
        self.health.subscribe()
    }
}

impl AuditWriter {
    /// Writes until `stop` is cancelled, and then what was recorded before. With a store that does not answer,
    /// that takes at most two of its time limits.
    pub async fn run(mut self, stop: CancellationToken) {
        let (store, retention) = (self.store.clone(), self.retention);
        tokio::select! {
            () = self.write_until(&stop) => {}
            () = delete_old(&store, retention) => {}
        }
    }

    async fn write_until(&mut self, stop: &CancellationToken) {
        loop {
            let unreported = self.unreported() > 0;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                taken = self.queue.recv_many(&mut self.batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    self.write(stop).await;
                }
                // Nothing may come that would show that the store works again.
                () = tokio::time::sleep(MAX_PAUSE), if unreported => self.report().await,
            }
        }
        self.queue.close();
        while self.queue.recv_many(&mut self.batch, BATCH).await > 0 {
            self.write(stop).await;
        }
    }

    /// Writes the batch, or gives it up.
    async fn write(&mut self, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut failures = 0;
        while let Err(error) = self.store.append_audit(&self.batch).await {
            failures += 1;
            self.failed(&error);
            if stop.is_cancelled() {
                // It is no time to wait for better ones.
                while self.queue.try_recv().is_ok() {
                    lose(&self.health, 1);
                }
                self.give_up();
                return;
            }
            if failures >= TRIES && self.store.revision().await.is_ok() {
                self.give_up();
                return;
            }
            let _ = tokio::time::timeout(pause, stop.cancelled()).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        let written = count(self.batch.len());
        self.batch.clear();
        self.health.send_modify(|health| health.written += written);
        self.report().await;
    }

    /// After a success: tells what was lost, and that all is well.
    async fn report(&mut self) {
        let lost = self.unreported();
        if lost > 0 {
            let entry = AuditEntry::new(SystemTime::now(), "gateway", "audit-lost", Outcome::Failed)
                .detail("entries", lost);
            if let Err(error) = self.store.append_audit(&[entry]).await {
                self.failed(&error);
                return;
            }
            self.reported += lost;
        }
        let mut recovered = false;
        let all_told = self.unreported() == 0;
        self.health.send_if_modified(|health| {
            recovered = all_told && !health.healthy;
            health.healthy |= all_told;
            recovered
        });
        if recovered {
            tracing::info!(lost, "The audit trail is written again");
        }
    }

    fn failed(&self, error: &StoreError) {
        let mut first = false;
        self.health.send_if_modified(|health| {
            first = health.healthy;
            health.healthy = false;
            first
        });
        if first {
            tracing::error!(error = error as &dyn std::error::Error, "Cannot write the audit trail");
        }
    }

    fn give_up(&mut self) {
        let lost = count(self.batch.len());
        self.batch.clear();
        lose(&self.health, lost);
        tracing::error!(lost, "Gave up entries of the audit trail");
    }

    fn unreported(&self) -> u64 {
        self.health.borrow().lost.saturating_sub(self.reported)
    }
}

fn lose(health: &watch::Sender<AuditHealth>, lost: u64) {
    let mut first = false;
    health.send_modify(|health| {
        first = health.healthy;
        health.healthy = false;
        health.lost += lost;
    });
    if first {
        tracing::error!("The audit trail takes no more entries; they are lost");
    }
}

fn count(entries: usize) -> u64 {
    u64::try_from(entries).unwrap_or(u64::MAX)
}

/// Never ends.
async fn delete_old(store: &AuthStore, retention: Option<Duration>) {
    let Some(retention) = retention else { return std::future::pending().await };
    let mut every = tokio::time::interval(RETENTION_EVERY);
    loop {
        every.tick().await;
        let Some(before) = SystemTime::now().checked_sub(retention) else { continue };
        let mut deleted = 0;
        loop {
            match store.delete_some_audit_before(before).await {
                Ok(0) => break,
                Ok(some) => deleted += some,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "Cannot delete old entries of the audit trail");
                    break;
                }
            }
        }
        if deleted > 0 {
            tracing::info!(deleted, "Deleted old entries of the audit trail");
        }
    }
}
