//! The gateway's end of a worker in this process, and the stand-in registered for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mxgateway_contracts::hresult::S_OK;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{
    AddItemCommand, AdviseCommand, EventFamily, MxCommandReply, MxEvent, MxValue, RegisterCommand,
    WriteCommand, mx_event::Body as EventBody,
};
use mxgateway_contracts::worker_v1::{
    Bootstrap, Command, Shutdown, StartEvents, WorkerReady, envelope::Body,
};
use mxgateway_worker_host::{ExitReason, run_with_backend};
use mxgateway_worker_ipc::handshake::{GatewaySide, VersionRange, gateway_handshake};
use mxgateway_worker_ipc::link::{self, LinkReader, LinkWriter, Received};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::{Connection, Endpoint, bind};
use prost::Message;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use windows::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};
use windows_core::{HRESULT, HSTRING, PCSTR, s};

const LIMIT: Duration = Duration::from_secs(60);
const SESSION: &str = "session-test";
const SECRET: [u8; 32] = [7; 32];

/// The stand-in's file, beside the tests' own.
fn standin() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap();
    let path = folder.join("mxgateway_com_standin.dll");
    assert!(path.exists(), "there is no {}; build mxgateway-com-standin first", path.display());
    path
}

fn export(name: PCSTR) -> unsafe extern "system" fn() -> isize {
    let path = HSTRING::from(standin().as_path());
    // SAFETY: the stand-in does nothing when it is loaded.
    let library = unsafe { LoadLibraryW(&path) }.unwrap();
    // SAFETY: the name ends with a zero.
    unsafe { GetProcAddress(library, name) }.unwrap()
}

