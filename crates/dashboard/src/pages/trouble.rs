//! Why a page is not there.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;

use super::layout::{Page, Place};
use crate::backend::BackendError;
use crate::door::Entered;

/// Why somebody who is in does not get what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It does not exist, or is not for this visitor to see: nobody can tell which.
    NotFound,
    /// It can be read, and not changed, or the other way round.
    WrongMethod,
    /// The visitor's role does not allow it.
    NotAllowed,
    /// The form did not come from one of the visitor's own pages.
    NotMeant,
    /// What was asked for makes no sense; the text names the field.
    Invalid(String),
    /// Not now; the text says why.
    Unavailable(String),
    /// A fault of the gateway.
    Internal,
}

impl From<BackendError> for Trouble {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::NotFound(_) => Self::NotFound,
            BackendError::Invalid(text) => Self::Invalid(text),
            BackendError::Unavailable(text) => Self::Unavailable(text),
            BackendError::Internal => Self::Internal,
        }
    }
}

impl Trouble {
    /// As a status of HTTP.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAllowed | Self::NotMeant => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For programs: a word, and a sentence.
    pub(crate) fn told(&self) -> (&'static str, &str) {
        match self {
            Self::NotFound => ("not_found", "there is nothing of this name that you can see"),
            Self::WrongMethod => ("method_not_allowed", "this cannot be done with it"),
            Self::NotAllowed => ("not_allowed", "your role does not allow this"),
            Self::NotMeant => ("not_meant", "this can be done from the dashboard's own pages only"),
            Self::Invalid(text) => ("invalid", text),
            Self::Unavailable(text) => ("unavailable", text),
            Self::Internal => ("internal", "a fault in the gateway; its log has the details"),
        }
    }

    /// As a page.
    pub(crate) fn page(&self, entered: &Entered) -> Response {
        let (title, advice) = match self {
            Self::NotFound => (
                "Not found",
                "It does not exist, or is not for you to see. Sessions are kept for a while after their end.",
            ),
            Self::WrongMethod => ("Not possible", "This cannot be done with that address."),
            Self::NotAllowed => ("Not allowed", "Your role does not allow this. Administrators may."),
            Self::NotMeant => (
                "Not done",
                "The form was too old, or from somewhere else. Open its page again, and try once more.",
            ),
            Self::Invalid(text) => ("Not valid", text.as_str()),
            Self::Unavailable(text) => ("Not now", text.as_str()),
            Self::Internal => ("A fault in the gateway", "The gateway's log has the details."),
        };
        let page = Page { title, place: Place::Elsewhere, entered }.with(&html! {
            section.card.narrow {
                h2 { (title) }
                p { (advice) }
                p.quiet { "Status " (self.status().as_u16()) }
                p { a.button href="/" { "To the overview" } }
            }
        });
        (self.status(), page).into_response()
    }
}
