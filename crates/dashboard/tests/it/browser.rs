//! A browser of a kind: it keeps cookies, and posts forms from pages of the dashboard.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::{Extension, Router};
use http::{HeaderMap, Method, Request, StatusCode, header};
use mxgateway_dashboard::peer::Peer;
use mxgateway_dashboard::{Dashboard, router};
use tower::ServiceExt as _;

use crate::world::PASSWORD;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// A header as text; empty without it.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// The browser.
pub(crate) struct Browser {
    router: Router,
    host: &'static str,
    cookies: BTreeMap<String, String>,
    token: Option<String>,
}

impl Browser {
    /// On another machine.
    pub(crate) fn new(dashboard: &Dashboard) -> Self {
        Self::at(dashboard, "192.0.2.9:50123", "gateway.example")
    }

    /// On the gateway's own machine.
    pub(crate) fn local(dashboard: &Dashboard) -> Self {
        Self::at(dashboard, "127.0.0.1:50123", "localhost")
    }

    fn at(dashboard: &Dashboard, address: &str, host: &'static str) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        let peer = Peer { address, is_encrypted: false };
        let router = router(dashboard.clone()).layer(Extension(peer));
        Self { router, host, cookies: BTreeMap::new(), token: None }
    }

    /// Somebody who has signed in.
    pub(crate) async fn signed_in(dashboard: &Dashboard, name: &str) -> Self {
        let mut browser = Self::new(dashboard);
        let form = browser.get("/sign-in").await;
        let csrf = hidden_field(form.text(), "csrf");
        let fields = [("csrf", csrf.as_str()), ("next", "/"), ("name", name), ("password", PASSWORD)];
        let answer = browser.post_form("/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name} was not let in: {answer:?}");
        browser
    }

    /// A program that comes with a hub token of this visitor, and without cookies.
    pub(crate) async fn with_token_of(dashboard: &Dashboard, name: &str) -> Self {
        let token = Self::signed_in(dashboard, name).await.get("/hubs/token").await.json();
        let token = token["access_token"].as_str().expect("a token").to_owned();
        Self { token: Some(token), ..Self::new(dashboard) }
    }

    /// What to send along with a WebSocket's request.
    pub(crate) fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Asks for it.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    /// Asks for a WebSocket there; there is no connection on which it could be opened.
    pub(crate) async fn get_hub(&mut self, path: &str) -> Answer {
        let headers = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        self.send(Method::GET, path, &headers, Body::empty()).await
    }

    /// Asks for it with this header as well.
    pub(crate) async fn get_with(&mut self, path: &str, name: &'static str, value: &str) -> Answer {
        self.send(Method::GET, path, &[(name, value)], Body::empty()).await
    }

    /// Posts a form, with what a page of the dashboard has in it to show that it is meant.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get("/").await;
        let csrf = hidden_field(page.text(), "csrf");
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_form(path, &all).await
    }

    /// Posts a form as it is.
    pub(crate) async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        let origin = format!("http://{}", self.host);
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
        self.send(Method::POST, path, &headers, Body::from(pairs.join("&"))).await
    }

    async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, self.host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.cookie());
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 16 << 20).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// The value of a hidden field of a page; empty without one.
pub(crate) fn hidden_field(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let Some((_, rest)) = page.split_once(&start) else { return String::new() };
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