/// An export's 32-bit result.
fn low(result: isize) -> i32 {
    let bytes = result.to_le_bytes();
    i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn register_standin() {
    // SAFETY: the export takes nothing; its HRESULT is in the low 32 bits.
    let result = unsafe { export(s!("DllRegisterServer"))() };
    assert_eq!(HRESULT(low(result)), HRESULT(0));
}

/// How many of the stand-in's objects live.
pub(super) fn objects() -> i32 {
    // SAFETY: the export takes nothing; its count is in the low 32 bits.
    low(unsafe { export(s!("StandInObjects"))() })
}

/// A worker that runs, and the gateway's end of its connection.
pub(super) struct Gateway {
    reader: LinkReader<ReadHalf<Connection>>,
    writer: LinkWriter<WriteHalf<Connection>>,
    worker: JoinHandle<ExitReason>,
    last_call: u64,
    answers: Vec<(u64, MxCommandReply)>,
    pub(super) events: Vec<MxEvent>,
    pub(super) ready: WorkerReady,
}

impl Gateway {
    /// A worker on a stand-in that is like `settings` (environment variables) say.
    pub(super) async fn start(settings: &[(&str, &str)]) -> Self {
        for (name, value) in settings {
            #[expect(clippy::disallowed_methods, reason = "the stand-in has no other way to be told")]
            // SAFETY: each test has a process of its own, and no other thread of it reads the environment now.
            unsafe {
                std::env::set_var(name, value)
            };
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        register_standin();
        let bootstrap = Bootstrap {
            session_id: SESSION.to_owned(),
            endpoint: format!("memory:standin-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            secret: SECRET.to_vec(),
            min_protocol_version: 1,
            max_protocol_version: 1,
            backend_name: "lmxproxy".to_owned(),
            journal_capacity: 100_000,
            connect_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
            ..Bootstrap::default()
        };
        let endpoint: Endpoint = bootstrap.endpoint.parse().unwrap();
        let mut listener = bind(&endpoint).unwrap();
        let worker = tokio::spawn(run_with_backend(bootstrap, |events| {
            mxgateway_lmxproxy::make(&HashMap::new(), events)
        }));
        let accepted = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
        let (mut reader, mut writer) = link::split(accepted.connection, SESSION, 16 * 1024 * 1024);
        let secret = Secret::from_slice(&SECRET).unwrap();
        let side = GatewaySide { secret: &secret, versions: VersionRange::OURS, generation: 1 };
        gateway_handshake(&mut reader, &mut writer, side).await.unwrap();
        let ready = match reader.read().await.unwrap() {
            Some(Received { body: Body::WorkerReady(ready), .. }) => ready,
            other => panic!("expected WorkerReady, got {other:?}"),
        };
        writer.send(0, Body::StartEvents(StartEvents { after_sequence: 0 })).await.unwrap();
        Self { reader, writer, worker, last_call: 0, answers: Vec::new(), events: Vec::new(), ready }
    }

    pub(super) async fn call(&mut self, payload: Payload) -> MxCommandReply {
        let id = self.send(payload).await;
        self.answer(id).await
    }

    pub(super) async fn send(&mut self, payload: Payload) -> u64 {
        self.last_call += 1;
        let command = Command { command: Some(payload.into()), ..Command::default() };
        self.writer.send(self.last_call, Body::Command(command)).await.unwrap();
        self.last_call
    }

    pub(super) async fn answer(&mut self, id: u64) -> MxCommandReply {
        loop {
            if let Some(at) = self.answers.iter().position(|(answered, _)| *answered == id) {
                return self.answers.remove(at).1;
            }
            self.take().await;
        }
    }

    pub(super) async fn ok(&mut self, payload: Payload) -> MxCommandReply {
        let reply = self.call(payload).await;
        assert_eq!(reply.hresult, S_OK, "{reply:?}");
        reply
    }

    pub(super) async fn until(&mut self, what: &str, holds: impl Fn(&[MxEvent]) -> bool) {
        let wait = async {
            while !holds(&self.events) {
                self.take().await;
            }
        };
        assert!(timeout(LIMIT, wait).await.is_ok(), "still waiting for {what}");
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "heartbeats and the like are of no interest here")]
    async fn take(&mut self) {
        let received = timeout(LIMIT, self.reader.read()).await.expect("nothing came").unwrap().unwrap();
        match received.body {
            Body::CommandReply(reply) => {
                let answer = reply.reply.unwrap_or_else(|| panic!("refused: {:?}", reply.refusal));
                self.answers.push((received.call_id, answer));
            }
            Body::EventBatch(batch) => {
                self.events.extend(batch.events.into_iter().map(|event| MxEvent::decode(event).unwrap()));
            }
            Body::EventLoss(loss) => panic!("{loss:?}"),
            Body::Fault(fault) => panic!("{fault:?}"),
            _ => {}
        }
    }

    /// Ends the worker in order; nothing of the stand-in is left then.
    pub(super) async fn end(mut self) {
        self.writer.send(99_999, Body::Shutdown(Shutdown::default())).await.unwrap();
        self.ended().await;
    }

    /// The same for one that ends by itself.
    pub(super) async fn ended(mut self) {
        while let Ok(Some(_)) = timeout(LIMIT, self.reader.read()).await.expect("the worker does not end") {}
        assert_eq!(self.worker.await.unwrap(), ExitReason::Success);
        assert_eq!(objects(), 0, "the stand-in's objects are still referred to");
    }

    /// The gateway goes without a word.
    pub(super) async fn vanish(self) {
        let Self { reader, writer, worker, .. } = self;
        drop((reader, writer));
        let reason = timeout(LIMIT, worker).await.expect("the worker does not end").unwrap();
        assert_eq!(reason, ExitReason::GatewayLost);
        assert_eq!(objects(), 0, "the stand-in's objects are still referred to");
    }

    pub(super) async fn register(&mut self) -> i32 {
        match self.ok(Payload::Register(RegisterCommand { client_name: "test".into() })).await.payload {
            Some(Reply::Register(reply)) => reply.server_handle,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn add(&mut self, server_handle: i32, item: &str) -> i32 {
        let command = AddItemCommand { server_handle, item_definition: item.to_owned() };
        match self.ok(Payload::AddItem(command)).await.payload {
            Some(Reply::AddItem(reply)) => reply.item_handle,
            other => panic!("{other:?}"),
        }
    }

    /// Adds and advises; gives the handle when the first event has come.
    pub(super) async fn advised(&mut self, server_handle: i32, item: &str) -> i32 {
        let item_handle = self.add(server_handle, item).await;
        self.ok(Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
        self.until(item, |events| !changes(events, item_handle).is_empty()).await;
        item_handle
    }

    /// Writes, and gives the completion's detail.
    pub(super) async fn write(&mut self, server_handle: i32, item_handle: i32, value: MxValue) -> i32 {
        let before = completions(&self.events, item_handle).len();
        let write = WriteCommand { server_handle, item_handle, value: Some(value), user_id: 0 };
        self.ok(Payload::Write(write)).await;
        self.until("a completion", |events| completions(events, item_handle).len() > before).await;
        completions(&self.events, item_handle)[before]
    }
}

/// Values of an item's data changes.
pub(super) fn changes(events: &[MxEvent], item: i32) -> Vec<MxValue> {
    let of_item = events.iter().filter(|event| event.item_handle == item);
    of_item
        .filter_map(|event| match &event.body {
            Some(EventBody::OnDataChange(change)) => change.value.clone(),
            _ => None,
        })
        .collect()
}

/// Details of an item's completed writes.
pub(super) fn completions(events: &[MxEvent], item: i32) -> Vec<i32> {
    let of_item = events.iter().filter(|event| event.item_handle == item);
    of_item
        .filter(|event| event.family() == EventFamily::OnWriteComplete)
        .map(|event| event.statuses[0].detail)
        .collect()
}
