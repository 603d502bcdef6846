//! Closing a session and ending its worker.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::confirm::Question;
use super::layout::Place;
use super::trouble::Trouble;
use crate::access::{Action, Visitor};
use crate::door::{Confirmed, Entered};
use crate::figures::short_id;
use crate::model::SessionView;
use crate::state::Dashboard;

/// `GET /sessions/ID/close`.
pub(crate) async fn ask_close(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    Path(id): Path<String>,
) -> Response {
    let text = |session: &SessionView| {
        html! {
            p { "The session " strong { (session.display_name()) } " (" code { (short_id(&session.id)) } ") ends in order: its "
                "worker lets go of all items, and those who read its events are told." }
            p { "This cannot be undone." }
        }
    };
    let asks = Asks {
        action: Action::CloseSession,
        title: "Close the session?",
        verb: "close",
        yes: "Close session",
        text: &text,
    };
    ask(&dashboard, &entered, &id, &asks)
}

/// `POST /sessions/ID/close`.
pub(crate) async fn close(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    confirmed: Confirmed,
) -> Response {
    let entered = &confirmed.entered;
    if let Err(trouble) = allowed(&dashboard, &entered.visitor, &id, Action::CloseSession) {
        return trouble.page(entered);
    }
    match dashboard.backend.close_session(&entered.actor(), &id).await {
        Ok(()) => Redirect::to("/sessions?done=closed").into_response(),
        Err(error) => Trouble::from(error).page(entered),
    }
}

/// `GET /sessions/ID/kill`.
pub(crate) async fn ask_kill(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    Path(id): Path<String>,
) -> Response {
    let text = |session: &SessionView| {
        html! {
            p { "The worker of " strong { (session.display_name()) } " (" code { (short_id(&session.id)) } ") is ended by force"
                @if let Some(worker) = &session.worker { ", process " (worker.process_id) }
                ". Its session faults; commands in it have an unknown outcome." }
            p { "This cannot be undone. Close the session instead where that still works." }
        }
    };
    let asks = Asks {
        action: Action::KillWorker,
        title: "Kill the worker?",
        verb: "kill",
        yes: "Kill worker",
        text: &text,
    };
    ask(&dashboard, &entered, &id, &asks)
}

/// `POST /sessions/ID/kill`.
pub(crate) async fn kill(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    confirmed: Confirmed,
) -> Response {
    let entered = &confirmed.entered;
    if let Err(trouble) = allowed(&dashboard, &entered.visitor, &id, Action::KillWorker) {
        return trouble.page(entered);
    }
    match dashboard.backend.kill_worker(&entered.actor(), &id).await {
        Ok(()) => Redirect::to("/sessions?done=killed").into_response(),
        Err(error) => Trouble::from(error).page(entered),
    }
}

/// A session that is not seen is not there, whatever else is allowed.
fn allowed(dashboard: &Dashboard, visitor: &Visitor, id: &str, action: Action) -> Result<(), Trouble> {
    let tag = dashboard.backend.session_tag(id).filter(|tag| visitor.sees(tag));
    if tag.is_none() {
        Err(Trouble::NotFound)
    } else if visitor.may(action) {
        Ok(())
    } else {
        Err(Trouble::NotAllowed)
    }
}

/// What is asked about a session.
struct Asks<'a> {
    action: Action,
    title: &'a str,
    verb: &'a str,
    yes: &'a str,
    text: &'a dyn Fn(&SessionView) -> Markup,
}

fn ask(dashboard: &Dashboard, entered: &Entered, id: &str, asks: &Asks<'_>) -> Response {
    if let Err(trouble) = allowed(dashboard, &entered.visitor, id, asks.action) {
        return trouble.page(entered);
    }
    let seen = dashboard.seen(&entered.visitor);
    let Some(session) = seen.snapshot().session(id) else {
        return Trouble::NotFound.page(entered);
    };
    let back = format!("/sessions/{}", session.id);
    let question = Question {
        title: asks.title,
        place: Place::Sessions,
        text: &(asks.text)(session),
        action: &format!("{back}/{}", asks.verb),
        yes: asks.yes,
        back: &back,
    };
    question.page(entered).into_response()
}
