//! Sessions that go well, and commands that do not.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{
    AddItem2Command, AddItemCommand, AdviseCommand, AdviseState, AdviseSupervisoryCommand,
    DrainEventsCommand, EventFamily, GetSessionStateCommand, GetWorkerInfoCommand, MxCommandReply, MxEvent,
    MxValue, PingCommand, RegisterCommand, RemoveItemCommand, ShutdownWorkerCommand, UnAdviseCommand,
    UnregisterCommand, Write2Command, WriteCommand, mx_event::Body,
};
use mxgateway_worker_host::ExitReason;

use super::gateway::{Gateway, bootstrap};

pub(super) async fn ok(gateway: &mut Gateway, payload: Payload) -> MxCommandReply {
    let reply = gateway.call(payload).await.unwrap();
    assert_eq!(reply.hresult, hresult::S_OK, "{reply:?}");
    reply
}

pub(super) async fn register(gateway: &mut Gateway) -> i32 {
    let reply = ok(gateway, Payload::Register(RegisterCommand { client_name: "test".to_owned() })).await;
    match reply.payload {
        Some(Reply::Register(register)) => {
            assert_eq!(reply.return_value.unwrap().kind, Some(Kind::Int32Value(register.server_handle)));
            register.server_handle
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn add(gateway: &mut Gateway, server_handle: i32, item: &str) -> i32 {
    let command = AddItemCommand { server_handle, item_definition: item.to_owned() };
    match ok(gateway, Payload::AddItem(command)).await.payload {
        Some(Reply::AddItem(add)) => add.item_handle,
        other => panic!("{other:?}"),
    }
}

fn of_item(events: &[MxEvent], item_handle: i32, family: EventFamily) -> Vec<&MxEvent> {
    events.iter().filter(|event| event.item_handle == item_handle && event.family() == family).collect()
}

#[tokio::test]
async fn a_session_from_register_to_shutdown() {
    let mut gateway = Gateway::start(bootstrap()).await;
    let ready = gateway.ready().await;
    assert_eq!((ready.backend_name.as_str(), ready.journal_newest_sequence), ("simulator", 0));
    assert_ne!(ready.epoch, 0);

    let server = register(&mut gateway).await;
    let fast = add(&mut gateway, server, "Fast_001.Count").await;
    let load = add(&mut gateway, server, "Host.Cpu.Load").await;
    let written = add(&mut gateway, server, "TestMachine_001.TestInteger").await;
    for item_handle in [fast, load] {
        ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle: server, item_handle })).await;
    }
    let advise = AdviseSupervisoryCommand { server_handle: server, item_handle: written };
    ok(&mut gateway, Payload::AdviseSupervisory(advise)).await;
    gateway
        .until("first events of all items", |gateway| {
            [load, written]
                .iter()
                .all(|item| !of_item(&gateway.events, *item, EventFamily::OnDataChange).is_empty())
                && of_item(&gateway.events, fast, EventFamily::OnDataChange).len() > 20
        })
        .await;

    let write = WriteCommand {
        server_handle: server,
        item_handle: written,
        value: Some(MxValue::from(42)),
        user_id: 0,
    };
    ok(&mut gateway, Payload::Write(write.clone())).await;
    let timed = Write2Command {
        server_handle: server,
        item_handle: written,
        value: Some(MxValue::from("43")),
        timestamp_value: Some(MxValue::from("2026-01-01T00:00:00Z")),
        user_id: 0,
    };
    ok(&mut gateway, Payload::Write2(timed)).await;
    gateway
        .until("both completions and the value", |gateway| {
            let last = of_item(&gateway.events, written, EventFamily::OnDataChange).last().copied().cloned();
            let shown = matches!(
                last.and_then(|event| event.body),
                Some(Body::OnDataChange(change)) if change.value.as_ref().unwrap().kind == Some(Kind::Int32Value(43))
            );
            shown && of_item(&gateway.events, written, EventFamily::OnWriteComplete).len() == 2
        })
        .await;

    match ok(&mut gateway, Payload::GetSessionState(GetSessionStateCommand {})).await.payload {
        Some(Reply::GetSessionState(state)) => {
            let [registration] = &state.registrations[..] else { panic!("{state:?}") };
            assert_eq!((registration.server_handle, registration.client_name.as_str()), (server, "test"));
            let advised: Vec<_> =
                registration.items.iter().map(|item| (item.item_handle, item.advise())).collect();
            let expected = [
                (fast, AdviseState::Advised),
                (load, AdviseState::Advised),
                (written, AdviseState::Supervisory),
            ];
            assert_eq!(advised, expected);
        }
        other => panic!("{other:?}"),
    }
    match ok(&mut gateway, Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.payload {
        Some(Reply::GetWorkerInfo(info)) => {
            assert_eq!((info.epoch, info.process_id), (ready.epoch, std::process::id()));
            assert_eq!((info.lost_event_count, info.journal_oldest_sequence), (0, 1));
        }
        other => panic!("{other:?}"),
    }
    match ok(&mut gateway, Payload::DrainEvents(DrainEventsCommand { max_events: 3 })).await.payload {
        Some(Reply::DrainEvents(drained)) => assert_eq!(drained.events, gateway.events[..3]),
        other => panic!("{other:?}"),
    }
    assert!(!gateway.heartbeats.is_empty(), "the first heartbeat comes at once");

    let (gateway, reason) = gateway.shut_down().await;
    assert_eq!(reason, ExitReason::Success);
    let sequences: Vec<_> = gateway.events.iter().map(|event| event.worker_sequence).collect();
    let expected: Vec<_> = (1..).take(sequences.len()).collect();
    assert_eq!(sequences, expected, "a hole, or something twice");
    assert!(gateway.losses.is_empty());
}

#[tokio::test]
async fn bad_commands_get_an_answer_and_the_session_goes_on() {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    let empty = gateway.call(Payload::Register(RegisterCommand::default())).await.unwrap();
    assert_eq!(empty.hresult, hresult::E_INVALIDARG);
    let server = register(&mut gateway).await;
    let again =
        gateway.call(Payload::Register(RegisterCommand { client_name: "again".to_owned() })).await.unwrap();
    assert_eq!(again.hresult, hresult::ALREADY_INITIALIZED);
    assert!(again.diagnostic_text.contains(&format!("server handle {server}")), "{again:?}");
    assert_eq!(again.payload, None);

    let item_handle = add(&mut gateway, server, "TestMachine_001.TestInteger").await;
    let write = WriteCommand { server_handle: server, item_handle, value: Some(1.into()), user_id: 0 };
    let early = gateway.call(Payload::Write(write)).await.unwrap();
    assert_eq!(early.hresult, hresult::E_INVALIDARG);
    let bad = AdviseCommand { server_handle: server, item_handle: 77 };
    assert_eq!(gateway.call(Payload::Advise(bad)).await.unwrap().hresult, hresult::E_INVALIDARG);

    let ping = Payload::Ping(PingCommand { message: "still here?".to_owned() });
    let Some(Reply::Ping(pong)) = ok(&mut gateway, ping).await.payload else { panic!("no pong") };
    assert_eq!(pong.message, "still here?");
    let (_, reason) = gateway.shut_down().await;
    assert_eq!(reason, ExitReason::Success);
}

#[tokio::test]
async fn items_can_be_taken_back_and_relative_ones_added() {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    let server_handle = register(&mut gateway).await;
    let command = AddItem2Command {
        server_handle,
        item_definition: "me.Pump.Speed".to_owned(),
        item_context: "Tank_001".to_owned(),
    };
    let Some(Reply::AddItem2(added)) = ok(&mut gateway, Payload::AddItem2(command)).await.payload else {
        panic!("no handle")
    };
    let item_handle = added.item_handle;
    ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
    gateway.until("a value", |gateway| !gateway.events.is_empty()).await;
    assert_eq!(gateway.events[0].statuses[0].detail, 0, "{:?}", gateway.events[0]);
    ok(&mut gateway, Payload::UnAdvise(UnAdviseCommand { server_handle, item_handle })).await;
    ok(&mut gateway, Payload::RemoveItem(RemoveItemCommand { server_handle, item_handle })).await;
    ok(&mut gateway, Payload::Unregister(UnregisterCommand { server_handle })).await;
    match ok(&mut gateway, Payload::GetSessionState(GetSessionStateCommand {})).await.payload {
        Some(Reply::GetSessionState(state)) => assert_eq!(state.registrations, []),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_may_end_the_worker() {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    register(&mut gateway).await;
    ok(&mut gateway, Payload::ShutdownWorker(ShutdownWorkerCommand {})).await;
    gateway.acknowledged(0).await;
    assert_eq!(gateway.ended().await.1, ExitReason::Success);
}

#[tokio::test]
async fn a_galaxy_file_is_taken_from_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("galaxy.toml");
    std::fs::write(
        &path,
        "[galaxy]\nname='x'\n[[object]]\nname='A'\n[object.attributes]\nB={type='integer'}\n",
    )
    .unwrap();
    let mut bootstrap = bootstrap();
    bootstrap.backend_options.insert("galaxy".to_owned(), path.display().to_string());
    let mut gateway = Gateway::start(bootstrap).await;
    assert_eq!(gateway.ready().await.mxaccess_path, path.display().to_string());
    let server_handle = register(&mut gateway).await;
    let item_handle = add(&mut gateway, server_handle, "a.b").await;
    ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
    gateway.until("a value", |gateway| !gateway.events.is_empty()).await;
    assert_eq!(gateway.events[0].statuses[0].success, -1);
}
