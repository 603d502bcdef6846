//! Rows of a bulk command that a key's constraints keep from being sent, and their place in the reply.

use mxgateway_contracts::hresult::E_ACCESSDENIED;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{BulkWriteResult, MxCommandReply, ReadResult, SubscribeResult};

use super::TagDenial;
use crate::grpc::rows::merged;

/// Rows that are not sent, by their position in the command.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct DeniedRows {
    rows: Vec<(usize, DeniedRow)>,
}

/// One of them.
#[derive(Debug, PartialEq)]
pub(super) enum DeniedRow {
    Subscribe(SubscribeResult),
    Read(Box<ReadResult>),
    Write(BulkWriteResult),
}

impl DeniedRows {
    /// One more; positions go up.
    pub(super) fn push(&mut self, position: usize, row: DeniedRow) {
        self.rows.push((position, row));
    }

    /// Where they stand in the command.
    #[cfg(test)]
    pub(super) fn positions(&self) -> Vec<usize> {
        self.rows.iter().map(|(position, _)| *position).collect()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Puts the rows where they belong in the reply.
    pub(crate) fn settle(self, reply: &mut MxCommandReply) {
        if self.rows.is_empty() {
            return;
        }
        match &mut reply.payload {
            Some(
                ReplyPayload::AddItemBulk(reply)
                | ReplyPayload::AdviseItemBulk(reply)
                | ReplyPayload::RemoveItemBulk(reply)
                | ReplyPayload::UnAdviseItemBulk(reply)
                | ReplyPayload::SubscribeBulk(reply)
                | ReplyPayload::UnsubscribeBulk(reply),
            ) => merge(&mut reply.results, self.rows, |row| match row {
                DeniedRow::Subscribe(row) => Some(row),
                DeniedRow::Read(_) | DeniedRow::Write(_) => None,
            }),
            Some(ReplyPayload::ReadBulk(reply)) => merge(&mut reply.results, self.rows, |row| match row {
                DeniedRow::Read(row) => Some(*row),
                DeniedRow::Subscribe(_) | DeniedRow::Write(_) => None,
            }),
            Some(
                ReplyPayload::WriteBulk(reply)
                | ReplyPayload::Write2Bulk(reply)
                | ReplyPayload::WriteSecuredBulk(reply)
                | ReplyPayload::WriteSecured2Bulk(reply),
            ) => merge(&mut reply.results, self.rows, |row| match row {
                DeniedRow::Write(row) => Some(row),
                DeniedRow::Subscribe(_) | DeniedRow::Read(_) => None,
            }),
            _ => {}
        }
    }
}

/// Rows of another kind than the reply's have no place in it.
fn merge<R>(answered: &mut Vec<R>, denied: Vec<(usize, DeniedRow)>, row: impl Fn(DeniedRow) -> Option<R>) {
    let denied: Vec<(usize, R)> =
        denied.into_iter().filter_map(|(position, denied)| Some((position, row(denied)?))).collect();
    *answered = merged(std::mem::take(answered), denied.into_iter());
}

pub(super) fn subscribe_row(
    server_handle: i32,
    tag_address: String,
    item_handle: i32,
    denial: &TagDenial,
) -> SubscribeResult {
    SubscribeResult {
        server_handle,
        tag_address,
        item_handle,
        was_successful: false,
        hresult: E_ACCESSDENIED,
        error_message: denial.to_string(),
    }
}

pub(super) fn read_row(tag_address: String, denial: &TagDenial) -> ReadResult {
    ReadResult {
        tag_address,
        was_successful: false,
        hresult: E_ACCESSDENIED,
        error_message: denial.to_string(),
        ..ReadResult::default()
    }
}

pub(super) fn write_row(item_handle: i32, denial: &TagDenial) -> BulkWriteResult {
    BulkWriteResult {
        item_handle,
        was_successful: false,
        hresult: E_ACCESSDENIED,
        error_message: denial.to_string(),
    }
}
