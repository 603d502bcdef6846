//! Events as they come, of one session or of several. What is in the table is put there by the script `stream.js`.

use axum::extract::{RawQuery, State};
use maud::{Markup, html};

use super::layout::{Page, Place};
use super::parts::{bound, bound_chip, empty};
use super::sessions::name_cell;
use super::{format, sample};
use crate::door::Entered;
use crate::model::SessionView;
use crate::state::Dashboard;

/// Sessions whose events are shown side by side; each takes a hub connection.
const MAX_SESSIONS: usize = 6;

/// `GET /events`: `session=ID` for each session that is to be shown.
pub(crate) async fn show(State(dashboard): State<Dashboard>, entered: Entered, query: RawQuery) -> Markup {
    let seen = dashboard.seen(&entered.visitor);
    let sessions = &seen.snapshot().sessions;
    let asked = asked_sessions(query.0.as_deref().unwrap_or_default());
    let chosen: Vec<SessionView> = sessions
        .iter()
        .filter(|session| asked.contains(&session.id.as_str()))
        .take(MAX_SESSIONS)
        .cloned()
        .collect();
    Page { title: "Events", place: Place::Events, entered: &entered }.with(&html! {
        section.card aria-labelledby="choose" { (choice(sessions, &chosen)) }
        @if !chosen.is_empty() { (card(&chosen, dashboard.settings.show_tag_values)) }
    })
}

/// Ids are letters, digits and hyphens, which are never escaped.
fn asked_sessions(query: &str) -> Vec<&str> {
    query.split('&').filter_map(|pair| pair.strip_prefix("session=")).collect()
}

fn choice(sessions: &[SessionView], chosen: &[SessionView]) -> Markup {
    html! {
        div.card-head { h2 #choose { "Sessions" } span.quiet { "up to " (MAX_SESSIONS) " at a time" } }
        @if sessions.is_empty() {
            (empty("No sessions", &html! {
                "Open one first, such as with " code { "mxgw watch TAG" } ". A viewer sees those with a tag of one of its groups."
            }))
        } @else {
            form.stack method="get" action="/events" data-most=(MAX_SESSIONS) {
                div.table.choices tabindex="0" role="region" aria-labelledby="choose" {
                    table {
                        thead { tr {
                            th scope="col" { span.unseen { "Show" } }
                            th scope="col" { "Session" }
                            th scope="col" { "State" }
                            th scope="col" { "Tag" }
                            th.number scope="col" { "Events/s" }
                        } }
                        tbody data-each="sessions" {
                            template { (choice_row(&sample::session(), false)) }
                            @for session in sessions {
                                (choice_row(session, chosen.iter().any(|it| it.id == session.id)))
                            }
                        }
                    }
                }
                div.buttons.top { button.button.primary type="submit" { "Show their events" } }
            }
        }
    }
}

fn choice_row(session: &SessionView, is_chosen: bool) -> Markup {
    html! {
        tr data-key=(session.id) {
            td {
                input type="checkbox" name="session" value=(session.id) checked[is_chosen]
                    aria-label={ "Show " (session.display_name()) } data-attr="value:id aria-label:name";
            }
            td { (name_cell(session)) }
            td { (bound_chip("state", &session.state)) }
            td { span.tag data-bind="tag" data-as="plain" { (session.tag) } }
            td.number { (bound("events_per_second", "rate", &format::rate(session.events_per_second))) }
        }
    }
}

/// The table of events of these sessions.
pub(super) fn card(sessions: &[SessionView], show_values: bool) -> Markup {
    let of_several = sessions.len() > 1;
    html! {
        section.card aria-labelledby="stream" data-stream="" data-values=(show_values) {
            div.card-head {
                h2 #stream { "Live events" }
                @if show_values { span.tag { "with values" } } @else { span.quiet { "without values" } }
                span.live data-stream-state="still" data-state="still" { span.dot {} span { "Not live" } }
                div.buttons hidden data-stream-buttons="" {
                    button.button.small type="button" data-pause="" aria-pressed="false" { "Pause" }
                    button.button.small type="button" data-clear="" { "Clear" }
                }
            }
            ul.positions {
                @for session in sessions {
                    li data-stream-of=(session.id) data-name=(session.display_name()) {
                        @if of_several { b { (session.display_name()) } " " }
                        span.quiet { "position " }
                        span.mono data-position="" { (position(session)) }
                    }
                }
            }
            noscript { p.quiet { "Events come by scripts, which are off." } }
            div.table.stream tabindex="0" role="region" aria-labelledby="stream" {
                table {
                    thead { tr {
                        @if of_several { th scope="col" { "Session" } }
                        th.number scope="col" { "Sequence" }
                        th scope="col" { "Received" }
                        th scope="col" { "Family" }
                        th scope="col" { "Item" }
                        th.number scope="col" { "Handles" }
                        th.number scope="col" { "Quality" }
                        @if show_values { th scope="col" { "Value" } }
                    } }
                    tbody data-rows="" {
                        tr.note-row data-waiting="" {
                            td colspan="8" { "Waits for events. Items have to be advised for there to be any." }
                        }
                    }
                }
            }
        }
    }
}

fn position(session: &SessionView) -> Markup {
    match &session.worker {
        Some(worker) => html! { (worker.epoch) " / " (format::integer(session.ring.newest_sequence)) },
        None => html! { (format::NOTHING) },
    }
}
