//! A session driven through the bare generated client, so that nothing hides what the gateway does.

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AddItemCommand, AdviseCommand, CloseSessionReply, CloseSessionRequest, GetSessionRequest, InvokeReply,
    InvokeRequest, MxCommandReply, MxValue, OpenSessionReply, OpenSessionRequest, RegisterCommand, Session,
    StreamEventsRequest, StreamPosition, WriteCommand,
};
use tonic::Status;

use crate::recording::Recording;
use crate::{KeyedClient, TestStream, within};

/// An open session.
#[derive(Clone, Debug)]
pub struct TestSession {
    /// The client it was opened with.
    pub client: KeyedClient,
    /// What the gateway answered.
    pub opened: OpenSessionReply,
}

impl TestSession {
    /// Opens a session.
    pub async fn open(client: KeyedClient) -> Self {
        Self::open_as(client, "e2e", "").await
    }

    /// Opens a session with this name and tag.
    pub async fn open_as(mut client: KeyedClient, name: &str, tag: &str) -> Self {
        let request = OpenSessionRequest {
            client_session_name: name.to_owned(),
            session_tag: tag.to_owned(),
            ..OpenSessionRequest::default()
        };
        let opened =
            within("a session opens", client.open_session(request)).await.expect("a session").into_inner();
        Self { client, opened }
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.opened.session_id.clone()
    }

    /// One command as it is.
    pub async fn invoke(&self, payload: Payload) -> Result<InvokeReply, Status> {
        let request = InvokeRequest {
            session_id: self.id(),
            command: Some(payload.into()),
            ..InvokeRequest::default()
        };
        let reply = within("a reply", self.client.clone().invoke(request)).await?;
        Ok(reply.into_inner())
    }

    /// One command that reaches the worker.
    pub async fn reply(&self, payload: Payload) -> MxCommandReply {
        let reply = self.invoke(payload).await.expect("the command reaches the worker");
        reply.reply.expect("an InvokeReply has a reply")
    }

    /// Register; gives the server handle.
    pub async fn register(&self) -> i32 {
        let reply = self.reply(Payload::Register(RegisterCommand { client_name: "e2e".to_owned() })).await;
        match reply.payload {
            Some(ReplyPayload::Register(register)) => register.server_handle,
            _ => panic!("register failed: {reply:?}"),
        }
    }

    /// AddItem; gives the item handle.
    pub async fn add_item(&self, server_handle: i32, tag: &str) -> i32 {
        let item_definition = tag.to_owned();
        let reply = self.reply(Payload::AddItem(AddItemCommand { server_handle, item_definition })).await;
        match reply.payload {
            Some(ReplyPayload::AddItem(added)) => added.item_handle,
            _ => panic!("adding {tag} failed: {reply:?}"),
        }
    }

    /// Advise, which must succeed.
    pub async fn advise(&self, server_handle: i32, item_handle: i32) {
        let reply = self.reply(Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
        assert_eq!(reply.hresult, 0, "advise failed: {reply:?}");
    }

    /// Register, AddItem and Advise; gives the server handle and an item handle per tag.
    pub async fn advise_tags(&self, tags: &[&str]) -> (i32, Vec<i32>) {
        let server_handle = self.register().await;
        let mut items = Vec::new();
        for tag in tags {
            let item_handle = self.add_item(server_handle, tag).await;
            self.advise(server_handle, item_handle).await;
            items.push(item_handle);
        }
        (server_handle, items)
    }

    /// Write; gives the HRESULT.
    pub async fn write(&self, server_handle: i32, item_handle: i32, value: impl Into<MxValue>) -> i32 {
        let value = Some(value.into());
        self.reply(Payload::Write(WriteCommand { server_handle, item_handle, value, user_id: 0 }))
            .await
            .hresult
    }

    /// Live from now.
    pub async fn stream(&self) -> TestStream {
        self.try_stream(None).await.expect("a stream")
    }

    /// From a position.
    pub async fn resume(&self, epoch: u64, sequence: u64) -> TestStream {
        self.try_stream(Some(StreamPosition { epoch, sequence })).await.expect("a stream")
    }

    /// A stream, or why there is none.
    pub async fn try_stream(&self, resume: Option<StreamPosition>) -> Result<TestStream, Status> {
        let request = StreamEventsRequest { session_id: self.id(), resume, ..Default::default() };
        TestStream::begin(self.client.clone(), request).await
    }

    /// A stream with everything as wanted but the session's id, which is filled in; `name` is its log's.
    pub async fn stream_as(&self, name: &str, request: StreamEventsRequest) -> TestStream {
        let request = StreamEventsRequest { session_id: self.id(), ..request };
        let log = Recording::new(name);
        TestStream::record(self.client.clone(), request, log).await.expect("a stream")
    }

    /// What the gateway says about it.
    pub async fn status(&self) -> Session {
        let request = GetSessionRequest { session_id: self.id() };
        let reply = within("a status", self.client.clone().get_session(request)).await;
        reply.expect("a session's status").into_inner().session.expect("a session")
    }

    /// The same session through another client.
    pub fn through(&self, client: KeyedClient) -> Self {
        Self { client, opened: self.opened.clone() }
    }

    /// Closes it.
    pub async fn close(&self) -> CloseSessionReply {
        let request = CloseSessionRequest { session_id: self.id() };
        let reply = within("a session closes", self.client.clone().close_session(request)).await;
        reply.expect("a session can be closed").into_inner()
    }
}
