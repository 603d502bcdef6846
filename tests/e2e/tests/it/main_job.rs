//! The main job: open, register, add, advise, live values, write, close.

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{
    EventFamily, GetSessionRequest, GetSessionStateCommand, GetWorkerInfoCommand, MxStatusCategory,
    PingCommand, SessionState,
};
use mxgateway_e2e::{Gateway, is_alive, until};

#[tokio::test]
async fn live_values_of_this_machine_arrive_and_change() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    assert!(session.opened.session_id.starts_with("session-"));
    assert_eq!(session.opened.backend_name, "simulator");
    assert_eq!(session.opened.correlation_id, format!("e2e-{}", session.id()));
    assert!(is_alive(session.opened.worker_process_id));

    let mut stream = session.stream().await;
    assert_eq!(stream.start.epoch, session.opened.epoch);
    let (_, items) = session.advise_tags(&["Host.Memory.Used", "Host.Uptime"]).await;
    for item in items {
        let mut values = Vec::new();
        while values.len() < 2 {
            let event = stream.event_of(EventFamily::OnDataChange, item).await;
            let Some(Body::OnDataChange(change)) = event.body else { panic!("{event:?}") };
            assert_eq!(change.quality, 192);
            assert!(change.source_time.is_some());
            assert_ne!(event.statuses[0].success, 0);
            let value = change.value.expect("a value");
            if values.last() != Some(&value) {
                values.push(value);
            }
        }
    }
}

#[tokio::test]
async fn a_write_completes_and_the_new_value_is_seen() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let mut stream = session.stream().await;
    let (server, items) = session.advise_tags(&["TestMachine_001.TestInteger"]).await;
    let first = stream.event_of(EventFamily::OnDataChange, items[0]).await;
    assert!(matches!(first.body, Some(Body::OnDataChange(_))));

    assert_eq!(session.write(server, items[0], 4711).await, 0);
    let (mut changed, mut completed) = (false, false);
    while !(changed && completed) {
        let event = stream.event().await;
        match event.body {
            Some(Body::OnDataChange(change)) => {
                changed |= change.value.and_then(|value| value.kind) == Some(Kind::Int32Value(4711));
            }
            Some(Body::OnWriteComplete(_)) => {
                assert_eq!(event.item_handle, items[0]);
                assert_eq!(event.statuses[0].category(), MxStatusCategory::Ok);
                completed = true;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn control_commands_tell_about_the_worker() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let (server, items) = session.advise_tags(&["Tank_001.Level"]).await;

    let pong = session.reply(Payload::Ping(PingCommand { message: "there?".to_owned() })).await;
    assert!(matches!(pong.payload, Some(ReplyPayload::Ping(pong)) if pong.message == "there?"));

    let info = session.reply(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await;
    let Some(ReplyPayload::GetWorkerInfo(info)) = info.payload else { panic!("{info:?}") };
    assert_eq!(info.process_id, session.opened.worker_process_id);
    assert_eq!(info.epoch, session.opened.epoch);

    let state = session.reply(Payload::GetSessionState(GetSessionStateCommand {})).await;
    let Some(ReplyPayload::GetSessionState(state)) = state.payload else { panic!("{state:?}") };
    assert_eq!(state.state(), SessionState::Ready);
    let registration = &state.registrations[0];
    assert_eq!((registration.server_handle, registration.client_name.as_str()), (server, "e2e"));
    assert_eq!(registration.items[0].item_handle, items[0]);
    assert_eq!(registration.items[0].item_definition, "Tank_001.Level");

    let request = GetSessionRequest { session_id: session.id() };
    let seen = session.client.clone().get_session(request).await.unwrap().into_inner().session.unwrap();
    assert_eq!((seen.item_count, seen.advised_item_count), (1, 1));
    assert_eq!(seen.state(), SessionState::Ready);
}

#[tokio::test]
async fn closing_leaves_no_process_and_no_socket() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let worker = session.opened.worker_process_id;
    let stream = session.stream().await;
    let closed = session.close().await;
    assert_eq!(closed.final_state(), SessionState::Closed);
    assert!(!closed.already_closed);
    assert!(!is_alive(worker), "the worker outlives its session");
    let (_, end, status) = stream.end().await;
    assert!(end.is_some());
    assert!(status.is_ok(), "{status:?}");
    assert!(session.close().await.already_closed);
    until("the socket is gone", async || {
        std::fs::read_dir(gateway.runtime_directory()).unwrap().next().is_none().then_some(())
    })
    .await;
}
