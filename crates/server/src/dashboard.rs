//! The gateway as the dashboard sees it: what it shows is looked at here, and what it does goes through here.
//!
//! Looking costs the same for one visitor and for hundreds: one snapshot a second, and for each session one reader of
//! the gateway's own, whose batches all who look at the session share.

mod backend;
mod door;
mod event_views;
mod feeds;
mod keys;
mod latencies;
mod observer;
mod processes;
mod session_views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mxgateway_dashboard::Dashboard;
use mxgateway_dashboard::model::Snapshot;
use mxgateway_directory::{Directory, LdapDirectory};
use mxgateway_supervisor::Supervisor;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Setting};
use crate::grpc::Sessions;
use crate::readiness::Readiness;
use crate::security::Office;
use backend::GatewayBackend;
use feeds::Feeds;
use observer::Observer;

pub use door::DirectoryError;
pub(crate) use latencies::Latencies;

/// What the dashboard is made of.
pub(crate) struct Parts {
    /// Where gRPC is served.
    pub(crate) address: SocketAddr,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) readiness: Readiness,
    pub(crate) latencies: Latencies,
    /// What may be done with keys and the audit trail; `None` where authentication is off.
    pub(crate) office: Option<Office>,
    /// What `/settings` shows.
    pub(crate) settings: Vec<Setting>,
}

/// What keeps the dashboard up to date.
#[derive(Debug)]
pub(crate) struct Watch {
    observer: Observer,
    newest: watch::Sender<Arc<Snapshot>>,
    feeds: Feeds<Supervisor>,
}

impl Watch {
    /// Watches until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.observer.run(self.newest) => {}
            () = self.feeds.run() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The dashboard and what has to run for it; `None` when it is not to be served.
pub(crate) fn open(config: &Config, parts: Parts) -> Result<Option<(Dashboard, Watch)>, DirectoryError> {
    if !config.dashboard.enabled || config.http.listen.is_none() {
        return Ok(None);
    }
    let directory = match door::ldap_settings(&config.ldap)? {
        Some(settings) => Some(Arc::new(LdapDirectory::new(settings)?) as Arc<dyn Directory>),
        None => None,
    };
    let Parts { address, sessions, readiness, latencies, office, settings } = parts;
    let values = config.dashboard.show_tag_values;
    let feeds = Feeds::new(Arc::clone(&sessions), values, config.events.bookmark_interval);
    let mut observer = Observer::new(config, address, Arc::clone(&sessions), readiness, latencies);
    let newest = watch::Sender::new(Arc::new(observer.look(Instant::now())));
    let backend = GatewayBackend::new(sessions, feeds.clone(), newest.subscribe(), office, settings);
    let dashboard = Dashboard::new(door::settings(config), Arc::new(backend), directory);
    Ok(Some((dashboard, Watch { observer, newest, feeds })))
}
