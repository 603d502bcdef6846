//! Suspend and Activate: accepted at once, done a little later by OperationComplete.

use std::time::{Duration, Instant};

use mxgateway_contracts::v1::{EventFamily, MxEvent, MxStatus, OperationComplete, mx_event::Body};

use super::{Engine, Now, event};
use crate::mxaccess::CallError;
use crate::simulator::status;

/// From the call to OperationComplete, as it was measured on a platform.
const OPERATION_DELAY: Duration = Duration::from_millis(230);

#[derive(Debug)]
pub(super) struct Operation {
    pub(super) due: Instant,
    server: i32,
    item: i32,
}

impl Engine {
    /// The item's data changes end at once. Suspending what is suspended says the same again.
    pub(crate) fn suspend(&mut self, server: i32, handle: i32, now: Now) -> Result<MxStatus, CallError> {
        let item = self.checked_item(server, handle)?;
        if item.advise.is_none() {
            let text = format!("item handle {handle} is not advised; only an advised item can be suspended");
            return Err(CallError::invalid(text));
        }
        (item.to_be_suspended, item.is_suspended) = (true, true);
        Ok(self.begin(server, handle, now))
    }

    /// The item's data changes begin again when the operation completes. Nothing happens to an item that is
    /// not suspended.
    pub(crate) fn activate(&mut self, server: i32, handle: i32, now: Now) -> Result<MxStatus, CallError> {
        let item = self.checked_item(server, handle)?;
        if !item.to_be_suspended {
            return Ok(status::ok());
        }
        item.to_be_suspended = false;
        Ok(self.begin(server, handle, now))
    }

    fn begin(&mut self, server: i32, item: i32, now: Now) -> MxStatus {
        self.operations.push_back(Operation { due: now.monotonic + OPERATION_DELAY, server, item });
        status::pending()
    }

    pub(super) fn operation_done(&mut self, operation: &Operation, now: Now, out: &mut Vec<MxEvent>) {
        let handle = operation.item;
        let Some(item) = self.item_mut(handle) else { return };
        let ends = item.is_suspended && !item.to_be_suspended;
        let is_first_due = item.advise.as_ref().is_some_and(|advise| advise.shown.is_none());
        if ends {
            item.is_suspended = false;
        }
        let body = Body::OperationComplete(OperationComplete {});
        out.push(event(EventFamily::OperationComplete, operation.server, handle, status::ok(), body));
        if ends && is_first_due {
            self.show_first(handle, now, out);
        } else if ends {
            self.show_change(handle, now, out);
        }
    }
}
