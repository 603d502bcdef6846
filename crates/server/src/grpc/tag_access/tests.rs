use std::sync::Arc;

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::principal::KeyGrant;
use mxgateway_auth::scope::Scopes;
use mxgateway_contracts::hresult::E_ACCESSDENIED;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AddItemBulkCommand, AddItemCommand, AdviseCommand, AdviseItemBulkCommand, BulkSubscribeReply,
    BulkWriteReply, DrainEventsCommand, MxCommandReply, ReadBulkCommand, ReadBulkReply, ReadResult,
    RegisterCommand, SubscribeBulkCommand, SubscribeResult, UnAdviseCommand, WriteBulkCommand, WriteCommand,
    WriteEntry,
};
use mxgateway_contracts::{command, v1::MxCommand};
use mxgateway_session_core::items::AdviseState;

use super::*;
use crate::config::Config;

fn galaxy() -> GalaxyView {
    GalaxyView::load(&Config::from_settings(&[]).unwrap()).unwrap()
}

/// A key for everything, with these constraints as JSON.
fn key(constraints: &str) -> Principal {
    with_scopes(constraints, Scopes::all())
}

fn with_scopes(constraints: &str, scopes: Scopes) -> Principal {
    let constraints: Constraints = serde_json::from_str(constraints).unwrap();
    Principal::Key(Arc::new(KeyGrant {
        id: "k1".parse().unwrap(),
        name: "test".to_owned(),
        scopes,
        constraints,
    }))
}

/// Handle 1 is of a tank, 2 of a pump, 3 of a machine that operators may write; there are no others.
fn item(key: ItemKey) -> Option<Item> {
    let definition = match key.item_handle {
        1 => "Tank_001.Level",
        2 => "Pump_001.Running",
        3 => "TestMachine_001.TestInteger",
        _ => return None,
    };
    Some(Item {
        definition: definition.to_owned(),
        context: String::new(),
        advise: AdviseState::None,
        added_after: 0,
    })
}

fn restricted(principal: &Principal, payload: &mut Payload) -> Result<Restricted, TagDenial> {
    let galaxy = galaxy();
    let kind = command::kind(&MxCommand { payload: Some(payload.clone()) }).unwrap();
    let rights = TagRights { principal, galaxy: &galaxy };
    restrict(payload, Action::Invoke(kind), rights, |keys| keys.iter().map(|key| item(*key)).collect())
}

fn allowed(principal: &Principal, payload: Payload) -> bool {
    restricted(principal, &mut payload.clone()).is_ok()
}

fn add(tag: &str) -> Payload {
    Payload::AddItem(AddItemCommand { server_handle: 1, item_definition: tag.to_owned() })
}

fn advise(item_handle: i32) -> Payload {
    Payload::Advise(AdviseCommand { server_handle: 1, item_handle })
}

fn write(item_handle: i32) -> Payload {
    Payload::Write(WriteCommand { server_handle: 1, item_handle, ..WriteCommand::default() })
}

