use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{
    AddBufferedItemCommand, AddItem2Command, AddItemBulkCommand, AddItemCommand, AdviseItemBulkCommand,
    BulkSubscribeReply, BulkWriteReply, MxDataType, MxSparseArray, MxSparseElement, ReadBulkCommand,
    ReadBulkReply, ReadResult, SubscribeBulkCommand, SubscribeResult, Write2BulkCommand, Write2Command,
    WriteBulkCommand, WriteCommand, WriteSecured2Command, WriteSecuredBulkCommand, WriteSecuredCommand,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::config::Config;

const BARE: &str = "TestMachine_001.Samples";
const WHOLE: &str = "TestMachine_001.Samples[]";

fn arrays() -> GalaxyView {
    GalaxyView::load(&Config::from_settings(&[]).unwrap()).unwrap()
}

fn prepared(mut payload: Payload) -> (Payload, Amendments) {
    let amendments = prepare(&mut payload, &arrays()).unwrap();
    (payload, amendments)
}

fn refused(mut payload: Payload) -> String {
    let status = prepare(&mut payload, &arrays()).unwrap_err();
    assert_eq!(
        (status.code(), ErrorCode::of(&status)),
        (Code::InvalidArgument, Some(ErrorCode::InvalidRequest))
    );
    let field = status.get_details_error_info().unwrap().metadata["field"].clone();
    assert!(status.message().starts_with(&format!("{field}: ")), "{status:?}");
    status.message().to_owned()
}

fn sparse(total_length: u32, index: u32) -> Option<MxValue> {
    let array = MxSparseArray {
        element_data_type: MxDataType::Integer.into(),
        total_length,
        elements: vec![MxSparseElement { index, value: Some(7.into()) }],
    };
    Some(MxValue { kind: Some(Kind::SparseArrayValue(array)), ..MxValue::default() })
}

fn integers(value: Option<&MxValue>) -> &[i32] {
    match value.and_then(|value| value.kind.as_ref()) {
        Some(Kind::ArrayValue(array)) => &array.int32_values,
        other => panic!("expected an array, got {other:?}"),
    }
}

fn tags() -> Vec<String> {
    ["Tank_001.Level", BARE, WHOLE].map(str::to_owned).to_vec()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a test of three commands")]
fn tags_of(payload: &Payload) -> &[String] {
    match payload {
        Payload::AddItemBulk(command) => &command.tag_addresses,
        Payload::SubscribeBulk(command) => &command.tag_addresses,
        Payload::ReadBulk(command) => &command.tag_addresses,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_command_that_adds_items_completes_names() {
    let item_definition = BARE.to_owned();
    let (payload, _) = prepared(Payload::AddItem(AddItemCommand { server_handle: 1, item_definition }));
    assert!(matches!(&payload, Payload::AddItem(add) if add.item_definition == WHOLE), "{payload:?}");
    let (item_definition, item_context) = ("me.Samples".to_owned(), "TestMachine_001".to_owned());
    let add = AddItem2Command { item_definition, item_context, ..AddItem2Command::default() };
    let (payload, _) = prepared(Payload::AddItem2(add));
    assert!(
        matches!(&payload, Payload::AddItem2(add) if add.item_definition == "me.Samples[]"),
        "{payload:?}"
    );
    let add =
        AddBufferedItemCommand { item_definition: BARE.to_owned(), ..AddBufferedItemCommand::default() };
    let (payload, _) = prepared(Payload::AddBufferedItem(add));
    assert!(matches!(&payload, Payload::AddBufferedItem(add) if add.item_definition == WHOLE), "{payload:?}");
    let bulk = [
        Payload::AddItemBulk(AddItemBulkCommand { tag_addresses: tags(), ..AddItemBulkCommand::default() }),
        Payload::SubscribeBulk(SubscribeBulkCommand {
            tag_addresses: tags(),
            ..SubscribeBulkCommand::default()
        }),
        Payload::ReadBulk(ReadBulkCommand { tag_addresses: tags(), ..ReadBulkCommand::default() }),
    ];
    for payload in bulk {
        let (payload, amendments) = prepared(payload);
        let sent = tags_of(&payload);
        assert_eq!(sent[..], ["Tank_001.Level", WHOLE, WHOLE]);
        assert_eq!(amendments.names, [(1, BARE.to_owned())]);
    }
}

#[test]
fn rows_name_tags_as_the_client_wrote_them() {
    let amendments = || Amendments { names: vec![(1, BARE.to_owned())], ..Amendments::default() };
    let row = |tag: &String| SubscribeResult { tag_address: tag.clone(), ..SubscribeResult::default() };
    let sent = ["Tank_001.Level", WHOLE, WHOLE].map(str::to_owned);
    let rows = BulkSubscribeReply { results: sent.iter().map(row).collect() };
    let mut reply =
        MxCommandReply { payload: Some(ReplyPayload::SubscribeBulk(rows)), ..MxCommandReply::default() };
    amendments().settle(&mut reply);
    let Some(ReplyPayload::SubscribeBulk(rows)) = reply.payload else { panic!("{reply:?}") };
    assert_eq!(rows.results.iter().map(|row| row.tag_address.clone()).collect::<Vec<_>>(), tags());

    let row = |tag: &String| ReadResult { tag_address: tag.clone(), ..ReadResult::default() };
    let rows = ReadBulkReply { results: sent.iter().map(row).collect() };
    let mut reply =
        MxCommandReply { payload: Some(ReplyPayload::ReadBulk(rows)), ..MxCommandReply::default() };
    amendments().settle(&mut reply);
    let Some(ReplyPayload::ReadBulk(rows)) = reply.payload else { panic!("{reply:?}") };
    assert_eq!(rows.results.iter().map(|row| row.tag_address.clone()).collect::<Vec<_>>(), tags());
}

#[test]
fn every_single_write_is_expanded_or_refused_with_its_field() {
    let (payload, _) =
        prepared(Payload::Write(WriteCommand { value: sparse(3, 1), ..WriteCommand::default() }));
    let Payload::Write(write) = &payload else { panic!("{payload:?}") };
    assert_eq!(integers(write.value.as_ref()), [0, 7, 0]);
    let bad = sparse(3, 3);
    let cases = [
        (Payload::Write(WriteCommand { value: bad.clone(), ..WriteCommand::default() }), "write"),
        (Payload::Write2(Write2Command { value: bad.clone(), ..Write2Command::default() }), "write2"),
        (
            Payload::WriteSecured(WriteSecuredCommand {
                value: bad.clone(),
                ..WriteSecuredCommand::default()
            }),
            "write_secured",
        ),
        (
            Payload::WriteSecured2(WriteSecured2Command { value: bad, ..WriteSecured2Command::default() }),
            "write_secured2",
        ),
    ];
    for (payload, name) in cases {
        let expected = format!("command.{name}.value.sparse_array_value.elements[0].index: is 3, but");
        assert!(refused(payload).starts_with(&expected), "{expected}");
    }
    let write =
        Write2Command { value: Some(1.into()), timestamp_value: sparse(1, 0), ..Write2Command::default() };
    let text = refused(Payload::Write2(write));
    assert_eq!(text, "command.write2.timestamp_value: is a sparse array, but must be a time");
}

#[test]
fn a_bad_row_of_a_bulk_write_is_a_row_in_its_place() {
    let entry = |item_handle, value| WriteEntry { item_handle, value, user_id: 0 };
    let entries = vec![
        entry(1, sparse(2, 9)),
        entry(2, sparse(2, 0)),
        entry(3, Some(5.into())),
        entry(4, sparse(u32::MAX, 0)),
        entry(5, None),
        entry(6, sparse(0, 0)),
    ];
    let (payload, amendments) = prepared(Payload::WriteBulk(WriteBulkCommand { server_handle: 1, entries }));
    let Payload::WriteBulk(write) = &payload else { panic!("{payload:?}") };
    assert_eq!(write.entries.iter().map(|entry| entry.item_handle).collect::<Vec<_>>(), [2, 3, 5]);
    assert_eq!(integers(write.entries[0].value.as_ref()), [7, 0]);

    let row =
        |item_handle| BulkWriteResult { item_handle, was_successful: true, ..BulkWriteResult::default() };
    let rows = BulkWriteReply { results: vec![row(2), row(3), row(5)] };
    let mut reply =
        MxCommandReply { payload: Some(ReplyPayload::WriteBulk(rows)), ..MxCommandReply::default() };
    amendments.settle(&mut reply);
    let Some(ReplyPayload::WriteBulk(rows)) = reply.payload else { panic!("{reply:?}") };
    let seen: Vec<_> = rows.results.iter().map(|row| (row.item_handle, row.was_successful)).collect();
    assert_eq!(seen, [(1, false), (2, true), (3, true), (4, false), (5, true), (6, false)]);
    let first = &rows.results[0];
    assert_eq!(first.hresult, hresult::E_INVALIDARG);
    assert!(first.error_message.starts_with("entries[0].value.sparse_array_value.elements[0].index: is 9"));
    assert!(
        rows.results[3].error_message.starts_with("entries[3].value.sparse_array_value.total_length: is 42")
    );
}

#[test]
fn a_bulk_write_that_failed_as_a_whole_gets_no_rows() {
    let entries = vec![WriteEntry { item_handle: 1, value: sparse(0, 0), user_id: 0 }, WriteEntry::default()];
    let (_, amendments) = prepared(Payload::WriteBulk(WriteBulkCommand { server_handle: 9, entries }));
    let failed = MxCommandReply { hresult: hresult::E_INVALIDARG, ..MxCommandReply::default() };
    let mut reply = failed.clone();
    amendments.settle(&mut reply);
    assert_eq!(reply, failed);
}

#[test]
fn the_rows_of_the_other_bulk_writes_are_expanded_too() {
    let entries = vec![Write2Entry { value: sparse(2, 1), ..Write2Entry::default() }];
    let (payload, _) = prepared(Payload::Write2Bulk(Write2BulkCommand { server_handle: 1, entries }));
    let Payload::Write2Bulk(write) = &payload else { panic!("{payload:?}") };
    assert_eq!(integers(write.entries[0].value.as_ref()), [0, 7]);
    let entries = vec![WriteSecuredEntry { value: sparse(2, 1), ..WriteSecuredEntry::default() }];
    let (payload, _) =
        prepared(Payload::WriteSecuredBulk(WriteSecuredBulkCommand { server_handle: 1, entries }));
    let Payload::WriteSecuredBulk(write) = &payload else { panic!("{payload:?}") };
    assert_eq!(integers(write.entries[0].value.as_ref()), [0, 7]);
}

#[test]
fn a_bulk_command_has_a_limit_with_field_count_and_number() {
    let handles = |count: usize| {
        Payload::AdviseItemBulk(AdviseItemBulkCommand {
            server_handle: 1,
            item_handles: vec![1; count],
            supervisory: false,
        })
    };
    assert_eq!(
        refused(handles(MAX_BULK_ITEMS + 1)),
        "command.advise_item_bulk.item_handles: has 20001 items; the limit is 20000, so send them in several commands"
    );
    let (payload, amendments) = prepared(handles(MAX_BULK_ITEMS));
    assert_eq!((payload, amendments), (handles(MAX_BULK_ITEMS), Amendments::default()));
}
