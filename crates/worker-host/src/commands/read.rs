//! ReadBulk, which MXAccess does not have: values from the session's own subscriptions, and for other tags
//! by a subscription that lasts until its first OnDataChange and leaves no trace.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::{ReadBulkCommand, ReadBulkReply, ReadResult};

use super::Calls;
use crate::inbox::Inbox;
use crate::mxaccess::CallError;
use crate::tap::{Arrived, Key};

/// How long to wait when the command does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);
/// Nobody waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The apartment shows that it lives at least this often while it waits.
const LONGEST_PUMP: Duration = Duration::from_millis(250);

/// Where a tag's value comes from.
enum Source {
    Cached(Box<Arrived>),
    /// An item of the session's whose first event is still to come.
    Own(Key),
    /// An item that is only for this.
    Temporary(Key),
    Failed(CallError),
}

/// Waits up to the command's limit for all tags together.
pub(super) fn read_bulk(calls: &mut Calls<'_>, command: ReadBulkCommand) -> ReadBulkReply {
    let limit = match command.timeout_milliseconds {
        0 => DEFAULT_WAIT,
        milliseconds => Duration::from_millis(milliseconds.into()).min(LONGEST_WAIT),
    };
    let deadline = Instant::now() + limit;
    let server = command.server_handle;
    // A tag that is named twice is read once.
    let mut positions = HashMap::new();
    let mut sources = Vec::new();
    for tag in &command.tag_addresses {
        if let Entry::Vacant(entry) = positions.entry(tag.as_str()) {
            entry.insert(sources.len());
            sources.push(begin(calls, server, tag));
        }
    }
    wait(calls, &sources, deadline);
    let outcomes: Vec<_> = sources.into_iter().map(|source| end(calls, source, limit)).collect();
    let row = |tag: &String| {
        let outcome = positions.get(tag.as_str()).and_then(|position| outcomes.get(*position));
        ReadResult { tag_address: tag.clone(), ..outcome.cloned().unwrap_or_default() }
    };
    ReadBulkReply { results: command.tag_addresses.iter().map(row).collect() }
}

fn begin(calls: &mut Calls<'_>, server: i32, tag: &str) -> Source {
    if let Some(item) = calls.book.advised_item(server, tag) {
        return match calls.tap.last((server, item)) {
            Some(arrived) => Source::Cached(Box::new(arrived)),
            None => Source::Own((server, item)),
        };
    }
    let item = match calls.backend.add_item(server, tag, None) {
        Ok(item) => item,
        Err(error) => return Source::Failed(error),
    };
    // Before Advise, as the first event may come within it.
    calls.tap.hide((server, item));
    match calls.backend.advise(server, item) {
        Ok(()) => Source::Temporary((server, item)),
        Err(error) => {
            remove(calls, (server, item));
            Source::Failed(error)
        }
    }
}

/// Pumps until everything has come, or it is time to give up.
fn wait(calls: &mut Calls<'_>, sources: &[Source], deadline: Instant) {
    let awaited = sources.iter().filter_map(|source| match source {
        Source::Own(key) | Source::Temporary(key) => Some(*key),
        Source::Cached(_) | Source::Failed(_) => None,
    });
    // Not the inbox of the commands: those that wait there would end each wait at once.
    let bell = Arc::new(Inbox::default());
    calls.tap.wait_for(awaited, Arc::clone(&bell));
    loop {
        let now = Instant::now();
        if bell.is_ready() || now >= deadline || !(calls.go_on)() {
            break;
        }
        calls.backend.pump(&bell, deadline.min(now + LONGEST_PUMP));
    }
    calls.tap.stop_waiting();
}

/// Takes the temporary subscription down; gives the row, but for the tag.
fn end(calls: &mut Calls<'_>, source: Source, limit: Duration) -> ReadResult {
    let (arrived, was_cached) = match source {
        Source::Cached(arrived) => (Some(*arrived), true),
        Source::Own(key) => (calls.tap.last(key), false),
        Source::Temporary(key) => {
            let arrived = calls.tap.last(key);
            if let Err(error) = calls.backend.un_advise(key.0, key.1) {
                tracing::warn!(item_handle = key.1, %error, "UnAdvise failed after a read");
            }
            remove(calls, key);
            (arrived, false)
        }
        Source::Failed(error) => {
            return ReadResult { hresult: error.hresult, error_message: error.text, ..ReadResult::default() };
        }
    };
    let Some(arrived) = arrived else {
        let error_message =
            format!("no value came within {} ms; allow more time, or subscribe", limit.as_millis());
        return ReadResult { hresult: hresult::TIMEOUT, error_message, ..ReadResult::default() };
    };
    let failed = arrived.statuses.iter().find(|status| status.success == 0);
    ReadResult {
        was_successful: failed.is_none(),
        was_cached,
        error_message: failed.map(|status| status.diagnostic_text.clone()).unwrap_or_default(),
        data: Some(arrived.change),
        statuses: arrived.statuses,
        ..ReadResult::default()
    }
}

fn remove(calls: &mut Calls<'_>, key: Key) {
    if let Err(error) = calls.backend.remove_item(key.0, key.1) {
        tracing::warn!(item_handle = key.1, %error, "RemoveItem failed after a read");
    }
    calls.tap.retire(key);
}
