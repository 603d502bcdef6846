//! By handles of processes.

use std::io;

use mxgateway_win::process::{EndWatch, Process};
use tokio_util::sync::CancellationToken;

use super::ProcessIdentity;

/// What a process that is ended reports; any but zero.
const ENDED: u32 = 1;

/// A handle to one process; it never comes to mean another one. Dropping it does nothing to the process.
#[derive(Debug)]
pub(crate) struct IdentifiedProcess {
    process: Process,
    ended: CancellationToken,
    _watch: EndWatch,
}

impl IdentifiedProcess {
    /// The process, if it is the one that is meant and runs.
    pub(crate) fn open(identity: &ProcessIdentity) -> io::Result<Option<Self>> {
        let process = match Process::open(identity.process_id) {
            Ok(process) => process,
            // A worker is of the gateway's own account, so that one that cannot be looked at is none.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match identity_of(&process) {
            Ok(found) if found == *identity => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let ended = CancellationToken::new();
        let watch = process.on_end({
            let ended = ended.clone();
            move || ended.cancel()
        })?;
        Ok(Some(Self { process, ended, _watch: watch }))
    }

    /// Ends it at once. That it has ended is no error.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.process.terminate(ENDED)
    }

    /// Waits until it has ended. Cancel-safe.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

pub(super) fn look(process_id: u32) -> io::Result<ProcessIdentity> {
    identity_of(&Process::open(process_id)?)
}

/// All of it through one handle, so that it is about one process.
fn identity_of(process: &Process) -> io::Result<ProcessIdentity> {
    let (created, image) = (process.created(), process.image());
    // Last: what has ended may be looked at as long as somebody has a handle to it.
    if process.has_ended()? {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(ProcessIdentity {
        process_id: process.id(),
        created: created?.to_string(),
        image: image?.to_string_lossy().into_owned(),
    })
}
