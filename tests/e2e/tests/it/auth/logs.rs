//! No secret and no value is written anywhere, whatever is logged.
//!
//! The test's gateway looks through all that it leaves when it is dropped: its log and those of its workers,
//! the key store with its write-ahead log. `mxgateway_e2e` knows the keys; the rest is told here.

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AuthenticateUserCommand, EventFamily, ListSessionsRequest, MxValue, Write2Command, WriteBulkCommand,
    WriteEntry, WriteSecuredBulkCommand, WriteSecuredCommand, WriteSecuredEntry,
};
use mxgateway_e2e::{Gateway, api_key, secret, until};
use rustix::process::Signal;

use super::keys::with_wrong_secret;
use super::{bearer, call};

const USER_PASSWORD: &str = "pass-word-of-a-user";
const WRONG_PASSWORD: &str = "wrong-word-of-a-user";

#[tokio::test]
async fn nothing_secret_is_left_even_by_the_most_talkative_gateway() {
    let values =
        ["text-of-write", "text-of-2nd-write", "text-of-bulk", "text-of-secured", "text-of-secured-row"];
    let wrong = with_wrong_secret(api_key());
    for text in
        [USER_PASSWORD, WRONG_PASSWORD, wrong.rsplit_once("e2e_").unwrap().1].into_iter().chain(values)
    {
        secret(text);
    }
    let mut gateway = Gateway::start_as(
        "[logging]\nfilter = \"trace\"\n[audit]\nrecord_writes = \"all\"\n\
         [sessions]\nallow_multiple_event_subscribers = true\n",
    )
    .await;

    // Keys, good ones and others.
    let channel = gateway.channel().await;
    let path = "/mxgateway.v1.MxGateway/ListSessions";
    let unknown = wrong.replace("_e2e_", "_nobody_");
    for authorization in [bearer(&wrong), bearer(&unknown), wrong.clone(), format!("Basic {wrong}")] {
        call(&channel, path, Some(&authorization), ()).await.unwrap_err();
    }
    call(&channel, path, Some(&bearer(api_key())), ()).await.unwrap();
    let rotated = gateway.create_key(&["--id=rotated", "--name=R", "--scope=events:read"]);
    let mut client = gateway.client_with(&rotated).await;
    client.list_sessions(ListSessionsRequest::default()).await.unwrap();
    let rotated = gateway.rotate_key("rotated");
    until("the old key is refused", async || {
        client.list_sessions(ListSessionsRequest::default()).await.err()
    })
    .await;
    let mut client = gateway.client_with(&rotated).await;
    client.list_sessions(ListSessionsRequest::default()).await.unwrap();

    // Passwords and values.
    let session = gateway.session().await;
    let mut stream = session.stream().await;
    let (server_handle, items) = session.advise_tags(&["TestMachine_001.TestString"]).await;
    let item_handle = items[0];
    stream.event_of(EventFamily::OnDataChange, item_handle).await;
    let mut user_id = 0;
    for password in [WRONG_PASSWORD, USER_PASSWORD] {
        let (user_name, password) = ("Operator".to_owned(), password.to_owned());
        let authenticate = AuthenticateUserCommand { server_handle, user_name, password };
        let reply = session.reply(Payload::AuthenticateUser(authenticate)).await;
        let Some(ReplyPayload::AuthenticateUser(user)) = reply.payload else { panic!("{reply:?}") };
        user_id = user.user_id;
    }
    let [write, write2, bulk, secured, row] = values.map(|text| Some(MxValue::from(text)));
    assert_eq!(session.write(server_handle, item_handle, write.unwrap()).await, 0);
    for payload in [
        Payload::Write2(Write2Command {
            server_handle,
            item_handle,
            value: write2,
            timestamp_value: Some(std::time::SystemTime::now().into()),
            user_id: 0,
        }),
        Payload::WriteBulk(WriteBulkCommand {
            server_handle,
            entries: vec![WriteEntry { item_handle, value: bulk, user_id }],
        }),
        Payload::WriteSecured(WriteSecuredCommand {
            server_handle,
            item_handle,
            current_user_id: user_id,
            verifier_user_id: user_id,
            value: secured,
        }),
        Payload::WriteSecuredBulk(WriteSecuredBulkCommand {
            server_handle,
            entries: vec![WriteSecuredEntry {
                item_handle,
                current_user_id: user_id,
                verifier_user_id: user_id,
                value: row,
            }],
        }),
    ] {
        assert_eq!(session.reply(payload).await.hresult, 0);
    }
    for _ in 0..5 {
        stream.event_of(EventFamily::OnWriteComplete, item_handle).await;
    }
    drop(stream);
    session.close().await;
    // The worker's last words, and what the gateway writes at its end.
    gateway.stop(Signal::TERM).await;
    let log = gateway.log();
    assert!(log.contains("TRACE") && log.contains("DEBUG"), "the log is not talkative");
}
