//! Who enters the dashboard: signing in and out, and what each request has to bring along.
//!
//! [`Entered`] is what a handler takes to be asked only by somebody who may be here, [`Confirmed`] what one takes that
//! changes something. [`guard`] goes around all paths, so that a handler which asks for neither is still not open.
//!
//! Pages need `Referrer-Policy: same-origin`: with `no-referrer`, browsers send `Origin: null` with forms.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use mxgateway_directory::Directory;

use crate::access::Visitor;
use crate::backend::Actor;
use crate::peer::Peer;
use crate::settings::Settings;
use crate::state::Dashboard;

/// Lets visitors in; clones are the same one.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    settings: Arc<Settings>,
    /// `None` where nobody can sign in.
    directory: Option<Arc<dyn Directory>>,
}

impl Door {
    /// One that asks this directory; without one, nobody can sign in.
    pub fn new(settings: Arc<Settings>, directory: Option<Arc<dyn Directory>>) -> Self {
        Self(Arc::new(Inner { settings, directory }))
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Door")
            .field("can_sign_in", &self.0.directory.is_some())
            .finish_non_exhaustive()
    }
}

/// Somebody who may be here. Comes from the cookie; under `/hubs/` also from a hub token; or from localhost, where that is
/// allowed. Everybody else is sent to `/sign-in`, or refused with 401 and JSON under `/api/` and `/hubs/`.
#[derive(Clone, Debug)]
pub struct Entered {
    /// Who, and what that one may see and do.
    pub visitor: Visitor,
    /// Value of the hidden field `csrf` in each form that changes something. Empty for those who may change nothing.
    pub csrf: String,
    /// Where the request comes from.
    pub peer: Peer,
}

impl Entered {
    /// Who acts, for the audit trail.
    pub fn actor(&self) -> Actor {
        Actor { name: self.visitor.name.clone(), peer: self.peer.address.to_string() }
    }

    /// Comes back as soon as the visitor may not be here any more: signed out, signed in for too long, or with a hub
    /// token that ended. For what outlives its request. Cancel-safe.
    pub async fn left(&self) {
        std::future::pending().await
    }
}

impl FromRequestParts<Dashboard> for Entered {
    type Rejection = Refusal;

    async fn from_request_parts(_parts: &mut Parts, _dashboard: &Dashboard) -> Result<Self, Refusal> {
        Err(Refusal)
    }
}

/// Somebody who may be here and who really meant this: a form from a page of the dashboard, posted by its visitor. Takes the
/// request's body, and so stands last among a handler's arguments.
#[derive(Debug)]
pub struct Confirmed {
    /// Who.
    pub entered: Entered,
    fields: Vec<(String, String)>,
}

impl Confirmed {
    /// The first value of a field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field of the form, such as of a group of check boxes.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest<Dashboard> for Confirmed {
    type Rejection = Refusal;

    async fn from_request(_request: Request, _dashboard: &Dashboard) -> Result<Self, Refusal> {
        Err(Refusal)
    }
}

/// Why somebody does not get in, and what that one is told.
#[derive(Debug)]
pub struct Refusal;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

/// `GET` and `POST` of `/sign-in`, `POST /sign-out`, `GET /denied` and `GET /hubs/token`, which answers
/// `{"access_token": …, "expires_at": …}`.
pub fn routes() -> Router<Dashboard> {
    Router::new()
}

/// Goes around every path and lets nobody through who may not be here, but to `/sign-in`, `/denied` and below `/assets/`.
///
/// Put on with `router.layer(axum::middleware::from_fn_with_state(dashboard, door::guard))`.
pub async fn guard(State(dashboard): State<Dashboard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match Entered::from_request_parts(&mut parts, &dashboard).await {
        Ok(entered) => {
            parts.extensions.insert(entered);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    }
}
