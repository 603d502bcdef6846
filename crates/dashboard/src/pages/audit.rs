//! `/audit`: who did what.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Page, Place};
use super::parts::{chip, empty, is_empty, time};
use super::{format, trouble::Trouble};
use crate::access::Action;
use crate::backend::AuditFilter;
use crate::door::Entered;
use crate::model::AuditView;
use crate::state::Dashboard;

/// Entries when nothing else is asked for.
pub(crate) const DEFAULT_LIMIT: u32 = 200;

/// Entries at most.
pub(crate) const MAX_LIMIT: u32 = 1_000;

/// How far back one can choose to look.
const SPANS: [(&str, &str); 5] = [
    ("", "Any time"),
    ("3600", "Last hour"),
    ("86400", "Last day"),
    ("604800", "Last week"),
    ("2592000", "Last 30 days"),
];

/// The form as it was sent; empty fields say nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    actor: String,
    action: String,
    since_seconds: String,
    limit: String,
}

impl Asked {
    /// What it comes down to.
    pub(crate) fn filter(&self) -> Result<AuditFilter, Trouble> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let since_seconds = number("since_seconds", &self.since_seconds)?;
        let limit = number("limit", &self.limit)?.unwrap_or(u64::from(DEFAULT_LIMIT));
        let limit = u32::try_from(limit).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        let limit =
            limit.ok_or_else(|| Trouble::Invalid(format!("limit: a number from 1 to {MAX_LIMIT}")))?;
        Ok(AuditFilter {
            actor: text(&self.actor),
            action: text(&self.action),
            since_seconds,
            limit: Some(limit),
        })
    }
}

fn number(field: &str, text: &str) -> Result<Option<u64>, Trouble> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Trouble::Invalid(format!("{field}: not a whole number")))
}

/// `GET /audit`.
pub(crate) async fn show(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    if !entered.visitor.may(Action::ReadAudit) {
        return Trouble::NotAllowed.page(&entered);
    }
    let asked = asked.map(|asked| asked.0).unwrap_or_default();
    let filter = match asked.filter() {
        Ok(filter) => filter,
        Err(trouble) => return trouble.page(&entered),
    };
    match dashboard.backend.audit(filter).await {
        Ok(entries) => Page { title: "Audit", place: Place::Audit, entered: &entered }
            .with(&content(&asked, &entries))
            .into_response(),
        Err(error) => Trouble::from(error).page(&entered),
    }
}

fn content(asked: &Asked, entries: &[AuditView]) -> Markup {
    html! {
        section.card aria-labelledby="trail" {
            div.card-head { h2 #trail { "Audit trail" } span.quiet { (format::count(entries.len())) " entries, the newest first" } }
            form.filters method="get" action="/audit" role="search" {
                label { span { "Who" } input type="search" name="actor" value=(asked.actor) placeholder="Key id or user"; }
                label { span { "What" } input type="search" name="action" value=(asked.action) placeholder="Such as OpenSession"; }
                label {
                    span { "When" }
                    select name="since_seconds" {
                        @for (seconds, name) in SPANS {
                            option value=(seconds) selected[seconds == asked.since_seconds] { (name) }
                        }
                    }
                }
                button.button type="submit" { "Show" }
            }
            div.table tabindex="0" role="region" aria-labelledby="trail" data-empty=(is_empty(entries)) {
                table {
                    thead { tr {
                        th scope="col" { "When" }
                        th scope="col" { "Who" }
                        th scope="col" { "What" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "To what" }
                        th scope="col" { "From" }
                        th scope="col" { "Details" }
                    } }
                    tbody { @for entry in entries { (row(entry)) } }
                }
            }
            (empty("Nothing found", &html! { "No entry is like this. " a href="/audit" { "Show all of them" } }))
        }
    }
}

fn row(entry: &AuditView) -> Markup {
    let details = if entry.details == "{}" { "" } else { &entry.details };
    html! {
        tr {
            td { (time(entry.at)) }
            td.mono { (entry.actor) }
            td { (entry.action) }
            td { (chip(&entry.outcome)) }
            td.mono { (entry.target.as_deref().unwrap_or(format::NOTHING)) }
            td.mono { (entry.peer.as_deref().unwrap_or(format::NOTHING)) }
            td.wrap.mono.quiet { (details) }
        }
    }
}
