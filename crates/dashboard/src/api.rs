//! `/api/v1`: what the pages show, for programs to read.

mod description;
mod shapes;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use serde::Serialize;

use crate::access::Action;
use crate::door::Entered;
use crate::model::{AuditView, KeyView, SettingView, Snapshot};
use crate::pages::audit::Asked;
use crate::pages::trouble::Trouble;
use crate::state::Dashboard;

pub(crate) use description::description;
use shapes::{Refused, Session, Sessions, Worker};

/// A refusal for programs.
pub(crate) fn refused(status: StatusCode, error: &str, message: &str) -> Response {
    let mut response = json(&Refused { error, message });
    *response.status_mut() = status;
    response
}

/// A refusal for programs.
pub(crate) fn refused_for(trouble: &Trouble) -> Response {
    let (error, message) = trouble.told();
    refused(trouble.status(), error, message)
}

/// An answer for programs.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    json_text(serde_json::to_string(value).expect("text keys and plain numbers only"))
}

fn json_text(text: impl IntoResponse) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whether who asks at this path is a program.
pub(crate) fn is_for_programs(path: &str) -> bool {
    ["/api", "/hubs"]
        .iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What is answered where there is nothing, in the manner of the place.
pub(crate) async fn not_found(uri: Uri, entered: Entered) -> Response {
    answer_trouble(uri.path(), &entered, &Trouble::NotFound)
}

/// What is answered where this cannot be done.
pub(crate) async fn wrong_method(uri: Uri, entered: Entered) -> Response {
    answer_trouble(uri.path(), &entered, &Trouble::WrongMethod)
}

fn answer_trouble(path: &str, entered: &Entered, trouble: &Trouble) -> Response {
    if is_for_programs(path) { refused_for(trouble) } else { trouble.page(entered) }
}

fn may(entered: &Entered, action: Action) -> Result<(), Trouble> {
    if entered.visitor.may(action) { Ok(()) } else { Err(Trouble::NotAllowed) }
}

/// Everything at once: what `/hubs/snapshot` sends each second.
#[utoipa::path(get, path = "/api/v1/snapshot", responses(
    (status = 200, description = "What you see of the gateway", body = Snapshot),
    (status = 401, description = "Sign in first", body = Refused),
))]
pub(crate) async fn snapshot(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    json_text(dashboard.seen(&entered.visitor).json().as_str().to_owned())
}

/// The sessions.
#[utoipa::path(get, path = "/api/v1/sessions", responses(
    (status = 200, description = "The sessions you see", body = Sessions),
    (status = 401, description = "Sign in first", body = Refused),
))]
pub(crate) async fn sessions(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    let seen = dashboard.seen(&entered.visitor);
    let snapshot = seen.snapshot();
    json(&Sessions { sessions: &snapshot.sessions, ended: &snapshot.ended })
}

/// One session.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", params(("id" = String, Path, description = "The session's id")),
    responses(
    (status = 200, description = "The session", body = Session),
    (status = 401, description = "Sign in first", body = Refused),
    (status = 404, description = "There is no such session, or it is not for you to see", body = Refused),
))]
pub(crate) async fn session(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    Path(id): Path<String>,
) -> Response {
    let seen = dashboard.seen(&entered.visitor);
    let snapshot = seen.snapshot();
    let current = snapshot.session(&id).map(Session::Current);
    let ended = || snapshot.ended_session(&id).map(Session::Ended);
    match current.or_else(ended) {
        Some(session) => json(&session),
        None => refused_for(&Trouble::NotFound),
    }
}

/// The workers' processes.
#[utoipa::path(get, path = "/api/v1/workers", responses(
    (status = 200, description = "The workers of the sessions you see", body = [Worker]),
    (status = 401, description = "Sign in first", body = Refused),
))]
pub(crate) async fn workers(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    let seen = dashboard.seen(&entered.visitor);
    let workers: Vec<_> = seen
        .snapshot()
        .sessions
        .iter()
        .filter_map(|session| {
            let worker = session.worker.as_ref()?;
            Some(Worker { session: &session.id, state: &session.state, worker })
        })
        .collect();
    json(&workers)
}

/// The API keys, without their secrets. For administrators.
#[utoipa::path(get, path = "/api/v1/keys", responses(
    (status = 200, description = "Every key", body = [KeyView]),
    (status = 401, description = "Sign in first", body = Refused),
    (status = 403, description = "Your role does not allow this", body = Refused),
))]
pub(crate) async fn keys(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    if let Err(trouble) = may(&entered, Action::ReadKeys) {
        return refused_for(&trouble);
    }
    match dashboard.backend.keys().await {
        Ok(keys) => json(&keys),
        Err(error) => refused_for(&error.into()),
    }
}

/// The audit trail, the newest entries first. For administrators.
#[utoipa::path(get, path = "/api/v1/audit", params(
    ("actor" = Option<String>, Query, description = "Only what this one did"),
    ("action" = Option<String>, Query, description = "Only this action"),
    ("since_seconds" = Option<u64>, Query, description = "Seconds back from now"),
    ("limit" = Option<u32>, Query, description = "Entries at most, 1 to 1000; 200 when nothing is said"),
), responses(
    (status = 200, description = "Entries", body = [AuditView]),
    (status = 400, description = "The filter makes no sense", body = Refused),
    (status = 401, description = "Sign in first", body = Refused),
    (status = 403, description = "Your role does not allow this", body = Refused),
))]
pub(crate) async fn audit(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    if let Err(trouble) = may(&entered, Action::ReadAudit) {
        return refused_for(&trouble);
    }
    let asked = asked.map_err(|rejection| Trouble::Invalid(rejection.body_text()));
    let filter = match asked.and_then(|asked| asked.filter()) {
        Ok(filter) => filter,
        Err(trouble) => return refused_for(&trouble),
    };
    match dashboard.backend.audit(filter).await {
        Ok(entries) => json(&entries),
        Err(error) => refused_for(&error.into()),
    }
}

/// The effective configuration, without secrets. For administrators.
#[utoipa::path(get, path = "/api/v1/settings", responses(
    (status = 200, description = "Every key of the configuration", body = [SettingView]),
    (status = 401, description = "Sign in first", body = Refused),
    (status = 403, description = "Your role does not allow this", body = Refused),
))]
pub(crate) async fn settings(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    if let Err(trouble) = may(&entered, Action::ReadSettings) {
        return refused_for(&trouble);
    }
    json(&dashboard.backend.settings())
}
