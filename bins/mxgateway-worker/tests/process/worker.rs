//! The worker as a process: bootstrap on standard input, a Unix socket, exit codes.

use std::io::Write as _;
use std::process::{Child, Command as Program, ExitStatus, Output, Stdio};
use std::time::Duration;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{CrashFault, InjectFaultCommand, inject_fault_command::Fault};
use mxgateway_contracts::worker_v1::{
    Bootstrap, Command, Shutdown, StartEvents, WorkerReady, envelope::Body,
};
use mxgateway_worker_host::ExitReason;
use mxgateway_worker_ipc::handshake::{GatewaySide, VersionRange, gateway_handshake};
use mxgateway_worker_ipc::link::{self, LinkReader, LinkWriter};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::{Connection, Endpoint, Listener, bind};
use prost::Message as _;
use tokio::io::{ReadHalf, WriteHalf};

const SESSION: &str = "session-process-test";
const SECRET: [u8; 32] = [3; 32];

fn worker(arguments: &[&str]) -> Program {
    let mut command = Program::new(env!("CARGO_BIN_EXE_mxgateway-worker"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end with this standard input.
fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = worker(arguments).spawn().unwrap();
    // A worker that exits before it has read everything is what some cases are about.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

pub(super) fn reason(status: ExitStatus) -> Option<ExitReason> {
    status.code().and_then(ExitReason::from_code)
}

pub(super) struct Gateway {
    pub(super) child: Child,
    pub(super) reader: LinkReader<ReadHalf<Connection>>,
    pub(super) writer: LinkWriter<WriteHalf<Connection>>,
    pub(super) ready: WorkerReady,
    pub(super) folder: tempfile::TempDir,
}

/// Starts a worker and brings it to the point where it serves.
async fn serving() -> Gateway {
    serving_with(|_| ()).await
}

pub(super) async fn serving_with(change: impl FnOnce(&mut Bootstrap)) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(&folder);
    let listener = bind(&endpoint).unwrap();
    let mut bootstrap = Bootstrap {
        session_id: SESSION.to_owned(),
        endpoint: endpoint.to_string(),
        secret: SECRET.to_vec(),
        min_protocol_version: 1,
        max_protocol_version: 1,
        backend_name: "simulator".to_owned(),
        ..Bootstrap::default()
    };
    change(&mut bootstrap);
    let bytes = bootstrap.encode_to_vec();
    let mut child = worker(&["--session-id", SESSION]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&u32::try_from(bytes.len()).unwrap().to_le_bytes()).unwrap();
    stdin.write_all(&bytes).unwrap();
    drop(stdin);
    meet(listener, child, folder, 1).await
}

fn endpoint(folder: &tempfile::TempDir) -> Endpoint {
    Endpoint::Unix(folder.path().join("run").join("w.sock"))
}

/// A gateway of that generation at the endpoint of a worker that runs already.
pub(super) async fn adopt(child: Child, folder: tempfile::TempDir, generation: u64) -> Gateway {
    let listener = bind(&endpoint(&folder)).unwrap();
    meet(listener, child, folder, generation).await
}

async fn meet(
    mut listener: Box<dyn Listener>,
    child: Child,
    folder: tempfile::TempDir,
    generation: u64,
) -> Gateway {
    let accepted = tokio::time::timeout(Duration::from_secs(20), listener.accept());
    let accepted = accepted.await.expect("the worker did not connect within 20 s").unwrap();
    assert_eq!(accepted.peer_process_id, Some(child.id()));
    let (mut reader, mut writer) = link::split(accepted.connection, SESSION, 1 << 20);
    let secret = Secret::from_slice(&SECRET).unwrap();
    let side = GatewaySide { secret: &secret, versions: VersionRange::OURS, generation };
    gateway_handshake(&mut reader, &mut writer, side).await.unwrap();
    let received = reader.read().await.unwrap().unwrap();
    let Body::WorkerReady(ready) = received.body else { panic!("{received:?}") };
    writer.send(0, Body::StartEvents(StartEvents { after_sequence: 0 })).await.unwrap();
    Gateway { child, reader, writer, ready, folder }
}

#[tokio::test]
async fn it_ends_in_order_when_asked_to() {
    let mut gateway = serving().await;
    gateway.writer.send(5, Body::Shutdown(Shutdown::default())).await.unwrap();
    let mut last = None;
    while let Some(received) = gateway.reader.read().await.unwrap() {
        last = Some(received);
    }
    let last = last.unwrap();
    assert_eq!((last.call_id, matches!(last.body, Body::ShutdownAcknowledgement(_))), (5, true));
    let output = gateway.child.wait_with_output().unwrap();
    assert_eq!(reason(output.status), Some(ExitReason::Success));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains(SESSION), "the log does not name the session: {log}");
    assert_eq!(output.stdout, b"", "standard output is not for logs");
}

#[tokio::test]
async fn it_ends_when_the_gateway_is_gone() {
    let mut gateway = serving().await;
    drop((gateway.reader, gateway.writer));
    assert_eq!(reason(gateway.child.wait().unwrap()), Some(ExitReason::GatewayLost));
}

#[tokio::test]
async fn an_injected_crash_ends_the_process_without_a_word() {
    let mut gateway = serving().await;
    let fault = Some(Fault::Crash(CrashFault::default()));
    let command = Command {
        command: Some(Payload::InjectFault(InjectFaultCommand { fault }).into()),
        ..Command::default()
    };
    gateway.writer.send(1, Body::Command(command)).await.unwrap();
    while let Ok(Some(received)) = gateway.reader.read().await {
        assert!(matches!(received.body, Body::Heartbeat(_)), "{received:?}");
    }
    assert_eq!(gateway.child.wait().unwrap().code(), None, "ended by a signal");
}

#[tokio::test]
async fn it_logs_what_it_is_told_to() {
    let cases = [
        ("", false, true, "WARN"),
        ("warn", false, false, "WARN"),
        ("warn", true, false, r#""level":"WARN""#),
    ];
    for (filter, json, says_ready, warning) in cases {
        let gateway = serving_with(|bootstrap| {
            filter.clone_into(&mut bootstrap.log_filter);
            bootstrap.log_json = json;
        })
        .await;
        let Gateway { child, reader, writer, .. } = gateway;
        drop((reader, writer));
        let log = child.wait_with_output().unwrap().stderr;
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log.contains("Worker is ready"), says_ready, "{filter:?}: {log}");
        assert!(log.contains(warning) && log.contains("connection"), "{filter:?}: {log}");
        assert!(!json || log.lines().all(|line| line.starts_with('{')), "{log}");
    }
}

#[test]
fn a_bad_start_has_its_exit_code_and_a_text() {
    let nothing = run(&[], b"");
    assert_eq!(reason(nothing.status), Some(ExitReason::InvalidBootstrap));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("a worker is started by the gateway"));
    let rubbish = run(&[], b"\xff\xff\xff\xffrubbish");
    assert_eq!(reason(rubbish.status), Some(ExitReason::InvalidBootstrap));
    let empty = Bootstrap { backend_name: "simulator".to_owned(), ..Bootstrap::default() }.encode_to_vec();
    let mut frame = u32::try_from(empty.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(empty);
    let empty = run(&[], &frame);
    assert_eq!(reason(empty.status), Some(ExitReason::InvalidBootstrap));
    assert!(String::from_utf8_lossy(&empty.stderr).contains("session_id is empty"));
    let loud = Bootstrap { log_filter: "worker=loud".to_owned(), ..Bootstrap::default() }.encode_to_vec();
    let mut frame = u32::try_from(loud.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(loud);
    let loud = run(&[], &frame);
    assert_eq!(reason(loud.status), Some(ExitReason::InvalidBootstrap));
    assert!(String::from_utf8_lossy(&loud.stderr).contains("Filter of the log cannot be used"));
    assert_eq!(reason(run(&["--no-such-option"], b"").status), Some(ExitReason::InvalidBootstrap));
}

#[test]
fn a_galaxy_file_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("galaxy.toml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        run(&["check-galaxy", path.to_str().unwrap()], b"")
    };
    let good = check("[galaxy]\nname = \"Mine\"\n");
    assert!(good.status.success());
    assert!(String::from_utf8_lossy(&good.stdout).starts_with("galaxy Mine\n"));
    let bad = check("[galaxy]\nname = 1\ncolour = 2\n");
    assert_eq!(bad.status.code(), Some(1));
    let text = String::from_utf8_lossy(&bad.stderr);
    assert!(text.contains("\n  galaxy: name must be text\n  galaxy: unknown key colour"), "{text}");
}
