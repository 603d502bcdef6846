//! What a page is told by its address about what was done just before.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;

/// What the address has after the path. One that makes no sense says nothing.
pub(crate) type After<Done> = Result<Query<Asked<Done>>, QueryRejection>;

/// The address's fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked<Done> {
    done: Option<Done>,
}

/// What was done.
pub(super) fn done<Done>(after: After<Done>) -> Option<Done> {
    after.ok().and_then(|asked| asked.0.done)
}
