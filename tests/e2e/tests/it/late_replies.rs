//! Replies that come when nobody waits for them any more still count.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    AddItemCommand, AdviseCommand, CommandKind, InjectFaultCommand, InvokeRequest, SlowCommandFault,
};
use mxgateway_e2e::{Gateway, until, within};

#[tokio::test]
async fn an_item_whose_adding_took_too_long_is_known_all_the_same() {
    let gateway = Gateway::start_as("[simulator]\nallow_fault_injection = true\n").await;
    let session = gateway.session().await;
    let server_handle = session.register().await;
    let delay = Some(prost_types::Duration { seconds: 0, nanos: 300_000_000 });
    let slow = SlowCommandFault { kind: CommandKind::AddItem.into(), delay };
    session.reply(Payload::InjectFault(InjectFaultCommand { fault: Some(Fault::SlowCommand(slow)) })).await;

    let add = AddItemCommand { server_handle, item_definition: "Fast_001.Count".to_owned() };
    let request = InvokeRequest {
        session_id: session.id(),
        command: Some(Payload::AddItem(add).into()),
        // The worker has begun by then, so that the cancelling comes too late.
        timeout: Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 }),
        ..InvokeRequest::default()
    };
    let error = within("the time runs out", session.client.clone().invoke(request)).await.unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::CommandTimeout), "{error:?}");
    assert_eq!(session.status().await.item_count, 0, "the reply came too early for this test");

    until("the late reply", async || (session.status().await.item_count == 1).then_some(())).await;
    let mut stream = session.stream().await;
    let advised = session.reply(Payload::Advise(AdviseCommand { server_handle, item_handle: 1 })).await;
    assert_eq!(advised.hresult, 0, "{advised:?}");
    stream.events(5).await;
    assert_eq!(session.status().await.advised_item_count, 1);
}
