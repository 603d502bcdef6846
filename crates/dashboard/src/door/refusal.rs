//! What is told to those who do not get in.

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use super::entering::Entered;
use crate::api::refused;
use crate::pages::trouble::Trouble;

/// Why somebody does not get in, or not what was asked for.
#[derive(Debug)]
pub enum Refusal {
    /// To be asked to sign in, and where to go afterwards.
    SignIn(Option<String>),
    /// A program without a cookie or token that is good.
    Unknown,
    /// Here without having signed in, and so without leave to change anything.
    NotAllowed(Box<Entered>),
    /// The form did not come from a page of the dashboard, or not from one of this visitor's.
    NotMeant(Box<Entered>),
    /// What was posted is no form; the text says why.
    NoForm(Box<Entered>, String),
    /// The server did not say who asks: a fault of the gateway.
    NoPeer,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(next) => Redirect::to(&super::next::sign_in(next.as_deref())).into_response(),
            Self::Unknown => refused(StatusCode::UNAUTHORIZED, "not_signed_in", "sign in first"),
            Self::NotAllowed(entered) => Trouble::NotAllowed.page(&entered),
            Self::NotMeant(entered) => Trouble::NotMeant.page(&entered),
            Self::NoForm(entered, why) => Trouble::Invalid(why).page(&entered),
            Self::NoPeer => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
