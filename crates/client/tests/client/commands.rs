//! Each typed command sends its payload and takes its own reply.

use std::time::Duration;

use mxgateway_client::contracts::command::kind;
use mxgateway_client::contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_client::contracts::v1::*;
use mxgateway_client::{ClientError, OpenOptions, SecuredUsers, SessionClient};

use crate::gateway::{Gateway, Script};
use crate::{client, within};

const ITEM: ItemReference = ItemReference { server_handle: 3, item_handle: 4 };
const USERS: SecuredUsers = SecuredUsers { current_user_id: 5, verifier_user_id: 6 };

struct Case {
    gateway: Gateway,
    session: SessionClient,
}

impl Case {
    async fn new() -> Self {
        let gateway = Gateway::start(Script::default());
        let opening = client(gateway.url());
        let session = within("session", opening.open_session(OpenOptions::default())).await.unwrap();
        Self { gateway, session }
    }

    fn reply(&self, payload: Option<Reply>) -> &SessionClient {
        self.gateway
            .script
            .state()
            .replies
            .push_back(MxCommandReply { payload, ..MxCommandReply::default() });
        &self.session
    }

    /// What was sent last.
    fn sent(&self) -> CommandKind {
        let state = self.gateway.script.state();
        kind(state.invokes.last().unwrap().command.as_ref().unwrap()).unwrap()
    }

    fn done(&self) -> &SessionClient {
        self.reply(None)
    }
}

#[tokio::test]
async fn single_commands() {
    let case = Case::new().await;
    assert_eq!(
        case.reply(Some(Reply::Register(RegisterReply { server_handle: 3 }))).register("a").await.unwrap(),
        3
    );
    assert_eq!(case.sent(), CommandKind::Register);
    case.done().unregister(3).await.unwrap();
    assert_eq!(case.sent(), CommandKind::Unregister);
    let added =
        case.reply(Some(Reply::AddItem2(AddItem2Reply { item_handle: 4 }))).add_item2(3, "A", "B").await;
    assert_eq!((added.unwrap(), case.sent()), (ITEM, CommandKind::AddItem2));
    let added = case
        .reply(Some(Reply::AddBufferedItem(AddBufferedItemReply { item_handle: 4 })))
        .add_buffered_item(3, "A", "")
        .await;
    assert_eq!((added.unwrap(), case.sent()), (ITEM, CommandKind::AddBufferedItem));
    case.done().set_buffered_update_interval(3, 500).await.unwrap();
    assert_eq!(case.sent(), CommandKind::SetBufferedUpdateInterval);
    case.done().remove_item(ITEM).await.unwrap();
    assert_eq!(case.sent(), CommandKind::RemoveItem);
    case.done().advise(ITEM).await.unwrap();
    assert_eq!(case.sent(), CommandKind::Advise);
    case.done().advise_supervisory(ITEM).await.unwrap();
    assert_eq!(case.sent(), CommandKind::AdviseSupervisory);
    case.done().un_advise(ITEM).await.unwrap();
    assert_eq!(case.sent(), CommandKind::UnAdvise);
    let status = MxStatus { success: -1, category: MxStatusCategory::Pending.into(), ..MxStatus::default() };
    let suspended = Reply::Suspend(SuspendReply { status: Some(status.clone()) });
    assert_eq!(case.reply(Some(suspended)).suspend(ITEM).await.unwrap(), status);
    assert_eq!(case.sent(), CommandKind::Suspend);
    let activated = Reply::Activate(ActivateReply { status: Some(status.clone()) });
    assert_eq!(case.reply(Some(activated)).activate(ITEM).await.unwrap(), status);
    assert_eq!(case.sent(), CommandKind::Activate);
}

#[tokio::test]
async fn writes_and_users() {
    let case = Case::new().await;
    case.done().write(ITEM, 1.into(), 5).await.unwrap();
    assert_eq!(case.sent(), CommandKind::Write);
    case.done().write2(ITEM, 1.into(), "now".into(), 5).await.unwrap();
    assert_eq!(case.sent(), CommandKind::Write2);
    case.done().write_secured(ITEM, USERS, 1.into()).await.unwrap();
    assert_eq!(case.sent(), CommandKind::WriteSecured);
    case.done().write_secured2(ITEM, USERS, 1.into(), "now".into()).await.unwrap();
    assert_eq!(case.sent(), CommandKind::WriteSecured2);
    let user = Reply::AuthenticateUser(AuthenticateUserReply { user_id: 9 });
    assert_eq!(case.reply(Some(user)).authenticate_user(3, "me", "secret").await.unwrap(), 9);
    assert_eq!(case.sent(), CommandKind::AuthenticateUser);
    let user = Reply::ArchestraUserToId(ArchestraUserToIdReply { user_id: 9 });
    assert_eq!(case.reply(Some(user)).archestra_user_to_id(3, "guid").await.unwrap(), 9);
    assert_eq!(case.sent(), CommandKind::ArchestraUserToId);
}

