//! Unary calls.

use std::time::Duration;

use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::hresult::E_INVALIDARG;
use mxgateway_client::contracts::v1::mx_command::Payload;
use mxgateway_client::contracts::v1::{AddItemCommand, CommandKind, ItemReference, PingCommand};
use mxgateway_client::{Client, ClientError, ClientOptions, InvokeOptions, OpenOptions};

use crate::gateway::{Gateway, Script};
use crate::{client, within};

#[tokio::test]
async fn typed_commands_give_handles_and_refusals() {
    let gateway = Gateway::start(Script::default());
    let session =
        within("session", client(gateway.url()).open_session(OpenOptions::default())).await.unwrap();
    assert_eq!(session.epoch(), Some(crate::gateway::EPOCH));
    assert_eq!(session.register("test").await.unwrap(), 1);
    let item = session.add_item(1, "Tank.Level").await.unwrap();
    assert_eq!(item, ItemReference { server_handle: 1, item_handle: 1 });
    assert_eq!(session.ping("hello").await.unwrap(), "hello");

    let refused = session.add_item(1, "Refused").await.unwrap_err();
    let ClientError::MxAccess { kind, hresult, diagnostic_text, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((kind, hresult), (CommandKind::AddItem, E_INVALIDARG));
    assert_eq!(diagnostic_text, "refused by the script");

    let unsupported = session.unregister(1).await.unwrap_err();
    assert_eq!(unsupported.code(), Some(ErrorCode::NotSupported));
    session.close().await.unwrap();
    assert!(session.ping("gone").await.unwrap_err().is_session_lost());
}

#[tokio::test]
async fn a_raw_invoke_returns_a_refusal_as_it_came_and_passes_its_options_on() {
    let gateway = Gateway::start(Script::default());
    let session =
        within("session", client(gateway.url()).open_session(OpenOptions::default())).await.unwrap();
    let command = Payload::AddItem(AddItemCommand { server_handle: 1, item_definition: "Refused".into() });
    let options = InvokeOptions {
        request_id: "once".into(),
        timeout: Some(Duration::from_millis(1500)),
        ..InvokeOptions::default()
    };
    let reply = session.invoke(command.into(), options).await.unwrap();
    assert_eq!(reply.reply.unwrap().hresult, E_INVALIDARG);
    let sent = gateway.script.state().invokes.pop().unwrap();
    assert_eq!(sent.request_id, "once");
    assert_eq!(sent.timeout.unwrap().nanos, 500_000_000);
}

#[tokio::test]
async fn pages_of_sessions_become_one_list() {
    let gateway = Gateway::start(Script::default());
    let sessions = within("list", client(gateway.url()).list_sessions()).await.unwrap();
    let ids: Vec<_> = sessions.iter().map(|session| session.session_id.as_str()).collect();
    assert_eq!(ids, ["first", "second"]);
}

#[tokio::test]
async fn nobody_there_bad_url_and_silence_are_told_apart() {
    let gateway = Gateway::start(Script::default());
    let url = gateway.url();
    drop(gateway);
    let error = within("refusal", client(url).open_session(OpenOptions::default())).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");

    for endpoint in ["not a url", "nonsense", "127.0.0.1:5120", "ftp://127.0.0.1:5120", ""] {
        let options = ClientOptions { endpoint: endpoint.into(), ..ClientOptions::default() };
        let refused = Client::connect(options);
        assert!(matches!(refused, Err(ClientError::InvalidEndpoint { .. })), "{endpoint}");
    }

    // Takes connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let limit = Duration::from_millis(100);
    let options = ClientOptions { endpoint, open_timeout: limit, ..ClientOptions::default() };
    let client = Client::connect(options).unwrap();
    let error = within("deadline", client.open_session(OpenOptions::default())).await.unwrap_err();
    assert!(matches!(error, ClientError::Deadline { call: "OpenSession", .. }), "{error:?}");
}

#[tokio::test]
async fn a_client_connects_again_after_the_gateway_was_away() {
    let gateway = Gateway::start(Script::default());
    let address = gateway.address;
    let session =
        within("session", client(gateway.url()).open_session(OpenOptions::default())).await.unwrap();
    drop(gateway);
    let command = || Payload::Ping(PingCommand::default()).into();
    let error = within("failure", session.invoke(command(), InvokeOptions::default())).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let _gateway = Gateway::start_at(address, Script::default());
    let error = within("answer", session.invoke(command(), InvokeOptions::default())).await.unwrap_err();
    assert!(error.is_session_lost(), "{error:?}");
}
