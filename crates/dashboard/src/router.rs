//! Every path of the dashboard.

use axum::Router;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodFilter, on};

use crate::assets;
use crate::door;
use crate::headers;
use crate::state::Dashboard;

/// A path and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Such as `/sessions/{id}`.
    pub path: &'static str,
}

/// Serves the dashboard. Each request needs a [`crate::peer::Peer`] as an extension.
pub fn router(dashboard: Dashboard) -> Router {
    Listed::new()
        .router
        .merge(door::routes())
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
        Self { router: Router::new(), routes: Vec::new() }.get("/assets/{version}/{name}", assets::serve)
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
