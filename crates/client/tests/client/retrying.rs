//! Commands over connections that are lost.

use std::sync::Arc;
use std::time::Duration;

use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::v1::mx_command::Payload;
use mxgateway_client::contracts::v1::{MxCommandReply, PingCommand};
use mxgateway_client::{ClientError, InvokeOptions, OpenOptions};

use crate::gateway::{Gateway, Script};
use crate::{client, within};

const LIMIT: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_command_whose_answer_was_lost_is_done_once_and_answered_with_the_first_reply() {
    let gateway = Gateway::start(Script::default());
    let (address, script) = (gateway.address, gateway.script.clone());
    let session =
        within("session", client(gateway.url()).open_session(OpenOptions::default())).await.unwrap();
    let swallowed = {
        let mut state = script.state();
        state.unanswered = 1;
        Arc::clone(&state.swallowed)
    };
    let command = Payload::Ping(PingCommand { message: "once".into() }).into();
    let call = tokio::spawn({
        let session = session.clone();
        async move { session.invoke_retrying(command, InvokeOptions::default(), LIMIT).await }
    });
    within("first attempt", swallowed.notified()).await;
    drop(gateway);
    let _gateway = Gateway::start_at(address, script.clone());

    let reply = within("answer", call).await.unwrap().unwrap();
    assert!(reply.repeated_request);
    let state = script.state();
    assert_eq!(state.carried_out, 1);
    let ids: Vec<&str> = state.invokes.iter().map(|invoke| invoke.request_id.as_str()).collect();
    assert!(ids.len() >= 2 && !ids[0].is_empty(), "{ids:?}");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn each_typed_command_of_a_retrying_handle_has_an_id_of_its_own() {
    let gateway = Gateway::start(Script::default());
    let session =
        within("session", client(gateway.url()).open_session(OpenOptions::default())).await.unwrap();
    let retrying = session.retrying(LIMIT);
    assert_eq!(retrying.ping("a").await.unwrap(), "a");
    assert_eq!(retrying.ping("a").await.unwrap(), "a");
    session.ping("plain").await.unwrap();
    let once = InvokeOptions { request_id: "mine".into(), ..InvokeOptions::default() };
    session.with(once).ping("named").await.unwrap();
    let state = gateway.script.state();
    let ids: Vec<&str> = state.invokes.iter().map(|invoke| invoke.request_id.as_str()).collect();
    assert!(!ids[0].is_empty() && ids[0] != ids[1], "{ids:?}");
    assert_eq!(ids[2..], ["", "mine"]);
    assert_eq!(state.carried_out, 4);
}

#[tokio::test]
async fn an_answer_is_no_reason_to_repeat_and_the_limit_is_the_end() {
    let gateway = Gateway::start(Script::default());
    let url = gateway.url();
    let session = within("session", client(url).open_session(OpenOptions::default())).await.unwrap();
    gateway
        .script
        .state()
        .replies
        .push_back(MxCommandReply { hresult: -2_147_467_259, ..MxCommandReply::default() });
    let refused = session.retrying(LIMIT).ping("x").await.unwrap_err();
    assert!(matches!(refused, ClientError::MxAccess { .. }), "{refused:?}");
    let unsupported = session.retrying(LIMIT).unregister(1).await.unwrap_err();
    assert_eq!(unsupported.code(), Some(ErrorCode::NotSupported));
    assert_eq!(gateway.script.state().invokes.len(), 2);

    drop(gateway);
    let limit = Duration::from_millis(500);
    let lost = within("the limit", session.retrying(limit).ping("x")).await.unwrap_err();
    assert!(lost.is_transient(), "{lost:?}");
}
