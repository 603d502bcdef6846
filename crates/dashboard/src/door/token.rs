//! `GET /hubs/token`: tokens for programs that have no cookies.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::entering::Entered;
use super::seal::HubPass;
use crate::api::json;
use crate::state::Dashboard;

/// A token for the hubs.
#[derive(Debug, Serialize)]
struct Given {
    access_token: String,
    expires_at: Timestamp,
}

/// Gives a token; with one, nobody gets here.
pub(super) async fn give(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    let door = &dashboard.door.0;
    let now = Instant::now();
    let wanted = now + dashboard.settings.hub_token_lifetime;
    let ends = entered.visit.as_ref().map_or(wanted, |visit| wanted.min(visit.latest_end()));
    let pass = HubPass {
        visit: entered.visit.as_ref().map(|visit| visit.id),
        until: ends.saturating_duration_since(door.begun),
    };
    let expires_at = Timestamp::now() + ends.saturating_duration_since(now);
    json(&Given { access_token: door.seal.hub_token(pass), expires_at })
}
