//! `/keys`: the API keys. What changes them is in [`change`].

pub(crate) mod change;
mod form;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::after::{After, done};
use super::format;
use super::layout::{Page, Place};
use super::parts::{chip, day, empty, is_empty, notice};
use super::trouble::Trouble;
use crate::access::Action;
use crate::door::Entered;
use crate::model::KeyView;
use crate::state::Dashboard;

/// What was done just before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Done {
    Revoked,
}

/// `GET /keys`.
pub(crate) async fn show(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    after: After<Done>,
) -> Response {
    if !entered.visitor.may(Action::ReadKeys) {
        return Trouble::NotAllowed.page(&entered);
    }
    let keys = match dashboard.backend.keys().await {
        Ok(keys) => keys,
        Err(error) => return Trouble::from(error).page(&entered),
    };
    let may_change = entered.visitor.may(Action::ChangeKeys);
    Page { title: "API keys", place: Place::Keys, entered: &entered }
        .with(&html! {
            @match done(after) {
                Some(Done::Revoked) => (notice("The key was revoked. What it had going on ends within moments.")),
                None => {}
            }
            section.card aria-labelledby="keys" { (list(&keys, may_change)) }
        })
        .into_response()
}

fn list(keys: &[KeyView], may_change: bool) -> Markup {
    let now = Timestamp::now();
    html! {
        div.card-head {
            h2 #keys { "Keys" }
            label.filter hidden {
                span.unseen { "Show only keys with" }
                input type="search" placeholder="Name, id, scope" data-filter="keys";
            }
            @if may_change { a.button.small.primary href="/keys/new" { "New key" } }
        }
        div.table tabindex="0" role="region" aria-labelledby="keys" data-empty=(is_empty(keys)) {
            table {
                thead { tr {
                    th scope="col" { "Key" }
                    th scope="col" { "State" }
                    th scope="col" { "Scopes" }
                    th scope="col" { "Where" }
                    th scope="col" { "Made" }
                    th scope="col" { "Ends" }
                    th scope="col" { "Last used" }
                    @if may_change { th scope="col" { span.unseen { "Change" } } }
                } }
                tbody data-rows-of="keys" { @for key in keys { (row(key, now, may_change)) } }
            }
        }
        (empty("No keys", &html! { "Clients need one. Make it here, or with " code { "mxgateway apikey create" } "." }))
    }
}

fn row(key: &KeyView, now: Timestamp, may_change: bool) -> Markup {
    html! {
        tr {
            td { span.name { (key.name) } span.under.mono { (key.id) } }
            td { (chip(&key.state)) }
            td.wrap { div.tags { @for scope in &key.scopes { span.tag { (scope) } } } }
            td.wrap {
                @if key.constraints.is_empty() { span.quiet { "everywhere" } }
                @for line in &key.constraints { code.under { (line) } }
            }
            td { (day(key.created)) }
            td { @if let Some(expires) = key.expires { (day(expires)) } @else { span.quiet { "never" } } }
            td { @if let Some(used) = key.last_used { span title={ (format::time(used)) " UTC" } { (format::between(used, now)) " ago" } } @else { span.quiet { (format::NOTHING) } } }
            @if may_change {
                td {
                    @if key.state != "revoked" {
                        div.buttons.row {
                            a.button.small href={ "/keys/" (key.id) "/rotate" } data-dialog="" { "Rotate" }
                            a.button.small.danger href={ "/keys/" (key.id) "/revoke" } data-dialog="" { "Revoke" }
                        }
                    }
                }
            }
        }
    }
}
