//! `/sessions/ID`: everything about one session.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{Page, Place};
use super::parts::{bound, bound_chip, chart, chip, empty, fact, is_empty, meter, time};
use super::stream;
use super::trouble::Trouble;
use super::{format, sample};
use crate::access::Action;
use crate::door::Entered;
use crate::model::{EndedSession, SessionView, Snapshot, SubscriberView};
use crate::state::Dashboard;

/// `GET /sessions/ID`.
pub(crate) async fn show(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    Path(id): Path<String>,
) -> Response {
    let seen = dashboard.seen(&entered.visitor);
    let snapshot = seen.snapshot();
    let content = if let Some(session) = snapshot.session(&id) {
        current(session, snapshot, &entered, dashboard.settings.show_tag_values)
    } else if let Some(session) = snapshot.ended_session(&id) {
        ended(session)
    } else {
        return Trouble::NotFound.page(&entered);
    };
    Page { title: "Session", place: Place::Sessions, entered: &entered }.with(&content).into_response()
}

fn current(session: &SessionView, snapshot: &Snapshot, entered: &Entered, show_values: bool) -> Markup {
    html! {
        div.stack data-session=(session.id) {
            p.notice.warning #session-gone role="status" hidden {
                "This session has ended. What is here is how it was last. "
                a href={ "/sessions/" (session.id) } { "See how it ended" }
            }
            (head(session, snapshot, entered))
            section.card aria-labelledby="ring" { (ring(session)) }
            div.columns {
                div.span-4 { (chart("rate", "Events per second", "", "small")) }
                div.span-4 { (chart("lag", "Events behind", "by client", "small")) }
                div.span-4 { (chart("latency", "Command latency", "ms", "small")) }
                div.span-4 { (chart("ring", "Replay window", "% full", "small")) }
                div.span-4 { (chart("cpu", "Worker's processor", "% of one core", "small")) }
                div.span-4 { (chart("memory", "Worker's memory", "", "small")) }
            }
            div.columns {
                section.card.span-7 aria-labelledby="subscribers" { (subscribers(session)) }
                section.card.span-5 aria-labelledby="commands" { (commands(session)) }
            }
            (stream::card(std::slice::from_ref(session), show_values))
        }
    }
}

fn head(session: &SessionView, snapshot: &Snapshot, entered: &Entered) -> Markup {
    let visitor = &entered.visitor;
    let worker = session.worker.clone().unwrap_or_else(sample::worker);
    let process = session.worker.as_ref().map_or(format::NOTHING.to_owned(), |it| it.process_id.to_string());
    let processor = worker.cpu_percent.map_or(format::NOTHING.to_owned(), format::percent);
    let memory = worker.memory_bytes.map_or(format::NOTHING.to_owned(), format::bytes);
    html! {
        section.card aria-labelledby="name" {
            div.card-head {
                div {
                    h2 #name.large { (session.display_name()) }
                    p.mono.quiet.id data-copy="" { (session.id) }
                }
                (bound_chip("session.state", &session.state))
                @if !session.tag.is_empty() { span.tag title="Tag" { (session.tag) } }
                @if visitor.may(Action::CloseSession) {
                    a.button.small href={ "/sessions/" (session.id) "/close" } data-dialog="" { "Close session" }
                }
                @if visitor.may(Action::KillWorker) {
                    a.button.small.danger href={ "/sessions/" (session.id) "/kill" } data-dialog="" { "Kill worker" }
                }
            }
            dl.facts {
                (fact("Events per second", &bound("session.events_per_second", "rate", &format::rate(session.events_per_second))))
                (fact("Received", &bound("session.received_events", "integer", &format::integer(session.received_events))))
                (fact("Items, advised", &html! {
                    (bound("session.items", "integer", &format::count(session.items))) ", "
                    (bound("session.advised_items", "integer", &format::count(session.advised_items)))
                }))
                (fact("Owner", &html! { span.mono { (session.owner.as_deref().unwrap_or("nobody")) } }))
                (fact("Opened", &time(session.opened_at)))
                (fact("Last activity", &html! {
                    (bound("session.last_activity", "age", &format::between(session.last_activity, snapshot.at))) " ago"
                }))
                (fact("Worker's process", &bound("session.worker.process_id", "text", &process)))
                (fact("Backend", &bound("session.worker.backend", "text", &worker.backend)))
                (fact("Worker's processor", &bound("session.worker.cpu_percent", "percent", &processor)))
                (fact("Worker's memory", &bound("session.worker.memory_bytes", "bytes", &memory)))
                (fact("Epoch", &html! { span.mono { (bound("session.worker.epoch", "text", &worker.epoch)) } }))
                (fact("Reason", &bound("session.reason", "reason", &reason(&session.reason))))
            }
        }
    }
}

