//! The trait that the dashboard asks, over the gateway's parts.

use std::sync::Arc;

use async_trait::async_trait;
use mxgateway_auth::audit::{AuditEntry, Outcome};
use mxgateway_dashboard::backend::{Actor, AuditFilter, Backend, BackendError, Feed, NewKey, Position};
use mxgateway_dashboard::model::{AuditView, KeyView, ScopeView, SettingView, Snapshot};
use mxgateway_session_core::lifecycle::{CloseReason, SessionState};
use mxgateway_supervisor::Supervisor;
use tokio::sync::watch;

use super::feeds::Feeds;
use super::keys;
use crate::config::Setting;
use crate::grpc::{Session, Sessions};
use crate::security::Office;

/// What is noted when somebody ends a session or a worker here; of the gRPC services, these are names of RPCs.
const CLOSE_SESSION: &str = "DashboardCloseSession";
const KILL_WORKER: &str = "DashboardKillWorker";

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct GatewayBackend {
    sessions: Arc<Sessions>,
    feeds: Feeds<Supervisor>,
    newest: watch::Receiver<Arc<Snapshot>>,
    office: Option<Office>,
    settings: Vec<SettingView>,
}

impl GatewayBackend {
    pub(super) fn new(
        sessions: Arc<Sessions>,
        feeds: Feeds<Supervisor>,
        newest: watch::Receiver<Arc<Snapshot>>,
        office: Option<Office>,
        settings: Vec<Setting>,
    ) -> Self {
        let settings = settings
            .into_iter()
            .map(|setting| SettingView {
                key: setting.key.to_owned(),
                value: setting.value,
                source: setting.source,
            })
            .collect();
        Self { sessions, feeds, newest, office, settings }
    }

    fn session(&self, id: &str) -> Option<Session> {
        self.sessions.get(id.parse().ok()?)
    }

    /// A session that has not ended.
    fn open_session(&self, id: &str) -> Result<Session, BackendError> {
        let open = self.session(id).filter(|session| session.state() != SessionState::Closed);
        open.ok_or_else(|| BackendError::NotFound(format!("session {id}")))
    }

    fn office(&self) -> Result<&Office, BackendError> {
        let why = "authentication is off (auth.mode), and so there are neither keys nor an audit trail";
        self.office.as_ref().ok_or_else(|| BackendError::Unavailable(why.to_owned()))
    }

    fn record(&self, entry: AuditEntry) {
        if let Some(office) = &self.office {
            office.audit.record(entry);
        }
    }
}

fn entry(actor: &Actor, action: &'static str, outcome: Outcome) -> AuditEntry {
    AuditEntry::new(std::time::SystemTime::now(), keys::actor(actor), action, outcome)
        .peer(actor.peer.as_str())
}

#[async_trait]
impl Backend for GatewayBackend {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.newest.clone()
    }

    fn session_tag(&self, session_id: &str) -> Option<String> {
        self.session(session_id).map(|session| session.options().tag.clone())
    }

    fn feed(&self, session_id: &str, from: Option<Position>) -> Result<Box<dyn Feed>, BackendError> {
        let session = self.session(session_id);
        let session = session.ok_or_else(|| BackendError::NotFound(format!("session {session_id}")))?;
        self.feeds.feed(&session, from)
    }

    async fn close_session(&self, actor: &Actor, session_id: &str) -> Result<(), BackendError> {
        let session = self.open_session(session_id)?;
        self.record(entry(actor, CLOSE_SESSION, Outcome::Allowed).target(session_id));
        session.close(CloseReason::Administrator).await;
        Ok(())
    }

    async fn kill_worker(&self, actor: &Actor, session_id: &str) -> Result<(), BackendError> {
        let session = self.open_session(session_id)?;
        self.record(entry(actor, KILL_WORKER, Outcome::Allowed).target(session_id));
        session.kill().await;
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<KeyView>, BackendError> {
        keys::list(self.office()?).await
    }

    fn scopes(&self) -> Vec<ScopeView> {
        keys::scopes()
    }

    async fn create_key(&self, actor: &Actor, key: NewKey) -> Result<(KeyView, String), BackendError> {
        keys::create(self.office()?, actor, key).await
    }

    async fn rotate_key(&self, actor: &Actor, id: &str) -> Result<(KeyView, String), BackendError> {
        keys::rotate(self.office()?, actor, id).await
    }

    async fn revoke_key(&self, actor: &Actor, id: &str) -> Result<KeyView, BackendError> {
        keys::revoke(self.office()?, actor, id).await
    }

    async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditView>, BackendError> {
        keys::audit(self.office()?, filter).await
    }

    fn note(&self, actor: &Actor, action: &'static str, allowed: bool, reason: Option<&str>) {
        let outcome = if allowed { Outcome::Allowed } else { Outcome::Denied };
        tracing::info!(visitor = actor.name, peer = actor.peer, outcome = outcome.name(), reason, "{action}");
        let mut entry = entry(actor, action, outcome);
        if let Some(reason) = reason {
            entry = entry.detail("reason", reason);
        }
        self.record(entry);
    }

    fn settings(&self) -> Vec<SettingView> {
        self.settings.clone()
    }
}
