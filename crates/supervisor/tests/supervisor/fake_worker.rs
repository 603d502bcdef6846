//! The other end: a worker process that plays a script, good or bad.

use std::path::PathBuf;
use std::time::Duration;

use mxgateway_contracts::time::duration;
use mxgateway_contracts::v1::{EventFamily, MxCommandReply, MxEvent};
use mxgateway_contracts::worker_v1::{
    Bootstrap, Command, CommandRefusal, CommandRefusalCode, CommandReply, EventBatch, EventLoss, Heartbeat,
    ShutdownAcknowledgement, StartEvents, WorkerFault, WorkerFaultCode, WorkerHello, WorkerReady,
    envelope::Body,
};
use mxgateway_worker_ipc::frame::{DEFAULT_MAX_FRAME_BYTES, FrameReader};
use mxgateway_worker_ipc::handshake::{VersionRange, WorkerSide, worker_handshake};
use mxgateway_worker_ipc::link::{LinkReader, LinkWriter, split};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::{Connection, connect};
use prost::Message;
use tokio::io::{ReadHalf, WriteHalf};

/// Epoch of every scripted worker.
pub(crate) const EPOCH: u64 = 0xe90c;

/// Plays the script; returns the exit code.
pub(crate) async fn play(script: &str) -> i32 {
    let home = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let home = home.parent().expect("the program is in the harness's directory");
    std::fs::write(home.join("pid"), std::process::id().to_string()).unwrap();
    if let Some(code) = script.strip_prefix("exits-with-") {
        return code.parse().unwrap();
    }
    if script == "aborts" {
        std::process::abort();
    }
    let mut stdin = FrameReader::new(tokio::io::stdin(), DEFAULT_MAX_FRAME_BYTES);
    let bootstrap: Bootstrap = stdin.read_message().await.unwrap().expect("a bootstrap");
    assert_eq!(stdin.read_message::<Bootstrap>().await.unwrap(), None, "one frame and then the end");
    #[cfg(target_os = "linux")]
    if script.starts_with("outlives") {
        return crate::fake_orphan::play(script, bootstrap).await;
    }
    if script == "never-connects" {
        return std::future::pending().await;
    }

    let connection = connect(&bootstrap.endpoint.parse().unwrap(), Duration::from_secs(10)).await.unwrap();
    let session_id = if script == "wrong-session" { "session-b" } else { &bootstrap.session_id };
    // It may write more than was agreed.
    let (mut reader, mut writer) = split(connection, session_id, u32::MAX);
    let real_secret = Secret::from_slice(&bootstrap.secret).unwrap();
    let wrong_secret = Secret::random().unwrap();
    let secret = if script == "wrong-secret" { &wrong_secret } else { &real_secret };
    let versions =
        if script == "old-versions" { VersionRange { min: 0, max: 0 } } else { VersionRange::OURS };
    let side = WorkerSide { secret, versions, process_id: std::process::id(), seen_generation: 0 };
    if script == "says-nothing" {
        return std::future::pending().await;
    }
    let handshaken = worker_handshake(&mut reader, &mut writer, side).await;
    if script == "wrong-session" {
        writer.send(0, Body::WorkerHello(WorkerHello::default())).await.unwrap();
        return 4;
    }
    if handshaken.is_err() {
        return if script == "old-versions" { 3 } else { 4 };
    }
    let mut worker = FakeWorker { script: script.to_owned(), bootstrap, reader, writer, sequence: 0 };
    let code = worker.run().await;
    drop(worker);
    if script == "hangs-up-mid-call" {
        // The process lives on without its connection.
        return std::future::pending().await;
    }
    code
}

struct FakeWorker {
    script: String,
    bootstrap: Bootstrap,
    reader: LinkReader<ReadHalf<Connection>>,
    writer: LinkWriter<WriteHalf<Connection>>,
    sequence: u64,
}

