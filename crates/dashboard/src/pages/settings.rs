//! `/settings`: the configuration as it works, secrets left out.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{Page, Place};
use super::parts::empty;
use super::trouble::Trouble;
use crate::access::Action;
use crate::door::Entered;
use crate::model::SettingView;
use crate::state::Dashboard;

/// `GET /settings`.
pub(crate) async fn show(State(dashboard): State<Dashboard>, entered: Entered) -> Response {
    if !entered.visitor.may(Action::ReadSettings) {
        return Trouble::NotAllowed.page(&entered);
    }
    let settings = dashboard.backend.settings();
    Page { title: "Settings", place: Place::Settings, entered: &entered }
        .with(&content(&settings))
        .into_response()
}

fn content(settings: &[SettingView]) -> Markup {
    html! {
        section.card aria-labelledby="settings" {
            div.card-head {
                h2 #settings { "Effective configuration" }
                label.filter hidden {
                    span.unseen { "Show only keys with" }
                    input type="search" placeholder="Key or value" data-filter="settings";
                }
            }
            p.quiet {
                "Read when the gateway starts. Secrets are left out. Change the configuration file or the environment, and restart."
            }
            div.table tabindex="0" role="region" aria-labelledby="settings" data-empty=(settings.is_empty()) {
                table {
                    thead { tr {
                        th scope="col" { "Key" }
                        th scope="col" { "Value" }
                        th scope="col" { "From" }
                    } }
                    tbody data-rows-of="settings" { @for setting in settings { (row(setting)) } }
                }
            }
            (empty("No settings", &html! { "The gateway tells none." }))
        }
    }
}

fn row(setting: &SettingView) -> Markup {
    html! {
        tr {
            td.mono { (setting.key) }
            td.mono.wrap { (setting.value) }
            td { span.tag { (setting.source) } }
        }
    }
}
