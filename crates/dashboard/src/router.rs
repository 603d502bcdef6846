//! Every path of the dashboard.

use axum::Router;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodFilter, on};

use crate::door;
use crate::headers;
use crate::pages::{audit, end, keys, overview, session, sessions, settings, stream, workers};
use crate::state::Dashboard;
use crate::{api, assets, hubs};

/// A path and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Such as `/sessions/{id}`.
    pub path: &'static str,
}

/// Serves the dashboard. Each request needs a [`crate::peer::Peer`] as an extension.
///
/// It answers whatever is asked, with a fallback of its own. Hubs are WebSockets of HTTP/1.1 and live for as long as a page is
/// open: they outlive the serving of their connection, and end by [`Dashboard::close`].
pub fn router(dashboard: Dashboard) -> Router {
    Listed::new()
        .router
        .merge(door::routes())
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::wrong_method)
        .layer(middleware::from_fn_with_state(dashboard.clone(), door::guard))
        .layer(middleware::map_response(headers::secure))
        .with_state(dashboard)
}

/// Every route, but those of the door.
pub fn routes() -> Vec<Route> {
    Listed::new().routes
}

/// A router that remembers what is on it.
struct Listed {
    router: Router<Dashboard>,
    routes: Vec<Route>,
}

impl Listed {
    fn new() -> Self {
        Self { router: Router::new(), routes: Vec::new() }
            .get("/assets/{version}/{name}", assets::serve)
            .get("/", overview::show)
            .get("/sessions", sessions::show)
            .get("/sessions/{id}", session::show)
            .get("/sessions/{id}/close", end::ask_close)
            .post("/sessions/{id}/close", end::close)
            .get("/sessions/{id}/kill", end::ask_kill)
            .post("/sessions/{id}/kill", end::kill)
            .get("/workers", workers::show)
            .get("/events", stream::show)
            .get("/keys", keys::show)
            .get("/keys/new", keys::change::ask_new)
            .post("/keys/new", keys::change::create)
            .get("/keys/{id}/rotate", keys::change::ask_rotate)
            .post("/keys/{id}/rotate", keys::change::rotate)
            .get("/keys/{id}/revoke", keys::change::ask_revoke)
            .post("/keys/{id}/revoke", keys::change::revoke)
            .get("/audit", audit::show)
            .get("/settings", settings::show)
            .get("/hubs/snapshot", hubs::snapshot)
            .get("/hubs/events", hubs::events)
            .get("/api/v1/snapshot", api::snapshot)
            .get("/api/v1/sessions", api::sessions)
            .get("/api/v1/sessions/{id}", api::session)
            .get("/api/v1/workers", api::workers)
            .get("/api/v1/keys", api::keys)
            .get("/api/v1/audit", api::audit)
            .get("/api/v1/settings", api::settings)
            .get("/api/v1/openapi.json", api::description)
    }

    fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Dashboard>,
        T: 'static,
    {
        self.put(MethodFilter::GET, "GET", path, handler)
    }

    fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Dashboard>,
        T: 'static,
    {
        self.put(MethodFilter::POST, "POST", path, handler)
    }

    fn put<H, T>(mut self, filter: MethodFilter, method: &'static str, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Dashboard>,
        T: 'static,
    {
        self.routes.push(Route { method, path });
        self.router = self.router.route(path, on(filter, handler));
        self
    }
}