#[test]
fn a_single_command_is_denied_by_name_and_by_handle() {
    let tanks = key(r#"{"read_tag_globs": ["tank_*"], "write_tag_globs": ["Tank_001.Level"]}"#);
    assert!(allowed(&tanks, add("Tank_001.Level")));
    assert!(!allowed(&tanks, add("Pump_001.Running")));
    assert!(!allowed(&tanks, add("No.Such")), "what it is about cannot be told");
    assert!(allowed(&tanks, advise(1)));
    assert!(!allowed(&tanks, advise(2)));
    assert!(allowed(&tanks, write(1)));
    assert!(!allowed(&tanks, write(2)));
    assert!(!allowed(&tanks, write(9)), "nobody knows what item it is");
    assert!(allowed(&tanks, Payload::Register(RegisterCommand::default())));
    assert!(allowed(&tanks, Payload::UnAdvise(UnAdviseCommand { server_handle: 1, item_handle: 2 })));
    assert!(!allowed(&tanks, Payload::DrainEvents(DrainEventsCommand::default())));
    let denial = restricted(&tanks, &mut write(2)).unwrap_err();
    assert_eq!(denial.name(), "write_tag_globs");
    assert!(denial.to_string().contains("Pump_001.Running"), "{denial}");
}

#[test]
fn a_tag_cannot_be_reached_by_another_spelling() {
    let tanks = key(r#"{"read_tag_globs": ["Tank_001.*"], "write_tag_globs": ["Tank_001.*"]}"#);
    let add2 = |definition: &str, context: &str| {
        Payload::AddItem2(mxgateway_contracts::v1::AddItem2Command {
            server_handle: 1,
            item_definition: definition.to_owned(),
            item_context: context.to_owned(),
        })
    };
    assert!(allowed(&tanks, add2("me.Level", "Tank_001")));
    assert!(allowed(&tanks, add(" tank_001.LEVEL ")));
    assert!(!allowed(&tanks, add2("me.Running", "Pump_001")));
    assert!(!allowed(&tanks, add2("Running", "Pump_001")));
    assert!(!allowed(&tanks, add2("Pump_001.Running", "Tank_001")));
    assert!(!allowed(&tanks, add2("Tank_001.Level", "Nowhere")));
}

#[test]
fn who_may_only_write_a_tag_may_add_it_and_not_read_it() {
    let writer = key(r#"{"read_tag_globs": ["Pump_*"], "write_tag_globs": ["Tank_*"]}"#);
    assert!(allowed(&writer, add("Tank_001.Level")));
    assert!(!allowed(&writer, advise(1)));
    assert!(allowed(&writer, write(1)));
    let no_scope = with_scopes(
        r#"{"read_tag_globs": ["Pump_*"], "write_tag_globs": ["Tank_*"]}"#,
        "invoke:read".parse().unwrap(),
    );
    assert!(!allowed(&no_scope, add("Tank_001.Level")));
    let galaxy = galaxy();
    let rights = TagRights { principal: &writer, galaxy: &galaxy };
    let tank = item(ItemKey { server_handle: 1, item_handle: 1 }).unwrap();
    assert!(!rights.may_see(&tank, EventFamily::DataChange));
    assert!(rights.may_see(&tank, EventFamily::WriteComplete));
}

#[test]
fn a_greatest_classification_holds_without_any_list() {
    let low = key(r#"{"max_write_classification": 0}"#);
    assert!(!allowed(&low, write(3)), "Operate is above FreeAccess");
    let operate = key(r#"{"max_write_classification": 1}"#);
    assert!(allowed(&operate, write(3)));
    assert!(!allowed(&operate, write(9)));
    assert!(allowed(&low, advise(1)));
}

#[test]
fn denied_rows_stand_in_their_place_and_are_not_sent() {
    let tanks = key(r#"{"read_tag_globs": ["Tank_*"], "write_tag_globs": ["Tank_*"]}"#);
    let tags = ["Pump_001.Running", "Tank_001.Level", "No.Such", "Tank_002.Level"].map(str::to_owned);
    let mut payload = Payload::SubscribeBulk(SubscribeBulkCommand {
        server_handle: 7,
        tag_addresses: tags.to_vec(),
        ..SubscribeBulkCommand::default()
    });
    let denied = restricted(&tanks, &mut payload).unwrap();
    let Payload::SubscribeBulk(sent) = payload else { panic!("another command") };
    assert_eq!(sent.tag_addresses, ["Tank_001.Level", "Tank_002.Level"]);
    assert_eq!((denied.rows.len(), denied.first.unwrap().target()), (2, "Pump_001.Running".to_owned()));
    let row = |tag: &str| SubscribeResult {
        tag_address: tag.to_owned(),
        was_successful: true,
        ..SubscribeResult::default()
    };
    let results = vec![row("Tank_001.Level"), row("Tank_002.Level")];
    let mut reply = MxCommandReply {
        payload: Some(ReplyPayload::SubscribeBulk(BulkSubscribeReply { results })),
        ..MxCommandReply::default()
    };
    denied.rows.settle(&mut reply);
    let Some(ReplyPayload::SubscribeBulk(reply)) = reply.payload else { panic!("another reply") };
    let rows: Vec<_> =
        reply.results.iter().map(|row| (row.tag_address.clone(), row.was_successful)).collect();
    let wanted: Vec<_> = tags.iter().map(|tag| (tag.clone(), tag.starts_with("Tank"))).collect();
    assert_eq!(rows, wanted);
    assert_eq!(reply.results[0].hresult, E_ACCESSDENIED);
    assert_eq!(reply.results[0].server_handle, 7);
}

#[test]
fn every_bulk_command_has_its_rows_looked_at() {
    let tanks = key(r#"{"read_tag_globs": ["Tank_*"], "write_tag_globs": ["Tank_*"]}"#);
    let tag_addresses = vec!["Pump_001.Running".to_owned(), "Tank_001.Level".to_owned()];
    let entries = vec![2, 1, 9]
        .into_iter()
        .map(|item_handle| WriteEntry { item_handle, ..WriteEntry::default() })
        .collect();
    let cases = [
        (
            Payload::AddItemBulk(AddItemBulkCommand {
                server_handle: 1,
                tag_addresses: tag_addresses.clone(),
            }),
            vec![0],
        ),
        (
            Payload::ReadBulk(ReadBulkCommand {
                server_handle: 1,
                tag_addresses,
                ..ReadBulkCommand::default()
            }),
            vec![0],
        ),
        (
            Payload::AdviseItemBulk(AdviseItemBulkCommand {
                server_handle: 1,
                item_handles: vec![1, 2, 9],
                ..AdviseItemBulkCommand::default()
            }),
            vec![1, 2],
        ),
        (Payload::WriteBulk(WriteBulkCommand { server_handle: 1, entries }), vec![0, 2]),
    ];
    for (mut payload, denied) in cases {
        let restricted = restricted(&tanks, &mut payload).unwrap();
        assert_eq!(restricted.rows.positions(), denied, "{payload:?}");
    }
}

#[test]
fn denied_rows_of_reads_and_writes_are_merged() {
    let tanks = key(r#"{"read_tag_globs": ["Tank_*"], "write_tag_globs": ["Tank_*"]}"#);
    let mut read = Payload::ReadBulk(ReadBulkCommand {
        server_handle: 1,
        tag_addresses: vec!["Tank_001.Level".to_owned(), "Pump_001.Running".to_owned()],
        ..ReadBulkCommand::default()
    });
    let denied = restricted(&tanks, &mut read).unwrap();
    let results = vec![ReadResult { was_successful: true, ..ReadResult::default() }];
    let mut reply = MxCommandReply {
        payload: Some(ReplyPayload::ReadBulk(ReadBulkReply { results })),
        ..MxCommandReply::default()
    };
    denied.rows.settle(&mut reply);
    let Some(ReplyPayload::ReadBulk(reply)) = reply.payload else { panic!("another reply") };
    assert_eq!(reply.results.iter().map(|row| row.was_successful).collect::<Vec<_>>(), [true, false]);
    assert_eq!(reply.results[1].tag_address, "Pump_001.Running");

    let mut write = Payload::WriteBulk(WriteBulkCommand {
        server_handle: 1,
        entries: vec![WriteEntry { item_handle: 2, ..WriteEntry::default() }],
    });
    let denied = restricted(&tanks, &mut write).unwrap();
    let mut reply = MxCommandReply {
        payload: Some(ReplyPayload::WriteBulk(BulkWriteReply::default())),
        ..MxCommandReply::default()
    };
    denied.rows.settle(&mut reply);
    let Some(ReplyPayload::WriteBulk(reply)) = reply.payload else { panic!("another reply") };
    assert_eq!((reply.results.len(), reply.results[0].hresult), (1, E_ACCESSDENIED));
    assert!(reply.results[0].error_message.contains("write_tag_globs"));
}

#[test]
fn without_constraints_nothing_is_looked_at() {
    let unlimited = [Principal::Unrestricted, key("{}"), key(r#"{"browse_subtrees": ["Plant"]}"#)];
    for principal in unlimited {
        assert!(allowed(&principal, add("No.Such")));
        assert!(allowed(&principal, write(9)));
        assert!(allowed(&principal, Payload::DrainEvents(DrainEventsCommand::default())));
    }
}
