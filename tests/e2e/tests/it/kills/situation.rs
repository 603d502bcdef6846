//! Bringing situations about, and showing that they are there.

use std::collections::VecDeque;
use std::time::Duration;

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::time::system_time;
use mxgateway_contracts::v1::inject_fault_command::Fault as Injected;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    CommandKind, EventStormFault, HangApartmentFault, InjectFaultCommand, InvokeReply, InvokeRequest,
    MxValue, PingCommand, SlowCommandFault, WriteCommand,
};
use mxgateway_e2e::{TestSession, until, within};
use tonic::Status;

/// Changes when it is written and when a storm is on.
pub(super) const TAG: &str = "TestMachine_001.TestInteger";
/// Of a storm; some more than is wanted, as no apartment is on time to the microsecond.
const EVENTS_PER_SECOND: u32 = 11_000;
/// How many events one second must have.
const A_SECONDS_EVENTS: usize = 10_000;
/// Longer than the longest fault with what comes before and after it.
const STORM_SECONDS: i64 = 60;

/// A session with one item.
pub(super) struct Subject {
    pub(super) session: TestSession,
    server_handle: i32,
    item_handle: i32,
}

impl Subject {
    pub(super) async fn open(session: TestSession) -> Self {
        let (server_handle, items) = session.advise_tags(&[TAG]).await;
        let subject = Self { session, server_handle, item_handle: items[0] };
        until("the item can be written", async || {
            (subject.write("", 0).await.ok()?.reply?.hresult == 0).then_some(())
        })
        .await;
        until("the first write is done", async || (subject.executed().await? > 0).then_some(())).await;
        subject
    }

    pub(super) fn worker(&self) -> u32 {
        self.session.opened.worker_process_id
    }

    pub(super) async fn write(&self, request_id: &str, value: i32) -> Result<InvokeReply, Status> {
        let write = WriteCommand {
            server_handle: self.server_handle,
            item_handle: self.item_handle,
            value: Some(MxValue::from(value)),
            user_id: 0,
        };
        self.invoke(Payload::Write(write), request_id, None).await
    }

    async fn invoke(
        &self,
        payload: Payload,
        request_id: &str,
        timeout: Option<Duration>,
    ) -> Result<InvokeReply, Status> {
        let request = InvokeRequest {
            session_id: self.session.id(),
            command: Some(payload.into()),
            request_id: request_id.to_owned(),
            timeout: timeout.map(|timeout| timeout.try_into().unwrap()),
            ..InvokeRequest::default()
        };
        Ok(within("a reply", self.session.client.clone().invoke(request)).await?.into_inner())
    }

    async fn inject(&self, fault: Option<Injected>) -> Option<InvokeReply> {
        self.invoke(Payload::InjectFault(InjectFaultCommand { fault }), "", None).await.ok()
    }

    /// Writes that the worker carried out.
    pub(super) async fn executed(&self) -> Option<u64> {
        let reply = self.inject(None).await?.reply?;
        let Some(ReplyPayload::InjectFault(counted)) = reply.payload else { panic!("{reply:?}") };
        Some(counted.executed_write_count)
    }

    pub(super) async fn newest(&self) -> u64 {
        self.session.status().await.events.unwrap_or_default().newest_sequence
    }

    /// A storm, which is on when this ends. It outlasts every fault.
    pub(super) async fn storm(&self, events_per_second: u32) {
        let storm = EventStormFault {
            tag_address: TAG.to_owned(),
            events_per_second,
            duration: Some(prost_types::Duration { seconds: STORM_SECONDS, nanos: 0 }),
        };
        self.inject(Some(Injected::EventStorm(storm))).await.expect("a storm");
    }

    pub(super) async fn end_storm(&self) {
        let storm = EventStormFault { tag_address: TAG.to_owned(), events_per_second: 1, duration: None };
        self.inject(Some(Injected::EventStorm(storm))).await.expect("the storm's end");
    }

    /// A storm of the matrix. The events really come at its rate, by the worker's own times.
    pub(super) async fn busy(&self) {
        let mut stream = self.session.stream().await;
        self.storm(EVENTS_PER_SECOND).await;
        // The times of a second's events, of which there may be more when the worker catches up.
        let mut times = VecDeque::new();
        let a_seconds_events = async {
            loop {
                let time = stream.event().await.worker_time.as_ref().and_then(system_time);
                times.push_back(time.expect("a worker's time"));
                let Some(beyond) = times.len().checked_sub(A_SECONDS_EVENTS) else { continue };
                times.drain(..beyond);
                let took = times[A_SECONDS_EVENTS - 1].duration_since(times[0]).unwrap_or_default();
                if took <= Duration::from_secs(1) {
                    return;
                }
            }
        };
        within("10,000 events of one second", a_seconds_events).await;
    }

    /// The storm was not over before this.
    pub(super) async fn is_still_busy(&self) {
        let before = self.newest().await;
        until("the storm goes on", async || (self.newest().await > before + 1000).then_some(())).await;
    }

    /// The next writes take this long; 0 for as long as they do by themselves.
    pub(super) async fn slow_writes(&self, seconds: i64) {
        let delay = Some(prost_types::Duration { seconds, nanos: 0 });
        let slow = SlowCommandFault { kind: CommandKind::Write.into(), delay };
        self.inject(Some(Injected::SlowCommand(slow))).await.expect("slow writes");
    }

    /// Nothing else is done by the worker, because it is at something.
    pub(super) async fn apartment_is_at_work(&self) {
        until("the worker is at work", async || {
            let ping = Payload::Ping(PingCommand::default());
            let error = self.invoke(ping, "", Some(Duration::from_millis(200))).await.err()?;
            (ErrorCode::of(&error) == Some(ErrorCode::CommandTimeout)).then_some(())
        })
        .await;
    }

    /// The worker answers nothing that has to be asked of its apartment.
    pub(super) async fn hang(&self, seconds: i64) {
        let duration = Some(prost_types::Duration { seconds, nanos: 0 });
        self.inject(Some(Injected::HangApartment(HangApartmentFault { duration }))).await.expect("a hang");
    }
}
