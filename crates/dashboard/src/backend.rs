//! What the dashboard needs of the gateway; the server implements it, tests have their own.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{AuditView, EventBatch, KeyView, ScopeView, SettingView, Snapshot};

/// Where an event stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Names the worker's numbering.
    pub epoch: u64,
    /// Everything up to this was seen.
    pub sequence: u64,
}

/// What a feed of events tells, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedItem {
    /// Always first.
    Start {
        /// Events follow after this.
        position: Position,
        /// Sequence of the oldest retained event, 0 when there is none.
        oldest_retained: u64,
        /// Events that are missing between the position asked for and this one, with the reason.
        missing: Option<Missing>,
    },
    /// Events in the worker's order. Feeds of one session share them, and with them what they are in JSON.
    Events(Arc<EventBatch>),
    /// Events that do not come: lost at the source, or skipped because there were more than a page can show.
    Missing(Missing),
    /// Nothing came for a while.
    Bookmark(Position),
    /// The session ended; always last.
    End {
        /// Why.
        reason: String,
    },
}

/// A hole in a feed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// First sequence that does not come.
    pub from: u64,
    /// Last sequence that does not come.
    pub to: u64,
    /// How many.
    pub count: u64,
    /// Such as `evicted`, `epoch_changed`, `journal_overflow` or `skipped`.
    pub reason: String,
}

/// Reads one session's events through a subscriber of the gateway's own; dropping it ends it.
#[async_trait]
pub trait Feed: Send {
    /// What comes next; `None` after the end. Cancel-safe. Never holds the gateway up: what a slow page does not take
    /// is skipped and told as [`FeedItem::Missing`].
    async fn next(&mut self) -> Option<FeedItem>;
}

/// Who acts, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The visitor's name.
    pub name: String,
    /// The address it comes from.
    pub peer: String,
}

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// Lines such as `read_subtree = Plant.Line_001`; empty means everywhere.
    pub constraints: Vec<String>,
    /// Days until it ends; `None` for never.
    pub expires_in_days: Option<u32>,
}

/// What narrows the audit trail down.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct AuditFilter {
    /// Only what this one did.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Seconds back from now.
    pub since_seconds: Option<u64>,
    /// Entries at most; the newest count.
    pub limit: Option<u32>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// There is no such session or key.
    #[error("{0} does not exist")]
    NotFound(String),
    /// What was asked for makes no sense; the text names the field.
    #[error("{0}")]
    Invalid(String),
    /// The gateway has no such thing now; the text says why.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the gateway; its log has the details.
    #[error("a fault in the gateway; its log has the details")]
    Internal,
}

/// The gateway as the dashboard sees it. Whoever calls has asked [`crate::access`] before.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The newest snapshot; a new one comes each second, by [`Self::snapshots`].
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Changes with each new snapshot.
    fn snapshots(&self) -> tokio::sync::watch::Receiver<Arc<Snapshot>>;

    /// A session's tag, also of one that ended not long ago; `None` when there is no such session.
    fn session_tag(&self, session_id: &str) -> Option<String>;

    /// Reads a session's events from a position on, or from the last few that are retained.
    fn feed(&self, session_id: &str, from: Option<Position>) -> Result<Box<dyn Feed>, BackendError>;

    /// Ends a session, and notes who did it.
    async fn close_session(&self, actor: &Actor, session_id: &str) -> Result<(), BackendError>;

    /// Ends a session's worker by force, and notes who did it.
    async fn kill_worker(&self, actor: &Actor, session_id: &str) -> Result<(), BackendError>;

    /// Every API key.
    async fn keys(&self) -> Result<Vec<KeyView>, BackendError>;

    /// What keys may be good for, in the order that people are shown.
    fn scopes(&self) -> Vec<ScopeView>;

    /// Makes a key; gives the whole key, which is shown once.
    async fn create_key(&self, actor: &Actor, key: NewKey) -> Result<(KeyView, String), BackendError>;

    /// Gives a key a new secret; gives the whole key, which is shown once.
    async fn rotate_key(&self, actor: &Actor, id: &str) -> Result<(KeyView, String), BackendError>;

    /// Makes a key good for nothing.
    async fn revoke_key(&self, actor: &Actor, id: &str) -> Result<KeyView, BackendError>;

    /// Entries of the audit trail, the newest first.
    async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditView>, BackendError>;

    /// Notes something that the dashboard itself did, such as a sign-in: `action` is `DashboardSignIn` or the like.
    fn note(&self, actor: &Actor, action: &'static str, allowed: bool, reason: Option<&str>);

    /// The effective configuration, secrets redacted.
    fn settings(&self) -> Vec<SettingView>;
}
