//! Bulk commands: rows in input order, a failed item is a row; reads leave no trace.

use std::time::{Duration, Instant, UNIX_EPOCH};

use mxgateway_contracts::command::MAX_BULK_ITEMS;
use mxgateway_contracts::hresult;
use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{
    AuthenticateUserCommand, BulkSubscribeReply, EventFamily, GetSessionStateCommand, MxEvent, MxValue,
    ReadBulkCommand, ReadResult, RegistrationState, SubscribeBulkCommand, UnAdviseItemBulkCommand,
    UnsubscribeBulkCommand, WriteBulkCommand, WriteEntry, WriteSecured2BulkCommand, WriteSecured2Entry,
    mx_event::Body,
};
use mxgateway_contracts::worker_v1::CommandRefusalCode;
use prost_types::Timestamp;

use super::gateway::{Gateway, bootstrap};
use super::session::{ok, register};

const INTEGER: &str = "TestMachine_001.TestInteger";
const SECURED: &str = "TestMachine_001.SecuredWrite";
const VERIFIED: &str = "TestMachine_001.VerifiedWrite";

async fn registered() -> (Gateway, i32) {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    let server = register(&mut gateway).await;
    (gateway, server)
}

fn owned(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

async fn subscribe(gateway: &mut Gateway, server_handle: i32, tags: Vec<String>) -> BulkSubscribeReply {
    let command = SubscribeBulkCommand { server_handle, tag_addresses: tags, supervisory: false };
    match ok(gateway, Payload::SubscribeBulk(command)).await.payload {
        Some(Reply::SubscribeBulk(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

async fn read(gateway: &mut Gateway, server_handle: i32, tags: &[&str], wait: u32) -> Vec<ReadResult> {
    let command = ReadBulkCommand { server_handle, tag_addresses: owned(tags), timeout_milliseconds: wait };
    match ok(gateway, Payload::ReadBulk(command)).await.payload {
        Some(Reply::ReadBulk(reply)) => reply.results,
        other => panic!("{other:?}"),
    }
}

async fn state(gateway: &mut Gateway) -> Vec<RegistrationState> {
    match ok(gateway, Payload::GetSessionState(GetSessionStateCommand {})).await.payload {
        Some(Reply::GetSessionState(state)) => state.registrations,
        other => panic!("{other:?}"),
    }
}

fn value(row: &ReadResult) -> Option<Kind> {
    row.data.as_ref()?.value.as_ref()?.kind.clone()
}

#[tokio::test]
async fn rows_come_in_input_order_and_a_failed_one_stops_nothing() {
    let (mut gateway, server) = registered().await;
    let long = "x".repeat(5000);
    let reply = subscribe(&mut gateway, server, owned(&[INTEGER, &long, "Nowhere.At.All", INTEGER])).await;
    let rows: Vec<_> = reply.results.iter().map(|row| (row.item_handle, row.was_successful)).collect();
    assert_eq!(rows, [(1, true), (0, false), (2, true), (3, true)]);
    assert_eq!(reply.results[1].hresult, hresult::E_INVALIDARG);
    assert!(reply.results[1].error_message.contains("limit"), "{}", reply.results[1].error_message);
    gateway.until("first events", |gateway| gateway.events.len() == 3).await;

    let write = |item_handle| WriteEntry { item_handle, value: Some(7.into()), user_id: 0 };
    let entries = vec![write(1), write(2), write(99), write(3)];
    let command = Payload::WriteBulk(WriteBulkCommand { server_handle: server, entries });
    let Some(Reply::WriteBulk(written)) = ok(&mut gateway, command).await.payload else { panic!("no rows") };
    let rows: Vec<_> = written.results.iter().map(|row| (row.item_handle, row.hresult)).collect();
    let bad = hresult::E_INVALIDARG;
    assert_eq!(rows, [(1, 0), (2, bad), (99, bad), (3, 0)]);
    gateway
        .until("both completions", |gateway| {
            let events = gateway.events.iter();
            events.filter(|event| event.family() == EventFamily::OnWriteComplete).count() == 2
        })
        .await;

    let handles = vec![3, 99, 1];
    let command = UnAdviseItemBulkCommand { server_handle: server, item_handles: vec![3] };
    ok(&mut gateway, Payload::UnAdviseItemBulk(command)).await;
    let command = UnsubscribeBulkCommand { server_handle: server, item_handles: handles };
    let reply = ok(&mut gateway, Payload::UnsubscribeBulk(command)).await;
    let Some(Reply::UnsubscribeBulk(reply)) = reply.payload else { panic!("no rows") };
    let rows: Vec<_> =
        reply.results.iter().map(|row| (row.tag_address.as_str(), row.item_handle, row.hresult)).collect();
    assert_eq!(rows, [(INTEGER, 3, 0), ("", 99, bad), (INTEGER, 1, 0)]);
    let registrations = state(&mut gateway).await;
    assert_eq!(registrations[0].items.len(), 1, "the one that does not resolve");
}

async fn authenticate(gateway: &mut Gateway, server_handle: i32, name: &str) -> i32 {
    let user_name = name.to_owned();
    let command = AuthenticateUserCommand { server_handle, user_name, ..AuthenticateUserCommand::default() };
    match ok(gateway, Payload::AuthenticateUser(command)).await.payload {
        Some(Reply::AuthenticateUser(reply)) => reply.user_id,
        other => panic!("{other:?}"),
    }
}

/// Details of the completions of an item, in their order.
fn completions(events: &[MxEvent], item_handle: i32) -> Vec<i32> {
    let of_item = events.iter().filter(|event| event.item_handle == item_handle);
    let completed = of_item.filter(|event| event.family() == EventFamily::OnWriteComplete);
    completed.map(|event| event.statuses[0].detail).collect()
}

/// Time of the last data change of an item.
fn last_time(events: &[MxEvent], item_handle: i32) -> Option<Timestamp> {
    events.iter().rev().filter(|event| event.item_handle == item_handle).find_map(|event| match &event.body {
        Some(Body::OnDataChange(change)) => change.source_time,
        _ => None,
    })
}

#[tokio::test]
async fn each_secured_write_of_a_bulk_is_judged_for_itself_and_keeps_its_time() {
    let (mut gateway, server) = registered().await;
    subscribe(&mut gateway, server, owned(&[SECURED, VERIFIED])).await;
    gateway.until("first events", |gateway| gateway.events.len() == 2).await;
    let operator = authenticate(&mut gateway, server, "operator").await;
    let supervisor = authenticate(&mut gateway, server, "supervisor").await;
    assert_ne!(operator, supervisor);
    gateway.events.clear();

    let (secured, verified, nobody) = (1, 2, 0);
    let written = UNIX_EPOCH + Duration::from_millis(1_234_567_890_123);
    let entry = |item_handle, users: (i32, i32), value: MxValue, time: MxValue| WriteSecured2Entry {
        item_handle,
        current_user_id: users.0,
        verifier_user_id: users.1,
        value: Some(value),
        timestamp_value: Some(time),
    };
    let time = || MxValue::from(written);
    let entries = vec![
        entry(secured, (operator, nobody), 1.into(), "2001-01-01T00:00:00Z".into()),
        entry(verified, (operator, supervisor), 21.into(), time()),
        entry(99, (operator, operator), 9.into(), time()),
        // Verified Write needs a second user.
        entry(verified, (operator, nobody), 22.into(), time()),
        entry(verified, (operator, operator), 23.into(), time()),
        entry(secured, (operator, 77), 2.into(), time()),
        entry(secured, (nobody, supervisor), 3.into(), time()),
        entry(secured, (operator, operator), "four".into(), time()),
        entry(secured, (operator, operator), 5.into(), "yesterday".into()),
        WriteSecured2Entry {
            timestamp_value: None,
            ..entry(secured, (operator, operator), 6.into(), time())
        },
        WriteSecured2Entry { value: None, ..entry(secured, (operator, operator), 7.into(), time()) },
        entry(secured, (operator, operator), "8".into(), time()),
    ];
    let command = Payload::WriteSecured2Bulk(WriteSecured2BulkCommand { server_handle: server, entries });
    let Some(Reply::WriteSecured2Bulk(reply)) = ok(&mut gateway, command).await.payload else {
        panic!("no rows")
    };
    let rows: Vec<_> =
        reply.results.iter().map(|row| (row.item_handle, row.was_successful, row.hresult)).collect();
    let (queued, refused) = (|item| (item, true, 0), |item| (item, false, hresult::E_INVALIDARG));
    let (s, v) = (secured, verified);
    let expected = [
        queued(s),
        queued(v),
        refused(99),
        queued(v),
        queued(v),
        queued(s),
        queued(s),
        queued(s),
        refused(s),
        refused(s),
        queued(s),
        queued(s),
    ];
    assert_eq!(rows, expected);
    for row in &reply.results {
        assert_eq!(row.was_successful, row.error_message.is_empty(), "{row:?}");
    }

    gateway
        .until("all completions and both values", |gateway| {
            [(secured, 6), (verified, 3)].into_iter().all(|(item, writes)| {
                completions(&gateway.events, item).len() == writes
                    && last_time(&gateway.events, item) == Some(timestamp(written))
            })
        })
        .await;
    assert_eq!(completions(&gateway.events, secured), [0, 1017, 1016, 19, 1005, 0]);
    assert_eq!(completions(&gateway.events, verified), [0, 1017, 1017]);
    for (tag, expected) in [(SECURED, 8), (VERIFIED, 21)] {
        let row = &read(&mut gateway, server, &[tag], 0).await[0];
        assert_eq!(value(row), Some(Kind::Int32Value(expected)), "{tag}");
        assert_eq!(row.data.as_ref().unwrap().source_time, Some(timestamp(written)), "{tag}");
    }
}

#[tokio::test]
async fn reads_come_from_the_subscription_or_leave_no_trace() {
    let (mut gateway, server) = registered().await;
    subscribe(&mut gateway, server, owned(&[INTEGER])).await;
    gateway.until("the first value", |gateway| gateway.events.len() == 1).await;
    let before = state(&mut gateway).await;
    let tags =
        ["tank_001.SetPoint", INTEGER, "Nowhere.Level", "tank_001.SetPoint", "TestMachine_001.Names[]"];
    for _ in 0..3 {
        let rows = read(&mut gateway, server, &tags, 0).await;
        let order: Vec<_> = rows.iter().map(|row| row.tag_address.as_str()).collect();
        assert_eq!(order, tags);
        let good: Vec<_> = rows.iter().map(|row| (row.was_successful, row.was_cached, row.hresult)).collect();
        let fresh = (true, false, 0);
        assert_eq!(good, [fresh, (true, true, 0), (false, false, 0), fresh, fresh]);
        assert_eq!(value(&rows[0]), Some(Kind::DoubleValue(50.0)));
        assert_eq!((rows[2].statuses[0].detail, rows[2].error_message.is_empty()), (8, false));
        assert_eq!(rows[0].data, rows[3].data);
    }
    assert_eq!(state(&mut gateway).await, before);
    let bad = read(&mut gateway, 99, &[INTEGER], 0).await;
    assert_eq!((bad[0].was_successful, bad[0].hresult), (false, hresult::E_INVALIDARG));

    // The cache ends with the advise: then it is read afresh.
    let command = UnAdviseItemBulkCommand { server_handle: server, item_handles: vec![1] };
    ok(&mut gateway, Payload::UnAdviseItemBulk(command)).await;
    assert!(!read(&mut gateway, server, &[INTEGER], 0).await[0].was_cached);
    let (gateway, _) = gateway.shut_down().await;
    let sequences: Vec<_> =
        gateway.events.iter().map(|event| (event.worker_sequence, event.item_handle)).collect();
    assert_eq!(sequences, [(1, 1)], "only the session's own");
}

#[tokio::test]
async fn a_read_waits_for_the_first_event_of_an_own_item() {
    let (mut gateway, server) = registered().await;
    subscribe(&mut gateway, server, owned(&[INTEGER])).await;
    let row = &read(&mut gateway, server, &[INTEGER], 0).await[0];
    assert!(row.was_successful);
    gateway.until("the own item's event", |gateway| gateway.events.len() == 1).await;
    let (gateway, _) = gateway.shut_down().await;
    assert_eq!(gateway.events.len(), 1);
}

#[tokio::test]
async fn ten_thousand_tags_are_subscribed_read_and_taken_back() {
    const COUNT: usize = 10_000;
    let (mut gateway, server) = registered().await;
    let begun = Instant::now();
    let reply = subscribe(&mut gateway, server, vec![INTEGER.to_owned(); COUNT]).await;
    let subscribed = begun.elapsed();
    assert!(reply.results.iter().all(|row| row.was_successful));
    let item_handles: Vec<_> = reply.results.iter().map(|row| row.item_handle).collect();
    assert_eq!(item_handles.len(), COUNT);
    gateway.until("first events", |gateway| gateway.events.len() == COUNT).await;
    let command = UnsubscribeBulkCommand { server_handle: server, item_handles };
    let begun = Instant::now();
    let reply = ok(&mut gateway, Payload::UnsubscribeBulk(command)).await;
    let Some(Reply::UnsubscribeBulk(reply)) = reply.payload else { panic!("no rows") };
    assert!(reply.results.iter().all(|row| row.was_successful));
    println!("subscribed in {subscribed:?}, taken back in {:?}", begun.elapsed());
    // A debug build on a busy machine; quadratic work would take minutes.
    assert!(subscribed < Duration::from_secs(10), "{subscribed:?}");
    assert_eq!(state(&mut gateway).await[0].items, []);
}

#[tokio::test]
async fn too_many_items_are_refused_before_anything_is_done() {
    let (mut gateway, server_handle) = registered().await;
    let tag_addresses = vec!["A.B".to_owned(); MAX_BULK_ITEMS + 1];
    let command = SubscribeBulkCommand { server_handle, tag_addresses, supervisory: false };
    let refusal = gateway.call(Payload::SubscribeBulk(command)).await.unwrap_err();
    assert_eq!(refusal.code(), CommandRefusalCode::Invalid);
    assert_eq!(refusal.message, "SubscribeBulk has 20001 items; the limit is 20000, so split it");
    assert_eq!(state(&mut gateway).await[0].items, []);
}
