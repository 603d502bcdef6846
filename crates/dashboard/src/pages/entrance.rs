//! What people see before they are in.

use maud::{Markup, html};

use super::icons::{Icon, icon};
use super::layout::bare;

/// The form to sign in with.
pub(crate) struct SignIn<'a> {
    /// Where to go afterwards.
    pub(crate) next: &'a str,
    /// What was given as the name before, if anything.
    pub(crate) name: &'a str,
    /// Value of the hidden field `csrf`.
    pub(crate) csrf: &'a str,
    /// What went wrong before.
    pub(crate) problem: Option<&'a str>,
}

impl SignIn<'_> {
    /// The page.
    pub(crate) fn page(&self) -> Markup {
        bare(
            "Sign in",
            &html! {
                section.card.lone-card {
                    h1 { "Sign in" }
                    p.quiet { "With the account of your organisation's directory." }
                    @if let Some(problem) = self.problem {
                        p.problem role="alert" #problem { (problem) }
                    }
                    form.stack method="post" action="/sign-in" {
                        input type="hidden" name="csrf" value=(self.csrf);
                        input type="hidden" name="next" value=(self.next);
                        label {
                            span { "User name" }
                            input type="text" name="name" value=(self.name) autocomplete="username" autocapitalize="none"
                                spellcheck="false" required autofocus[self.name.is_empty()]
                                aria-describedby=[self.problem.map(|_| "problem")];
                        }
                        label {
                            span { "Password" }
                            input type="password" name="password" autocomplete="current-password" required
                                autofocus[!self.name.is_empty()];
                        }
                        button.button.primary type="submit" { "Sign in" }
                    }
                }
            },
        )
    }
}

/// Where nobody can sign in, because there is no directory.
pub(crate) fn no_directory() -> Markup {
    bare(
        "Sign in",
        &html! {
            section.card.lone-card {
                h1 { "Nobody can sign in" }
                p { "This gateway has no directory to ask. Set it up in the section " code { "[ldap]" }
                    " of its configuration, and give groups a role in " code { "[dashboard]" } "." }
                p.quiet { "On the gateway's own machine, " code { "dashboard.allow_anonymous_localhost = true" }
                    " lets everybody look without signing in." }
            }
        },
    )
}

/// For somebody who was recognised, and may not be here.
pub(crate) fn denied() -> Markup {
    bare(
        "Not allowed",
        &html! {
            section.card.lone-card {
                h1 { (icon(Icon::Lock)) "Not allowed" }
                p { "You were recognised, but none of your groups has a role here." }
                p.quiet { "Ask whoever looks after this gateway to give one of your groups a role." }
                p { a.button href="/sign-in" { "Sign in as somebody else" } }
            }
        },
    )
}
