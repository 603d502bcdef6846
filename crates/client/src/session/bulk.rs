//! Commands for many items at once: one call, one row for each entry, in the order of the input. What failed
//! is a row with its HRESULT and text, never a failed call; the call itself fails only as a whole, for
//! instance for a server handle that does not exist or more entries than the gateway allows.

use std::time::Duration;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    AddItemBulkCommand, AdviseItemBulkCommand, BulkWriteResult, ReadBulkCommand, ReadResult,
    RemoveItemBulkCommand, SubscribeBulkCommand, SubscribeResult, UnAdviseItemBulkCommand,
    UnsubscribeBulkCommand, Write2BulkCommand, Write2Entry, WriteBulkCommand, WriteEntry,
    WriteSecured2BulkCommand, WriteSecured2Entry, WriteSecuredBulkCommand, WriteSecuredEntry,
};

use super::{SessionClient, only};
use crate::error::ClientError;

/// # Bulk commands
impl SessionClient {
    /// `AddItem` for each reference.
    pub async fn add_item_bulk(
        &self,
        server_handle: i32,
        tags: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Vec<SubscribeResult>, ClientError> {
        let tag_addresses = texts(tags);
        self.subscribe_rows(Payload::AddItemBulk(AddItemBulkCommand { server_handle, tag_addresses })).await
    }

    /// `Advise`, or `AdviseSupervisory`, for each item.
    pub async fn advise_item_bulk(
        &self,
        server_handle: i32,
        item_handles: Vec<i32>,
        supervisory: bool,
    ) -> Result<Vec<SubscribeResult>, ClientError> {
        let command = AdviseItemBulkCommand { server_handle, item_handles, supervisory };
        self.subscribe_rows(Payload::AdviseItemBulk(command)).await
    }

    /// `RemoveItem` for each item.
    pub async fn remove_item_bulk(
        &self,
        server_handle: i32,
        item_handles: Vec<i32>,
    ) -> Result<Vec<SubscribeResult>, ClientError> {
        let command = RemoveItemBulkCommand { server_handle, item_handles };
        self.subscribe_rows(Payload::RemoveItemBulk(command)).await
    }

    /// `UnAdvise` for each item.
    pub async fn un_advise_item_bulk(
        &self,
        server_handle: i32,
        item_handles: Vec<i32>,
    ) -> Result<Vec<SubscribeResult>, ClientError> {
        let command = UnAdviseItemBulkCommand { server_handle, item_handles };
        self.subscribe_rows(Payload::UnAdviseItemBulk(command)).await
    }

    /// `AddItem` and then `Advise`, or `AdviseSupervisory`, for each reference.
    pub async fn subscribe_bulk(
        &self,
        server_handle: i32,
        tags: impl IntoIterator<Item = impl Into<String>>,
        supervisory: bool,
    ) -> Result<Vec<SubscribeResult>, ClientError> {
        let command = SubscribeBulkCommand { server_handle, tag_addresses: texts(tags), supervisory };
        self.subscribe_rows(Payload::SubscribeBulk(command)).await
    }

    /// `UnAdvise` and then `RemoveItem` for each item.
    pub async fn unsubscribe_bulk(
        &self,
        server_handle: i32,
        item_handles: Vec<i32>,
    ) -> Result<Vec<SubscribeResult>, ClientError> {
        let command = UnsubscribeBulkCommand { server_handle, item_handles };
        self.subscribe_rows(Payload::UnsubscribeBulk(command)).await
    }

    /// Current values: the last `OnDataChange` of a tag that is advised in this session, otherwise by a
    /// temporary subscription that leaves no trace. MXAccess itself has no read.
    ///
    /// `wait` is how long first values may take, rounded to milliseconds; zero is the worker's default. A tag
    /// without a value by then is a failed row. The call's own limit ([`InvokeOptions::timeout`] or the
    /// client's) must be longer.
    ///
    /// [`InvokeOptions::timeout`]: crate::InvokeOptions::timeout
    pub async fn read_bulk(
        &self,
        server_handle: i32,
        tags: impl IntoIterator<Item = impl Into<String>>,
        wait: Duration,
    ) -> Result<Vec<ReadResult>, ClientError> {
        let timeout_milliseconds = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let command = ReadBulkCommand { server_handle, tag_addresses: texts(tags), timeout_milliseconds };
        self.ask(Payload::ReadBulk(command), only!(ReadBulk)).await.map(|reply| reply.results)
    }

    /// `Write` for each entry. A successful row means queued: the result comes as `OnWriteComplete`.
    pub async fn write_bulk(
        &self,
        server_handle: i32,
        entries: Vec<WriteEntry>,
    ) -> Result<Vec<BulkWriteResult>, ClientError> {
        self.write_rows(Payload::WriteBulk(WriteBulkCommand { server_handle, entries })).await
    }

    /// `Write2`, a write with a time stamp, for each entry. A successful row means queued.
    pub async fn write2_bulk(
        &self,
        server_handle: i32,
        entries: Vec<Write2Entry>,
    ) -> Result<Vec<BulkWriteResult>, ClientError> {
        self.write_rows(Payload::Write2Bulk(Write2BulkCommand { server_handle, entries })).await
    }

    /// `WriteSecured` for each entry. A successful row means queued.
    pub async fn write_secured_bulk(
        &self,
        server_handle: i32,
        entries: Vec<WriteSecuredEntry>,
    ) -> Result<Vec<BulkWriteResult>, ClientError> {
        self.write_rows(Payload::WriteSecuredBulk(WriteSecuredBulkCommand { server_handle, entries })).await
    }

    /// `WriteSecured2`, with a time stamp, for each entry. A successful row means queued.
    pub async fn write_secured2_bulk(
        &self,
        server_handle: i32,
        entries: Vec<WriteSecured2Entry>,
    ) -> Result<Vec<BulkWriteResult>, ClientError> {
        self.write_rows(Payload::WriteSecured2Bulk(WriteSecured2BulkCommand { server_handle, entries })).await
    }

    async fn subscribe_rows(&self, payload: Payload) -> Result<Vec<SubscribeResult>, ClientError> {
        self.ask(
            payload,
            only!(
                AddItemBulk
                    | AdviseItemBulk
                    | RemoveItemBulk
                    | UnAdviseItemBulk
                    | SubscribeBulk
                    | UnsubscribeBulk
            ),
        )
        .await
        .map(|reply| reply.results)
    }

    async fn write_rows(&self, payload: Payload) -> Result<Vec<BulkWriteResult>, ClientError> {
        self.ask(payload, only!(WriteBulk | Write2Bulk | WriteSecuredBulk | WriteSecured2Bulk))
            .await
            .map(|reply| reply.results)
    }
}

fn texts(tags: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    tags.into_iter().map(Into::into).collect()
}
