//! Faults on demand.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    AdviseCommand, EngineOffScanFault, EventStormFault, HangApartmentFault, InjectFaultCommand, PingCommand,
    RefuseRegisterFault, RegisterCommand, inject_fault_command::Fault, mx_event::Body, mx_value::Kind,
};
use mxgateway_contracts::worker_v1::{Bootstrap, WorkerFaultCode};
use mxgateway_worker_host::ExitReason;

use super::gateway::{Gateway, bootstrap};
use super::session::{add, ok, register};

async fn inject(gateway: &mut Gateway, fault: Fault) {
    ok(gateway, Payload::InjectFault(InjectFaultCommand { fault: Some(fault) })).await;
}

async fn ready(bootstrap: Bootstrap) -> Gateway {
    let mut gateway = Gateway::start(bootstrap).await;
    gateway.ready().await;
    gateway
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn milliseconds(milliseconds: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 0, nanos: milliseconds * 1_000_000 })
}

#[tokio::test]
async fn register_is_refused_as_often_as_asked() {
    let mut gateway = ready(bootstrap()).await;
    let fault = RefuseRegisterFault { times: 1, hresult: hresult::E_ACCESSDENIED };
    inject(&mut gateway, Fault::RefuseRegister(fault)).await;
    let command = RegisterCommand { client_name: "test".to_owned() };
    let refused = gateway.call(Payload::Register(command)).await.unwrap();
    assert_eq!(refused.hresult, hresult::E_ACCESSDENIED);
    register(&mut gateway).await;
}

#[tokio::test]
async fn faults_come_from_the_galaxy_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("galaxy.toml");
    let start = async |faults: &str| {
        std::fs::write(&path, format!("[galaxy]\nname='x'\n[faults]\n{faults}\n")).unwrap();
        let mut bootstrap = bootstrap();
        bootstrap.backend_options.insert("galaxy".to_owned(), path.display().to_string());
        Gateway::start(bootstrap).await
    };
    let mut gateway = start("refuse_register = 1\nslow_command = [{ kind = 'Ping', delay_ms = 30 }]").await;
    gateway.ready().await;
    let command = RegisterCommand { client_name: "test".to_owned() };
    let refused = gateway.call(Payload::Register(command)).await.unwrap();
    assert_eq!(refused.hresult, hresult::E_FAIL);
    let begun = std::time::Instant::now();
    ok(&mut gateway, Payload::Ping(PingCommand::default())).await;
    assert!(begun.elapsed().as_millis() >= 30);

    let (gateway, reason) = start("crash_on = 'Fly'").await.ended().await;
    assert_eq!(reason, ExitReason::BackendFailed);
    assert!(gateway.faults[0].message.contains("there is no command Fly"), "{:?}", gateway.faults);
}

#[tokio::test]
async fn a_hung_apartment_is_noticed() {
    let mut bootstrap = bootstrap();
    bootstrap.heartbeat_interval = milliseconds(20);
    bootstrap.hung_apartment_ceiling = milliseconds(100);
    let mut gateway = ready(bootstrap).await;
    let fault = HangApartmentFault { duration: milliseconds(500) };
    inject(&mut gateway, Fault::HangApartment(fault)).await;
    gateway.until("the fault", |gateway| !gateway.faults.is_empty()).await;
    assert_eq!(gateway.faults[0].code(), WorkerFaultCode::ApartmentHung);
    ok(&mut gateway, Payload::Ping(PingCommand::default())).await;
    let fault = HangApartmentFault { duration: seconds(3601) };
    let command = InjectFaultCommand { fault: Some(Fault::HangApartment(fault)) };
    let refused = gateway.call(Payload::InjectFault(command)).await.unwrap();
    assert_eq!(refused.hresult, hresult::E_INVALIDARG);
}

#[tokio::test]
async fn a_storm_of_events_comes_at_its_rate_and_ends() {
    let mut gateway = ready(bootstrap()).await;
    let server_handle = register(&mut gateway).await;
    let item_handle = add(&mut gateway, server_handle, "TestMachine_001.TestInteger").await;
    ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
    gateway.until("the first value", |gateway| !gateway.events.is_empty()).await;
    let fault = EventStormFault {
        tag_address: "TestMachine_001.TestInteger".to_owned(),
        events_per_second: 10_000,
        duration: milliseconds(200),
    };
    inject(&mut gateway, Fault::EventStorm(fault)).await;
    gateway.until("the storm", |gateway| gateway.events.len() >= 2001).await;
    ok(&mut gateway, Payload::Ping(PingCommand::default())).await;
    let (gateway, _) = gateway.shut_down().await;
    assert_eq!(gateway.events.len(), 2001, "no more than was asked for");
    assert!(gateway.losses.is_empty());
}

#[tokio::test]
async fn an_engine_off_scan_turns_items_bad_and_its_probe_false() {
    let mut gateway = ready(bootstrap()).await;
    let server_handle = register(&mut gateway).await;
    let probe = add(&mut gateway, server_handle, "Platform_001.ScanState").await;
    let item = add(&mut gateway, server_handle, "Tank_001.SetPoint").await;
    for item_handle in [probe, item] {
        ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
    }
    let last = |gateway: &Gateway, handle| {
        let event = gateway.events.iter().rev().find(|event| event.item_handle == handle)?;
        let Some(Body::OnDataChange(change)) = &event.body else { panic!("{event:?}") };
        let value = change.value.clone().unwrap().kind;
        Some((value, change.quality, event.statuses[0].raw_category, event.statuses[0].detail))
    };
    let good = (Some(Kind::BoolValue(true)), 192, 0, 0);
    gateway
        .until("good values", |gateway| {
            last(gateway, probe) == Some(good.clone())
                && last(gateway, item).is_some_and(|last| last.1 == 192)
        })
        .await;
    inject(&mut gateway, Fault::EngineOffScan(EngineOffScanFault { is_off_scan: true })).await;
    gateway
        .until("bad values", |gateway| {
            last(gateway, probe) == Some((Some(Kind::BoolValue(false)), 192, 0, 0))
                && last(gateway, item) == Some((None, 24, 3, 5))
        })
        .await;
    inject(&mut gateway, Fault::EngineOffScan(EngineOffScanFault { is_off_scan: false })).await;
    gateway
        .until("good values again", |gateway| {
            last(gateway, probe) == Some(good.clone())
                && last(gateway, item) == Some((Some(Kind::DoubleValue(50.0)), 192, 0, 0))
        })
        .await;
}
