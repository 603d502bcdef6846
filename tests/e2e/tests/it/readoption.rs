//! Sessions that outlive their gateway: the next one takes their workers over.

use std::time::{Duration, Instant};

use mxgateway_client::{Client, EventOptions, InvokeOptions, OpenOptions, ReconnectPolicy, StreamUpdate};
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    EventFamily, GetSessionRequest, MxEvent, MxValue, PingCommand, ReplayGapReason, SessionState,
    StreamEndReason,
};
use mxgateway_e2e::{
    ALL_SCOPES, ClientStream, EndOfWorkers, Gateway, GatewayOptions, Random, TestSession, client_options,
    is_alive, signal, until,
};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// With time for a busy machine.
const ON: &str = "[sessions]\nallow_multiple_event_subscribers = true\n[workers]\nenable_orphan_reattach = true\n\
                  adoption_timeout_seconds = 20\n";

/// A gateway with these further lines in the section of workers.
async fn reattaching(more: &str) -> Gateway {
    Gateway::start_as(&format!("{ON}{more}")).await
}

/// A client that comes back by itself, on a task of its own.
struct Follower {
    stop: watch::Sender<bool>,
    seen: watch::Receiver<u64>,
    task: JoinHandle<ClientStream>,
}

impl Follower {
    async fn of(gateway: &Gateway, session: &TestSession, name: &str) -> Self {
        let reconnect = ReconnectPolicy {
            initial_delay: Duration::from_millis(5),
            max_delay: Duration::from_millis(100),
            ..ReconnectPolicy::default()
        };
        let options = EventOptions { reconnect, ..EventOptions::default() };
        let mut stream = ClientStream::new(name, gateway.endpoint(), session.id(), options);
        assert!(matches!(stream.update().await, StreamUpdate::Started(_)));
        let (stop, mut stopped) = watch::channel(false);
        let (told, seen) = watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                let update = tokio::select! {
                    update = stream.update() => update,
                    _ = stopped.wait_for(|stop| *stop) => return stream,
                };
                match update {
                    StreamUpdate::Started(start) => assert_eq!(start.replay_gap, None),
                    StreamUpdate::Event(event) => drop(told.send(event.worker_sequence)),
                    StreamUpdate::Gap(gap) => panic!("{gap:?}"),
                    StreamUpdate::Ended(end) => panic!("{end:?}"),
                    StreamUpdate::Bookmark(_) | StreamUpdate::Disconnected { .. } => {}
                }
            }
        });
        Self { stop, seen, task }
    }

    /// Waits for this many more events.
    async fn more(&mut self, events: u64) {
        let wanted = *self.seen.borrow() + events;
        let seen = mxgateway_e2e::within("events", self.seen.wait_for(|seen| *seen >= wanted)).await;
        assert!(seen.is_ok(), "the stream ended");
    }

    /// Its recording is checked for every promise when it is dropped.
    async fn stop(self) -> ClientStream {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}

async fn ready(session: &TestSession) {
    until("the session is taken over", async || {
        let request = GetSessionRequest { session_id: session.id() };
        let status = session.client.clone().get_session(request).await.ok()?.into_inner().session?;
        assert_ne!(status.state(), SessionState::Faulted, "{}", status.state_reason);
        (status.state() == SessionState::Ready).then_some(())
    })
    .await;
}

fn guard(sessions: &[TestSession]) -> EndOfWorkers {
    EndOfWorkers(sessions.iter().map(|session| session.opened.worker_process_id).collect())
}

