//! A gateway that does as it is told: sessions with a small MXAccess of their own, and streams that
//! follow a script where one was given.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::hresult::E_INVALIDARG;
use mxgateway_client::contracts::stream_item::EncodedStreamItem;
use mxgateway_client::contracts::v1::mx_command::Payload;
use mxgateway_client::contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_client::contracts::v1::mx_event::Body;
use mxgateway_client::contracts::v1::stream_item::Control;
use mxgateway_client::contracts::v1::*;
use mxgateway_client::contracts::v1_server::mx_gateway_server::{MxGateway, MxGatewayServer};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

pub(crate) const EPOCH: u64 = 7;

/// One step of a scripted stream; after the last one the stream ends without an end item.
#[derive(Clone)]
pub(crate) enum Step {
    Send(StreamItem),
    Fail(Status),
    Hang,
}

pub(crate) fn start(after_sequence: u64) -> Step {
    Step::Send(control(Control::Start(StreamStart {
        epoch: EPOCH,
        after_sequence,
        ..StreamStart::default()
    })))
}

pub(crate) fn control(control: Control) -> StreamItem {
    StreamItem { control: Some(control), ..StreamItem::default() }
}

pub(crate) fn events(sequences: impl IntoIterator<Item = u64>) -> Step {
    let events = sequences
        .into_iter()
        .map(|worker_sequence| MxEvent {
            family: EventFamily::OnDataChange.into(),
            worker_sequence,
            ..MxEvent::default()
        })
        .collect();
    Step::Send(StreamItem { events, ..StreamItem::default() })
}

#[derive(Default)]
pub(crate) struct State {
    /// Streams to come, before those that run live.
    pub(crate) streams: VecDeque<Vec<Step>>,
    /// What clients asked streams for.
    pub(crate) stream_requests: Vec<StreamEventsRequest>,
    /// What clients asked to be done.
    pub(crate) invokes: Vec<InvokeRequest>,
    /// Replies to commands to come, before the session's own.
    pub(crate) replies: VecDeque<MxCommandReply>,
    /// So many commands are carried out and not answered.
    pub(crate) unanswered: u32,
    /// Told of each of them.
    pub(crate) swallowed: Arc<Notify>,
    /// Replies by request id, and how many commands were carried out under one.
    remembered: HashMap<String, MxCommandReply>,
    pub(crate) carried_out: u32,
    /// Ids of the sessions that were closed by a client.
    pub(crate) closed: Vec<String>,
    /// Told of each of them.
    pub(crate) closing: Arc<Notify>,
    /// Answer to OpenSession while not empty, first one first.
    pub(crate) refusals: VecDeque<Status>,
    /// What each call had as its `authorization`.
    pub(crate) authorizations: Vec<Option<String>>,
    /// Answer to every call of a client without this `authorization`.
    pub(crate) required: Option<(String, Status)>,
    sessions: HashMap<String, Session>,
    opened: u32,
}

#[derive(Default)]
struct Session {
    items: HashMap<i32, String>,
    sequence: u64,
    subscriber: Option<mpsc::UnboundedSender<Result<EncodedStreamItem, Status>>>,
}

impl State {
    fn admit(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        self.authorizations.push(authorization.clone());
        match &self.required {
            Some((required, refusal)) if authorization.as_ref() != Some(required) => Err(refusal.clone()),
            Some(_) | None => Ok(request),
        }
    }

    fn invoke(&mut self, request: InvokeRequest) -> Result<InvokeReply, Status> {
        self.invokes.push(request.clone());
        let session =
            self.sessions.get_mut(&request.session_id).ok_or_else(|| unknown(&request.session_id))?;
        let first = self.remembered.get(&request.request_id).filter(|_| !request.request_id.is_empty());
        let repeated_request = first.is_some();
        let reply = match first.cloned().or_else(|| self.replies.pop_front()) {
            Some(reply) => reply,
            None => session.execute(request.command.and_then(|command| command.payload))?,
        };
        if !repeated_request {
            self.carried_out += 1;
            self.remembered.insert(request.request_id, reply.clone());
        }
        let session_id = request.session_id;
        Ok(InvokeReply { session_id, reply: Some(reply), repeated_request, ..InvokeReply::default() })
    }

