//! A session belongs to the key that opened it.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{CommandKind, GetSessionRequest, ListSessionsRequest, StreamPosition};
use mxgateway_e2e::{Gateway, KeyedClient, TestSession, api_key};

use super::{ALL_BUT_SESSION_ALL, assert_allowed, assert_refused, bearer, call, commands, contract};

fn key(gateway: &Gateway, id: &str) -> String {
    gateway.create_key(&["--id", id, "--name", id, "--scopes", ALL_BUT_SESSION_ALL])
}

async fn listed(mut client: KeyedClient) -> Vec<(String, String)> {
    let reply = client.list_sessions(ListSessionsRequest::default()).await.unwrap().into_inner();
    reply.sessions.into_iter().map(|session| (session.session_id, session.owner_key_id)).collect()
}

#[tokio::test]
async fn another_key_gets_at_a_session_by_no_rpc() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (key(&gateway, "owner"), key(&gateway, "stranger"));
    let channel = gateway.channel().await;
    let about_sessions: Vec<_> = contract().into_iter().filter(|rpc| rpc.session_id.is_some()).collect();
    assert!(about_sessions.len() >= 4);
    for rpc in about_sessions {
        assert_eq!(rpc.session_id, Some(1), "{} is called with another message here", rpc.path);
        let path = rpc.path.as_str();
        let session = TestSession::open(gateway.client_with(&owner).await).await;
        let request = || GetSessionRequest { session_id: session.id() };
        if path.ends_with("/Invoke") {
            // What it is about is in its command.
            continue;
        }
        let result = call(&channel, path, Some(&bearer(&stranger)), request()).await;
        let status = assert_refused(result, ErrorCode::NotSessionOwner, path);
        assert!(!status.message().contains("owner:"), "the owner is nobody's business: {}", status.message());
        let session_is_there = session.status().await;
        assert_eq!(session_is_there.owner_key_id, "owner");
        call(&channel, path, Some(&bearer(&owner)), request()).await.unwrap();
        let session = TestSession::open(gateway.client_with(&owner).await).await;
        let request = GetSessionRequest { session_id: session.id() };
        call(&channel, path, Some(&bearer(api_key())), request).await.unwrap();
    }
}

#[tokio::test]
async fn another_key_gets_at_a_session_by_no_command() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (key(&gateway, "owner"), key(&gateway, "stranger"));
    let session = TestSession::open(gateway.client_with(&owner).await).await;
    let of_stranger = session.through(gateway.client_with(&stranger).await);
    let everywhere = session.through(gateway.client().await);
    let (mut last, others): (Vec<_>, Vec<_>) =
        commands().into_iter().partition(|(kind, _)| *kind == CommandKind::ShutdownWorker);
    for (kind, payload) in others {
        let result = of_stranger.invoke(payload.clone()).await;
        assert_refused(result, ErrorCode::NotSessionOwner, &format!("{kind:?}"));
        assert_allowed(&session.invoke(payload.clone()).await, &format!("{kind:?}"));
        assert_allowed(&everywhere.invoke(payload).await, &format!("{kind:?}"));
    }
    let (_, shutdown) = last.pop().unwrap();
    assert_refused(of_stranger.invoke(shutdown.clone()).await, ErrorCode::NotSessionOwner, "ShutdownWorker");
    session.register().await;
    assert_allowed(&session.invoke(shutdown).await, "ShutdownWorker");
}

#[tokio::test]
async fn a_session_s_events_are_its_owner_s_also_after_a_reconnect() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (key(&gateway, "owner"), key(&gateway, "stranger"));
    let session = TestSession::open(gateway.client_with(&owner).await).await;
    let mut stream = session.stream().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    stream.events(20).await;
    let StreamPosition { epoch, sequence } = stream.position();
    drop(stream);

    let of_stranger = session.through(gateway.client_with(&stranger).await);
    for resume in [None, Some(StreamPosition { epoch, sequence }), Some(StreamPosition::default())] {
        let result = of_stranger.try_stream(resume).await;
        assert_refused(result, ErrorCode::NotSessionOwner, &format!("a stream from {resume:?}"));
    }
    // Other connections, the same key.
    let again = session.through(gateway.client_with(&owner).await);
    let mut resumed = again.resume(epoch, sequence).await;
    assert_eq!(resumed.event().await.worker_sequence, sequence + 1);
    assert_eq!(again.status().await.owner_key_id, "owner");
    let everywhere = session.through(gateway.client().await);
    let mut other = everywhere.resume(epoch, sequence).await;
    assert_eq!(other.event().await.worker_sequence, sequence + 1);
}

#[tokio::test]
async fn everybody_sees_their_own_sessions_in_the_list_and_one_key_sees_all() {
    let gateway = Gateway::start().await;
    let (left, right) = (key(&gateway, "left"), key(&gateway, "right"));
    let of_left = TestSession::open(gateway.client_with(&left).await).await;
    let of_right = TestSession::open(gateway.client_with(&right).await).await;
    let entry = |session: &TestSession, owner: &str| (session.id(), owner.to_owned());
    assert_eq!(listed(gateway.client_with(&left).await).await, [entry(&of_left, "left")]);
    assert_eq!(listed(gateway.client_with(&right).await).await, [entry(&of_right, "right")]);
    let of_all = gateway.session().await;
    let all = [entry(&of_left, "left"), entry(&of_right, "right"), entry(&of_all, "e2e")];
    assert_eq!(listed(gateway.client().await).await, all);
    let nobody = gateway.create_key(&["--name=Nobody", "--scope=events:read"]);
    assert!(listed(gateway.client_with(&nobody).await).await.is_empty());
}
