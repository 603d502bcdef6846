//! Who did what is on record, and no value or secret is.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    AddItemCommand, AuthenticateUserCommand, CloseSessionRequest, EventFamily, InvokeRequest,
    ListSessionsRequest, OpenSessionRequest, WriteCommand, WriteSecuredCommand,
};
use mxgateway_e2e::{Gateway, KeyedClient, TestSession, api_key, secret, until};
use serde_json::Value;
use tonic::Request;

use super::keys::with_wrong_secret;
use super::{ALL_BUT_SESSION_ALL, assert_refused};

fn audit(gateway: &Gateway, arguments: &[&str]) -> Vec<Value> {
    let output = gateway.audit(&[&["--json", "--limit=1000"], arguments].concat());
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one entry of an action with this outcome, once it is written.
async fn entry(gateway: &Gateway, action: &str, outcome: &str) -> Value {
    let mut found = until(&format!("{action} {outcome} is noted"), async || {
        let mut entries = audit(gateway, &["--action", action]);
        entries.retain(|entry| entry["outcome"] == outcome);
        (!entries.is_empty()).then_some(entries)
    })
    .await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn key(gateway: &Gateway, id: &str, scopes: &str, more: &[&str]) -> String {
    gateway.create_key(&[&["--id", id, "--name", id, "--scopes", scopes], more].concat())
}

async fn open(client: &mut KeyedClient, client_correlation_id: &str) -> String {
    let request = OpenSessionRequest {
        client_session_name: "audited".to_owned(),
        client_correlation_id: client_correlation_id.to_owned(),
        ..OpenSessionRequest::default()
    };
    client.open_session(request).await.unwrap().into_inner().session_id
}

#[tokio::test]
async fn who_opened_and_who_closed_a_session_is_noted() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client_with(&key(&gateway, "opener", ALL_BUT_SESSION_ALL, &[])).await;
    let session_id = open(&mut client, "work-order-7").await;
    let mut closer = gateway.client().await;
    let mut close = Request::new(CloseSessionRequest { session_id: session_id.clone() });
    close.metadata_mut().insert("x-correlation-id", "shift-change".parse().unwrap());
    closer.close_session(close).await.unwrap();

    let opened = entry(&gateway, "OpenSession", "allowed").await;
    assert_eq!(opened["actor"], "opener");
    assert_eq!(opened["target"], session_id);
    assert_eq!(opened["correlation_id"], "work-order-7");
    assert_eq!(opened["peer"], "127.0.0.1");
    assert_eq!(opened["details"]["client_name"], "audited");
    let closed = entry(&gateway, "CloseSession", "allowed").await;
    assert_eq!((&closed["actor"], &closed["target"]), (&"e2e".into(), &session_id.into()));
    assert_eq!(closed["correlation_id"], "shift-change");
}

#[tokio::test]
async fn a_denial_is_noted_with_what_was_missing() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let server_handle = session.register().await;
    let reader = key(&gateway, "reader", "invoke:read", &[]);
    let tanks = key(&gateway, "tanks", "invoke:read,session:all", &["--read-tag=Tank_*"]);
    let add = || {
        let item_definition = "Line_001.Count".to_owned();
        Some(Payload::AddItem(AddItemCommand { server_handle, item_definition }).into())
    };
    let invoke = |command, correlation_id: &str| InvokeRequest {
        session_id: session.id(),
        correlation_id: correlation_id.to_owned(),
        command,
        ..InvokeRequest::default()
    };

    let mut reader = gateway.client_with(&reader).await;
    let mut request = Request::new(OpenSessionRequest::default());
    request.metadata_mut().insert("x-correlation-id", "from-a-header".parse().unwrap());
    assert_refused(reader.open_session(request).await, ErrorCode::ScopeMissing, "OpenSession");
    let write = Some(Payload::Write(WriteCommand { server_handle, ..WriteCommand::default() }).into());
    let mut request = Request::new(invoke(write, ""));
    request.metadata_mut().insert("x-correlation-id", "of-the-write".parse().unwrap());
    assert_refused(reader.invoke(request).await, ErrorCode::ScopeMissing, "Write");
    let result = reader.invoke(invoke(add(), "of-no-owner")).await;
    assert_refused(result, ErrorCode::NotSessionOwner, "AddItem");
    let denied = entry(&gateway, "AddItem", "denied").await;
    let ids = (&denied["actor"], &denied["target"], &denied["details"]["missing"]);
    assert_eq!(ids, (&"reader".into(), &session.id().into(), &"owner".into()));

    let mut tanks = gateway.client_with(&tanks).await;
    let result = tanks.invoke(invoke(add(), "of-a-constraint")).await;
    assert_refused(result, ErrorCode::ConstraintDenied, "AddItem");

    let opened = entry(&gateway, "OpenSession", "denied").await;
    assert_eq!(opened["details"]["missing"], "session:open");
    assert_eq!((&opened["actor"], &opened["correlation_id"]), (&"reader".into(), &"from-a-header".into()));
    let written = entry(&gateway, "Write", "denied").await;
    assert_eq!(written["details"]["missing"], "invoke:write");
    assert_eq!(written["correlation_id"], "of-the-write");
    let constrained = until("the constraint is noted", async || {
        audit(&gateway, &["--actor=tanks"]).into_iter().find(|entry| entry["action"] == "AddItem")
    })
    .await;
    assert_eq!(
        (&constrained["outcome"], &constrained["target"]),
        (&"denied".into(), &"Line_001.Count".into())
    );
    assert_eq!(constrained["details"]["missing"], "read_tag_globs");
    assert_eq!(constrained["correlation_id"], "of-a-constraint");
}