#[tokio::test]
async fn four_streams_lose_nothing_and_repeat_nothing_when_the_gateway_is_killed_again_and_again() {
    let mut random = Random::from_environment();
    let mut gateway =
        reattaching("journal_capacity = 100000\n[events]\nreplay_buffer_capacity = 100000\n").await;
    let (mut sessions, mut streams, mut items) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..4 {
        let session = gateway.session().await;
        streams.push(Follower::of(&gateway, &session, &format!("client-{number}")).await);
        let tags = ["Fast_001.Count", "Tank_001.Level", "TestMachine_001.TestInteger"];
        items.push(session.advise_tags(&tags).await);
        sessions.push(session);
    }
    let _end = guard(&sessions);
    for kill in 0..3 {
        for stream in &mut streams {
            stream.more(random.below(50)).await;
        }
        gateway.kill().await;
        gateway = gateway.start_again().await;
        for ((session, stream), (server, handles)) in sessions.iter().zip(&mut streams).zip(&items) {
            assert!(is_alive(session.opened.worker_process_id));
            ready(session).await;
            stream.more(20).await;
            let status = session.status().await;
            assert_eq!(status.worker_process_id, session.opened.worker_process_id);
            // Handles are what they were, and new ones are not old ones.
            assert_eq!(session.write(*server, handles[2], kill).await, 0);
            let new = session.add_item(*server, "Fast_001.Count").await;
            assert!(!handles.contains(&new));
            session.advise(*server, new).await;
        }
    }
    for stream in streams {
        let stream = stream.stop().await;
        assert_eq!(stream.log().gaps().count(), 0);
        let events: Vec<u64> = stream.log().events().map(|event| event.sequence).collect();
        let (first, last) = (events[0], *events.last().unwrap());
        assert_eq!(events, (first..=last).collect::<Vec<_>>());
    }
    for session in &sessions {
        assert_eq!(session.close().await.final_state(), SessionState::Closed);
        assert!(!is_alive(session.opened.worker_process_id));
    }
}

#[tokio::test]
async fn a_write_that_is_repeated_at_the_next_gateway_is_executed_once() {
    let mut gateway = reattaching("[simulator]\nallow_fault_injection = true\n").await;
    let client = Client::connect(client_options(gateway.endpoint())).unwrap();
    let session = client.open_session(OpenOptions::default()).await.unwrap();
    let _end = EndOfWorkers(vec![session.open_reply().unwrap().worker_process_id]);
    let server = session.register("writer").await.unwrap();
    let item = session.add_item(server, "TestMachine_001.TestInteger").await.unwrap();
    session.advise(item).await.unwrap();
    let executed = async || session.inject_fault(None).await.ok().map(|reply| reply.executed_write_count);
    until("the item can be written", async || session.write(item, MxValue::from(0), 0).await.ok()).await;
    let before = until("the first write", async || executed().await.filter(|count| *count > 0)).await;
    let write = session.with(InvokeOptions { request_id: "once".to_owned(), ..InvokeOptions::default() });
    write.write(item, MxValue::from(1), 0).await.unwrap();
    gateway.kill().await;
    let _gateway = gateway.start_again().await;
    until("the repeated write", async || write.write(item, MxValue::from(1), 0).await.ok()).await;
    session.write(item, MxValue::from(2), 0).await.unwrap();
    until("the last write", async || executed().await.filter(|count| *count >= before + 2)).await;
    assert_eq!(executed().await, Some(before + 2));
    session.close().await.unwrap();
}

#[tokio::test]
async fn the_owner_stays_the_owner() {
    let mut gateway = reattaching("").await;
    let scopes: Vec<&str> = ALL_SCOPES.split(',').filter(|scope| *scope != "session:all").collect();
    let scopes = scopes.join(",");
    let owner = gateway.create_key(&["--id=owner", "--name=Owner", "--scopes", &scopes]);
    let other = gateway.create_key(&["--id=other", "--name=Other", "--scopes", &scopes]);
    let session = TestSession::open(gateway.client_with(&owner).await).await;
    let _end = guard(std::slice::from_ref(&session));
    gateway.kill().await;
    let gateway = gateway.start_again().await;
    let theirs = session.through(gateway.client_with(&other).await);
    let refused = theirs.invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused:?}");
    until("the owner is served", async || session.invoke(Payload::Ping(PingCommand::default())).await.ok())
        .await;
    session.close().await;
}

/// The next gateway received them once more.
fn without_receive_times(events: Vec<MxEvent>) -> Vec<MxEvent> {
    events.into_iter().map(|event| MxEvent { gateway_receive_time: None, ..event }).collect()
}

