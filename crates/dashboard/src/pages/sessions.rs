//! `/sessions`: those that are there, and those that ended not long ago.

use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;

use super::after::{After, done};
use super::layout::{Page, Place};
use super::parts::{bound, bound_chip, empty, is_empty, meter, notice};
use super::{format, sample};
use crate::door::Entered;
use crate::figures::short_id;
use crate::model::{EndedSession, SessionView, Snapshot};
use crate::state::Dashboard;

/// What was done just before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Done {
    Closed,
    Killed,
}

/// `GET /sessions`.
pub(crate) async fn show(State(dashboard): State<Dashboard>, entered: Entered, after: After<Done>) -> Markup {
    let seen = dashboard.seen(&entered.visitor);
    let snapshot = seen.snapshot();
    Page { title: "Sessions", place: Place::Sessions, entered: &entered }.with(&html! {
        @match done(after) {
            Some(Done::Closed) => (notice("The session is being closed.")),
            Some(Done::Killed) => (notice("The worker was ended; its session ends with it.")),
            None => {}
        }
        section.card aria-labelledby="current" { (current(snapshot)) }
        section.card aria-labelledby="ended" { (recently_ended(snapshot)) }
    })
}

/// A session's name and id, with the way to its page.
pub(super) fn name_cell(session: &SessionView) -> Markup {
    html! {
        a.name href={ "/sessions/" (session.id) } data-bind="name" data-attr="href:url" { (session.display_name()) }
        span.under.mono data-bind="short_id" data-attr="title:id" title=(session.id) { (short_id(&session.id)) }
    }
}

fn current(snapshot: &Snapshot) -> Markup {
    html! {
        div.card-head {
            h2 #current { "Current" }
            label.filter hidden {
                span.unseen { "Show only sessions with" }
                input type="search" placeholder="Name, id, tag, owner" data-filter="sessions";
            }
        }
        div.table tabindex="0" role="region" aria-labelledby="current" data-empty=(is_empty(&snapshot.sessions)) {
            table {
                thead { tr {
                    th scope="col" { "Session" }
                    th scope="col" { "State" }
                    th scope="col" { "Tag" }
                    th scope="col" { "Owner" }
                    th.number scope="col" { "Events/s" }
                    th.number scope="col" { "Items" }
                    th.number scope="col" { "Clients" }
                    th.number scope="col" { "Behind" }
                    th.number scope="col" { "Replay window" }
                    th.number scope="col" { "p99" }
                    th.number scope="col" { "Open for" }
                } }
                tbody data-each="sessions" {
                    template { (row(&sample::session(), snapshot)) }
                    @for session in &snapshot.sessions { (row(session, snapshot)) }
                }
            }
        }
        (empty("No sessions", &html! {
            "Sessions appear when a client opens one, such as " code { "mxgw watch TAG" }
            ". A viewer sees those with a tag of one of its groups."
        }))
    }
}

fn row(session: &SessionView, snapshot: &Snapshot) -> Markup {
    html! {
        tr data-key=(session.id) {
            td { (name_cell(session)) }
            td { (bound_chip("state", &session.state)) }
            td { span.tag data-bind="tag" data-as="plain" { (session.tag) } }
            td.mono { (bound("owner", "text", session.owner.as_deref().unwrap_or(format::NOTHING))) }
            td.number { (bound("events_per_second", "rate", &format::rate(session.events_per_second))) }
            td.number { (bound("items", "integer", &format::count(session.items))) }
            td.number { (bound("clients", "integer", &format::count(session.clients().count()))) }
            td.number { (bound("worst_lag", "integer", &format::integer(session.worst_lag()))) }
            td.number {
                div.bar-cell {
                    (bound("ring.retained_events", "integer", &format::integer(session.ring.retained_events)))
                    (meter("ring_percent", session.ring_percent(), "", "How full the replay window is"))
                }
            }
            td.number { (bound("commands.p99_ms", "milliseconds", &format::milliseconds(session.commands.p99_ms))) }
            td.number { (bound("opened_at", "age", &format::between(session.opened_at, snapshot.at))) }
        }
    }
}

fn recently_ended(snapshot: &Snapshot) -> Markup {
    html! {
        div.card-head { h2 #ended { "Ended not long ago" } span.quiet { "the newest first" } }
        div.table tabindex="0" role="region" aria-labelledby="ended" data-empty=(is_empty(&snapshot.ended)) {
            table {
                thead { tr {
                    th scope="col" { "Session" }
                    th scope="col" { "State" }
                    th scope="col" { "Reason" }
                    th scope="col" { "Tag" }
                    th scope="col" { "Owner" }
                    th.number scope="col" { "Worker's process" }
                    th.number scope="col" { "Events received" }
                    th.number scope="col" { "Opened before" }
                } }
                tbody data-each="ended" {
                    template { (ended_row(&sample::ended(), snapshot)) }
                    @for session in &snapshot.ended { (ended_row(session, snapshot)) }
                }
            }
        }
        (empty("None ended", &html! { "Sessions that close or fail are listed here with the reason." }))
    }
}

fn ended_row(session: &EndedSession, snapshot: &Snapshot) -> Markup {
    let name = if session.client_name.is_empty() { "unnamed" } else { &session.client_name };
    let process = session.worker_process_id.map_or(format::NOTHING.to_owned(), |id| id.to_string());
    html! {
        tr data-key=(session.id) {
            td {
                a.name href={ "/sessions/" (session.id) } data-bind="name" data-attr="href:url" { (name) }
                span.under.mono data-bind="short_id" data-attr="title:id" title=(session.id) { (short_id(&session.id)) }
            }
            td { (bound_chip("state", &session.state)) }
            td { (bound("reason", "reason", &session.reason.replace('_', " "))) }
            td { span.tag data-bind="tag" data-as="plain" { (session.tag) } }
            td.mono { (bound("owner", "text", session.owner.as_deref().unwrap_or(format::NOTHING))) }
            td.number { (bound("worker_process_id", "text", &process)) }
            td.number { (bound("received_events", "integer", &format::integer(session.received_events))) }
            td.number { (bound("opened_at", "age", &format::between(session.opened_at, snapshot.at))) }
        }
    }
}
