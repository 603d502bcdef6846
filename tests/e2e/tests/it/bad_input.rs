//! Bad input: a clear error each, nothing lost, no panic.

use mxgateway_contracts::command::MAX_BULK_ITEMS;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::hresult::{ALREADY_INITIALIZED, E_INVALIDARG};
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::{
    AddItemCommand, AdviseCommand, EventFamily, InjectFaultCommand, InvokeRequest, ListSessionsRequest,
    MxStatusCategory, PingCommand, RegisterCommand, RemoveItemBulkCommand, StreamEventsRequest,
    UnregisterCommand, WriteCommand,
};
use mxgateway_e2e::{Gateway, TestSession, within};
use tonic::Status;
use tonic_types::StatusExt;

async fn session() -> (Gateway, TestSession) {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    (gateway, session)
}

fn assert_code(status: &Status, code: ErrorCode) {
    assert_eq!(ErrorCode::of(status), Some(code), "{status:?}");
    assert!(!status.message().is_empty());
}

#[tokio::test]
async fn an_unknown_tag_is_an_error_status_on_its_first_event() {
    let (_gateway, session) = session().await;
    let mut stream = session.stream().await;
    let (_, items) = session
        .advise_tags(&["Nobody.Knows", "TestMachine_001.Missing", "TestMachine_001.Samples[99]"])
        .await;
    for item in items {
        let event = stream.event_of(EventFamily::OnDataChange, item).await;
        let status = &event.statuses[0];
        assert_eq!(status.success, 0, "{status:?}");
        assert_ne!(status.category(), MxStatusCategory::Ok);
        assert_ne!(status.detail, 0);
        assert!(!status.diagnostic_text.is_empty());
        let Some(Body::OnDataChange(change)) = event.body else { panic!("no data change") };
        assert!(change.quality < 64, "quality {} is not bad", change.quality);
    }
}

#[tokio::test]
async fn bad_handles_and_a_write_before_advise_come_back_as_replies() {
    let (_gateway, session) = session().await;
    let server_handle = session.register().await;
    let item_handle = session.add_item(server_handle, "TestMachine_001.TestInteger").await;
    let write = |item_handle| WriteCommand { server_handle, item_handle, value: Some(1.into()), user_id: 0 };
    let cases = [
        ("write before advise", Payload::Write(write(item_handle))),
        ("write to no item", Payload::Write(write(99))),
        ("advise of no item", Payload::Advise(AdviseCommand { server_handle, item_handle: 99 })),
        ("advise on no server", Payload::Advise(AdviseCommand { server_handle: 77, item_handle })),
        (
            "add to no server",
            Payload::AddItem(AddItemCommand { server_handle: 77, item_definition: "A.B".to_owned() }),
        ),
        ("unregister of nothing", Payload::Unregister(UnregisterCommand { server_handle: -1 })),
    ];
    for (case, payload) in cases {
        let reply = session.reply(payload).await;
        assert_eq!(reply.hresult, E_INVALIDARG, "{case}: {reply:?}");
        assert!(!reply.diagnostic_text.is_empty(), "{case}");
    }
    // Nothing of this hurt the session.
    session.advise(server_handle, item_handle).await;
}

#[tokio::test]
async fn a_second_register_is_refused_with_the_first_handle_named() {
    let (_gateway, session) = session().await;
    let server_handle = session.register().await;
    let again = session.reply(Payload::Register(RegisterCommand { client_name: "again".to_owned() })).await;
    assert_eq!(again.hresult, ALREADY_INITIALIZED);
    assert!(again.diagnostic_text.contains(&server_handle.to_string()), "{}", again.diagnostic_text);
}

#[tokio::test]
async fn a_wrong_type_is_told_by_the_write_s_completion() {
    let (_gateway, session) = session().await;
    let mut stream = session.stream().await;
    let (server, items) = session.advise_tags(&["TestMachine_001.TestInteger"]).await;
    stream.event_of(EventFamily::OnDataChange, items[0]).await;
    assert_eq!(session.write(server, items[0], "no number").await, 0, "S_OK means queued");
    let completed = stream.event_of(EventFamily::OnWriteComplete, items[0]).await;
    assert_eq!(completed.statuses[0].success, 0);
    assert_ne!(completed.statuses[0].detail, 0);
}

