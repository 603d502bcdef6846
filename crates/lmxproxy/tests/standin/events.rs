//! Events: many, while a command runs, and of all shapes; and the older interfaces.

use std::time::{SystemTime, UNIX_EPOCH};

use mxgateway_contracts::hresult::{CO_E_NOT_SUPPORTED, S_OK};
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{
    ActivateCommand, AddBufferedItemCommand, AddItem2Command, AdviseCommand, AdviseSupervisoryCommand,
    ArchestraUserToIdCommand, AuthenticateUserCommand, EventFamily, MxEvent, MxStatusCategory, MxValue,
    ReadBulkCommand, SetBufferedUpdateIntervalCommand, SuspendCommand, Write2Command, WriteCommand,
    WriteSecured2Command, WriteSecuredCommand, mx_event::Body,
};

use super::gateway::{Gateway, changes, completions};

fn numbers(events: &[MxEvent], item: i32) -> Vec<i32> {
    let values = changes(events, item);
    values
        .iter()
        .map(|value| match value.kind {
            Some(Kind::Int32Value(number)) => number,
            _ => panic!("{value:?}"),
        })
        .collect()
}

#[tokio::test]
async fn ten_thousand_events_at_once_all_come_and_in_order() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let item = gateway.advised(server, "StandIn_001.Storm").await;
    assert_eq!(gateway.write(server, item, 10_000.into()).await, 0);
    gateway.until("the last", |events| changes(events, item).len() > 10_000).await;
    assert!(numbers(&gateway.events, item).into_iter().eq(0..=10_000));
    gateway.end().await;
}

#[tokio::test]
async fn events_come_while_commands_run() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let counter = gateway.advised(server, "Fast_001.Count").await;
    let storm = gateway.advised(server, "StandIn_001.Storm").await;
    for round in 1..=20 {
        let write = WriteCommand {
            server_handle: server,
            item_handle: storm,
            value: Some((100 + round).into()),
            user_id: 0,
        };
        gateway.send(Payload::Write(write)).await;
        // Reading waits, within the command, for events of items of its own.
        let tags = ["Tank_001.Level", "TestMachine_001.Samples[]", "Nowhere.At.All"];
        let read = ReadBulkCommand {
            server_handle: server,
            tag_addresses: tags.map(str::to_owned).to_vec(),
            timeout_milliseconds: 30_000,
        };
        let reply = gateway.ok(Payload::ReadBulk(read)).await;
        let Some(Reply::ReadBulk(read)) = reply.payload else { panic!("{reply:?}") };
        let hresults: Vec<_> = read.results.iter().map(|row| row.hresult).collect();
        assert_eq!(hresults, [S_OK; 3], "{read:?}");
        let level = read.results[0].data.as_ref().and_then(|change| change.value.clone());
        assert_eq!(level, Some(50_f64.into()));
        assert_eq!(read.results[2].statuses[0].detail, 6, "{read:?}");
    }
    gateway.until("the writes", |events| completions(events, storm).len() == 20).await;
    gateway.until("the last", |events| numbers(events, storm).last() == Some(&120)).await;
    let expected: Vec<i32> = [0].into_iter().chain((1..=20).flat_map(|round| 1..=100 + round)).collect();
    assert_eq!(numbers(&gateway.events, storm), expected);
    let counted = numbers(&gateway.events, counter);
    assert!(counted.is_sorted_by(|one, next| *next == one + 1), "{counted:?}");
    assert!(counted.len() > 20, "{counted:?}");
    gateway.end().await;
}

#[tokio::test]
async fn the_sink_bears_events_of_all_shapes() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let item = gateway.add(server, "StandIn_001.Unruly").await;
    gateway.ok(Payload::Advise(AdviseCommand { server_handle: server, item_handle: item })).await;
    gateway.until("the good ones", |events| changes(events, item).len() == 2).await;
    assert_eq!(numbers(&gateway.events, item), [6, 7], "those that could not be read are no events");
    let [odd, usual] = &gateway.events[..] else { panic!("{:?}", gateway.events) };
    assert_eq!((odd.statuses.len(), usual.statuses.len()), (0, 1), "{odd:?} {usual:?}");
    assert_eq!(quality_and_time(odd), (192, Some(TEXT)));
    assert_eq!(gateway.write(server, item, 8.into()).await, 0, "the worker goes on");
    gateway.end().await;
}

