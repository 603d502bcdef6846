//! `/`: how everything is.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::{Page, Place};
use super::parts::{bound, bound_chip, chart, empty, is_empty, meter, time};
use super::{format, sample};
use crate::door::Entered;
use crate::figures::{self, Lagging};
use crate::model::{CheckView, SessionView, Snapshot};
use crate::state::Dashboard;

/// Rows of each table.
const ROWS: usize = 8;

/// `GET /`.
pub(crate) async fn show(State(dashboard): State<Dashboard>, entered: Entered) -> Markup {
    let seen = dashboard.seen(&entered.visitor);
    let snapshot = seen.snapshot();
    Page { title: "Overview", place: Place::Overview, entered: &entered }.with(&html! {
        (totals(snapshot))
        div.columns {
            div.span-8 { (chart("rates", "Events per second", "by session", "tall")) }
            section.card.span-4 aria-labelledby="gateway" { (gateway(snapshot)) }
            section.card.span-7 aria-labelledby="busiest" { (busiest(snapshot)) }
            section.card.span-5 aria-labelledby="slowest" { (slowest(snapshot)) }
        }
    })
}

fn totals(snapshot: &Snapshot) -> Markup {
    let totals = &snapshot.totals;
    html! {
        dl.figures {
            div.figure {
                dt { "Events per second" }
                dd { (bound("totals.events_per_second", "rate", &format::rate(totals.events_per_second))) }
                dd.under {
                    (bound("totals.received_events", "integer", &format::integer(totals.received_events)))
                    " received"
                }
                (spark("rate"))
            }
            div.figure {
                dt { "Sessions" }
                dd { (bound("totals.sessions", "integer", &format::count(totals.sessions))) }
                dd.under { (bound("totals.ready", "integer", &format::count(totals.ready))) " ready" }
            }
            div.figure {
                dt { "Subscribers" }
                dd { (bound("totals.subscribers", "integer", &format::count(totals.subscribers))) }
                dd.under {
                    "worst lag "
                    (bound("worst_lag", "integer", &format::integer(figures::worst_lag(snapshot))))
                }
                (spark("lag"))
            }
            div.figure {
                dt { "Commands waiting" }
                dd { (bound("totals.pending_commands", "integer", &format::count(totals.pending_commands))) }
                dd.under {
                    "slowest p99: "
                    (bound("worst_p99", "milliseconds", &format::milliseconds(figures::worst_p99(snapshot))))
                }
                (spark("pending"))
            }
            div.figure {
                dt { "Memory of event rings" }
                dd { (bound("totals.held_bytes", "bytes", &format::bytes(totals.held_bytes))) }
                dd.under { "kept for replay" }
                (spark("held"))
            }
        }
    }
}

fn spark(of: &str) -> Markup {
    html! { svg.spark data-spark=(of) aria-hidden="true" focusable="false" preserveAspectRatio="none" {} }
}

fn gateway(snapshot: &Snapshot) -> Markup {
    let gateway = &snapshot.gateway;
    let state = if gateway.is_ready { "ready" } else { "failed" };
    html! {
        div.card-head { h2 #gateway { "Gateway" } (bound_chip("gateway_state", state)) }
        dl.facts-list data-each="checks" {
            template { (check_row(&CheckView { name: String::new(), state: String::new() })) }
            @for check in &gateway.checks { (check_row(check)) }
        }
        dl.facts-list {
            dt { "Up for" }
            dd { (bound("gateway.started_at", "age", &format::between(gateway.started_at, snapshot.at))) }
            dt { "gRPC at" } dd.mono { (gateway.listen) }
            dt { "Backend" } dd { (gateway.backend) }
            dt { "Version" } dd { (gateway.version) }
            dt { "As of" } dd data-bind="at" data-as="clock" { (time(snapshot.at)) }
        }
    }
}

fn check_row(check: &CheckView) -> Markup {
    html! {
        div data-key=(check.name) {
            dt { (bound("name", "reason", &check.name.replace('_', " "))) }
            dd { (bound_chip("state", &check.state)) }
        }
    }
}

fn busiest(snapshot: &Snapshot) -> Markup {
    let rows = figures::busiest(snapshot, ROWS);
    html! {
        div.card-head { h2 #busiest { "Busiest sessions" } a href="/sessions" { "All sessions" } }
        div.table tabindex="0" role="region" aria-labelledby="busiest" data-empty=(is_empty(&rows)) {
            table {
                thead { tr {
                    th scope="col" { "Session" }
                    th scope="col" { "State" }
                    th.number scope="col" { "Events/s" }
                    th.number scope="col" { "Behind" }
                    th scope="col" { "Replay" }
                } }
                tbody data-each="busiest" {
                    template { (busy_row(&sample::session())) }
                    @for session in rows { (busy_row(session)) }
                }
            }
        }
        (empty("No sessions", &html! {
            "Sessions appear when a client opens one, such as " code { "mxgw watch TAG" } "."
        }))
    }
}

fn busy_row(session: &SessionView) -> Markup {
    html! {
        tr data-key=(session.id) {
            td { (super::sessions::name_cell(session)) }
            td { (bound_chip("state", &session.state)) }
            td.number { (bound("events_per_second", "rate", &format::rate(session.events_per_second))) }
            td.number { (bound("worst_lag", "integer", &format::integer(session.worst_lag()))) }
            td { (meter("ring_percent", session.ring_percent(), "", "How full the replay window is")) }
        }
    }
}

fn slowest(snapshot: &Snapshot) -> Markup {
    let rows = figures::slowest(snapshot, ROWS);
    html! {
        div.card-head { h2 #slowest { "Slow subscribers" } span.quiet { "furthest behind first" } }
        div.table tabindex="0" role="region" aria-labelledby="slowest" data-empty=(is_empty(&rows)) {
            table {
                thead { tr {
                    th scope="col" { "Session" }
                    th.number scope="col" { "Client" }
                    th.number scope="col" { "Behind" }
                    th.number scope="col" { "Position" }
                } }
                tbody data-each="slowest" {
                    template { (slow_row(Lagging { session: &sample::session(), subscriber: &sample::subscriber() })) }
                    @for lagging in rows { (slow_row(lagging)) }
                }
            }
        }
        (empty("Nobody reads events", &html! {
            "Clients that stream events appear here, those furthest behind first."
        }))
    }
}

fn slow_row(lagging: Lagging<'_>) -> Markup {
    let Lagging { session, subscriber } = lagging;
    html! {
        tr data-key={ (session.id) "/" (subscriber.id) } {
            td {
                a.name href={ "/sessions/" (session.id) } data-bind="session_name" data-attr="href:url" {
                    (session.display_name())
                }
            }
            td.number { "#" (bound("id", "text", &subscriber.id.to_string())) }
            td.number { (bound("lag", "integer", &format::integer(subscriber.lag))) }
            td.number { (bound("position", "integer", &format::integer(subscriber.position))) }
        }
    }
}
