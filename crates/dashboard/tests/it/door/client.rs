//! Requests as nobody's browser sends them, and a directory that counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};
use mxgateway_dashboard::access::Role;
use mxgateway_dashboard::peer::Peer;
use mxgateway_dashboard::settings::Settings;
use mxgateway_dashboard::{Dashboard, router};
use mxgateway_directory::{Directory, Person, SignInError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::browser::{Answer, hidden_field};
use crate::scripted::{Call, Scripted};
use crate::world;

pub(crate) const HOST: &str = "gateway.example";
pub(crate) const PASSWORD: &str = "right";

/// Knows `ann`, who administers, `ben`, who views, and `cid`, who is in no group. Of `down` it cannot say anything.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) asked: AtomicUsize,
    /// A question is answered when it gets a permit.
    pub(crate) answers: Semaphore,
}

#[async_trait]
impl Directory for People {
    async fn sign_in(&self, name: &str, password: &SecretString) -> Result<Person, SignInError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        drop(self.answers.acquire().await.expect("it is not closed"));
        let group = match name.to_lowercase().as_str() {
            "ann" => Some("cn=admins,ou=groups,dc=example"),
            "ben" => Some("cn=viewers,ou=groups,dc=example"),
            "cid" => None,
            "down" => return Err(SignInError::Unavailable("it is away".to_owned())),
            "odd" => return Err(SignInError::Misconfigured("no base".to_owned())),
            _ => return Err(SignInError::WrongCredentials),
        };
        if password.expose_secret() != PASSWORD {
            return Err(SignInError::WrongCredentials);
        }
        let groups = group.map(str::to_owned).into_iter().collect();
        Ok(Person { name: name.to_lowercase(), display_name: name.to_owned(), groups })
    }
}

/// A dashboard, its gateway and its directory.
pub(crate) struct House {
    pub(crate) dashboard: Dashboard,
    pub(crate) gateway: Arc<Scripted>,
    pub(crate) people: Arc<People>,
}

pub(crate) fn house() -> House {
    house_with(Settings::default())
}

pub(crate) fn house_with(settings: Settings) -> House {
    let settings = Settings {
        group_to_role: [("admins".to_owned(), Role::Administrator), ("viewers".to_owned(), Role::Viewer)]
            .into(),
        group_to_session_tag: [("viewers".to_owned(), [world::SEEN_TAG.to_owned()].into())].into(),
        ..settings
    };
    let gateway = Scripted::new(world::snapshot(1));
    let people = Arc::new(People { asked: AtomicUsize::new(0), answers: Semaphore::new(1_000) });
    let dashboard = Dashboard::new(settings, gateway.clone(), Some(people.clone()));
    House { dashboard, gateway, people }
}

impl House {
    /// What was noted: who, what, whether it was allowed, and why not.
    pub(crate) fn notes(&self) -> Vec<(String, &'static str, bool, Option<String>)> {
        let note = |call| match call {
            Call::Note { actor, action, allowed, reason } => Some((actor, action, allowed, reason)),
            Call::CloseSession(..)
            | Call::KillWorker(..)
            | Call::CreateKey(..)
            | Call::RotateKey(..)
            | Call::RevokeKey(..) => None,
        };
        self.gateway.calls().into_iter().filter_map(note).collect()
    }

    /// What was done besides.
    pub(crate) fn done(&self) -> usize {
        self.gateway.calls().len() - self.notes().len()
    }

    pub(crate) fn questions(&self) -> usize {
        self.people.asked.load(Ordering::SeqCst)
    }

    /// Signs in as somebody, and gives the cookie.
    pub(crate) async fn cookie_of(&self, name: &str) -> String {
        let answer = Form::from(&self.dashboard, "192.0.2.1").await.post(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}: {}", answer.text());
        cookies(&answer)[0].clone()
    }

    /// The status of a path with a cookie.
    pub(crate) async fn status(&self, path: &str, cookie: &str) -> StatusCode {
        self.get(path, &[("cookie", cookie)]).await.status
    }

    /// A path, asked for from another machine.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        send(&self.dashboard, "192.0.2.1:50000", request("GET", path, headers, "")).await
    }

    /// A hub; there is no connection that it could be opened on, and so the best answer is 426.
    pub(crate) async fn hub(&self, path: &str, headers: &[(&str, &str)]) -> StatusCode {
        let mut all = vec![
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        all.extend_from_slice(headers);
        self.get(path, &all).await.status
    }

    /// A form that is posted as the dashboard's own pages do it, but for these headers.
    pub(crate) async fn post(
        &self,
        path: &str,
        cookie: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut all = vec![("cookie", cookie)];
        all.extend_from_slice(headers);
        send(&self.dashboard, "192.0.2.1:50000", request("POST", path, &all, body)).await
    }
}

/// The cookies that an answer sets, with their attributes, in order of their names.
pub(crate) fn set_cookies(answer: &Answer) -> Vec<&str> {
    let values = answer.headers.get_all(header::SET_COOKIE).iter();
    let mut all: Vec<_> = values.map(|value| value.to_str().expect("text")).collect();
    all.sort_unstable();
    all
}

/// The same, without attributes.
pub(crate) fn cookies(answer: &Answer) -> Vec<String> {
    let pair = |cookie: &str| cookie.split(';').next().unwrap_or_default().to_owned();
    set_cookies(answer).into_iter().map(pair).collect()
}

/// A request to the dashboard's host.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(header::HOST, HOST);
    }
    if method == "POST" {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).expect("a request")
}

/// Sends a request from this address.
pub(crate) async fn send(dashboard: &Dashboard, from: &str, mut request: Request) -> Answer {
    let address: SocketAddr = from.parse().expect("an address");
    request.extensions_mut().insert(Peer { address, is_encrypted: false });
    let response = router(dashboard.clone()).oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let headers: HeaderMap = parts.headers;
    Answer { status: parts.status, headers, body: to_bytes(body, 16 << 20).await.expect("a body") }
}

/// The form to sign in with, as it was given to somebody.
pub(crate) struct Form<'a> {
    dashboard: &'a Dashboard,
    from: String,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    pub(crate) next: String,
    pub(crate) origin: Option<String>,
}

impl<'a> Form<'a> {
    pub(crate) async fn from(dashboard: &'a Dashboard, address: &str) -> Self {
        let from = format!("{address}:50000");
        let answer = send(dashboard, &from, request("GET", "/sign-in", &[], "")).await;
        assert_eq!(answer.status, StatusCode::OK);
        let csrf = hidden_field(answer.text(), "csrf");
        let cookie = cookies(&answer).pop().expect("a cookie");
        let origin = Some(format!("https://{HOST}"));
        Self { dashboard, from, cookie, csrf, next: "/".to_owned(), origin }
    }

    /// Signs in with it.
    pub(crate) async fn post(&self, name: &str, password: &str) -> Answer {
        let mut headers = vec![("cookie", self.cookie.as_str())];
        if let Some(origin) = &self.origin {
            headers.push(("origin", origin));
        }
        let body = format!("csrf={}&next={}&name={name}&password={password}", self.csrf, self.next);
        send(self.dashboard, &self.from, request("POST", "/sign-in", &headers, &body)).await
    }
}
