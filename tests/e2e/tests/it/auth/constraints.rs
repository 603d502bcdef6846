//! Keys that are good for some tags only: by name, behind handles, in rows.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::hresult::E_ACCESSDENIED;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AddBufferedItemCommand, AddItem2Command, AddItemBulkCommand, AddItemCommand, AdviseCommand,
    AdviseItemBulkCommand, DrainEventsCommand, EventFamily, GetSessionStateCommand, MxCommandReply, MxValue,
    ReadBulkCommand, SubscribeBulkCommand, WriteBulkCommand, WriteCommand, WriteEntry,
};
use mxgateway_e2e::{ALL_SCOPES, Gateway, TestSession, until};

use super::assert_refused;

/// A session of an unconstrained key, and the same through a key with these constraints.
pub(super) async fn sessions(constraints: &[&str]) -> (Gateway, TestSession, TestSession) {
    let gateway = Gateway::start().await;
    let key = gateway.create_key(&[&["--name=Some", "--scopes", ALL_SCOPES], constraints].concat());
    let session = gateway.session().await;
    let constrained = session.through(gateway.client_with(&key).await);
    (gateway, session, constrained)
}

const TANKS: [&str; 2] = ["--read-tag=Tank_*", "--write-tag=Tank_*.SetPoint"];

fn add(server_handle: i32, definition: &str) -> Payload {
    Payload::AddItem(AddItemCommand { server_handle, item_definition: definition.to_owned() })
}

fn add_in(server_handle: i32, definition: &str, context: &str) -> Payload {
    let (item_definition, item_context) = (definition.to_owned(), context.to_owned());
    Payload::AddItem2(AddItem2Command { server_handle, item_definition, item_context })
}

pub(super) fn write(server_handle: i32, item_handle: i32, value: impl Into<MxValue>) -> Payload {
    Payload::Write(WriteCommand { server_handle, item_handle, value: Some(value.into()), user_id: 0 })
}

pub(super) fn write_each(server_handle: i32, handles: &[i32], value: i32) -> Payload {
    let entry = |item_handle: &i32| WriteEntry {
        item_handle: *item_handle,
        value: Some(value.into()),
        ..WriteEntry::default()
    };
    Payload::WriteBulk(WriteBulkCommand { server_handle, entries: handles.iter().map(entry).collect() })
}

pub(super) fn texts(tags: &[&str]) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}

