//! What goes on beside: looking for changes, expiry, noting use.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Keys;
use crate::store::StoreError;

/// How often it is looked whether keys changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is noted which keys were used.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// The system's clock may be set; then waiting until a time is not waiting for a while.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) async fn run(keys: &Keys, stop: &CancellationToken) {
    let looking = stop.run_until_cancelled(look_for_changes(keys));
    let ending = stop.run_until_cancelled(end_at_expiry(keys));
    tokio::join!(looking, ending, note_use(keys, stop));
}

async fn look_for_changes(keys: &Keys) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match look(keys).await {
            Ok(ended) => {
                if ended > 0 {
                    tracing::info!(ended, "API keys changed; their callers are ended");
                }
                if !keys.store_answers.swap(true, Ordering::Relaxed) {
                    tracing::info!("The key store answers again");
                }
            }
            Err(error) => {
                if keys.store_answers.swap(false, Ordering::Relaxed) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "The key store does not answer");
                }
            }
        }
    }
}

/// Says how many keys were ended.
async fn look(keys: &Keys) -> Result<usize, StoreError> {
    let asked = Instant::now().into_std();
    let revision = keys.store.revision().await?;
    if revision == keys.remembered.read().revision() {
        keys.remembered.write().unchanged(asked);
        return Ok(0);
    }
    let (revision, revisions) = keys.store.key_revisions().await?;
    Ok(keys.remembered.write().changed(revision, &revisions, asked))
}

async fn end_at_expiry(keys: &Keys) {
    loop {
        let next = keys.remembered.read().next_expiry();
        let wait =
            next.map_or(LONGEST_WAIT, |next| next.duration_since(SystemTime::now()).unwrap_or_default());
        tokio::select! {
            () = keys.expires.notified() => {}
            () = tokio::time::sleep(wait.min(LONGEST_WAIT)) => {}
        }
        let ended = keys.remembered.write().expire(SystemTime::now());
        if ended > 0 {
            tracing::info!(ended, "API keys expired; their callers are ended");
        }
    }
}

/// Also at the stop. What is being noted then is noted first.
async fn note_use(keys: &Keys, stop: &CancellationToken) {
    let mut every = tokio::time::interval(NOTE_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        note(keys).await;
    }
    note(keys).await;
}

async fn note(keys: &Keys) {
    let used = keys.remembered.read().take_used();
    if used.is_empty() {
        return;
    }
    if let Err(error) = keys.store.touch_last_used(&used).await {
        keys.remembered.read().put_back_used(&used);
        tracing::debug!(error = &error as &dyn std::error::Error, "Cannot note which API keys were used");
    }
}
