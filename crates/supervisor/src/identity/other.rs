//! Systems on which a process cannot be told for certain.

use std::io;

use super::ProcessIdentity;

/// There is none.
#[derive(Debug)]
pub(crate) enum IdentifiedProcess {}

impl IdentifiedProcess {
    pub(crate) fn open(_identity: &ProcessIdentity) -> io::Result<Option<Self>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn kill(&self) -> io::Result<()> {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "the same as on Linux")]
    pub(crate) async fn ended(&self) {
        match *self {}
    }
}

pub(super) fn look(_process_id: u32) -> io::Result<ProcessIdentity> {
    Err(io::ErrorKind::Unsupported.into())
}
