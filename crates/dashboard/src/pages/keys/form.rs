//! The form that a new key is made with.

use maud::{Markup, html};

use crate::backend::NewKey;
use crate::door::Confirmed;
use crate::model::ScopeView;

/// Days that a key can last at most, when it ends at all: a hundred years.
const MAX_DAYS: u32 = 36_500;

/// Letters of a key's name at most.
const MAX_NAME_LETTERS: usize = 200;

/// What was filled in.
#[derive(Debug, Default)]
pub(super) struct Filled {
    name: String,
    scopes: Vec<String>,
    constraints: String,
    days: String,
}

impl Filled {
    pub(super) fn from(confirmed: &Confirmed) -> Self {
        let text = |name| confirmed.field(name).unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            scopes: confirmed.fields("scope").map(str::to_owned).collect(),
            constraints: text("constraints"),
            days: text("expires_in_days"),
        }
    }

    /// What it comes down to, or what is wrong with it.
    pub(super) fn key(&self) -> Result<NewKey, String> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME_LETTERS {
            return Err(format!("name: between 1 and {MAX_NAME_LETTERS} letters"));
        }
        if self.scopes.is_empty() {
            return Err("scopes: choose one at least".to_owned());
        }
        let days = self.days.trim();
        let expires_in_days = match days.parse() {
            Ok(days) if (1..=MAX_DAYS).contains(&days) => Some(days),
            Err(_) if days.is_empty() => None,
            Ok(_) | Err(_) => return Err(format!("days: a number from 1 to {MAX_DAYS}, or nothing")),
        };
        let constraints = self.constraints.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(NewKey {
            name: name.to_owned(),
            scopes: self.scopes.clone(),
            constraints: constraints.map(str::to_owned).collect(),
            expires_in_days,
        })
    }

    pub(super) fn form(&self, scopes: &[ScopeView], csrf: &str, problem: Option<&str>) -> Markup {
        html! {
            form.card.stack.narrow method="post" action="/keys/new" aria-labelledby="new" {
                h2 #new { "New API key" }
                @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                input type="hidden" name="csrf" value=(csrf);
                label {
                    span { "Name" }
                    input type="text" name="name" value=(self.name) required maxlength=(MAX_NAME_LETTERS)
                        placeholder="What or whom it is for" autocomplete="off";
                }
                fieldset {
                    legend { "What it is good for" }
                    @for scope in scopes {
                        label.choice {
                            input type="checkbox" name="scope" value=(scope.name)
                                checked[self.scopes.iter().any(|it| it == scope.name)];
                            span { code { (scope.name) } span.under { (scope.meaning) } }
                        }
                    }
                }
                label {
                    span { "Where it is good" }
                    textarea name="constraints" rows="4" spellcheck="false" placeholder="read_subtree = Plant.Line_001" {
                        (self.constraints)
                    }
                    span.quiet { "One rule a line. Nothing means everywhere." }
                }
                label {
                    span { "Days until it ends" }
                    input type="number" name="expires_in_days" value=(self.days) min="1" max=(MAX_DAYS) placeholder="Never";
                }
                div.buttons {
                    button.button.primary type="submit" { "Make the key" }
                    a.button href="/keys" { "Cancel" }
                }
            }
        }
    }
}
