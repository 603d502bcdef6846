//! A gateway that tells what a test wants, and notes what it was asked to do.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use mxgateway_dashboard::backend::{
    Actor, AuditFilter, Backend, BackendError, Feed, FeedItem, NewKey, Position,
};
use mxgateway_dashboard::model::{AuditView, KeyView, ScopeView, SettingView, Snapshot};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use crate::sample;

/// What the gateway was asked to do, with the name of who asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    CloseSession(String, String),
    KillWorker(String, String),
    CreateKey(String, NewKey),
    RotateKey(String, String),
    RevokeKey(String, String),
    Note { actor: String, action: &'static str, allowed: bool, reason: Option<String> },
}

/// The scripted gateway.
pub(crate) struct Scripted {
    snapshots: watch::Sender<Arc<Snapshot>>,
    keys: Mutex<Vec<KeyView>>,
    audit: Mutex<Vec<AuditView>>,
    calls: Mutex<Vec<Call>>,
    feeds: Mutex<HashMap<String, broadcast::Sender<FeedItem>>>,
    starts: Mutex<HashMap<String, FeedItem>>,
    asked_from: Mutex<Vec<Option<Position>>>,
}

impl Scripted {
    /// Tells this first.
    pub(crate) fn new(snapshot: Snapshot) -> Arc<Self> {
        Arc::new(Self {
            snapshots: watch::Sender::new(Arc::new(snapshot)),
            keys: Mutex::new(vec![sample::key("key0001")]),
            audit: Mutex::new(vec![sample::audit_entry("key0001", "OpenSession")]),
            calls: Mutex::default(),
            feeds: Mutex::default(),
            starts: Mutex::default(),
            asked_from: Mutex::default(),
        })
    }

    /// Tells this from now on.
    pub(crate) fn tell(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    /// Has these keys from now on.
    pub(crate) fn set_keys(&self, keys: Vec<KeyView>) {
        *self.keys.lock() = keys;
    }

    /// Has this audit trail from now on.
    pub(crate) fn set_audit(&self, entries: Vec<AuditView>) {
        *self.audit.lock() = entries;
    }

    /// Feeds of the session begin with this.
    pub(crate) fn start_feeds_with(&self, session_id: &str, start: FeedItem) {
        self.starts.lock().insert(session_id.to_owned(), start);
    }

    /// Tells it to every feed of the session that there is; how many there are.
    pub(crate) fn feed_item(&self, session_id: &str, item: FeedItem) -> usize {
        self.channel(session_id).send(item).unwrap_or(0)
    }

    /// Feeds of the session that there are.
    pub(crate) fn open_feeds(&self, session_id: &str) -> usize {
        self.channel(session_id).receiver_count()
    }

    /// From where feeds were asked for.
    pub(crate) fn asked_from(&self) -> Vec<Option<Position>> {
        self.asked_from.lock().clone()
    }

    /// What it was asked to do.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }

    fn channel(&self, session_id: &str) -> broadcast::Sender<FeedItem> {
        self.feeds
            .lock()
            .entry(session_id.to_owned())
            .or_insert_with(|| broadcast::Sender::new(1_024))
            .clone()
    }

    fn existing_session(&self, session_id: &str) -> Result<(), BackendError> {
        let is_there = self.snapshot().sessions.iter().any(|session| session.id == session_id);
        is_there.then_some(()).ok_or_else(|| BackendError::NotFound(format!("session {session_id}")))
    }

    fn key(&self, id: &str, change: impl FnOnce(&mut KeyView)) -> Result<KeyView, BackendError> {
        let mut keys = self.keys.lock();
        let key = keys
            .iter_mut()
            .find(|key| key.id == id)
            .ok_or_else(|| BackendError::NotFound(format!("key {id}")))?;
        change(key);
        Ok(key.clone())
    }

    fn called(&self, call: Call) {
        self.calls.lock().push(call);
    }
}

struct ScriptedFeed {
    start: Option<FeedItem>,
    rest: broadcast::Receiver<FeedItem>,
    has_ended: bool,
}

#[async_trait]
impl Feed for ScriptedFeed {
    async fn next(&mut self) -> Option<FeedItem> {
        if self.has_ended {
            return None;
        }
        let item = match self.start.take() {
            Some(start) => start,
            None => self.rest.recv().await.ok()?,
        };
        self.has_ended = matches!(item, FeedItem::End { .. });
        Some(item)
    }
}

#[async_trait]
impl Backend for Scripted {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    fn session_tag(&self, session_id: &str) -> Option<String> {
        let snapshot = self.snapshot();
        let current = snapshot.sessions.iter().map(|session| (&session.id, &session.tag));
        let ended = snapshot.ended.iter().map(|session| (&session.id, &session.tag));
        current.chain(ended).find(|(id, _)| *id == session_id).map(|(_, tag)| tag.clone())
    }