/// What the rows of a bulk reply are about, and their HRESULTs.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other replies have no such rows")]
fn rows(reply: &MxCommandReply) -> Vec<(String, i32)> {
    match reply.payload.as_ref().unwrap() {
        ReplyPayload::AddItemBulk(reply)
        | ReplyPayload::SubscribeBulk(reply)
        | ReplyPayload::AdviseItemBulk(reply) => {
            let of_handle =
                |handle: i32, tag: &str| if tag.is_empty() { handle.to_string() } else { tag.into() };
            reply
                .results
                .iter()
                .map(|row| (of_handle(row.item_handle, &row.tag_address), row.hresult))
                .collect()
        }
        ReplyPayload::ReadBulk(reply) => {
            reply.results.iter().map(|row| (row.tag_address.clone(), row.hresult)).collect()
        }
        ReplyPayload::WriteBulk(reply) => {
            reply.results.iter().map(|row| (row.item_handle.to_string(), row.hresult)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The values of tags.
pub(super) async fn read(session: &TestSession, server_handle: i32, tags: &[&str]) -> Vec<MxValue> {
    let read = ReadBulkCommand { server_handle, tag_addresses: texts(tags), timeout_milliseconds: 0 };
    let reply = session.reply(Payload::ReadBulk(read)).await;
    let Some(ReplyPayload::ReadBulk(read)) = reply.payload else { panic!("{reply:?}") };
    read.results.into_iter().map(|row| row.data.unwrap().value.unwrap()).collect()
}

#[tokio::test]
async fn a_tag_is_out_of_reach_however_it_is_spelled() {
    let (_gateway, session, constrained) = sessions(&TANKS).await;
    let server = session.register().await;
    for payload in [
        add(server, "Line_001.Count"),
        add(server, "line_001.COUNT"),
        add(server, " Line_001.Count "),
        add(server, "TestMachine_001.Samples"),
        add(server, "TestMachine_001.Samples[]"),
        add(server, "TestMachine_001.Samples[2]"),
        // A pump in a tank, by its place.
        add(server, "Tank_001.Pump.Speed"),
        add(server, "Tank1.Pump.Speed"),
        add(server, "Nobody.Knows"),
        add(server, "Tank_999.Level"),
        add(server, ""),
        add_in(server, "me.Count", "Line_001"),
        add_in(server, "Count", "Line_001"),
        add_in(server, "MyContainer.Count", "Line_001"),
        add_in(server, "Line_001.Count", "Tank_001"),
        add_in(server, "me.Speed", "Pump_001"),
        Payload::AddBufferedItem(AddBufferedItemCommand {
            server_handle: server,
            item_definition: "me.Count".to_owned(),
            item_context: "Line_001".to_owned(),
        }),
    ] {
        let what = format!("{payload:?}");
        let status = assert_refused(constrained.invoke(payload).await, ErrorCode::ConstraintDenied, &what);
        assert!(!status.message().is_empty());
    }
    for payload in [
        add(server, "Tank_001.Level"),
        add(server, "tank_002.level"),
        add_in(server, "me.Level", "Tank_001"),
        // The tank that a pump is in.
        add_in(server, "MyContainer.Level", "Pump_001"),
    ] {
        let what = format!("{payload:?}");
        assert_eq!(constrained.reply(payload).await.hresult, 0, "{what}");
    }
    let status = constrained.invoke(Payload::DrainEvents(DrainEventsCommand::default())).await.unwrap_err();
    assert_eq!(
        ErrorCode::of(&status),
        Some(ErrorCode::ConstraintDenied),
        "it is not asked by tags: {status:?}"
    );
}

#[tokio::test]
async fn rows_out_of_reach_are_denied_in_their_place_and_the_others_are_carried_out() {
    let (_gateway, session, constrained) = sessions(&TANKS).await;
    let server_handle = session.register().await;
    let tags = ["Line_001.Count", "Tank_001.Level", "Nobody.Knows", "Tank_002.Level", "Host.Cpu.Load"];
    let expected: Vec<(String, i32)> = tags
        .iter()
        .map(|tag| ((*tag).to_owned(), if tag.starts_with("Tank") { 0 } else { E_ACCESSDENIED }))
        .collect();
    for payload in [
        Payload::AddItemBulk(AddItemBulkCommand { server_handle, tag_addresses: texts(&tags) }),
        Payload::SubscribeBulk(SubscribeBulkCommand {
            server_handle,
            tag_addresses: texts(&tags),
            supervisory: false,
        }),
        Payload::ReadBulk(ReadBulkCommand {
            server_handle,
            tag_addresses: texts(&tags),
            timeout_milliseconds: 0,
        }),
    ] {
        let reply = constrained.reply(payload).await;
        assert_eq!(rows(&reply), expected);
        if let Some(ReplyPayload::ReadBulk(read)) = &reply.payload {
            let has_value = |row: &&_| read_has_value(row);
            assert_eq!(read.results.iter().filter(has_value).count(), 2, "{read:?}");
        }
    }
    // Of what the session has, it sees no more than it may use.
    session.add_item(server_handle, "Line_001.Count").await;
    let reply = constrained.reply(Payload::GetSessionState(GetSessionStateCommand {})).await;
    let Some(ReplyPayload::GetSessionState(state)) = reply.payload else { panic!("{reply:?}") };
    let items = state.registrations.iter().flat_map(|registration| &registration.items);
    let items: Vec<&str> = items.map(|item| item.item_definition.as_str()).collect();
    assert!(items.len() == 4 && items.iter().all(|item| item.starts_with("Tank")), "{items:?}");
}

fn read_has_value(row: &mxgateway_contracts::v1::ReadResult) -> bool {
    row.data.as_ref().is_some_and(|data| data.value.is_some())
}

#[tokio::test]
async fn a_handle_that_another_key_added_is_good_for_what_its_tag_is_good_for() {
    let (_gateway, session, constrained) = sessions(&TANKS).await;
    let mut stream = session.stream().await;
    let tags = ["Line_001.Recipe", "Tank_001.SetPoint", "Tank_001.Product", "TestMachine_001.TestInteger"];
    let (server_handle, items) = session.advise_tags(&tags).await;
    let [recipe, set_point, product, integer] = items[..] else { panic!("{items:?}") };
    for item in &items {
        stream.event_of(EventFamily::OnDataChange, *item).await;
    }

    for item_handle in [recipe, product, integer, 99] {
        let denied = constrained.invoke(write(server_handle, item_handle, 1)).await;
        assert_refused(denied, ErrorCode::ConstraintDenied, &format!("a write to item {item_handle}"));
    }
    for item_handle in [recipe, integer, 99] {
        let advise = Payload::Advise(AdviseCommand { server_handle, item_handle });
        assert_refused(constrained.invoke(advise).await, ErrorCode::ConstraintDenied, "an advise");
    }
    assert_eq!(constrained.reply(write(server_handle, set_point, 51)).await.hresult, 0);
    let completed = stream.event_of(EventFamily::OnWriteComplete, set_point).await;
    assert_ne!(completed.statuses[0].success, 0, "{completed:?}");

    let handles = [integer, set_point, 99, recipe, set_point, product];
    let reply = constrained.reply(write_each(server_handle, &handles, 52)).await;
    let denied = |handle: i32| (handle.to_string(), if handle == set_point { 0 } else { E_ACCESSDENIED });
    assert_eq!(rows(&reply), handles.map(denied));

    let item_handles = vec![recipe, session.add_item(server_handle, "Tank_002.Level").await, integer];
    let advise =
        AdviseItemBulkCommand { server_handle, item_handles: item_handles.clone(), supervisory: false };
    let reply = constrained.reply(Payload::AdviseItemBulk(advise)).await;
    let results: Vec<i32> = rows(&reply).into_iter().map(|(_, hresult)| hresult).collect();
    assert_eq!(results, [E_ACCESSDENIED, 0, E_ACCESSDENIED]);

    let tags = ["Tank_001.SetPoint", "TestMachine_001.TestInteger"];
    let values = until("the value is written", async || {
        let values = read(&session, server_handle, &tags).await;
        (values[0] == 52.0.into()).then_some(values)
    })
    .await;
    assert_eq!(values[1], 0.into(), "a row that was denied was written");
}

#[tokio::test]
async fn no_tag_of_a_higher_classification_is_written() {
    let (_gateway, session, constrained) = sessions(&["--max-write-classification=operate"]).await;
    let mut stream = session.stream().await;
    let classes = ["FreeAccess", "Operate", "Tune", "Configure", "SecuredWrite", "VerifiedWrite", "ViewOnly"];
    let tags = classes.map(|class| format!("TestMachine_001.{class}"));
    let (server, items) = session.advise_tags(&tags.each_ref().map(String::as_str)).await;
    for item in &items {
        stream.event_of(EventFamily::OnDataChange, *item).await;
    }
    for (class, item) in classes.iter().zip(&items) {
        let result = constrained.invoke(write(server, *item, 7)).await;
        if matches!(*class, "FreeAccess" | "Operate") {
            assert_eq!(result.unwrap().reply.unwrap().hresult, 0, "{class}");
        } else {
            let status = assert_refused(result, ErrorCode::ConstraintDenied, class);
            assert!(status.message().contains("max_write_classification"), "{}", status.message());
        }
    }
}