    /// Makes the worker of every session fail.
    pub(crate) fn fault_sessions(&mut self) {
        for (_, session) in self.sessions.drain() {
            if let Some(subscriber) = session.subscriber {
                let end = StreamEnd {
                    reason: StreamEndReason::SessionFaulted.into(),
                    message: "worker ended".into(),
                    ..StreamEnd::default()
                };
                let _ = subscriber.send(Ok(control(Control::End(end)).into()));
            }
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

impl Script {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    pub(crate) fn streams(streams: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let script = Self::default();
        script.state().streams.extend(streams);
        script
    }
}

/// A running gateway. Dropping it cuts all its connections, as if it had been killed.
pub(crate) struct Gateway {
    runtime: Option<tokio::runtime::Runtime>,
    pub(crate) address: SocketAddr,
    pub(crate) script: Script,
}

impl Gateway {
    pub(crate) fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script)
    }

    pub(crate) fn start_at(address: SocketAddr, script: Script) -> Self {
        Self::start_with(address, script, Server::builder())
    }

    pub(crate) fn start_tls(script: Script, tls: ServerTlsConfig) -> Self {
        let server = Server::builder().tls_config(tls).unwrap();
        Self::start_with("127.0.0.1:0".parse().unwrap(), script, server)
    }

    fn start_with(address: SocketAddr, script: Script, mut server: Server) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let service = MxGatewayServer::with_interceptor(script.clone(), {
            let script = script.clone();
            move |request| script.state().admit(request)
        });
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
            server.add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { runtime: Some(runtime), address, script }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A runtime may not be waited for in a task, and must be, to have its sockets closed.
        let runtime = self.runtime.take().unwrap();
        std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10))).join().unwrap();
    }
}

type Answer<T> = Result<Response<T>, Status>;
type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[async_trait::async_trait]
impl MxGateway for Script {
    async fn open_session(&self, _: Request<OpenSessionRequest>) -> Answer<OpenSessionReply> {
        let mut state = self.state();
        if let Some(refusal) = state.refusals.pop_front() {
            return Err(refusal);
        }
        state.opened += 1;
        let session_id = format!("session-{:032x}", state.opened);
        state.sessions.insert(session_id.clone(), Session::default());
        Ok(Response::new(OpenSessionReply { session_id, epoch: EPOCH, ..OpenSessionReply::default() }))
    }

    async fn close_session(&self, request: Request<CloseSessionRequest>) -> Answer<CloseSessionReply> {
        let session_id = request.into_inner().session_id;
        let mut state = self.state();
        state.closed.push(session_id.clone());
        state.closing.notify_one();
        match state.sessions.remove(&session_id) {
            Some(_) => Ok(Response::new(CloseSessionReply { session_id, ..CloseSessionReply::default() })),
            None => Err(unknown(&session_id)),
        }
    }

    async fn get_session(&self, _: Request<GetSessionRequest>) -> Answer<GetSessionReply> {
        Ok(Response::new(GetSessionReply::default()))
    }

    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Answer<ListSessionsReply> {
        let token = request.into_inner().page_token;
        let (id, next_page_token) = if token.is_empty() { ("first", "second") } else { ("second", "") };
        let sessions =
            vec![mxgateway_client::contracts::v1::Session { session_id: id.into(), ..Default::default() }];
        Ok(Response::new(ListSessionsReply { sessions, next_page_token: next_page_token.into() }))
    }

