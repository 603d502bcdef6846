//! Every path of the dashboard.

use axum::Router;

use crate::state::Dashboard;

/// Serves the dashboard. Each request needs a [`crate::peer::Peer`] as an extension.
pub fn router(dashboard: Dashboard) -> Router {
    Router::new().with_state(dashboard)
}
