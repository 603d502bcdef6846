use mxgateway_contracts::v1::{
    ActivateCommand, AddBufferedItemCommand, AddBufferedItemReply, AddItemBulkCommand, AddItemCommand,
    AddItemReply, AdviseItemBulkCommand, PingCommand, ReadBulkCommand, RemoveItemBulkCommand,
    SubscribeBulkCommand, SuspendCommand, UnAdviseItemBulkCommand, UnregisterCommand, UnsubscribeBulkCommand,
};
use mxgateway_session_core::items::Items;

use super::*;

fn key(item_handle: i32) -> ItemKey {
    ItemKey { server_handle: 1, item_handle }
}

fn row(item_handle: i32, was_successful: bool) -> SubscribeResult {
    let hresult = if was_successful { 0 } else { hresult::E_INVALIDARG };
    SubscribeResult { server_handle: 1, item_handle, was_successful, hresult, ..SubscribeResult::default() }
}

/// The items after one bulk command.
fn apply(
    items: &mut Items,
    command: Payload,
    reply: impl Fn(BulkSubscribeReply) -> ReplyPayload,
    rows: &[SubscribeResult],
) {
    let rows = BulkSubscribeReply { results: rows.to_vec() };
    let reply = MxCommandReply { payload: Some(reply(rows)), ..MxCommandReply::default() };
    for change in changes(intent(&command.into(), 5).unwrap(), &reply) {
        items.apply(change, 0);
    }
}

fn tags(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_reply_decides_whether_a_command_changed_something() {
    let add = MxCommand::from(Payload::AddItem(AddItemCommand {
        server_handle: 1,
        item_definition: "Tank_001.Level".to_owned(),
    }));
    let done = MxCommandReply {
        payload: Some(ReplyPayload::AddItem(AddItemReply { item_handle: 7 })),
        ..MxCommandReply::default()
    };
    let changed = changes(intent(&add, 3).unwrap(), &done);
    let [ItemChange::Added(added, item)] = &changed[..] else { panic!("no item was added: {changed:?}") };
    assert_eq!((*added, item.definition.as_str(), item.added_after), (key(7), "Tank_001.Level", 3));
    let changed = changes(intent(&add, 3).unwrap().repeated(), &done);
    assert!(matches!(&changed[..], [ItemChange::Added(_, Item { added_after: 0, .. })]), "{changed:?}");

    let failed = MxCommandReply { hresult: hresult::E_INVALIDARG, ..done };
    assert_eq!(changes(intent(&add, 0).unwrap(), &failed), []);
}

#[test]
fn a_buffered_item_is_an_item() {
    let command = AddBufferedItemCommand {
        server_handle: 1,
        item_definition: "Level".to_owned(),
        item_context: "Tank_001".to_owned(),
    };
    let reply = MxCommandReply {
        payload: Some(ReplyPayload::AddBufferedItem(AddBufferedItemReply { item_handle: 4 })),
        ..MxCommandReply::default()
    };
    let changed = changes(intent(&Payload::AddBufferedItem(command).into(), 0).unwrap(), &reply);
    let [ItemChange::Added(added, item)] = &changed[..] else { panic!("{changed:?}") };
    assert_eq!((*added, item.context.as_str()), (key(4), "Tank_001"));
}

#[test]
fn bulk_commands_change_what_their_rows_say() {
    let mut items = Items::default();
    let subscribe = SubscribeBulkCommand {
        server_handle: 1,
        tag_addresses: tags(&["A.A", "A.B", "A.C"]),
        supervisory: true,
    };
    let rows = [row(1, true), row(0, false), row(2, true)];
    apply(&mut items, Payload::SubscribeBulk(subscribe), ReplyPayload::SubscribeBulk, &rows);
    assert_eq!((items.added(), items.advised()), (2, 2));
    let second = items.get(key(2)).unwrap();
    assert_eq!((second.definition.as_str(), second.advise), ("A.C", AdviseState::Supervisory));

    let add = AddItemBulkCommand { server_handle: 1, tag_addresses: tags(&["B.A", "B.B"]) };
    apply(&mut items, Payload::AddItemBulk(add), ReplyPayload::AddItemBulk, &[row(3, true), row(4, true)]);
    assert_eq!((items.added(), items.advised()), (4, 2));

    let advise = AdviseItemBulkCommand { server_handle: 1, item_handles: vec![9, 3, 4], supervisory: false };
    let rows = [row(9, false), row(3, true), row(4, true)];
    apply(&mut items, Payload::AdviseItemBulk(advise), ReplyPayload::AdviseItemBulk, &rows);
    assert_eq!(items.get(key(3)).unwrap().advise, AdviseState::Advised);
    assert_eq!(items.advised(), 4);

    let un_advise = UnAdviseItemBulkCommand { server_handle: 1, item_handles: vec![3, 4] };
    let rows = [row(3, false), row(4, true)];
    apply(&mut items, Payload::UnAdviseItemBulk(un_advise), ReplyPayload::UnAdviseItemBulk, &rows);
    assert_eq!((items.added(), items.advised()), (4, 3));

    let remove = RemoveItemBulkCommand { server_handle: 1, item_handles: vec![4, 4] };
    let rows = [row(4, true), row(4, false)];
    apply(&mut items, Payload::RemoveItemBulk(remove), ReplyPayload::RemoveItemBulk, &rows);
    let unsubscribe = UnsubscribeBulkCommand { server_handle: 1, item_handles: vec![1, 2, 3] };
    let rows = [row(1, true), row(2, false), row(3, true)];
    apply(&mut items, Payload::UnsubscribeBulk(unsubscribe), ReplyPayload::UnsubscribeBulk, &rows);
    assert_eq!((items.added(), items.get(key(2)).unwrap().advise), (1, AdviseState::Supervisory));
}

#[test]
fn commands_that_change_no_items_are_not_remembered() {
    let (server_handle, item_handle) = (1, 1);
    let others = [
        Payload::Ping(PingCommand::default()),
        Payload::Suspend(SuspendCommand { server_handle, item_handle }),
        Payload::Activate(ActivateCommand { server_handle, item_handle }),
        Payload::ReadBulk(ReadBulkCommand::default()),
    ];
    for payload in others {
        assert!(intent(&payload.clone().into(), 0).is_none(), "{payload:?}");
    }
    assert!(intent(&MxCommand::default(), 0).is_none());
    assert!(intent(&Payload::Unregister(UnregisterCommand { server_handle }).into(), 0).is_some());
}

/// Every payload, by its number in the contract.
#[test]
fn a_command_may_change_items_exactly_when_it_has_an_intent() {
    let mut known = 0;
    for number in 1_u32..=200 {
        let mut encoded = Vec::new();
        prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut encoded);
        encoded.push(0);
        let command: MxCommand = prost::Message::decode(&*encoded).unwrap();
        known += usize::from(command.payload.is_some());
        assert_eq!(may_change(&command), intent(&command, 0).is_some(), "{command:?}");
    }
    assert_eq!(known, 35, "payloads that the contract has");
}
