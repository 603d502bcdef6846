//! Shapes that only the API has.

#![expect(single_use_lifetimes, reason = "the code that is derived for schemas names them")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{EndedSession, SessionView, WorkerView};

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused<'a> {
    /// A word for programs, such as `not_found`.
    pub(super) error: &'a str,
    /// A sentence for people.
    pub(super) message: &'a str,
}

/// Sessions that are there, and those that ended not long ago.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sessions<'a> {
    /// Those that are there, by id.
    pub(super) sessions: &'a [SessionView],
    /// Those that ended, the newest first.
    pub(super) ended: &'a [EndedSession],
}

/// A session, in one way or the other.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Session<'a> {
    /// It is there.
    Current(&'a SessionView),
    /// It ended not long ago.
    Ended(&'a EndedSession),
}

/// A worker and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Worker<'a> {
    /// Id of its session.
    pub(super) session: &'a str,
    /// That session's state.
    pub(super) state: &'a str,
    /// The process.
    pub(super) worker: &'a WorkerView,
}
