//! What is live, over WebSocket: `/hubs/snapshot` and `/hubs/events`.
//!
//! A hub sends and never takes anything in. A browser that does not read is let go after a while; until then, nothing is
//! kept for it but what is being sent, since what a hub sends next is asked for when the last was sent.

mod connection;
mod events;
mod snapshot;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{refused, refused_for};
use crate::door::Entered;
use crate::pages::trouble::Trouble;
use crate::state::Dashboard;

pub(crate) use events::events;
pub(crate) use snapshot::snapshot;

/// What clients send at most, in bytes: pongs and a goodbye.
const MAX_INCOMING_BYTES: usize = 1_024;

/// What hubs may take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubLimits {
    /// Connections at a time.
    pub connections: usize,
    /// Of these, those of one visitor.
    pub connections_of_visitor: usize,
    /// Until a message that is being sent is taken.
    pub write: Duration,
    /// Between two pings; one that is not answered until the next ends the connection.
    pub ping: Duration,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            connections_of_visitor: 500,
            write: Duration::from_secs(10),
            ping: Duration::from_secs(15),
        }
    }
}

/// Every hub connection; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hubs(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    limits: HubLimits,
    stop: CancellationToken,
    running: TaskTracker,
    /// Connections by visitor; those without any are not in it.
    places: Mutex<HashMap<String, usize>>,
}

/// A connection that counts; dropping it makes room.
#[derive(Debug)]
struct Place {
    hubs: Hubs,
    visitor: String,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Gateway,
    Visitor,
}

impl Hubs {
    pub(crate) fn new(limits: HubLimits) -> Self {
        Self(Arc::new(Inner { limits, ..Inner::default() }))
    }

    /// Ends every connection and waits until they are gone.
    pub(crate) async fn close(&self) {
        self.0.stop.cancel();
        self.0.running.close();
        self.0.running.wait().await;
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.0.places.lock().values().sum()
    }

    fn place(&self, visitor: &str) -> Result<Place, Full> {
        let mut places = self.0.places.lock();
        if places.values().sum::<usize>() >= self.0.limits.connections {
            return Err(Full::Gateway);
        }
        let own = places.entry(visitor.to_owned()).or_default();
        if *own >= self.0.limits.connections_of_visitor {
            return Err(Full::Visitor);
        }
        *own += 1;
        Ok(Place { hubs: self.clone(), visitor: visitor.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.hubs.0.places.lock();
        if let Some(own) = places.get_mut(&self.visitor) {
            *own -= 1;
            if *own == 0 {
                places.remove(&self.visitor);
            }
        }
    }
}

/// What a hub sends.
trait Source: Send {
    /// What is to be sent next; `None` when there is no more. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Option<axum::extract::ws::Utf8Bytes>> + Send;
}

/// Takes the connection over and sends what the source has, when the request may and there is room.
fn open<S: Source + 'static>(
    dashboard: &Dashboard,
    entered: Entered,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    source: impl FnOnce() -> Result<S, Trouble>,
) -> Response {
    if !is_same_origin(headers) {
        return refused(StatusCode::FORBIDDEN, "wrong_origin", "hubs are for the dashboard's own pages");
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refused(rejection.status(), "not_a_websocket", &rejection.body_text()),
    };
    let hubs = &dashboard.hubs;
    let place = match hubs.place(&entered.visitor.name) {
        Ok(place) => place,
        Err(Full::Visitor) => {
            return refused(StatusCode::TOO_MANY_REQUESTS, "too_many_hubs", "you have too many pages open");
        }
        Err(Full::Gateway) => {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "too_many_hubs", "too many pages are open");
        }
    };
    let source = match source() {
        Ok(source) => source,
        Err(trouble) => return refused_for(&trouble),
    };
    let running = hubs.0.running.clone();
    let stop = hubs.0.stop.clone();
    let limits = hubs.0.limits;
    upgrade
        .max_message_size(MAX_INCOMING_BYTES)
        .max_frame_size(MAX_INCOMING_BYTES)
        .on_upgrade(move |socket: WebSocket| {
            running.track_future(async move {
                connection::run(socket, source, &entered, limits, &stop).await;
                drop(place);
            })
        })
        .into_response()
}

/// Browsers always say from which page a WebSocket is opened; other programs do not.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(header::ORIGIN) else { return true };
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.into_parts().authority);
    match (authority, text(header::HOST)) {
        (Some(authority), Some(host)) => authority.as_str().eq_ignore_ascii_case(host),
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_dashboards_own_pages_get_a_hub() {
        let is_same = |origin: Option<&'static str>, host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            is_same_origin(&headers)
        };
        assert!(is_same(None, "gateway:8080"));
        assert!(is_same(Some("http://gateway:8080"), "gateway:8080"));
        assert!(is_same(Some("https://Gateway"), "gateway"));
        for origin in
            ["null", "", "http://gateway", "http://gateway:8081", "http://gateway:8080.evil.example"]
        {
            assert!(!is_same(Some(origin), "gateway:8080"), "{origin:?} was let in");
        }
    }

    #[test]
    fn places_are_counted_for_each_visitor_and_for_all() {
        let hubs = Hubs::new(HubLimits { connections: 3, connections_of_visitor: 2, ..HubLimits::default() });
        let first = hubs.place("ada").unwrap();
        let second = hubs.place("ada").unwrap();
        assert_eq!(hubs.place("ada").unwrap_err(), Full::Visitor);
        let third = hubs.place("ben").unwrap();
        assert_eq!(hubs.place("cy").unwrap_err(), Full::Gateway);
        drop((first, second, third));
        assert_eq!(hubs.count(), 0);
        assert!(hubs.0.places.lock().is_empty(), "a visitor without connections is still remembered");
    }
}
