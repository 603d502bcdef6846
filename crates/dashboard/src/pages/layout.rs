//! What is around every page.

use maud::{DOCTYPE, Markup, html};

use super::icons::{Icon, icon};
use crate::access::{Action, Role, Visitor};
use crate::assets;
use crate::door::Entered;

/// An entry of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Sessions,
    Workers,
    Events,
    Keys,
    Audit,
    Settings,
    /// In none of them.
    Elsewhere,
}

struct Entry {
    place: Place,
    path: &'static str,
    name: &'static str,
    icon: Icon,
    needs: Option<Action>,
}

const RUNTIME: &[Entry] = &[
    Entry { place: Place::Overview, path: "/", name: "Overview", icon: Icon::Overview, needs: None },
    Entry { place: Place::Sessions, path: "/sessions", name: "Sessions", icon: Icon::Sessions, needs: None },
    Entry { place: Place::Workers, path: "/workers", name: "Workers", icon: Icon::Workers, needs: None },
    Entry { place: Place::Events, path: "/events", name: "Events", icon: Icon::Events, needs: None },
];

const ADMINISTRATION: &[Entry] = &[
    Entry {
        place: Place::Keys,
        path: "/keys",
        name: "API keys",
        icon: Icon::Keys,
        needs: Some(Action::ReadKeys),
    },
    Entry {
        place: Place::Audit,
        path: "/audit",
        name: "Audit",
        icon: Icon::Audit,
        needs: Some(Action::ReadAudit),
    },
    Entry {
        place: Place::Settings,
        path: "/settings",
        name: "Settings",
        icon: Icon::Settings,
        needs: Some(Action::ReadSettings),
    },
];

/// A page for somebody who is in.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// What the page is part of.
    pub(super) place: Place,
    pub(super) entered: &'a Entered,
}

impl Page<'_> {
    /// The whole document.
    pub(super) fn with(&self, content: &Markup) -> Markup {
        let visitor = &self.entered.visitor;
        document(
            self.title,
            Some(visitor),
            &html! {
                a.skip href="#content" { "Skip to the content" }
                div.shell {
                    header.bar {
                        a.brand href="/" { (mark()) span { "MxGateway" } }
                        h1 { (self.title) }
                        p #live .live data-state="still" role="status" {
                            span.dot {}
                            span #live-text { "Not live" }
                        }
                        (theme_button())
                        (account(self.entered))
                    }
                    nav.rail aria-label="Pages" {
                        (group("Runtime", RUNTIME, self.place, visitor))
                        (group("Administration", ADMINISTRATION, self.place, visitor))
                    }
                    main #content tabindex="-1" { (content) }
                }
            },
        )
    }
}

/// A page for somebody who is not in: one thing in the middle.
pub(super) fn bare(title: &str, content: &Markup) -> Markup {
    document(
        title,
        None,
        &html! {
            main.lone #content {
                div.lone-brand { (mark()) span { "MxGateway" } (theme_button()) }
                (content)
            }
        },
    )
}

fn document(title: &str, visitor: Option<&Visitor>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – MxGateway" }
                link rel="icon" type="image/svg+xml" href=(assets::url("icon.svg"));
                link rel="stylesheet" href=(assets::url("base.css"));
                link rel="stylesheet" href=(assets::url("parts.css"));
                link rel="stylesheet" href=(assets::url("controls.css"));
                link rel="stylesheet" href=(assets::url("charts.css"));
                script src=(assets::url("theme.js")) {}
                @if visitor.is_some() {
                    script type="module" src=(assets::url("main.js")) {}
                }
            }
            body data-visitor=[visitor.map(|visitor| visitor.name.as_str())] { (body) }
        }
    }
}

fn group(name: &str, entries: &[Entry], here: Place, visitor: &Visitor) -> Markup {
    let shown: Vec<_> =
        entries.iter().filter(|entry| entry.needs.is_none_or(|action| visitor.may(action))).collect();
    html! {
        @if !shown.is_empty() {
            p.rail-group { (name) }
            ul {
                @for entry in shown {
                    li {
                        a href=(entry.path) aria-current=[(entry.place == here).then_some("page")] {
                            (icon(entry.icon)) span { (entry.name) }
                        }
                    }
                }
            }
        }
    }
}

fn account(entered: &Entered) -> Markup {
    let visitor = &entered.visitor;
    let role = match visitor.role {
        Role::Administrator => "Administrator",
        Role::Viewer => "Viewer",
    };
    html! {
        details.account {
            summary { span.avatar aria-hidden="true" { (initial(&visitor.name)) } span.account-name { (visitor.name) } }
            div.menu {
                p { strong { (visitor.name) } br; span.quiet {
                    @if visitor.is_anonymous { "From this machine, read only" } @else { (role) }
                } }
                @if visitor.is_anonymous {
                    a.button href="/sign-in" { "Sign in" }
                } @else {
                    form method="post" action="/sign-out" {
                        input type="hidden" name="csrf" value=(entered.csrf);
                        button.button type="submit" { (icon(Icon::Leave)) "Sign out" }
                    }
                }
            }
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().next().map(|first| first.to_uppercase().collect()).unwrap_or_default()
}

fn theme_button() -> Markup {
    html! {
        button.ghost #theme type="button" hidden title="Light, dark, or as the system" {
            (icon(Icon::Theme)) span.unseen { "Colours: " span #theme-name { "as the system" } }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            rect width="32" height="32" rx="8" {}
            path d="M6 20.5h5l3-10 4.5 14 3-9H26" {}
        }
    }
}