#[tokio::test]
async fn failed_attempts_are_noted_with_their_cause() {
    let gateway = Gateway::start().await;
    let revoked = key(&gateway, "ended", "events:read", &[]);
    gateway.apikey(&["revoke", "ended"]);
    let wrong = with_wrong_secret(api_key());
    let unknown = wrong.replace("_e2e_", "_nobody_");
    let expected = [
        (wrong, "wrong-secret", Value::from("e2e")),
        (unknown, "unknown", Value::from("nobody")),
        (revoked, "revoked", Value::from("ended")),
        ("nonsense".to_owned(), "malformed", Value::Null),
    ];
    for (key, ..) in &expected {
        let mut client = gateway.client_with(key).await;
        let result = client.list_sessions(ListSessionsRequest::default()).await;
        assert_refused(result, ErrorCode::Unauthenticated, "a bad key");
    }
    let noted = until("all are noted", async || {
        let noted = audit(&gateway, &["--action=authenticate"]);
        (noted.len() >= expected.len()).then_some(noted)
    })
    .await;
    for ((_, cause, claimed), entry) in expected.iter().zip(&noted) {
        assert_eq!((&entry["actor"], &entry["outcome"]), (&"anonymous".into(), &"denied".into()));
        assert_eq!(&entry["details"]["cause"], cause);
        assert_eq!(&entry["details"]["claimed_key"], claimed);
        assert_eq!(entry["target"], "/mxgateway.v1.MxGateway/ListSessions");
        assert_eq!(entry["peer"], "127.0.0.1");
    }
}

#[tokio::test]
async fn changes_of_keys_are_noted_with_who_made_them() {
    let gateway = Gateway::start().await;
    key(&gateway, "changed", "events:read", &[]);
    gateway.rotate_key("changed");
    gateway.apikey(&["revoke", "changed"]);
    gateway.apikey(&["delete", "changed"]);
    let mut entries = audit(&gateway, &[]);
    entries.retain(|entry| entry["target"] == "changed");
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create-key", "rotate-key", "revoke-key", "delete-key"]);
    for entry in &entries {
        assert!(entry["actor"].as_str().unwrap().starts_with("operator:"), "{entry}");
        assert_eq!(entry["outcome"], "allowed");
    }
}

