//! The question before something is done that cannot be undone. With scripts it is asked in a dialog.

use maud::{Markup, html};

use super::layout::{Page, Place};
use crate::door::Entered;

/// A question.
pub(super) struct Question<'a> {
    pub(super) title: &'a str,
    pub(super) place: Place,
    /// What will happen.
    pub(super) text: &'a Markup,
    /// Where the answer goes.
    pub(super) action: &'a str,
    /// What is on the button that does it.
    pub(super) yes: &'a str,
    /// Where one goes back to.
    pub(super) back: &'a str,
}

impl Question<'_> {
    /// The page that asks.
    pub(super) fn page(&self, entered: &Entered) -> Markup {
        Page { title: self.title, place: self.place, entered }.with(&html! {
            form.card.narrow method="post" action=(self.action) data-question="" aria-labelledby="question" {
                h2 #question { (self.title) }
                (self.text)
                input type="hidden" name="csrf" value=(entered.csrf);
                div.buttons {
                    button.button.danger type="submit" { (self.yes) }
                    a.button href=(self.back) data-cancel="" { "Cancel" }
                }
            }
        })
    }
}
