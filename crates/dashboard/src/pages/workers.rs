//! `/workers`: a process for each session.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::{Page, Place};
use super::parts::{bound, bound_chip, chart, empty};
use super::{format, sample};
use crate::door::Entered;
use crate::model::{SessionView, WorkerView};
use crate::state::Dashboard;

/// `GET /workers`.
pub(crate) async fn show(State(dashboard): State<Dashboard>, entered: Entered) -> Markup {
    let seen = dashboard.seen(&entered.visitor);
    let sessions = &seen.snapshot().sessions;
    let has_none = sessions.iter().all(|session| session.worker.is_none());
    Page { title: "Workers", place: Place::Workers, entered: &entered }.with(&html! {
        div.columns {
            div.span-6 { (chart("cpus", "Processor", "% of one core, by worker", "")) }
            div.span-6 { (chart("memories", "Memory", "by worker", "")) }
        }
        section.card aria-labelledby="workers" {
            div.card-head { h2 #workers { "Workers" } span.quiet { "one process for each session" } }
            div.table tabindex="0" role="region" aria-labelledby="workers" data-empty=(has_none) {
                table {
                    thead { tr {
                        th.number scope="col" { "Process" }
                        th scope="col" { "Session" }
                        th scope="col" { "State" }
                        th scope="col" { "Backend" }
                        th.number scope="col" { "Processor" }
                        th.number scope="col" { "Memory" }
                        th.number scope="col" { "Events/s" }
                        th.number scope="col" { "Waiting" }
                        th scope="col" { "Epoch" }
                    } }
                    tbody data-each="workers" {
                        template { (row(&sample::session(), &sample::worker())) }
                        @for session in sessions {
                            @if let Some(worker) = &session.worker { (row(session, worker)) }
                        }
                    }
                }
            }
            (empty("No workers", &html! { "A worker is started for each session that a client opens." }))
        }
    })
}

fn row(session: &SessionView, worker: &WorkerView) -> Markup {
    let processor = worker.cpu_percent.map_or(format::NOTHING.to_owned(), format::percent);
    let memory = worker.memory_bytes.map_or(format::NOTHING.to_owned(), format::bytes);
    html! {
        tr data-key=(session.id) {
            td.number { (bound("worker.process_id", "text", &worker.process_id.to_string())) }
            td { (super::sessions::name_cell(session)) }
            td { (bound_chip("state", &session.state)) }
            td { (bound("worker.backend", "text", &worker.backend)) }
            td.number { (bound("worker.cpu_percent", "percent", &processor)) }
            td.number { (bound("worker.memory_bytes", "bytes", &memory)) }
            td.number { (bound("events_per_second", "rate", &format::rate(session.events_per_second))) }
            td.number { (bound("pending_commands", "integer", &format::count(session.pending_commands))) }
            td.mono { (bound("worker.epoch", "text", &worker.epoch)) }
        }
    }
}
