//! What the gateway does with a command before the worker gets it, and with the reply because of that.
//!
//! Bulk commands have a limit, arrays get the brackets that MXAccess wants, and sparse arrays become whole
//! ones. All of it depends on the command alone, so a repeated request is the same command again.

use mxgateway_contracts::command::{MAX_BULK_ITEMS, bulk_len};
use mxgateway_contracts::hresult;
use mxgateway_contracts::sparse_array::{MAX_EXPANDED_ELEMENTS, expand};
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    BulkWriteResult, MxCommandReply, MxValue, Write2Entry, WriteEntry, WriteSecured2Entry, WriteSecuredEntry,
    mx_value::Kind,
};
use tonic::Status;

use super::errors::invalid;
use super::rows::merged;
use crate::galaxy_view::GalaxyView;

/// What the reply has to be told; nothing for most commands.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Amendments {
    /// References as the client wrote them, by their position in the command, where the worker got another.
    names: Vec<(usize, String)>,
    /// Rows the worker did not get, by their position in the command.
    refused: Vec<(usize, BulkWriteResult)>,
    /// Rows the worker got.
    sent: usize,
}

/// Makes a command ready for the worker. Errors name the field.
pub(super) fn prepare(payload: &mut Payload, arrays: &GalaxyView) -> Result<Amendments, Status> {
    check_bulk_limit(payload)?;
    let names = complete_names(payload, arrays);
    let (sent, refused) = expand_writes(payload)?;
    Ok(Amendments { names, refused, sent })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other commands are about one thing")]
fn check_bulk_limit(payload: &Payload) -> Result<(), Status> {
    let Some(count) = bulk_len(payload).filter(|count| *count > MAX_BULK_ITEMS) else { return Ok(()) };
    let field = match payload {
        Payload::AddItemBulk(_) => "command.add_item_bulk.tag_addresses",
        Payload::AdviseItemBulk(_) => "command.advise_item_bulk.item_handles",
        Payload::RemoveItemBulk(_) => "command.remove_item_bulk.item_handles",
        Payload::UnAdviseItemBulk(_) => "command.un_advise_item_bulk.item_handles",
        Payload::SubscribeBulk(_) => "command.subscribe_bulk.tag_addresses",
        Payload::UnsubscribeBulk(_) => "command.unsubscribe_bulk.item_handles",
        Payload::ReadBulk(_) => "command.read_bulk.tag_addresses",
        Payload::WriteBulk(_) => "command.write_bulk.entries",
        Payload::Write2Bulk(_) => "command.write2_bulk.entries",
        Payload::WriteSecuredBulk(_) => "command.write_secured_bulk.entries",
        Payload::WriteSecured2Bulk(_) => "command.write_secured2_bulk.entries",
        _ => "command",
    };
    Err(invalid(
        field,
        &format!("has {count} items; the limit is {MAX_BULK_ITEMS}, so send them in several commands"),
    ))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other commands name no items")]
fn complete_names(payload: &mut Payload, arrays: &GalaxyView) -> Vec<(usize, String)> {
    let single = |definition: &mut String, context: &str| {
        if let Some(completed) = arrays.completed(definition, context) {
            *definition = completed;
        }
        // The reply does not repeat it.
        Vec::new()
    };
    match payload {
        Payload::AddItem(command) => single(&mut command.item_definition, ""),
        Payload::AddItem2(command) => single(&mut command.item_definition, &command.item_context),
        Payload::AddBufferedItem(command) => single(&mut command.item_definition, &command.item_context),
        Payload::AddItemBulk(command) => complete_each(&mut command.tag_addresses, arrays),
        Payload::SubscribeBulk(command) => complete_each(&mut command.tag_addresses, arrays),
        Payload::ReadBulk(command) => complete_each(&mut command.tag_addresses, arrays),
        _ => Vec::new(),
    }
}

fn complete_each(tags: &mut [String], arrays: &GalaxyView) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (position, tag) in tags.iter_mut().enumerate() {
        if let Some(completed) = arrays.completed(tag, "") {
            names.push((position, std::mem::replace(tag, completed)));
        }
    }
    names
}

/// Rows of a bulk write that stay and those refused; a single write is refused as a whole.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other commands write nothing")]
fn expand_writes(payload: &mut Payload) -> Result<(usize, Vec<(usize, BulkWriteResult)>), Status> {
    let single = |command: &str, value: &mut Option<MxValue>, time: Option<&MxValue>| {
        expand_row(value.as_mut(), time, &mut MAX_EXPANDED_ELEMENTS.clone())
            .map_err(|problem| invalid(&format!("command.{command}.{}", problem.field), &problem.text))
            .map(|()| (0, Vec::new()))
    };
    match payload {
        Payload::Write(write) => single("write", &mut write.value, None),
        Payload::Write2(write) => single("write2", &mut write.value, write.timestamp_value.as_ref()),
        Payload::WriteSecured(write) => single("write_secured", &mut write.value, None),
        Payload::WriteSecured2(write) => {
            single("write_secured2", &mut write.value, write.timestamp_value.as_ref())
        }
        Payload::WriteBulk(write) => Ok(expand_rows(&mut write.entries)),
        Payload::Write2Bulk(write) => Ok(expand_rows(&mut write.entries)),
        Payload::WriteSecuredBulk(write) => Ok(expand_rows(&mut write.entries)),
        Payload::WriteSecured2Bulk(write) => Ok(expand_rows(&mut write.entries)),
        _ => Ok((0, Vec::new())),
    }
}

/// A row of a bulk write.
trait Row {
    fn item_handle(&self) -> i32;
    /// The value, and the time stamp where the row has one.
    fn parts(&mut self) -> (Option<&mut MxValue>, Option<&MxValue>);
}

impl Row for WriteEntry {
    fn item_handle(&self) -> i32 {
        self.item_handle
    }

    fn parts(&mut self) -> (Option<&mut MxValue>, Option<&MxValue>) {
        (self.value.as_mut(), None)
    }
}

impl Row for Write2Entry {
    fn item_handle(&self) -> i32 {
        self.item_handle
    }

    fn parts(&mut self) -> (Option<&mut MxValue>, Option<&MxValue>) {
        (self.value.as_mut(), self.timestamp_value.as_ref())
    }
}

impl Row for WriteSecuredEntry {
    fn item_handle(&self) -> i32 {
        self.item_handle
    }

    fn parts(&mut self) -> (Option<&mut MxValue>, Option<&MxValue>) {
        (self.value.as_mut(), None)
    }
}

impl Row for WriteSecured2Entry {
    fn item_handle(&self) -> i32 {
        self.item_handle
    }

    fn parts(&mut self) -> (Option<&mut MxValue>, Option<&MxValue>) {
        (self.value.as_mut(), self.timestamp_value.as_ref())
    }
}

/// Expands each row; takes those out that cannot be. The rows share the room for elements.
fn expand_rows<R: Row>(rows: &mut Vec<R>) -> (usize, Vec<(usize, BulkWriteResult)>) {
    let mut room = MAX_EXPANDED_ELEMENTS;
    let mut refused = Vec::new();
    let mut next = 0;
    rows.retain_mut(|row| {
        let position = next;
        next += 1;
        let item_handle = row.item_handle();
        let (value, time) = row.parts();
        let Err(problem) = expand_row(value, time, &mut room) else { return true };
        let result = BulkWriteResult {
            item_handle,
            was_successful: false,
            hresult: hresult::E_INVALIDARG,
            error_message: format!("entries[{position}].{}: {}", problem.field, problem.text),
        };
        refused.push((position, result));
        false
    });
    (rows.len(), refused)
}

/// What is wrong with a write.
struct Problem {
    field: String,
    text: String,
}

fn expand_row(value: Option<&mut MxValue>, time: Option<&MxValue>, room: &mut usize) -> Result<(), Problem> {
    if time.is_some_and(|time| matches!(time.kind, Some(Kind::SparseArrayValue(_)))) {
        let field = "timestamp_value".to_owned();
        return Err(Problem { field, text: "is a sparse array, but must be a time".to_owned() });
    }
    let Some(value) = value else { return Ok(()) };
    expand(value, room)
        .map_err(|error| Problem { field: format!("value.{}", error.field()), text: error.to_string() })
}

impl Amendments {
    /// Gives the reply the names that the client wrote, and the rows that the worker did not get.
    pub(super) fn settle(self, reply: &mut MxCommandReply) {
        match &mut reply.payload {
            Some(ReplyPayload::AddItemBulk(rows) | ReplyPayload::SubscribeBulk(rows)) => {
                for (position, name) in self.names {
                    if let Some(row) = rows.results.get_mut(position) {
                        row.tag_address = name;
                    }
                }
            }
            Some(ReplyPayload::ReadBulk(rows)) => {
                for (position, name) in self.names {
                    if let Some(row) = rows.results.get_mut(position) {
                        row.tag_address = name;
                    }
                }
            }
            Some(
                ReplyPayload::WriteBulk(rows)
                | ReplyPayload::Write2Bulk(rows)
                | ReplyPayload::WriteSecuredBulk(rows)
                | ReplyPayload::WriteSecured2Bulk(rows),
            ) if !self.refused.is_empty() && rows.results.len() == self.sent => {
                let answered = std::mem::take(&mut rows.results);
                rows.results = merged(answered, self.refused.into_iter());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
