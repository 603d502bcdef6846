//! `/hubs/snapshot`: what the visitor sees of the gateway, at once and each time there is something new.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::response::Response;
use http::HeaderMap;
use tokio::sync::watch;

use super::{Source, open};
use crate::access::Sight;
use crate::door::Entered;
use crate::model::Snapshot;
use crate::state::Dashboard;

struct Snapshots {
    dashboard: Dashboard,
    sight: Sight,
    newest: watch::Receiver<Arc<Snapshot>>,
}

impl Source for Snapshots {
    async fn next(&mut self) -> Option<Utf8Bytes> {
        self.newest.changed().await.ok()?;
        let snapshot = Arc::clone(&self.newest.borrow_and_update());
        Some(self.dashboard.seen_of(&snapshot, &self.sight).json())
    }
}

/// `GET /hubs/snapshot`.
pub(crate) async fn snapshot(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let mut newest = dashboard.backend.snapshots();
    newest.mark_changed();
    let source = Snapshots { dashboard: dashboard.clone(), sight: entered.visitor.sight.clone(), newest };
    open(&dashboard, entered, &headers, upgrade, || Ok(source))
}
