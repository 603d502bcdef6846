//! A dashboard on a real port, and connections to its hubs.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, StatusCode, header};
use mxgateway_dashboard::peer::Peer;
use mxgateway_dashboard::{Dashboard, router};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::task::AbortOnDropHandle;

use crate::browser::Browser;

/// Longer than anything takes that is waited for.
const LIMIT: Duration = Duration::from_secs(20);

/// The dashboard on a port; ends when dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Served {
    pub(crate) async fn new(dashboard: &Dashboard) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port");
        let address = listener.local_addr().expect("no address");
        let peer = Peer { address, is_encrypted: false };
        let router = router(dashboard.clone()).layer(Extension(peer));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the server ended");
        });
        Self { address, _server: AbortOnDropHandle::new(server) }
    }

    /// A hub, for this browser's visitor, from a page of this origin.
    pub(crate) async fn open_from(
        &self,
        origin: &str,
        path: &str,
        browser: &Browser,
    ) -> Result<Hub, StatusCode> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().expect("a request");
        let mut put = |name, value: &str| {
            request.headers_mut().insert(name, HeaderValue::from_str(value).expect("text"));
        };
        put(header::COOKIE, &browser.cookie());
        put(header::ORIGIN, origin);
        match tokio::time::timeout(LIMIT, connect_async(request)).await.expect("the hub did not answer") {
            Ok((socket, _)) => Ok(Hub(socket)),
            Err(Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A hub, from one of the dashboard's own pages.
    pub(crate) async fn open(&self, path: &str, browser: &Browser) -> Result<Hub, StatusCode> {
        self.open_from(&format!("http://{}", self.address), path, browser).await
    }
}

/// A connection to a hub.
#[derive(Debug)]
pub(crate) struct Hub(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Hub {
    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.message().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a text was awaited, and {other:?} came"),
            }
        }
    }

    /// The next text as JSON.
    pub(crate) async fn json(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// Reads until the end; with which code it came, if there was a goodbye.
    pub(crate) async fn end(&mut self) -> Option<u16> {
        let end = async {
            loop {
                match self.message().await {
                    Some(Message::Close(frame)) => return frame.map(|frame| u16::from(frame.code)),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        tokio::time::timeout(LIMIT, end).await.expect("the hub does not end")
    }

    /// Sends something, which hubs do not expect.
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("it was not sent");
    }

    async fn message(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(LIMIT, self.0.next()).await.expect("the hub sends nothing");
        next.and_then(Result::ok)
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}