/// Values are numbers and a text that nothing else writes anywhere.
#[tokio::test]
async fn users_and_secured_writes_are_noted_and_no_password_and_no_value() {
    const PASSWORD: &str = "open-sesame-audited";
    const TEXT: &str = "a-value-for-the-audit";
    [PASSWORD, TEXT].iter().for_each(|text| secret(text));
    let gateway = Gateway::start_as("[audit]\nrecord_writes = \"all\"\n").await;
    let client = gateway.client_with(&key(&gateway, "plant", ALL_BUT_SESSION_ALL, &[])).await;
    let session = TestSession::open(client).await;
    let mut stream = session.stream().await;
    let tags = ["TestMachine_001.SecuredWrite", "TestMachine_001.TestString"];
    let (server_handle, items) = session.advise_tags(&tags).await;
    stream.event_of(EventFamily::OnDataChange, items[1]).await;
    let reply = session
        .reply(Payload::AuthenticateUser(AuthenticateUserCommand {
            server_handle,
            user_name: "Administrator".to_owned(),
            password: PASSWORD.to_owned(),
        }))
        .await;
    let user_id = match reply.payload {
        Some(mxgateway_contracts::v1::mx_command_reply::Payload::AuthenticateUser(user)) => user.user_id,
        other => panic!("{other:?}"),
    };
    let secured = WriteSecuredCommand {
        server_handle,
        item_handle: items[0],
        current_user_id: user_id,
        verifier_user_id: user_id,
        value: Some(734_501_262.into()),
    };
    assert_eq!(session.reply(Payload::WriteSecured(secured)).await.hresult, 0);
    assert_eq!(session.write(server_handle, items[1], TEXT).await, 0);

    let user = entry(&gateway, "AuthenticateUser", "allowed").await;
    assert_eq!((&user["actor"], &user["target"]), (&"plant".into(), &session.id().into()));
    assert_eq!(user["details"]["user"], "Administrator");
    let secured = entry(&gateway, "WriteSecured", "allowed").await;
    assert_eq!(secured["details"]["item"], "TestMachine_001.SecuredWrite");
    assert_eq!(secured["details"]["hresult"], "0x00000000 (S_OK)");
    let written = entry(&gateway, "Write", "allowed").await;
    assert_eq!(written["details"]["item"], "TestMachine_001.TestString");
    let all = format!("{:?}", audit(&gateway, &[]));
    for hidden in [PASSWORD, TEXT, "734501262"] {
        assert!(!all.contains(hidden), "{hidden} is in the audit trail");
    }
}

#[tokio::test]
async fn the_trail_can_be_asked_for_a_part_of_it() {
    let gateway = Gateway::start().await;
    for id in ["left", "right"] {
        let mut client = gateway.client_with(&key(&gateway, id, ALL_BUT_SESSION_ALL, &[])).await;
        open(&mut client, "").await;
    }
    let opened = until("both are noted", async || {
        let opened = audit(&gateway, &["--action=OpenSession"]);
        (opened.len() == 2).then_some(opened)
    })
    .await;
    assert_eq!((&opened[0]["actor"], &opened[1]["actor"]), (&"left".into(), &"right".into()));
    let of_right = audit(&gateway, &["--actor=right"]);
    assert_eq!(of_right, [opened[1].clone()]);
    let since = opened[1]["at"].as_str().unwrap();
    let later = audit(&gateway, &["--since", since, "--action=OpenSession"]);
    assert_eq!(later.last(), Some(&opened[1]));
    assert!(later.iter().all(|entry| entry["at"].as_str() >= Some(since)), "{later:?}");
    assert!(audit(&gateway, &["--since=2100-01-01T00:00:00Z"]).is_empty());
    let before = audit(&gateway, &["--until", since, "--action=OpenSession"]);
    assert!(before.iter().all(|entry| entry["at"].as_str() < Some(since)), "{before:?}");
    let newest = gateway.audit(&["--json", "--limit=1"]);
    assert_eq!(newest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), 1);
}
