//! Every kind of command: what it does with good arguments, with a bad handle, in the wrong state, and with a
//! value of the wrong type, and what MXAccess is known (or thought) to do then.

mod table;

use mxgateway_contracts::command::name;
use mxgateway_contracts::hresult::S_OK;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{AdviseCommand, AuthenticateUserCommand, CommandKind, EventFamily};

use super::gateway::{Gateway, bootstrap};
use super::session::{add, ok, register};
use table::Expect::{Completes, Reply as Replies, Row};
use table::{ITEM, SECURED, SERVER, TAGS, USER, row_results, rows};

/// A session as the cases find it.
async fn session() -> Gateway {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    assert_eq!(register(&mut gateway).await, SERVER);
    for tag in TAGS {
        add(&mut gateway, SERVER, tag).await;
    }
    for item_handle in [ITEM, SECURED] {
        ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle: SERVER, item_handle })).await;
    }
    let user_name = "somebody".to_owned();
    let user = AuthenticateUserCommand { server_handle: SERVER, user_name, ..Default::default() };
    match ok(&mut gateway, Payload::AuthenticateUser(user)).await.payload {
        Some(Reply::AuthenticateUser(reply)) => assert_eq!(reply.user_id, USER),
        other => panic!("{other:?}"),
    }
    gateway.until("first events", |gateway| gateway.events.len() == 2).await;
    gateway
}

#[tokio::test]
async fn every_kind_does_what_mxaccess_does() {
    let kinds: Vec<_> = (0..100).filter_map(|number| CommandKind::try_from(number).ok()).collect();
    assert_eq!(kinds.len(), 36, "a kind beyond the numbers looked at");
    for kind in kinds {
        for (case, payload, expect) in rows(kind) {
            let what = format!("{} {case:?} {expect:?}", name(kind));
            let mut gateway = session().await;
            let is_bulk = mxgateway_contracts::command::bulk_len(&payload).is_some_and(|items| items > 0);
            let reply = gateway.call(payload).await.unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
            assert_eq!(reply.kind(), kind, "{what}");
            let (hresult, row) = match expect {
                Replies(hresult) => (hresult, None),
                Row(hresult) => (S_OK, Some(vec![hresult])),
                Completes(_) => (S_OK, is_bulk.then(|| vec![S_OK])),
            };
            assert_eq!(reply.hresult, hresult, "{what}: {}", reply.diagnostic_text);
            assert_eq!(hresult == S_OK, reply.diagnostic_text.is_empty(), "{what}: a text with an error");
            if row.is_some() {
                assert_eq!(row_results(&reply), row, "{what}");
            }
            if let Completes(detail) = expect {
                gateway
                    .until(&what, |gateway| {
                        let events = gateway.events.iter();
                        let mut completions =
                            events.filter(|event| event.family() == EventFamily::OnWriteComplete);
                        completions.any(|event| event.statuses[0].detail == detail)
                    })
                    .await;
            }
        }
    }
}
