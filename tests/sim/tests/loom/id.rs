//! In place of the session's random id.

use std::fmt;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionId;

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("session")
    }
}
