//! The table of all kinds of commands, through real COM.

#[path = "../../../../crates/worker-host/tests/worker/kinds/table.rs"]
mod kinds;

use mxgateway_contracts::command::{bulk_len, name};
use mxgateway_contracts::hresult::S_OK;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{AuthenticateUserCommand, CommandKind, EventFamily};
use mxgateway_e2e::{TestSession, TestStream};

use crate::gateway::Gateway;
use kinds::Expect::{Completes, Reply as Replies, Row};
use kinds::{Expect, ITEM, SECURED, SERVER, TAGS, USER, row_results, rows};

/// Kinds that are no calls of COM, but between the gateway and its worker.
fn is_of_the_worker(kind: CommandKind) -> bool {
    matches!(kind, CommandKind::ShutdownWorker | CommandKind::InjectFault | CommandKind::DrainEvents)
}

/// A session as the cases find it.
async fn session(gateway: &Gateway) -> (TestSession, TestStream) {
    let session = gateway.session().await;
    let mut stream = session.stream().await;
    assert_eq!(session.register().await, SERVER);
    for tag in TAGS {
        session.add_item(SERVER, tag).await;
    }
    for item in [ITEM, SECURED] {
        session.advise(SERVER, item).await;
        stream.event_of(EventFamily::OnDataChange, item).await;
    }
    let user = AuthenticateUserCommand {
        server_handle: SERVER,
        user_name: "somebody".to_owned(),
        ..AuthenticateUserCommand::default()
    };
    match session.reply(Payload::AuthenticateUser(user)).await.payload {
        Some(Reply::AuthenticateUser(reply)) => assert_eq!(reply.user_id, USER),
        other => panic!("{other:?}"),
    }
    (session, stream)
}

/// What is wrong with one row, if anything.
async fn problem(gateway: &Gateway, kind: CommandKind, payload: Payload, expect: Expect) -> Option<String> {
    let (session, mut stream) = session(gateway).await;
    let is_bulk = bulk_len(&payload).is_some_and(|items| items > 0);
    let reply = match session.invoke(payload).await {
        Ok(reply) => reply.reply.expect("an InvokeReply has a reply"),
        Err(status) => return Some(format!("refused: {status}")),
    };
    let (hresult, row) = match expect {
        Replies(hresult) => (hresult, None),
        Row(hresult) => (S_OK, Some(vec![hresult])),
        Completes(_) => (S_OK, is_bulk.then(|| vec![S_OK])),
    };
    if reply.kind() != kind || reply.hresult != hresult {
        return Some(format!("replied {reply:?}"));
    }
    if row.is_some() && row_results(&reply) != row {
        return Some(format!("has other rows: {reply:?}"));
    }
    if let Completes(detail) = expect {
        loop {
            let event = stream.event().await;
            if event.family() == EventFamily::OnWriteComplete {
                let told = event.statuses[0].detail;
                return (told != detail).then(|| format!("completes with {told}"));
            }
        }
    }
    session.close().await;
    None
}

#[tokio::test]
async fn every_kind_does_what_it_does_with_the_simulator() {
    let gateway = Gateway::start().await;
    let kinds = (0..100).filter_map(|number| CommandKind::try_from(number).ok());
    let (mut problems, mut count) = (Vec::new(), 0);
    for kind in kinds.filter(|kind| !is_of_the_worker(*kind)) {
        for (case, payload, expect) in rows(kind) {
            count += 1;
            if let Some(problem) = problem(&gateway, kind, payload, expect).await {
                problems.push(format!("{} {case:?} {expect:?}: {problem}", name(kind)));
            }
        }
    }
    assert!(count > 80, "only {count} rows were looked at");
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    gateway.kill().await;
}
