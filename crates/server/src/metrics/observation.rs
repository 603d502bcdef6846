//! What is looked at when the metrics are asked for.

use std::collections::HashMap;

use mxgateway_auth::audit::AuditHealth;
use mxgateway_session::{SessionManager, WorkerLauncher};
use mxgateway_session_core::subscriber::SubscriberKind;
use mxgateway_supervisor::OrphanCounts;

use super::labels::State;
use crate::readiness::{Check, Checks};

/// A look at the sessions and at what keeps the keys and the audit trail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    pub(super) sessions: HashMap<State, u64>,
    pub(super) subscribers: u64,
    pub(super) commands_waiting: u64,
    pub(super) dashboard_hubs: u64,
    pub(super) orphans: OrphanCounts,
    pub(super) audit_written: u64,
    pub(super) audit_lost: u64,
    pub(super) audit_failed: bool,
    pub(super) key_store_failed: bool,
}

impl Observation {
    /// Looks; `audit` is `None` where nothing is noted.
    pub(crate) fn of<L: WorkerLauncher>(
        sessions: &SessionManager<L>,
        orphans: OrphanCounts,
        checks: Checks,
        audit: Option<AuditHealth>,
        dashboard_hubs: usize,
    ) -> Self {
        let mut look = Self {
            orphans,
            dashboard_hubs: count(dashboard_hubs),
            audit_written: audit.map_or(0, |audit| audit.written),
            audit_lost: audit.map_or(0, |audit| audit.lost),
            audit_failed: audit.is_some_and(|audit| !audit.healthy),
            key_store_failed: checks.key_store == Check::Failed,
            ..Self::default()
        };
        for session in sessions.list() {
            let status = session.status();
            *look.sessions.entry(status.state.into()).or_default() += 1;
            // The gateway's own readers are not clients.
            let clients = status.subscribers.iter().filter(|(who, _)| who.kind == SubscriberKind::External);
            look.subscribers += count(clients.count());
            look.commands_waiting += count(session.pending_commands());
        }
        look
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
