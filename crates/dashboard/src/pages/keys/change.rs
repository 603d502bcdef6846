//! Making, rotating and revoking keys.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};

use super::form::Filled;
use crate::access::Action;
use crate::backend::BackendError;
use crate::door::{Confirmed, Entered};
use crate::model::KeyView;
use crate::pages::confirm::Question;
use crate::pages::layout::{Page, Place};
use crate::pages::trouble::Trouble;
use crate::state::Dashboard;

/// `GET /keys/new`.
pub(crate) async fn ask_new(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    if !entered.visitor.may(Action::ChangeKeys) {
        return Trouble::NotAllowed.page(&entered);
    }
    form_page(&dashboard, &entered, &Filled::default(), None).into_response()
}

/// `POST /keys/new`.
pub(crate) async fn create(State(dashboard): State<Dashboard>, confirmed: Confirmed) -> Response {
    let entered = &confirmed.entered;
    if !entered.visitor.may(Action::ChangeKeys) {
        return Trouble::NotAllowed.page(entered);
    }
    let filled = Filled::from(&confirmed);
    let made = match filled.key() {
        Ok(key) => dashboard.backend.create_key(&entered.actor(), key).await,
        Err(problem) => Err(BackendError::Invalid(problem)),
    };
    match made {
        Ok((key, whole)) => whole_key(entered, "New API key", &key, &whole).into_response(),
        Err(BackendError::Invalid(problem)) => {
            let page = form_page(&dashboard, entered, &filled, Some(&problem));
            (StatusCode::BAD_REQUEST, page).into_response()
        }
        Err(error) => Trouble::from(error).page(entered),
    }
}

/// `GET /keys/ID/rotate`.
pub(crate) async fn ask_rotate(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    Path(id): Path<String>,
) -> Response {
    let text = |key: &KeyView| {
        html! {
            p { "The key " strong { (key.name) } " (" code { (key.id) } ") gets a new secret, which is shown once." }
            p { "The present secret is good for nothing from then on, and what was begun with it ends." }
        }
    };
    ask(
        &dashboard,
        &entered,
        &id,
        &Asks { title: "Rotate the key?", verb: "rotate", yes: "Rotate", text: &text },
    )
    .await
}

/// `POST /keys/ID/rotate`.
pub(crate) async fn rotate(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    confirmed: Confirmed,
) -> Response {
    let entered = &confirmed.entered;
    if !entered.visitor.may(Action::ChangeKeys) {
        return Trouble::NotAllowed.page(entered);
    }
    match dashboard.backend.rotate_key(&entered.actor(), &id).await {
        Ok((key, whole)) => whole_key(entered, "New secret", &key, &whole).into_response(),
        Err(error) => Trouble::from(error).page(entered),
    }
}

/// `GET /keys/ID/revoke`.
pub(crate) async fn ask_revoke(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    Path(id): Path<String>,
) -> Response {
    let text = |key: &KeyView| {
        html! {
            p { "The key " strong { (key.name) } " (" code { (key.id) } ") is good for nothing from then on." }
            p { "This cannot be undone. Its event streams end within moments." }
        }
    };
    ask(
        &dashboard,
        &entered,
        &id,
        &Asks { title: "Revoke the key?", verb: "revoke", yes: "Revoke", text: &text },
    )
    .await
}

/// `POST /keys/ID/revoke`.
pub(crate) async fn revoke(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    confirmed: Confirmed,
) -> Response {
    let entered = &confirmed.entered;
    if !entered.visitor.may(Action::ChangeKeys) {
        return Trouble::NotAllowed.page(entered);
    }
    match dashboard.backend.revoke_key(&entered.actor(), &id).await {
        Ok(_) => Redirect::to("/keys?done=revoked").into_response(),
        Err(error) => Trouble::from(error).page(entered),
    }
}

/// What is asked about a key.
struct Asks<'a> {
    title: &'a str,
    verb: &'a str,
    yes: &'a str,
    text: &'a (dyn Fn(&KeyView) -> Markup + Sync),
}

async fn ask(dashboard: &Dashboard, entered: &Entered, id: &str, asks: &Asks<'_>) -> Response {
    if !entered.visitor.may(Action::ChangeKeys) {
        return Trouble::NotAllowed.page(entered);
    }
    let keys = match dashboard.backend.keys().await {
        Ok(keys) => keys,
        Err(error) => return Trouble::from(error).page(entered),
    };
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return Trouble::NotFound.page(entered);
    };
    let question = Question {
        title: asks.title,
        place: Place::Keys,
        text: &(asks.text)(key),
        action: &format!("/keys/{}/{}", key.id, asks.verb),
        yes: asks.yes,
        back: "/keys",
    };
    question.page(entered).into_response()
}

fn form_page(dashboard: &Dashboard, entered: &Entered, filled: &Filled, problem: Option<&str>) -> Markup {
    Page { title: "New API key", place: Place::Keys, entered }.with(&filled.form(
        &dashboard.backend.scopes(),
        &entered.csrf,
        problem,
    ))
}

/// The one time that a whole key is shown.
fn whole_key(entered: &Entered, title: &str, key: &KeyView, whole: &str) -> Markup {
    Page { title, place: Place::Keys, entered }.with(&html! {
        section.card.stack.narrow aria-labelledby="whole" {
            h2 #whole { "Copy the key now" }
            p { "This is the key " strong { (key.name) } ". It is shown this once, and cannot be found out later." }
            code.secret data-copy="" { (whole) }
            p.quiet { "Clients send it as " code { "authorization: Bearer …" } "; " code { "mxgw" } " reads it from a file with "
                code { "--api-key-file" } "." }
            p { a.button.primary href="/keys" { "I have it" } }
        }
    })
}
