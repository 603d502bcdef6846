//! The session core in a program of one's own: a worker that lives in memory, one session, one subscriber.
//!
//! `cargo run -p mxgateway-session --example embed`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::{Duration, SystemTime};

use mxgateway_session::core::distributor::SubscribeOptions;
use mxgateway_session::core::event::{Event, EventFamily, ItemKey};
use mxgateway_session::core::lifecycle::CloseReason;
use mxgateway_session::{EventSink, LaunchError, LaunchRequest, Launched, ManagerSettings, OpenOptions};
use mxgateway_session::{OnReply, PortError, SessionManager, WorkerIdentity, WorkerLauncher, WorkerPort};

/// Answers every command with its length and raises an event with the command's text.
struct Echo(EventSink, std::sync::atomic::AtomicU64);

impl WorkerPort for Echo {
    type Command = String;
    type Reply = usize;

    async fn invoke(&self, command: String, _: Option<OnReply<usize>>) -> Result<usize, PortError> {
        let sequence = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let (family, item, received) = (EventFamily::DataChange, ItemKey::default(), SystemTime::now());
        self.0.publish([Event { sequence, family, item, received, payload: command.clone().into() }]);
        Ok(command.len())
    }
    async fn shutdown(&self, _limit: Duration) {}
    async fn kill(&self) {}
}

struct EchoLauncher;

impl WorkerLauncher for EchoLauncher {
    type Port = Echo;

    async fn launch(&self, request: LaunchRequest, sink: EventSink) -> Result<Launched<Echo>, LaunchError> {
        sink.handshaking();
        let (process_id, epoch, protocol_version) = (0, 1, 1);
        let worker = WorkerIdentity { process_id, epoch, backend_name: request.backend, protocol_version };
        Ok(Launched { port: Echo(sink, 0.into()), worker })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manager = SessionManager::new(EchoLauncher, ManagerSettings::default());
    let session = manager.open(OpenOptions { backend: "echo".into(), ..Default::default() }).await?;
    let mut events = session.subscribe(SubscribeOptions::live())?;
    println!("reply: {}", session.invoke("hello".into(), Duration::from_secs(1)).await?);
    session.close(CloseReason::ClientClose).await;
    while let Some(element) = events.next().await {
        println!("{element:?}");
    }
    Ok(())
}