/// 11/23/2026 9:00:00 PM.
const TEXT: i64 = 1_795_467_600;
/// 134084592000000000.
const FILETIME: i64 = 1_763_985_600;

fn quality_and_time(event: &MxEvent) -> (i32, Option<i64>) {
    match &event.body {
        Some(Body::OnDataChange(change)) => {
            (change.quality, change.source_time.as_ref().map(|time| time.seconds))
        }
        _ => panic!("{event:?}"),
    }
}

async fn time_of_an_event(shape: &str) -> i64 {
    let mut gateway = Gateway::start(&[("MXGW_STANDIN_TIMES", shape)]).await;
    let server = gateway.register().await;
    gateway.advised(server, "Tank_001.Level").await;
    let (quality, time) = quality_and_time(&gateway.events[0]);
    gateway.end().await;
    assert_eq!(quality, 192);
    time.expect("a time")
}

#[tokio::test]
async fn times_are_read_from_texts() {
    assert_eq!(time_of_an_event("text").await, TEXT);
}

#[tokio::test]
async fn times_are_read_from_filetimes() {
    assert_eq!(time_of_an_event("filetime").await, FILETIME);
}

#[tokio::test]
async fn times_are_read_from_dates() {
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let before = now();
    let time = time_of_an_event("date").await;
    assert!((before - 1..=now()).contains(&time), "{time}");
}

#[tokio::test]
async fn buffered_items_have_events_with_several_values() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let (item_definition, item_context) = ("me.Level".to_owned(), "Tank_001".to_owned());
    let add = AddBufferedItemCommand { server_handle: server, item_definition, item_context };
    let reply = gateway.ok(Payload::AddBufferedItem(add)).await;
    let Some(Reply::AddBufferedItem(added)) = reply.payload else { panic!("{reply:?}") };
    let item_handle = added.item_handle;
    gateway.ok(Payload::Advise(AdviseCommand { server_handle: server, item_handle })).await;
    gateway.until("an event", |events| !events.is_empty()).await;
    let event = &gateway.events[0];
    assert_eq!((event.item_handle, event.family()), (item_handle, EventFamily::OnBufferedDataChange));
    assert_eq!(event.statuses.len(), 1);
    let Some(Body::OnBufferedDataChange(change)) = &event.body else { panic!("{event:?}") };
    let list = |value: &Option<MxValue>| match value.as_ref().and_then(|value| value.kind.clone()) {
        Some(Kind::ArrayValue(list)) => list,
        other => panic!("{other:?}"),
    };
    assert_eq!(list(&change.values).double_values, [50.0, 50.0]);
    assert_eq!(list(&change.qualities).int32_values, [192, 192]);
    assert_eq!(list(&change.source_times).time_values.len(), 2);
    gateway.end().await;
}

#[tokio::test]
async fn suspending_is_pending_and_completes() {
    let mut gateway = Gateway::start(&[]).await;
    let server_handle = gateway.register().await;
    let item_handle = gateway.advised(server_handle, "Fast_001.Count").await;
    let reply = gateway.ok(Payload::Suspend(SuspendCommand { server_handle, item_handle })).await;
    let Some(Reply::Suspend(suspended)) = reply.payload else { panic!("{reply:?}") };
    let status = suspended.status.unwrap();
    assert_eq!((status.success, status.category()), (-1, MxStatusCategory::Pending), "{status:?}");
    let is_completion = |event: &&MxEvent| event.family() == EventFamily::OperationComplete;
    gateway.until("the completion", |events| events.iter().filter(is_completion).count() == 1).await;
    let last = gateway.events.len();
    gateway.ok(Payload::Activate(ActivateCommand { server_handle, item_handle })).await;
    gateway.until("the other completion", |events| events.iter().filter(is_completion).count() == 2).await;
    gateway.until("it goes on", |events| !changes(&events[last..], item_handle).is_empty()).await;
    gateway.end().await;
}