#[tokio::test]
async fn bulk_commands() {
    let case = Case::new().await;
    let row = SubscribeResult { item_handle: 4, was_successful: true, ..SubscribeResult::default() };
    let rows = || BulkSubscribeReply { results: vec![row.clone()] };
    let expected = vec![row.clone()];
    let given = case.reply(Some(Reply::AddItemBulk(rows()))).add_item_bulk(3, ["A"]).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::AddItemBulk));
    let given = case.reply(Some(Reply::AdviseItemBulk(rows()))).advise_item_bulk(3, vec![4], true).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::AdviseItemBulk));
    let given = case.reply(Some(Reply::RemoveItemBulk(rows()))).remove_item_bulk(3, vec![4]).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::RemoveItemBulk));
    let given = case.reply(Some(Reply::UnAdviseItemBulk(rows()))).un_advise_item_bulk(3, vec![4]).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::UnAdviseItemBulk));
    let given = case.reply(Some(Reply::SubscribeBulk(rows()))).subscribe_bulk(3, ["A"], false).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::SubscribeBulk));
    let given = case.reply(Some(Reply::UnsubscribeBulk(rows()))).unsubscribe_bulk(3, vec![4]).await;
    assert_eq!((given.unwrap(), case.sent()), (expected, CommandKind::UnsubscribeBulk));

    let read = ReadResult { was_cached: true, ..ReadResult::default() };
    let reply = Reply::ReadBulk(ReadBulkReply { results: vec![read.clone()] });
    let given = case.reply(Some(reply)).read_bulk(3, ["A"], Duration::from_millis(1500)).await;
    assert_eq!((given.unwrap(), case.sent()), (vec![read], CommandKind::ReadBulk));

    let written = BulkWriteResult { item_handle: 4, ..BulkWriteResult::default() };
    let rows = || BulkWriteReply { results: vec![written.clone()] };
    let expected = vec![written.clone()];
    let given = case.reply(Some(Reply::WriteBulk(rows()))).write_bulk(3, vec![WriteEntry::default()]).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::WriteBulk));
    let given =
        case.reply(Some(Reply::Write2Bulk(rows()))).write2_bulk(3, vec![Write2Entry::default()]).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::Write2Bulk));
    let entries = vec![WriteSecuredEntry::default()];
    let given = case.reply(Some(Reply::WriteSecuredBulk(rows()))).write_secured_bulk(3, entries).await;
    assert_eq!((given.unwrap(), case.sent()), (expected.clone(), CommandKind::WriteSecuredBulk));
    let entries = vec![WriteSecured2Entry::default()];
    let given = case.reply(Some(Reply::WriteSecured2Bulk(rows()))).write_secured2_bulk(3, entries).await;
    assert_eq!((given.unwrap(), case.sent()), (expected, CommandKind::WriteSecured2Bulk));
}

#[tokio::test]
async fn control_commands_and_a_reply_of_another_kind() {
    let case = Case::new().await;
    let state = Reply::GetSessionState(GetSessionStateReply::default());
    case.reply(Some(state)).session_state().await.unwrap();
    assert_eq!(case.sent(), CommandKind::GetSessionState);
    let info = Reply::GetWorkerInfo(GetWorkerInfoReply::default());
    case.reply(Some(info)).worker_info().await.unwrap();
    assert_eq!(case.sent(), CommandKind::GetWorkerInfo);
    let events = Reply::DrainEvents(DrainEventsReply { events: vec![MxEvent::default()] });
    assert_eq!(case.reply(Some(events)).drain_events(0).await.unwrap().len(), 1);
    assert_eq!(case.sent(), CommandKind::DrainEvents);
    let injected = Reply::InjectFault(InjectFaultReply { executed_write_count: 2 });
    assert_eq!(case.reply(Some(injected)).inject_fault(None).await.unwrap().executed_write_count, 2);
    assert_eq!(case.sent(), CommandKind::InjectFault);
    case.done().shutdown_worker().await.unwrap();
    assert_eq!(case.sent(), CommandKind::ShutdownWorker);

    let other = case.reply(Some(Reply::Ping(PingReply::default()))).worker_info().await.unwrap_err();
    assert!(matches!(other, ClientError::Protocol(_)), "{other:?}");
}