    async fn invoke(&self, request: Request<InvokeRequest>) -> Answer<InvokeReply> {
        let request = request.into_inner();
        let (answer, swallowed) = {
            let mut state = self.state();
            let answer = state.invoke(request)?;
            let swallow = state.unanswered > 0;
            state.unanswered = state.unanswered.saturating_sub(1);
            (answer, swallow.then(|| Arc::clone(&state.swallowed)))
        };
        if let Some(swallowed) = swallowed {
            swallowed.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(Response::new(answer))
    }

    type StreamEventsStream = Items<EncodedStreamItem>;
    async fn stream_events(&self, request: Request<StreamEventsRequest>) -> Answer<Self::StreamEventsStream> {
        let request = request.into_inner();
        let mut state = self.state();
        state.stream_requests.push(request.clone());
        if let Some(steps) = state.streams.pop_front() {
            return Ok(Response::new(Box::pin(async_stream::stream! {
                for step in steps {
                    match step {
                        Step::Send(item) => yield Ok(item.into()),
                        Step::Fail(status) => yield Err(status),
                        Step::Hang => std::future::pending().await,
                    }
                }
            })));
        }
        let session =
            state.sessions.get_mut(&request.session_id).ok_or_else(|| unknown(&request.session_id))?;
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let after_sequence = request.resume.map_or(session.sequence, |resume| resume.sequence);
        let start = StreamStart { epoch: EPOCH, after_sequence, ..StreamStart::default() };
        let _ = sender.send(Ok(control(Control::Start(start)).into()));
        session.subscriber = Some(sender);
        Ok(Response::new(Box::pin(async_stream::stream! {
            while let Some(item) = receiver.recv().await {
                yield item;
            }
        })))
    }

    type StreamAlarmsStream = Items<AlarmFeedMessage>;
    async fn stream_alarms(&self, _: Request<StreamAlarmsRequest>) -> Answer<Self::StreamAlarmsStream> {
        Err(Status::unimplemented(""))
    }

    type QueryActiveAlarmsStream = Items<ActiveAlarm>;
    async fn query_active_alarms(
        &self,
        _: Request<QueryActiveAlarmsRequest>,
    ) -> Answer<Self::QueryActiveAlarmsStream> {
        Err(Status::unimplemented(""))
    }

    async fn acknowledge_alarm(&self, _: Request<AcknowledgeAlarmRequest>) -> Answer<AcknowledgeAlarmReply> {
        Err(Status::unimplemented(""))
    }
}

impl Session {
    fn execute(&mut self, payload: Option<Payload>) -> Result<MxCommandReply, Status> {
        let mut reply = MxCommandReply::default();
        match payload {
            Some(Payload::Register(_)) => {
                reply.payload = Some(ReplyPayload::Register(RegisterReply { server_handle: 1 }));
            }
            Some(Payload::AddItem(add)) if add.item_definition == "Refused" => {
                reply.hresult = E_INVALIDARG;
                reply.diagnostic_text = "refused by the script".into();
            }
            Some(Payload::AddItem(add)) if add.item_definition == "Forbidden" => {
                return Err(ErrorCode::ConstraintDenied.status("not within the key's read_subtrees", &[]));
            }
            Some(Payload::AddItem(add)) => {
                let item_handle = 1 + i32::try_from(self.items.len()).unwrap();
                self.items.insert(item_handle, add.item_definition);
                reply.payload = Some(ReplyPayload::AddItem(AddItemReply { item_handle }));
            }
            Some(Payload::Advise(advise)) => {
                self.sequence += 1;
                let event = MxEvent {
                    family: EventFamily::OnDataChange.into(),
                    worker_sequence: self.sequence,
                    server_handle: advise.server_handle,
                    item_handle: advise.item_handle,
                    body: Some(Body::OnDataChange(OnDataChange::default())),
                    ..MxEvent::default()
                };
                let item = StreamItem { events: vec![event], control: None };
                let _ =
                    self.subscriber.as_ref().expect("a subscriber before the advise").send(Ok(item.into()));
            }
            Some(Payload::Ping(ping)) => {
                reply.payload = Some(ReplyPayload::Ping(PingReply { message: ping.message }));
            }
            _ => return Err(ErrorCode::NotSupported.status("not in the script", &[])),
        }
        Ok(reply)
    }
}

fn unknown(session_id: &str) -> Status {
    ErrorCode::SessionNotFound
        .status(format!("session {session_id} is not known"), &[("session_id", session_id)])
}