#[tokio::test]
async fn what_is_left_when_the_gateway_vanishes_is_taken_down() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    gateway.advised(server, "Fast_001.Count").await;
    gateway.add(server, "Tank_001.Level").await;
    gateway.vanish().await;
}

/// Calls that came after the first interface, and the one they came with.
fn later_calls(server_handle: i32, item_handle: i32) -> Vec<(u32, Payload)> {
    let (item_definition, item_context) = ("me.Level".to_owned(), "Tank_001".to_owned());
    let user_guid = "{00000000-0000-0000-0000-000000000001}".to_owned();
    let (value, timestamp_value) = (Some(MxValue::from(3)), Some("2026-01-01T00:00:00Z".into()));
    vec![
        (2, Payload::ArchestraUserToId(ArchestraUserToIdCommand { server_handle, user_guid })),
        (
            3,
            Payload::AddItem2(AddItem2Command {
                server_handle,
                item_definition: item_definition.clone(),
                item_context: item_context.clone(),
            }),
        ),
        (
            4,
            Payload::WriteSecured2(WriteSecured2Command {
                server_handle,
                item_handle,
                current_user_id: 1,
                verifier_user_id: 1,
                value: value.clone(),
                timestamp_value: timestamp_value.clone(),
            }),
        ),
        (
            4,
            Payload::Write2(Write2Command { server_handle, item_handle, value, timestamp_value, user_id: 0 }),
        ),
        (4, Payload::Suspend(SuspendCommand { server_handle, item_handle })),
        (4, Payload::Activate(ActivateCommand { server_handle, item_handle })),
        // The item is not written to until its first event; so this comes after the writes.
        (4, Payload::AdviseSupervisory(AdviseSupervisoryCommand { server_handle, item_handle })),
        (
            5,
            Payload::AddBufferedItem(AddBufferedItemCommand { server_handle, item_definition, item_context }),
        ),
        (
            5,
            Payload::SetBufferedUpdateInterval(SetBufferedUpdateIntervalCommand {
                server_handle,
                update_interval_milliseconds: 100,
            }),
        ),
    ]
}

async fn with_interface(version: u32) {
    let text = version.to_string();
    let mut gateway = Gateway::start(&[("MXGW_STANDIN_INTERFACE", &text)]).await;
    let ready = &gateway.ready;
    let identity = format!("{ready:?}");
    assert!(identity.contains(&format!("ILMXProxyServer{version}\"")), "{identity}");
    let server = gateway.register().await;
    let item = gateway.advised(server, "TestMachine_001.SecuredWrite").await;
    let user = AuthenticateUserCommand {
        server_handle: server,
        user_name: "somebody".to_owned(),
        password: "right".to_owned(),
    };
    gateway.ok(Payload::AuthenticateUser(user)).await;
    // What the first has, all have.
    let secured = WriteSecuredCommand {
        server_handle: server,
        item_handle: item,
        current_user_id: 1,
        verifier_user_id: 1,
        value: Some(2.into()),
    };
    gateway.ok(Payload::WriteSecured(secured)).await;
    gateway.until("the write", |events| completions(events, item) == [0]).await;
    for (needed, payload) in later_calls(server, item) {
        let what = format!("{needed} {payload:?}");
        let reply = gateway.call(payload).await;
        if needed <= version {
            assert_eq!(reply.hresult, S_OK, "{what}: {reply:?}");
            continue;
        }
        assert_eq!(reply.hresult, CO_E_NOT_SUPPORTED, "{what}: {reply:?}");
        let text = &reply.diagnostic_text;
        assert!(text.contains(&format!("needs ILMXProxyServer{needed}")), "{what}: {text}");
    }
    gateway.end().await;
}

macro_rules! versions {
    ($($name:ident: $version:expr;)*) => { $(
        #[tokio::test]
        async fn $name() {
            with_interface($version).await;
        }
    )* };
}
versions! {
    the_first_interface_is_enough: 1;
    the_second_interface_is_used: 2;
    the_third_interface_is_used: 3;
    the_fourth_interface_is_used: 4;
    the_fifth_interface_is_used: 5;
}