    fn feed(&self, session_id: &str, from: Option<Position>) -> Result<Box<dyn Feed>, BackendError> {
        self.existing_session(session_id)?;
        self.asked_from.lock().push(from);
        let start = self.starts.lock().get(session_id).cloned();
        let position = from.unwrap_or(Position { epoch: 0xf0e1_d2c3_b4a5_9687, sequence: 2_024 });
        let start = start.unwrap_or(FeedItem::Start { position, oldest_retained: 1_001, missing: None });
        let rest = self.channel(session_id).subscribe();
        Ok(Box::new(ScriptedFeed { start: Some(start), rest, has_ended: false }))
    }

    async fn close_session(&self, actor: &Actor, session_id: &str) -> Result<(), BackendError> {
        self.existing_session(session_id)?;
        self.called(Call::CloseSession(actor.name.clone(), session_id.to_owned()));
        Ok(())
    }

    async fn kill_worker(&self, actor: &Actor, session_id: &str) -> Result<(), BackendError> {
        self.existing_session(session_id)?;
        self.called(Call::KillWorker(actor.name.clone(), session_id.to_owned()));
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<KeyView>, BackendError> {
        Ok(self.keys.lock().clone())
    }

    fn scopes(&self) -> Vec<ScopeView> {
        vec![
            ScopeView { name: "session:open", meaning: "open sessions" },
            ScopeView { name: "events:read", meaning: "receive events and alarms" },
        ]
    }

    async fn create_key(&self, actor: &Actor, key: NewKey) -> Result<(KeyView, String), BackendError> {
        if key.scopes.is_empty() {
            return Err(BackendError::Invalid("scopes: a key needs one at least".to_owned()));
        }
        self.called(Call::CreateKey(actor.name.clone(), key.clone()));
        let made = KeyView {
            name: key.name,
            scopes: key.scopes,
            constraints: key.constraints,
            ..sample::key("key0009")
        };
        self.keys.lock().push(made.clone());
        Ok((made, "mxgw_key0009_the-new-secret".to_owned()))
    }

    async fn rotate_key(&self, actor: &Actor, id: &str) -> Result<(KeyView, String), BackendError> {
        let key = self.key(id, |_| {})?;
        self.called(Call::RotateKey(actor.name.clone(), id.to_owned()));
        Ok((key, format!("mxgw_{id}_the-rotated-secret")))
    }

    async fn revoke_key(&self, actor: &Actor, id: &str) -> Result<KeyView, BackendError> {
        let key = self.key(id, |key| key.state = "revoked".to_owned())?;
        self.called(Call::RevokeKey(actor.name.clone(), id.to_owned()));
        Ok(key)
    }

    async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditView>, BackendError> {
        let wanted = |entry: &&AuditView| {
            filter.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
                && filter.action.as_ref().is_none_or(|action| *action == entry.action)
        };
        let limit = usize::try_from(filter.limit.unwrap_or(100)).expect("a small number");
        Ok(self.audit.lock().iter().filter(wanted).take(limit).cloned().collect())
    }

    fn note(&self, actor: &Actor, action: &'static str, allowed: bool, reason: Option<&str>) {
        let reason = reason.map(str::to_owned);
        self.called(Call::Note { actor: actor.name.clone(), action, allowed, reason });
    }

    fn settings(&self) -> Vec<SettingView> {
        sample::settings()
    }
}
