//! What pages are made of.
//!
//! Whatever changes says where in the snapshot it comes from: `data-bind` has the path of the text, `data-as` how it is
//! written, `data-attr` the paths of attributes. In a table with `data-each`, paths begin at the row's element, and a
//! `template` has a row to begin with.

use jiff::Timestamp;
use maud::{Markup, html};

use super::format;

/// Text that follows the snapshot.
pub(super) fn bound(path: &str, written_as: &str, text: &str) -> Markup {
    html! { span data-bind=(path) data-as=(written_as) { (text) } }
}

/// A state, with its colour.
pub(super) fn chip(state: &str) -> Markup {
    html! { span.chip data-state=(state) { (state) } }
}

/// A state that follows the snapshot.
pub(super) fn bound_chip(path: &str, state: &str) -> Markup {
    html! { span.chip data-state=(state) data-bind=(path) data-attr={ "data-state:" (path) } { (state) } }
}

/// A bar, from 0 to 100.
pub(super) fn meter(path: &str, percent: f64, class: &str, name: &str) -> Markup {
    let width = format!("{percent:.1}");
    html! {
        svg class={ "meter " (class) } viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(name) {
            rect width=(width) height="10" data-attr={ "width:" (path) } {}
        }
    }
}

/// A time; scripts write it in the reader's own zone.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) title={ (format::time(at)) " UTC" } { (format::time(at)) " UTC" } }
}

/// A day; its time is in the title.
pub(super) fn day(at: Timestamp) -> Markup {
    let time = format::time(at);
    html! { span title={ (time) " UTC" } { (time.get(..10).unwrap_or(&time)) } }
}

/// What stands where a table has no rows, with what to do about it.
pub(super) fn empty(title: &str, advice: &Markup) -> Markup {
    html! { div.empty { strong { (title) } p { (advice) } } }
}

/// Whether a table has rows, for its `data-empty`.
pub(super) fn is_empty<T>(rows: &[T]) -> &'static str {
    if rows.is_empty() { "true" } else { "false" }
}

/// A chart that scripts draw: `kind` names what is in it.
pub(super) fn chart(kind: &str, title: &str, unit: &str, size: &str) -> Markup {
    html! {
        figure class={ "card chart " (size) } data-chart=(kind) {
            figcaption.card-head { h2 { (title) } span.quiet { (unit) } }
            svg role="img" aria-label={ (title) ", last five minutes" } {}
            ul.legend {}
            noscript { p.quiet { "Drawn by scripts, which are off. The numbers are in the tables." } }
        }
    }
}

/// A name and what it is.
pub(super) fn fact(name: &str, what: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (what) } } }
}

/// Says that something was done.
pub(super) fn notice(text: &str) -> Markup {
    html! { p.notice role="status" { (text) } }
}