impl FakeWorker {
    async fn run(&mut self) -> i32 {
        if self.script == "backend-fails" {
            let fault = WorkerFault {
                code: WorkerFaultCode::BackendFailed.into(),
                hresult: mxgateway_contracts::hresult::REGDB_E_CLASSNOTREG,
                message: "no galaxy".to_owned(),
            };
            self.send(Body::Fault(fault)).await;
            return 6;
        }
        self.send(Body::Heartbeat(Heartbeat::default())).await;
        let epoch = if self.script == "no-epoch" { 0 } else { EPOCH };
        let backend_name = self.bootstrap.backend_name.clone();
        self.send(Body::WorkerReady(WorkerReady { epoch, backend_name, ..WorkerReady::default() })).await;
        let start = self.reader.read().await.unwrap().expect("the gateway hung up").body;
        assert_eq!(start, Body::StartEvents(StartEvents { after_sequence: 0 }));

        match self.script.as_str() {
            "floods" => self.flood().await,
            "sends-no-event" => {
                self.send(Body::EventBatch(EventBatch { events: vec![vec![0xff; 12].into()] })).await;
            }
            "sends-a-command" => self.send(Body::Command(Command::default())).await,
            "reports-a-hung-apartment" => {
                let code = WorkerFaultCode::ApartmentHung.into();
                self.send(Body::Fault(WorkerFault { code, hresult: 0, message: "80 s".to_owned() })).await;
            }
            "stops-reading" | "goes-silent" => return std::future::pending().await,
            _ => {}
        }
        let interval = self.bootstrap.heartbeat_interval.as_ref().and_then(duration).unwrap();
        let mut heartbeat = tokio::time::interval(interval);
        loop {
            tokio::select! {
                _ = heartbeat.tick() => self.send(Body::Heartbeat(Heartbeat::default())).await,
                received = self.reader.read() => {
                    // A gateway that hangs up ends the worker.
                    let Ok(Some(received)) = received else { return 0 };
                    if let Some(code) = self.act(received.call_id, received.body).await {
                        return code;
                    }
                }
            }
        }
    }

    /// Deals with one frame of the gateway; `Some` ends the process.
    async fn act(&mut self, call_id: u64, body: Body) -> Option<i32> {
        if let Body::Shutdown(_) = body {
            if self.script == "ignores-shutdown" {
                return None;
            }
            self.send(Body::ShutdownAcknowledgement(ShutdownAcknowledgement {})).await;
            return Some(0);
        }
        if let Body::Cancel(_) = body {
            self.sequence += 1;
            let event = event(self.sequence, i32::try_from(call_id).unwrap());
            self.send(Body::EventBatch(EventBatch { events: vec![event] })).await;
            return None;
        }
        let Body::Command(command) = body else { panic!("not for a worker: {body:?}") };
        match self.script.as_str() {
            "dies-mid-call" => Some(1),
            "is-killed-mid-call" => std::process::abort(),
            "hangs-up-mid-call" => Some(0),
            "oversized-frame" => {
                let message = "x".repeat(usize::try_from(self.bootstrap.max_frame_bytes).unwrap());
                // The gateway hangs up before it has read all of it.
                self.writer
                    .send(0, Body::Fault(WorkerFault { message, ..WorkerFault::default() }))
                    .await
                    .ok();
                std::future::pending().await
            }
            "answers-nothing" => None,
            "refuses" | "knows-the-request-id" => {
                let code = match self.script.as_str() {
                    "refuses" => CommandRefusalCode::Unsupported,
                    _ => CommandRefusalCode::RequestIdReused,
                };
                let code = code.into();
                let refusal = Some(CommandRefusal { code, message: "Suspend is not for me".to_owned() });
                self.writer
                    .send(call_id, Body::CommandReply(CommandReply { refusal, ..CommandReply::default() }))
                    .await
                    .unwrap();
                None
            }
            _ => {
                let reply =
                    MxCommandReply { diagnostic_text: command.correlation_id, ..MxCommandReply::default() };
                let reply = CommandReply { reply: Some(reply), ..CommandReply::default() };
                self.writer.send(call_id, Body::CommandReply(reply)).await.unwrap();
                None
            }
        }
    }

    /// 3 batches of 100 events, with 50 lost before the last one; then death with the pipe full.
    async fn flood(&mut self) {
        for batch in 0..3 {
            if batch == 2 {
                let (from_sequence, to_sequence) = (self.sequence + 1, self.sequence + 50);
                self.writer.queue(0, Body::EventLoss(EventLoss { from_sequence, to_sequence })).unwrap();
                self.sequence = to_sequence;
            }
            let first = self.sequence + 1;
            self.sequence += 100;
            let events = (first..=self.sequence).map(|sequence| event(sequence, 7)).collect();
            self.writer.queue(0, Body::EventBatch(EventBatch { events })).unwrap();
        }
        self.writer.flush().await.unwrap();
        std::process::exit(1);
    }

    async fn send(&mut self, body: Body) {
        self.writer.send(0, body).await.unwrap();
    }
}

pub(crate) fn event(worker_sequence: u64, item_handle: i32) -> bytes::Bytes {
    let family = EventFamily::OnDataChange.into();
    MxEvent { family, worker_sequence, server_handle: 1, item_handle, ..MxEvent::default() }
        .encode_to_vec()
        .into()
}