fn reason(text: &str) -> String {
    if text.is_empty() { format::NOTHING.to_owned() } else { text.replace('_', " ") }
}

fn ring(session: &SessionView) -> Markup {
    let ring = &session.ring;
    html! {
        div.card-head {
            h2 #ring { "Events that can be replayed" }
            span.quiet {
                (bound("session.ring.retained_events", "integer", &format::integer(ring.retained_events))) " of "
                (format::integer(ring.capacity_events))
            }
        }
        (meter("session.ring_percent", session.ring_percent(), "wide", "How full the replay window is"))
        div.ring-ends {
            span { "oldest " b { (bound("session.ring.oldest_sequence", "integer", &format::integer(ring.oldest_sequence))) } }
            span { "newest " b { (bound("session.ring.newest_sequence", "integer", &format::integer(ring.newest_sequence))) } }
        }
        (meter("session.memory_percent", session.memory_percent(), "thin", "How much of the memory for events is taken"))
        div.ring-ends {
            span { "memory for events" }
            span { b { (bound("session.ring.held_bytes", "bytes", &format::bytes(ring.held_bytes))) } " of "
                (format::bytes(ring.capacity_bytes)) }
        }
    }
}

fn subscribers(session: &SessionView) -> Markup {
    html! {
        div.card-head { h2 #subscribers { "Subscribers" } span.quiet { "who reads the events" } }
        div.table tabindex="0" role="region" aria-labelledby="subscribers" data-empty=(is_empty(&session.subscribers)) {
            table {
                thead { tr {
                    th scope="col" { "Subscriber" }
                    th scope="col" { "Kind" }
                    th.number scope="col" { "Events behind" }
                    th.number scope="col" { "Position" }
                    th.number scope="col" { "Here for" }
                } }
                tbody data-each="session.subscribers" {
                    template { (subscriber_row(&sample::subscriber())) }
                    @for subscriber in &session.subscribers { (subscriber_row(subscriber)) }
                }
            }
        }
        (empty("Nobody reads the events", &html! { "Clients that stream this session's events are listed here." }))
    }
}

fn subscriber_row(subscriber: &SubscriberView) -> Markup {
    let kind = if subscriber.is_internal { "gateway" } else { "client" };
    html! {
        tr data-key=(subscriber.id) {
            td { "#" (bound("id", "text", &subscriber.id.to_string())) }
            td { (bound("kind", "text", kind)) }
            td.number { (bound("lag", "integer", &format::integer(subscriber.lag))) }
            td.number { (bound("position", "integer", &format::integer(subscriber.position))) }
            td.number { (bound("attached_seconds", "duration", &format::duration(subscriber.attached_seconds))) }
        }
    }
}

fn commands(session: &SessionView) -> Markup {
    let commands = &session.commands;
    let row = |name: &str, path: &str, number: f64| {
        html! {
            dt { (name) }
            dd { (bound(&format!("session.commands.{path}"), "milliseconds", &format::milliseconds(number))) }
        }
    };
    html! {
        div.card-head { h2 #commands { "Commands" } span.quiet { "in the last minute or so" } }
        dl.facts-list {
            dt { "Answered" }
            dd { (bound("session.commands.count", "integer", &format::integer(commands.count))) }
            dt { "Waiting" }
            dd { (bound("session.pending_commands", "integer", &format::count(session.pending_commands))) }
            (row("Half of them within", "p50_ms", commands.p50_ms))
            (row("90 of 100 within", "p90_ms", commands.p90_ms))
            (row("99 of 100 within", "p99_ms", commands.p99_ms))
            (row("Slowest", "max_ms", commands.max_ms))
        }
    }
}

fn ended(session: &EndedSession) -> Markup {
    let name = if session.client_name.is_empty() { "unnamed" } else { &session.client_name };
    let process = session.worker_process_id.map_or(format::NOTHING.to_owned(), |id| id.to_string());
    html! {
        section.card aria-labelledby="name" {
            div.card-head {
                div {
                    h2 #name.large { (name) }
                    p.mono.quiet.id data-copy="" { (session.id) }
                }
                (chip(&session.state))
                @if !session.tag.is_empty() { span.tag title="Tag" { (session.tag) } }
            }
            p { "This session has ended: " strong { (reason(&session.reason)) } "." }
            dl.facts {
                (fact("Received", &html! { (format::integer(session.received_events)) " events" }))
                (fact("Owner", &html! { span.mono { (session.owner.as_deref().unwrap_or("nobody")) } }))
                (fact("Opened", &time(session.opened_at)))
                (fact("Worker's process", &html! { (process) }))
            }
            p { a.button href="/sessions" { "All sessions" } }
        }
    }
}
