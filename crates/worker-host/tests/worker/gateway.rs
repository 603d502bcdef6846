//! The gateway's end, as a script drives it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{MxCommandReply, MxEvent};
use mxgateway_contracts::worker_v1::{
    Bootstrap, Command, CommandRefusal, EventLoss, Heartbeat, Shutdown, StartEvents, WorkerFault,
    WorkerReady, envelope::Body,
};
use mxgateway_worker_host::mxaccess::{BackendError, MxAccess};
use mxgateway_worker_host::{EventSink, ExitReason, run, run_with_backend};
use mxgateway_worker_ipc::handshake::{GatewaySide, VersionRange, gateway_handshake};
use mxgateway_worker_ipc::link::{self, LinkReader, LinkWriter, Received};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::{Connection, Endpoint, Listener, bind};
use prost::Message;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);
pub(super) const SESSION: &str = "session-test";
pub(super) const SECRET: [u8; 32] = [7; 32];

/// A worker that runs, and the gateway's end of its connection.
pub(super) struct Gateway {
    reader: LinkReader<ReadHalf<Connection>>,
    writer: LinkWriter<WriteHalf<Connection>>,
    worker: JoinHandle<ExitReason>,
    endpoint: Endpoint,
    last_call: u64,
    /// Everything that came in while something else was waited for.
    pub(super) events: Vec<MxEvent>,
    pub(super) losses: Vec<EventLoss>,
    pub(super) faults: Vec<WorkerFault>,
    pub(super) heartbeats: Vec<Heartbeat>,
    pub(super) answers: Vec<(u64, Answer)>,
    /// Calls whose reply was that of an earlier one.
    pub(super) repeated: Vec<u64>,
}

pub(super) type Answer = Result<MxCommandReply, CommandRefusal>;

/// A bootstrap for the simulator, at an endpoint of its own.
pub(super) fn bootstrap() -> Bootstrap {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Bootstrap {
        session_id: SESSION.to_owned(),
        endpoint: format!("memory:worker-host-test-{number}"),
        secret: SECRET.to_vec(),
        min_protocol_version: 1,
        max_protocol_version: 1,
        backend_name: "simulator".to_owned(),
        connect_timeout: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        ..Bootstrap::default()
    }
}

impl Gateway {
    /// Starts a worker of the bootstrap and proves itself to it.
    pub(super) async fn start(bootstrap: Bootstrap) -> Self {
        Self::accept(bootstrap, |bootstrap| tokio::spawn(run(bootstrap))).await
    }

    /// The same with a backend of the test's.
    pub(super) async fn start_with(
        bootstrap: Bootstrap,
        make: impl FnOnce(EventSink) -> Result<Box<dyn MxAccess>, BackendError> + Send + 'static,
    ) -> Self {
        Self::accept(bootstrap, |bootstrap| tokio::spawn(run_with_backend(bootstrap, make))).await
    }

    async fn accept(bootstrap: Bootstrap, start: impl FnOnce(Bootstrap) -> JoinHandle<ExitReason>) -> Self {
        let endpoint: Endpoint = bootstrap.endpoint.parse().unwrap();
        let mut listener = bind(&endpoint).unwrap();
        Orphan { worker: start(bootstrap), endpoint }.met_at(&mut *listener, 1).await
    }

    /// Takes WorkerReady and asks for events from the start.
    pub(super) async fn ready(&mut self) -> WorkerReady {
        self.ready_after(0).await
    }

    /// The same, with events from after that one.
    pub(super) async fn ready_after(&mut self, after_sequence: u64) -> WorkerReady {
        let ready = match self.read().await {
            Some(Received { body: Body::WorkerReady(ready), .. }) => ready,
            other => panic!("expected WorkerReady, got {other:?}"),
        };
        self.send(0, Body::StartEvents(StartEvents { after_sequence })).await;
        ready
    }

    pub(super) async fn send(&mut self, call_id: u64, body: Body) {
        within("a write", self.writer.send(call_id, body)).await.unwrap();
    }

    /// Sends a command; gives its call id.
    pub(super) async fn command(&mut self, payload: Payload) -> u64 {
        self.request(payload, "").await
    }

    /// The same with a request id.
    pub(super) async fn request(&mut self, payload: Payload, request_id: &str) -> u64 {
        self.last_call += 1;
        let request_id = request_id.to_owned();
        let command = Command { command: Some(payload.into()), request_id, ..Command::default() };
        self.send(self.last_call, Body::Command(command)).await;
        self.last_call
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn call(&mut self, payload: Payload) -> Answer {
        let call_id = self.command(payload).await;
        self.answer(call_id).await
    }

    /// The answer to a call, now or later.
    pub(super) async fn answer(&mut self, call_id: u64) -> Answer {
        loop {
            if let Some(at) = self.answers.iter().position(|(id, _)| *id == call_id) {
                return self.answers.remove(at).1;
            }
            self.take().await;
        }
    }

    /// Reads on until the condition holds.
    pub(super) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let limit = tokio::time::Instant::now() + LIMIT;
        while !holds(self) {
            assert!(tokio::time::Instant::now() < limit, "still waiting for {what}");
            self.take().await;
        }
    }