#[tokio::test]
async fn requests_about_no_session_are_not_found() {
    let (_gateway, mut session) = session().await;
    for id in ["session-00000000000000000000000000000000", "session-x", "nonsense"] {
        session.opened.session_id = id.to_owned();
        let error = session.invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
        assert_code(&error, ErrorCode::SessionNotFound);
        assert!(error.message().contains(id));
        assert_code(&session.try_stream(None).await.unwrap_err(), ErrorCode::SessionNotFound);
    }
    session.opened.session_id = String::new();
    let error = session.invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
    assert_code(&error, ErrorCode::InvalidRequest);
    assert_eq!(error.get_details_error_info().unwrap().metadata["field"], "session_id");
}

#[tokio::test]
async fn a_closed_session_says_so() {
    let (_gateway, session) = session().await;
    session.close().await;
    let error = session.invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
    assert_code(&error, ErrorCode::SessionClosed);
    assert_code(&session.try_stream(None).await.unwrap_err(), ErrorCode::SessionClosed);
}

#[tokio::test]
async fn an_oversized_message_is_refused_and_the_session_lives_on() {
    let (_gateway, session) = session().await;
    let message = "x".repeat(17 << 20);
    let error = session.invoke(Payload::Ping(PingCommand { message })).await.unwrap_err();
    assert_code(&error, ErrorCode::MessageTooLarge);
    // Within the limit of gRPC, but its frame is not within that of the pipe.
    let message = "x".repeat((16 << 20) - 80);
    let error = session.invoke(Payload::Ping(PingCommand { message })).await.unwrap_err();
    assert_code(&error, ErrorCode::MessageTooLarge);
    session.register().await;
}

#[tokio::test]
async fn malformed_requests_name_the_field() {
    let (_gateway, mut session) = session().await;
    let mut client = session.client.clone();
    let id = session.id();

    let no_command = InvokeRequest { session_id: id.clone(), ..InvokeRequest::default() };
    assert_code(&client.invoke(no_command).await.unwrap_err(), ErrorCode::InvalidRequest);

    let timeout = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let command = Some(Payload::Ping(PingCommand::default()).into());
    let bad_timeout = InvokeRequest { session_id: id.clone(), timeout, command, ..InvokeRequest::default() };
    let error = client.invoke(bad_timeout).await.unwrap_err();
    assert_code(&error, ErrorCode::InvalidRequest);
    assert!(error.message().starts_with("timeout"), "{}", error.message());

    let page_token = "nonsense".to_owned();
    let error = client.list_sessions(ListSessionsRequest { page_size: 1, page_token }).await.unwrap_err();
    assert_code(&error, ErrorCode::InvalidPageToken);

    for request in [
        StreamEventsRequest { snapshot: 99, ..StreamEventsRequest::default() },
        StreamEventsRequest { slow_reader_policy: -1, ..StreamEventsRequest::default() },
    ] {
        let request = StreamEventsRequest { session_id: id.clone(), ..request };
        assert_code(&client.stream_events(request).await.unwrap_err(), ErrorCode::InvalidRequest);
    }

    let crash = Payload::InjectFault(InjectFaultCommand::default());
    assert_code(&session.invoke(crash).await.unwrap_err(), ErrorCode::NotEnabled);

    let item_handles = vec![1; MAX_BULK_ITEMS + 1];
    let too_many = Payload::RemoveItemBulk(RemoveItemBulkCommand { server_handle: 1, item_handles });
    let error = session.invoke(too_many).await.unwrap_err();
    assert_code(&error, ErrorCode::InvalidRequest);
    assert!(error.message().contains("has 20001 items; the limit is 20000"), "{}", error.message());

    session.opened.session_id = "x".repeat(4000);
    let error = within("an answer", session.invoke(Payload::Ping(PingCommand::default()))).await.unwrap_err();
    assert_code(&error, ErrorCode::InvalidRequest);
}