#[tokio::test]
async fn beyond_the_journal_the_gap_is_exact() {
    let mut gateway = reattaching("journal_capacity = 20\n").await;
    let session = gateway.session().await;
    let _end = guard(std::slice::from_ref(&session));
    let mut stream = session.stream().await;
    let (server, items) = session.advise_tags(&["TestMachine_001.TestInteger"]).await;
    // The first value, and two events for each write.
    let mut seen = vec![stream.event_of(EventFamily::OnDataChange, items[0]).await];
    for value in 1..=30 {
        assert_eq!(session.write(server, items[0], value).await, 0);
        seen.extend(stream.events(2).await);
    }
    drop(stream);
    gateway.kill().await;
    let _gateway = gateway.start_again().await;
    ready(&session).await;
    let mut stream = session.resume(session.opened.epoch, 11).await;
    let gap = stream.start.replay_gap.expect("a gap");
    assert_eq!(gap.reason(), ReplayGapReason::Evicted);
    assert_eq!((gap.lost_count, gap.oldest_available_sequence), (30, 42));
    let last = without_receive_times(seen.split_off(41));
    assert_eq!(without_receive_times(stream.events(20).await), last);
    let mut edge = session.resume(session.opened.epoch, 41).await;
    assert_eq!(edge.start.replay_gap, None);
    assert_eq!(without_receive_times(edge.events(20).await), last);
    session.close().await;
}

#[tokio::test]
async fn a_worker_that_died_meanwhile_faults_its_session_alone() {
    let mut gateway = reattaching("").await;
    let sessions = [gateway.session().await, gateway.session().await];
    let _end = guard(&sessions);
    gateway.kill().await;
    signal(sessions[0].opened.worker_process_id, Signal::KILL);
    until("the worker ends", async || (!is_alive(sessions[0].opened.worker_process_id)).then_some(())).await;
    let _gateway = gateway.start_again().await;
    ready(&sessions[1]).await;
    let status = until("the fault", async || {
        let status = sessions[0].status().await;
        (status.state() == SessionState::Faulted).then_some(status)
    })
    .await;
    assert!(status.state_reason.contains("while the gateway was away"), "{}", status.state_reason);
    let error = sessions[0].invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::SessionFaulted), "{error:?}");
    sessions[1].close().await;
}

#[tokio::test]
async fn a_handover_ends_the_streams_and_leaves_the_workers() {
    let config = format!("{ON}[events]\nreplay_buffer_capacity = 16384\n");
    let arguments = vec!["--handover".to_owned()];
    let options = GatewayOptions { config, arguments, ..GatewayOptions::default() };
    let mut gateway = Gateway::start_with(options).await;
    let session = gateway.session().await;
    let _end = guard(std::slice::from_ref(&session));
    let stream = session.stream().await;
    let mut follower = Follower::of(&gateway, &session, "follower").await;
    session.advise_tags(&["Fast_001.Count"]).await;
    follower.more(20).await;
    let (status, ending) = tokio::join!(gateway.stop(Signal::TERM), stream.end());
    assert!(status.success(), "{status}");
    let end = ending.1.expect("an end item");
    assert_eq!(end.reason(), StreamEndReason::GatewayShutdown);
    assert!(end.retry_after.is_some());
    assert!(is_alive(session.opened.worker_process_id));
    // The next one closes its sessions at its stop, as without the option.
    let mut gateway = gateway.start_again().await;
    follower.more(20).await;
    assert_eq!(follower.stop().await.log().gaps().count(), 0);
    assert!(gateway.stop(Signal::TERM).await.success());
    assert!(!is_alive(session.opened.worker_process_id));
}

#[tokio::test]
async fn switched_off_no_worker_outlives_its_gateway_and_what_is_left_is_ended() {
    let mut gateway = Gateway::start().await;
    let sessions = [gateway.session().await, gateway.session().await];
    gateway.kill().await;
    let killed = Instant::now();
    for session in &sessions {
        until("the worker ends", async || (!is_alive(session.opened.worker_process_id)).then_some(())).await;
    }
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    assert!(!gateway.data_directory().join("manifest.db").exists());

    let mut gateway = reattaching("").await;
    let session = gateway.session().await;
    let _end = guard(std::slice::from_ref(&session));
    gateway.kill().await;
    assert!(is_alive(session.opened.worker_process_id));
    let folder = gateway.data_directory().parent().unwrap().to_owned();
    std::fs::write(folder.join("mxgateway.toml"), "").unwrap();
    let gateway = gateway.start_again().await;
    assert!(!is_alive(session.opened.worker_process_id), "{}", gateway.log());
    let error = session.through(gateway.client().await).invoke(Payload::Ping(PingCommand::default())).await;
    assert_eq!(ErrorCode::of(&error.unwrap_err()), Some(ErrorCode::SessionNotFound));
}