    /// Asks for the end; gives how the worker ended, after everything it had to say.
    pub(super) async fn shut_down(mut self) -> (Self, ExitReason) {
        self.send(99, Body::Shutdown(Shutdown::default())).await;
        self.acknowledged(99).await;
        self.ended().await
    }

    pub(super) async fn acknowledged(&mut self, call_id: u64) {
        loop {
            let received = self.read().await.unwrap_or_else(|| panic!("no acknowledgement came"));
            if let Body::ShutdownAcknowledgement(_) = received.body {
                return assert_eq!(received.call_id, call_id);
            }
            self.note(received);
        }
    }

    /// Reads to the end of the connection and gives how the worker ended.
    pub(super) async fn ended(mut self) -> (Self, ExitReason) {
        while let Some(received) = self.read().await {
            self.note(received);
        }
        let worker = std::mem::replace(&mut self.worker, tokio::spawn(async { ExitReason::Success }));
        let reason = within("the worker's end", worker).await.unwrap();
        (self, reason)
    }

    /// Closes the connection and gives how the worker ended.
    pub(super) async fn vanish(self) -> ExitReason {
        drop((self.reader, self.writer));
        self.worker.await.unwrap()
    }

    /// Is gone, without a word; what the worker has sent is not read.
    pub(super) fn lose(self) -> Orphan {
        Orphan { worker: self.worker, endpoint: self.endpoint }
    }

    async fn take(&mut self) {
        match self.read().await {
            Some(received) => self.note(received),
            None => panic!("the worker closed the connection; faults: {:?}", self.faults),
        }
    }

    pub(super) async fn read(&mut self) -> Option<Received> {
        within("a frame", self.reader.read()).await.unwrap()
    }

    fn note(&mut self, received: Received) {
        match received.body {
            Body::EventBatch(batch) => {
                self.events.extend(batch.events.into_iter().map(|event| MxEvent::decode(event).unwrap()));
            }
            Body::EventLoss(loss) => self.losses.push(loss),
            Body::Fault(fault) => self.faults.push(fault),
            Body::Heartbeat(heartbeat) => self.heartbeats.push(heartbeat),
            Body::CommandReply(reply) => {
                let answer = match (reply.reply, reply.refusal) {
                    (Some(reply), None) => Ok(reply),
                    (None, Some(refusal)) => Err(refusal),
                    other => panic!("neither or both of reply and refusal: {other:?}"),
                };
                if reply.repeated_request {
                    self.repeated.push(received.call_id);
                }
                self.answers.push((received.call_id, answer));
            }
            Body::GatewayHello(_)
            | Body::WorkerHello(_)
            | Body::GatewayProof(_)
            | Body::WorkerReady(_)
            | Body::StartEvents(_)
            | Body::Command(_)
            | Body::Cancel(_)
            | Body::Shutdown(_)
            | Body::OutliveGateway(_)
            | Body::ShutdownAcknowledgement(_) => panic!("the worker sent something out of turn"),
        }
    }
}

/// A worker without a gateway.
pub(super) struct Orphan {
    pub(super) worker: JoinHandle<ExitReason>,
    pub(super) endpoint: Endpoint,
}

impl Orphan {
    /// A gateway of the first generation comes to its endpoint.
    pub(super) async fn found(self) -> Gateway {
        let mut listener = self.bind();
        self.met_at(&mut *listener, 1).await
    }

    pub(super) fn bind(&self) -> Box<dyn Listener> {
        bind(&self.endpoint).unwrap()
    }

    /// A gateway of that generation proves itself at its endpoint.
    pub(super) async fn met_at(self, listener: &mut dyn Listener, generation: u64) -> Gateway {
        let accepted = within("a connection", listener.accept()).await.unwrap();
        let (mut reader, mut writer) = link::split(accepted.connection, SESSION, 16 * 1024 * 1024);
        let secret = Secret::from_slice(&SECRET).unwrap();
        let side = GatewaySide { secret: &secret, versions: VersionRange::OURS, generation };
        within("the handshake", gateway_handshake(&mut reader, &mut writer, side)).await.unwrap();
        Gateway {
            reader,
            writer,
            worker: self.worker,
            endpoint: self.endpoint,
            last_call: 0,
            events: Vec::new(),
            losses: Vec::new(),
            faults: Vec::new(),
            heartbeats: Vec::new(),
            answers: Vec::new(),
            repeated: Vec::new(),
        }
    }

    pub(super) async fn ended(self) -> ExitReason {
        within("the worker's end", self.worker).await.unwrap()
    }
}

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("no {what} within {LIMIT:?}"))
}
