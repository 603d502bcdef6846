//! Who enters the dashboard: signing in and out, and what each request has to bring along.
//!
//! [`Entered`] is what a handler takes to be asked only by somebody who may be here, [`Confirmed`] what one takes that
//! changes something. [`guard`] goes around all paths, so that a handler which asks for neither is still not open.
//!
//! A sign-in is a random token in a cookie; the gateway keeps its hash only. It is good for
//! [`Settings::session_lifetime`](crate::settings::Settings::session_lifetime) after each request, for a day at most, and
//! until it is signed out. What comes from it, form tokens and hub tokens, ends with it. Nothing of it outlives the gateway.
//!
//! Pages need `Referrer-Policy: same-origin`: with `no-referrer`, browsers send `Origin: null` with forms.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use mxgateway_directory::Directory;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use zeroize::Zeroizing;

use lockout::Lockout;
use seal::Seal;
use visits::Visits;

use crate::settings::Settings;
use crate::state::Dashboard;

mod cookies;
mod entering;
mod groups;
mod lockout;
mod name;
mod next;
mod origin;
mod refusal;
mod seal;
mod sign_in;
mod token;
mod visits;

pub use entering::{Confirmed, Entered};
pub use refusal::Refusal;

/// Questions to the directory at a time.
const MAX_QUESTIONS: usize = 16;
/// Bytes of the form to sign in with.
const MAX_SIGN_IN_BYTES: usize = 16 << 10;

/// Lets visitors in; clones are the same one.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    settings: Arc<Settings>,
    /// `None` where nobody can sign in.
    directory: Option<Arc<dyn Directory>>,
    visits: Visits,
    lockout: Mutex<Lockout>,
    seal: Seal,
    /// Hub tokens end so long after this.
    begun: Instant,
    questions: Semaphore,
}

impl Door {
    /// One that asks this directory; without one, nobody can sign in.
    ///
    /// # Panics
    /// Where the system gives no random bytes.
    pub fn new(settings: Arc<Settings>, directory: Option<Arc<dyn Directory>>) -> Self {
        Self(Arc::new(Inner {
            settings,
            directory,
            visits: Visits::default(),
            lockout: Mutex::default(),
            seal: Seal::new(),
            begun: Instant::now(),
            questions: Semaphore::new(MAX_QUESTIONS),
        }))
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

/// `GET` and `POST` of `/sign-in`, `POST /sign-out`, `GET /denied` and `GET /hubs/token`, which answers
/// `{"access_token": …, "expires_at": …}`.
pub fn routes() -> Router<Dashboard> {
    Router::new()
        .route("/sign-in", get(sign_in::ask).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/denied", get(sign_in::denied))
        .route("/hubs/token", get(token::give))
        .layer(DefaultBodyLimit::max(MAX_SIGN_IN_BYTES))
}

/// Goes around every path and lets nobody through who may not be here, but to `/sign-in`, `/denied` and below `/assets/`.
///
/// Put on with `router.layer(axum::middleware::from_fn_with_state(dashboard, door::guard))`.
pub async fn guard(State(dashboard): State<Dashboard>, request: Request, next: Next) -> Response {
    if is_open(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match Entered::from_request_parts(&mut parts, &dashboard).await {
        Ok(entered) => {
            parts.extensions.insert(entered);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether anybody may ask for it.
fn is_open(path: &str) -> bool {
    matches!(path, "/sign-in" | "/denied") || path.starts_with("/assets/")
}

/// Bytes that nobody can guess.
fn random_bytes() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).expect("the system gives random bytes");
    bytes
}
